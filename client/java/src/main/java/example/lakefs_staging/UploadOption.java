package example.lakefs_staging;

import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.function.Consumer;

/** How an object is to be uploaded. Options may be kept and used again, by any threads. */
public final class UploadOption {
  private final Consumer<Settings> change;

  private UploadOption(Consumer<Settings> change) {
    this.change = change;
  }

  void applyTo(Settings settings) {
    change.accept(settings);
  }

  /**
   * The media type. Default: lakeFS's, {@code application/octet-stream}.
   *
   * @param contentType at most 256 bytes
   * @return the option
   */
  public static UploadOption contentType(String contentType) {
    return new UploadOption(s -> s.contentType = contentType);
  }

  /**
   * Metadata to store with the object. Default: none.
   *
   * @param userMetadata at most 64 entries and 8 KiB in all; copied
   * @return the option
   */
  public static UploadOption userMetadata(Map<String, String> userMetadata) {
    Map<String, String> copy = Map.copyOf(userMetadata);
    return new UploadOption(s -> s.userMetadata = copy);
  }

  /**
   * Create only: an {@link ObjectExistsException} where the path has an object. Default: overwrite.
   *
   * @return the option
   */
  public static UploadOption ifAbsent() {
    return new UploadOption(s -> s.ifAbsent = true);
  }

  /**
   * Compare and swap: an {@link ObjectChangedException} where the path does not have an object of
   * this checksum. For servers that implement it; excludes {@link #ifAbsent()}.
   *
   * @param checksum as {@link ObjectStats#checksum()} shows it
   * @return the option
   */
  public static UploadOption ifMatch(String checksum) {
    return new UploadOption(s -> s.ifMatch = checksum);
  }

  /**
   * Writes even to a read-only repository.
   *
   * @return the option
   */
  public static UploadOption force() {
    return new UploadOption(s -> s.force = true);
  }

  /**
   * The time of modification to record. Default: now.
   *
   * @param mtime cut to whole seconds
   * @return the option
   */
  public static UploadOption mtime(Instant mtime) {
    return new UploadOption(s -> s.mtime = mtime);
  }

  /**
   * The idempotency key: a repeated call with the same one does no second upload. Default: one that
   * is made for each upload. It is kept in the user metadata of the object.
   *
   * @param requestId 1 to 128 bytes of printable ASCII; empty switches it off, and with it every
   *     repetition after which the outcome could be unknown
   * @return the option
   */
  public static UploadOption requestId(String requestId) {
    return new UploadOption(s -> s.requestId = requestId);
  }

  /**
   * Which call with this request id the first attempt is. Default: 1 with an id that was made, not
   * told with one that was given.
   *
   * @param attempt 1 or more; a 1 that is not true may link a second object over the first
   * @return the option
   */
  public static UploadOption attempt(int attempt) {
    return new UploadOption(s -> s.attempt = attempt);
  }

  /**
   * How often the gateway is called at most. Default: 5.
   *
   * @param attempts 1 or more; 1 repeats nothing
   * @return the option
   */
  public static UploadOption attempts(int attempts) {
    if (attempts < 1) {
      throw new IllegalArgumentException("attempts is " + attempts);
    }
    return new UploadOption(s -> s.attempts = attempts);
  }

  /**
   * The most that all of it may take, connecting, repeating and finding out the outcome included.
   * Default: the gateway's own limit for each attempt.
   *
   * @param timeout more than 0
   * @return the option
   */
  public static UploadOption timeout(Duration timeout) {
    return new UploadOption(s -> s.timeout = timeout);
  }

  /**
   * The size of a stream that does not tell it. Told sizes have to be met exactly, else it is a
   * {@link ContentMismatchException}.
   *
   * @param sizeBytes bytes of the whole
   * @return the option
   */
  public static UploadOption sizeBytes(long sizeBytes) {
    if (sizeBytes < 0) {
      throw new IllegalArgumentException("sizeBytes is " + sizeBytes);
    }
    return new UploadOption(s -> s.sizeBytes = sizeBytes);
  }

  /**
   * The SHA-256 of the whole, if it is known: checked before anything is linked.
   *
   * @param sha256 32 bytes; copied
   * @return the option
   */
  public static UploadOption sha256(byte[] sha256) {
    byte[] copy = sha256.clone();
    return new UploadOption(s -> s.sha256 = copy);
  }

  /**
   * The MD5 of the whole, if it is known: checked before anything is linked.
   *
   * @param md5 16 bytes; copied
   * @return the option
   */
  public static UploadOption md5(byte[] md5) {
    byte[] copy = md5.clone();
    return new UploadOption(s -> s.md5 = copy);
  }

  /**
   * Told how far the upload is: a few times a second, never backwards, and at least once, with the
   * final number.
   *
   * @param progress called on the thread of the upload, which waits for it (with {@code
   *     uploadAsync} and a writer one of the library's), and not after the call has returned. What
   *     it throws ends the upload, and is what the call throws
   * @return the option
   */
  public static UploadOption progress(Consumer<? super UploadProgress> progress) {
    return new UploadOption(s -> s.progress = progress);
  }

  /**
   * Told by what the upload can be gone on with after a crash; needs {@link #requestId}. Objects
   * that are stored at once, as small ones, have no checkpoints.
   *
   * @param checkpoint called as {@link #progress} is, with the newest
   * @return the option
   */
  public static UploadOption checkpoint(Consumer<? super UploadCheckpoint> checkpoint) {
    return new UploadOption(s -> s.checkpoint = checkpoint);
  }

  /**
   * Goes on with the upload that the token is of. Target, options and source have to be those of
   * the call that was told it, {@link #requestId} included. What is stored is read again, for the
   * checksum of the whole, and not sent.
   *
   * @param token of {@link UploadCheckpoint#token()}; copied
   * @return the option
   */
  public static UploadOption resumeToken(byte[] token) {
    byte[] copy = token.clone();
    return new UploadOption(s -> s.resumeToken = copy);
  }
}
