package example.lakefs_staging;

import example.lakefs_staging.v1.DiscardUploadRequest;
import example.lakefs_staging.v1.GetPhysicalAddressRequest;
import example.lakefs_staging.v1.GetUploadOutcomeRequest;
import example.lakefs_staging.v1.LinkPhysicalAddressRequest;
import example.lakefs_staging.v1.LinkPhysicalAddressResponse;
import example.lakefs_staging.v1.StagingMetadata;
import example.lakefs_staging.v1.UploadHeader;
import io.grpc.Deadline;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * A client of one gateway, which puts objects into lakeFS:
 *
 * <pre>{@code
 * try (StagingClient client = StagingClient.create()) {
 *   client.upload(Path.of("report.csv"), "lakefs://repo/main/report.csv");
 * }
 * }</pre>
 *
 * <p><b>Targets.</b> {@code lakefs://REPOSITORY/BRANCH/PATH}; the path is all behind the branch's
 * slash, character for character: nothing in it is decoded. {@link #target} makes one of the three.
 *
 * <p><b>Outcomes.</b> A call that returns has linked the object. One that throws tells by {@link
 * StagingException#outcome} whether anything can have been linked. Nothing that was cut short ever
 * is. Calls are repeated where that helps and can do no harm: see {@link UploadOption#attempts}.
 *
 * <p><b>Blocking, threads.</b> Every call but {@code uploadAsync} blocks until its outcome is
 * known; an interrupt of the thread cancels it. A client may be used by any number of threads at
 * the same time. Its own threads are daemons. The streams of the caller are read on one of them.
 */
public final class StagingClient implements AutoCloseable {
  // What the gateway takes for its unary calls by default.
  private static final Duration CALL_TIMEOUT = Duration.ofSeconds(60);

  private final Gateway gateway;

  StagingClient(Gateway gateway) {
    this.gateway = gateway;
  }

  /**
   * A client with the settings of the environment: the gateway of {@code LAKEFS_STAGING_GATEWAY},
   * else {@code 127.0.0.1:8765}, and the authorization of {@code LAKEFS_STAGING_AUTHORIZATION}. The
   * connection is made by the first call.
   *
   * @return the client, to be closed
   * @throws InvalidRequestException if the settings cannot be used
   */
  public static StagingClient create() {
    return builder().build();
  }

  /**
   * Settings for a client.
   *
   * @return a builder
   */
  public static StagingClientBuilder builder() {
    return new StagingClientBuilder();
  }

  /**
   * The target of these three.
   *
   * @param repository name of the repository
   * @param branch name of the branch
   * @param path path on the branch, kept as it is
   * @return {@code lakefs://REPOSITORY/BRANCH/PATH}
   * @throws InvalidRequestException if one is empty, or the first two have a slash
   */
  public static String target(String repository, String branch, String path) {
    if (repository.contains("/") || branch.contains("/")) {
      throw Failure.invalid(
          "neither a repository nor a branch has a slash: \""
              + repository
              + "\", \""
              + branch
              + "\"");
    }
    String target = "lakefs://" + repository + "/" + branch + "/" + path;
    Targets.parse(target);
    return target;
  }

  /**
   * The address of the gateway.
   *
   * @return {@code HOST:PORT} or {@code unix:/path}
   */
  public String address() {
    return gateway.address();
  }

  /**
   * Uploads these bytes and links them to {@code target}.
   *
   * @param data the whole object; not copied
   * @param target {@code lakefs://REPOSITORY/BRANCH/PATH}
   * @param options how
   * @return what came of it
   * @throws StagingException if it failed
   */
  public UploadResult upload(byte[] data, String target, UploadOption... options) {
    try {
      return upload(Source.of(data), target, Settings.of(options));
    } catch (IOException e) {
      throw new AssertionError("memory has no I/O errors", e);
    }
  }

  /**
   * Uploads a file and links it to {@code target}. A file that is changed meanwhile is an error
   * with reason {@code SOURCE_CHANGED}.
   *
   * @param file the file; also one that is no regular file, such as a FIFO, which is read once
   * @param target {@code lakefs://REPOSITORY/BRANCH/PATH}
   * @param options how
   * @return what came of it
   * @throws StagingException if it failed
   * @throws IOException if the file cannot be read: nothing is linked
   */
  public UploadResult upload(Path file, String target, UploadOption... options) throws IOException {
    return upload(Source.of(file), target, Settings.of(options));
  }

  /**
   * Uploads what is left of a stream and links it to {@code target}. Beyond 1 MiB it cannot be read
   * again, and so the upload cannot be repeated; a {@link java.io.FileInputStream} of a file can.
   *
   * @param stream read to its end on another thread, and not closed
   * @param target {@code lakefs://REPOSITORY/BRANCH/PATH}
   * @param options how
   * @return what came of it
   * @throws StagingException if it failed
   * @throws IOException of the stream itself, as it was: nothing is linked
   */
  public UploadResult upload(InputStream stream, String target, UploadOption... options)
      throws IOException {
    return upload(Source.of(stream), target, Settings.of(options));
  }

  /**
   * Uploads what is left of a channel and links it to {@code target}.
   *
   * @param channel read on another thread, again where that is needed, and not closed
   * @param target {@code lakefs://REPOSITORY/BRANCH/PATH}
   * @param options how
   * @return what came of it
   * @throws StagingException if it failed
   * @throws IOException of the channel itself, as it was: nothing is linked
   */
  public UploadResult upload(SeekableByteChannel channel, String target, UploadOption... options)
      throws IOException {
    return upload(Source.of(channel), target, Settings.of(options));
  }

  /**
   * Uploads the stream that {@code supplier} gives, and links it to {@code target}; it is asked
   * again where the bytes are needed again.
   *
   * @param supplier asked on another thread; its streams are closed
   * @param target {@code lakefs://REPOSITORY/BRANCH/PATH}
   * @param options how
   * @return what came of it
   * @throws StagingException if it failed
   * @throws IOException of the supplier or its stream, as it was: nothing is linked
   */
  public UploadResult upload(StreamSupplier supplier, String target, UploadOption... options)
      throws IOException {
    return upload(Source.of(supplier), target, Settings.of(options));
  }

  /**
   * The same as {@link #upload(byte[], String, UploadOption...)}, without blocking.
   *
   * @param data the whole object; not copied
   * @param target {@code lakefs://REPOSITORY/BRANCH/PATH}
   * @param options how
   * @return completed with the result, or with what {@code upload} throws; to cancel it cancels the
   *     upload. Each one under way has a thread of its own
   */
  public CompletableFuture<UploadResult> uploadAsync(
      byte[] data, String target, UploadOption... options) {
    return async(() -> upload(data, target, options));
  }

  /**
   * The same as {@link #upload(Path, String, UploadOption...)}, without blocking.
   *
   * @param file the file
   * @param target {@code lakefs://REPOSITORY/BRANCH/PATH}
   * @param options how
   * @return as of {@link #uploadAsync(byte[], String, UploadOption...)}
   */
  public CompletableFuture<UploadResult> uploadAsync(
      Path file, String target, UploadOption... options) {
    return async(() -> upload(file, target, options));
  }

  /**
   * The same as {@link #upload(InputStream, String, UploadOption...)}, without blocking.
   *
   * @param stream not to be touched until it is over
   * @param target {@code lakefs://REPOSITORY/BRANCH/PATH}
   * @param options how
   * @return as of {@link #uploadAsync(byte[], String, UploadOption...)}
   */
  public CompletableFuture<UploadResult> uploadAsync(
      InputStream stream, String target, UploadOption... options) {
    return async(() -> upload(stream, target, options));
  }

  /**
   * The same as {@link #upload(SeekableByteChannel, String, UploadOption...)}, without blocking.
   *
   * @param channel not to be touched until it is over
   * @param target {@code lakefs://REPOSITORY/BRANCH/PATH}
   * @param options how
   * @return as of {@link #uploadAsync(byte[], String, UploadOption...)}
   */
  public CompletableFuture<UploadResult> uploadAsync(
      SeekableByteChannel channel, String target, UploadOption... options) {
    return async(() -> upload(channel, target, options));
  }

  /**
   * The same as {@link #upload(StreamSupplier, String, UploadOption...)}, without blocking.
   *
   * @param supplier gives the stream
   * @param target {@code lakefs://REPOSITORY/BRANCH/PATH}
   * @param options how
   * @return as of {@link #uploadAsync(byte[], String, UploadOption...)}
   */
  public CompletableFuture<UploadResult> uploadAsync(
      StreamSupplier supplier, String target, UploadOption... options) {
    return async(() -> upload(supplier, target, options));
  }

  /**
   * Uploads what {@code producer} writes, and links it to {@code target} when that has ended
   * cleanly; if it throws, nothing is linked. Streams around the one that it gets may close it as
   * often as they like:
   *
   * <pre>{@code
   * client.write("lakefs://repo/main/rows.gz", out -> {
   *   try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
   *     rows.writeTo(gzip);
   *   }
   * });
   * }</pre>
   *
   * @param target {@code lakefs://REPOSITORY/BRANCH/PATH}
   * @param producer writes the bytes, on this thread
   * @param options how
   * @param <X> what the producer may throw
   * @return what came of it
   * @throws StagingException if the upload failed
   * @throws X what the producer threw, as it was
   */
  public <X extends Exception> UploadResult write(
      String target, Producer<X> producer, UploadOption... options) throws X {
    ObjectWriter writer = openWriter(target, options);
    boolean clean = false;
    try {
      producer.writeTo(writer.scope());
      clean = true;
    } catch (Exception e) {
      StagingException failed = writer.unwrapped(e);
      if (failed != null) {
        throw failed;
      }
      throw e;
    } finally {
      if (!clean) {
        writer.abort();
      }
    }
    return writer.commit();
  }

  /**
   * Opens a writer, for code that cannot be put into a {@link #write}. It has to be committed.
   *
   * @param target {@code lakefs://REPOSITORY/BRANCH/PATH}
   * @param options how
   * @return the writer, to be committed and closed
   * @throws InvalidRequestException if target or options cannot be used
   */
  public ObjectWriter openWriter(String target, UploadOption... options) {
    checkOpen();
    return new ObjectWriter(gateway, target, Settings.of(options));
  }

  /**
   * Uploads any number of small objects on one stream: the way that costs least for each. At most
   * 64 are taken without being answered. Two to the same path may come to stand in either order:
   * give the second when the first is answered.
   *
   * @param objects asked for the next one on another thread, when there is a place for it
   * @param consumer told once for each object, in the order in which they are ready, on this
   *     thread; what it throws ends the call
   * @throws StagingException if the stream as a whole failed; what was under way has been told
   */
  public void uploadMany(
      Iterator<? extends SmallObject> objects, Consumer<? super SmallObjectResult> consumer) {
    checkOpen();
    new ManyUpload(gateway, objects, consumer).run();
  }

  /**
   * Uploads a file on a volume that the gateway sees too, and links it to {@code target}: its bytes
   * are not sent. The file must not change until it is over.
   *
   * @param file as the gateway's {@code --source-root} names it for callers
   * @param target {@code lakefs://REPOSITORY/BRANCH/PATH}
   * @param options how; the digests, checkpoints and resumption cannot be had here
   * @return what came of it
   * @throws StagingException if it failed: {@code SOURCE_REFUSED} where the gateway does not take
   *     this file, or any
   */
  public UploadResult uploadFile(Path file, String target, UploadOption... options) {
    checkOpen();
    String name = file.toAbsolutePath().toString();
    return new FileUpload(gateway, name, target, Settings.of(options)).run();
  }

  /**
   * Asks what became of an earlier upload.
   *
   * @param requestId of the upload
   * @param target where it was to be linked; lets the gateway look there
   * @return what is known
   * @throws NotFoundException if nothing is known, which proves nothing
   * @throws StagingException if the question failed
   */
  public UploadOutcome outcome(String requestId, String target) {
    return ask(GetUploadOutcomeRequest.newBuilder().setObject(Targets.parse(target)), requestId);
  }

  /**
   * The same without a target: from the memory of the gateway alone.
   *
   * @param requestId of the upload
   * @return what is known
   * @throws NotFoundException if nothing is known, which proves nothing
   * @throws StagingException if the question failed
   */
  public UploadOutcome outcome(String requestId) {
    return ask(GetUploadOutcomeRequest.newBuilder(), requestId);
  }

  /**
   * Drops what the store holds of an upload that nobody is going to go on with. Does nothing if
   * there is nothing any more; an object that was linked stays.
   *
   * @param resumeToken of any {@link UploadCheckpoint} of the upload
   * @throws StagingException if it failed
   */
  public void discard(byte[] resumeToken) {
    Deadline deadline = reach(CALL_TIMEOUT);
    gateway.call(
        Methods.DISCARD_UPLOAD,
        DiscardUploadRequest.newBuilder()
            .setResumeToken(com.google.protobuf.ByteString.copyFrom(resumeToken))
            .build(),
        deadline,
        Outcome.UNSPECIFIED);
  }

  /**
   * Asks lakeFS for an address to put the bytes of an object at.
   *
   * @param target {@code lakefs://REPOSITORY/BRANCH/PATH}
   * @param presign whether to ask for a presigned URL, too
   * @return the address
   * @throws StagingException if it failed
   */
  public StagingLocation getPhysicalAddress(String target, boolean presign) {
    GetPhysicalAddressRequest request =
        GetPhysicalAddressRequest.newBuilder()
            .setObject(Targets.parse(target))
            .setPresign(presign)
            .build();
    Deadline deadline = reach(CALL_TIMEOUT);
    return new StagingLocation(
        gateway
            .call(Methods.GET_PHYSICAL_ADDRESS, request, deadline, Outcome.UNSPECIFIED)
            .getLocation());
  }

  /**
   * Links bytes that are already at {@code location}. lakeFS looks neither whether they are there
   * nor whether size and checksum are right.
   *
   * @param target {@code lakefs://REPOSITORY/BRANCH/PATH}
   * @param location as {@link #getPhysicalAddress} gave it
   * @param checksum of the bytes, best the store's ETag without quotes
   * @param sizeBytes the size of the bytes
   * @param options {@code contentType}, {@code userMetadata}, {@code mtime}, {@code force}, {@code
   *     ifAbsent}, {@code ifMatch} and {@code timeout}; others have no meaning here
   * @return what came of it, one attempt
   * @throws StagingException if it failed
   */
  public UploadResult linkPhysicalAddress(
      String target,
      StagingLocation location,
      String checksum,
      long sizeBytes,
      UploadOption... options) {
    Settings settings = Settings.of(options);
    UploadHeader header = settings.header(target, OptionalLong.of(sizeBytes)).build();
    StagingMetadata.Builder metadata =
        StagingMetadata.newBuilder()
            .setStaging(location.message())
            .setChecksum(Targets.text("checksum", checksum))
            .setSizeBytes(sizeBytes)
            .putAllUserMetadata(header.getUserMetadataMap())
            .setContentType(header.getContentType())
            .setForce(header.getForce());
    if (header.hasMtime()) {
      metadata.setMtime(header.getMtime());
    }
    LinkPhysicalAddressRequest.Builder request =
        LinkPhysicalAddressRequest.newBuilder()
            .setObject(header.getObject())
            .setMetadata(metadata)
            .setIfAbsent(header.getIfAbsent());
    if (header.hasIfMatch()) {
      request.setIfMatch(header.getIfMatch());
    }
    Deadline deadline = reach(settings.timeout == null ? CALL_TIMEOUT : settings.timeout);
    LinkPhysicalAddressResponse response =
        gateway.call(Methods.LINK_PHYSICAL_ADDRESS, request.build(), deadline, Outcome.UNKNOWN);
    return new UploadResult(
        example.lakefs_staging.v1.UploadResult.newBuilder()
            .setObject(response.getObject())
            .setOutcome(response.getOutcome())
            .build(),
        1);
  }

  /** Ends all calls, and the connection. A closed client cannot be used any more. */
  @Override
  public void close() {
    gateway.close();
  }

  @Override
  public String toString() {
    return "StagingClient[" + address() + "]";
  }

  private UploadResult upload(Source source, String target, Settings settings) throws IOException {
    checkOpen();
    return new Upload(gateway, source, target, settings).run();
  }

  private CompletableFuture<UploadResult> async(Background.Task task) {
    checkOpen();
    return new Background(task).promise();
  }

  private UploadOutcome ask(GetUploadOutcomeRequest.Builder request, String requestId) {
    request.setRequestId(Targets.text("request id", requestId));
    Deadline deadline = reach(CALL_TIMEOUT);
    return new UploadOutcome(
        gateway.call(Methods.GET_UPLOAD_OUTCOME, request.build(), deadline, Outcome.UNSPECIFIED));
  }

  private Deadline reach(Duration timeout) {
    checkOpen();
    Deadline deadline =
        Deadline.after(Objects.requireNonNull(timeout).toNanos(), TimeUnit.NANOSECONDS);
    gateway.reach(deadline);
    return deadline;
  }

  private void checkOpen() {
    if (gateway.isClosed()) {
      throw new IllegalStateException("the client is closed");
    }
  }
}
