package example.lakefs_staging;

import com.google.protobuf.ByteString;
import example.lakefs_staging.v1.UploadHeader;
import example.lakefs_staging.v1.UploadObjectRequest;
import example.lakefs_staging.v1.UploadObjectResponse;
import io.grpc.Deadline;
import java.io.IOException;
import java.util.OptionalLong;

/**
 * One logical upload from its source to its outcome: attempts, the waits between them, and the
 * question what became of it. Run once, by one thread.
 */
final class Upload {
  // Up to here one message is faster than a stream, and costs little memory.
  private static final int ONE_MESSAGE_BYTES = Source.CHUNK_BYTES;

  private final Gateway gateway;
  private final Source source;
  private final String target;
  private final Settings settings;
  private final Deadline deadline;
  private final ProgressMeter progress;
  private final Signal signal = new Signal();

  private Chunks chunks;
  private Chunks.Chunk whole; // of an object that goes in one message
  private UploadHeader header;
  private ByteString resumeToken;
  private long sentBytes; // of an attempt that succeeded

  Upload(Gateway gateway, Source source, String target, Settings settings) {
    this.gateway = gateway;
    this.source = source;
    this.target = target;
    this.settings = settings;
    this.deadline = settings.deadline();
    this.progress = new ProgressMeter(settings.progress);
    this.resumeToken = ByteString.copyFrom(settings.resumeToken);
  }

  /**
   * Blocks until the outcome is known, or cannot be.
   *
   * @throws IOException of the source alone, as it was
   */
  UploadResult run() throws IOException {
    try (Chunks opened = new Chunks(source, gateway.readers(), signal)) {
      chunks = opened;
      // Says what is wrong with the target before the source is read.
      UploadHeader.Builder frozen = settings.header(target, size());
      look();
      if (whole != null) {
        frozen.setSizeBytes(whole.size());
      } else {
        frozen
            .setProgress(progress.isWanted())
            .setCanRewind(source.canSeek())
            .setResumable(settings.checkpoint != null);
      }
      header = frozen.build();
      UploadResult result =
          new Repetition(gateway, settings, deadline, header).run(this::attempt, this::decide);
      progress.finished(Math.max(sentBytes, result.object().sizeBytes().orElse(0)));
      return result;
    } catch (IOException e) {
      if (gateway.isClosed()) {
        throw Failure.cancelled("the client was closed", Outcome.NOT_COMMITTED, e);
      }
      throw e;
    }
  }

  private OptionalLong size() {
    return settings.sizeBytes != null ? OptionalLong.of(settings.sizeBytes) : source.sizeBytes();
  }

  /** Finds out whether the object fits into one message, and holds what was read for that. */
  private void look() throws IOException {
    OptionalLong told = size();
    if (told.orElse(0) > ONE_MESSAGE_BYTES || !resumeToken.isEmpty() || settings.hasDigest()) {
      return;
    }
    Chunks.Chunk first = read();
    Chunks.Chunk second = first.size() == 0 ? first : read();
    if (second.size() > 0) {
      if (told.isPresent()) {
        throw Failure.sizeMismatch(told.getAsLong(), "has more");
      }
      chunks.hold(first, second);
    } else if (told.isPresent() && told.getAsLong() != first.size()) {
      throw Failure.sizeMismatch(
          told.getAsLong(),
          first.size() > told.getAsLong() ? "has more" : "ends after " + first.size());
    } else {
      whole = first;
    }
  }

  private Chunks.Chunk read() throws IOException {
    try {
      Chunks.Chunk chunk = chunks.await(deadline);
      if (chunk == null) {
        throw Failure.late(gateway.address(), Outcome.NOT_COMMITTED);
      }
      return chunk;
    } catch (InterruptedException e) {
      throw Failure.interrupted(Outcome.NOT_COMMITTED, e);
    }
  }

  private UploadResult attempt(int n) throws IOException {
    UploadHeader.Builder now = header.toBuilder();
    if (!header.getRequestId().isEmpty()) {
      now.setAttempt(settings.attemptNumber(n));
    }
    gateway.reach(deadline);
    if (whole != null) {
      return uploadObject(now.build());
    }
    if (n > 1) {
      chunks.seek(0);
    }
    now.setResumeToken(resumeToken);
    UploadStream stream =
        new UploadStream(
            gateway, now.build(), chunks, settings, progress, this::checkpoint, signal, deadline);
    UploadResult result = new UploadResult(stream.run(), n);
    sentBytes = stream.hashedBytes();
    return result;
  }

  private UploadResult uploadObject(UploadHeader now) {
    UploadObjectResponse response =
        gateway.call(
            Methods.UPLOAD_OBJECT,
            UploadObjectRequest.newBuilder()
                .setHeader(now)
                .setData(whole.bytes())
                .setCrc32C(whole.crc32c)
                .build(),
            deadline,
            Outcome.UNKNOWN);
    if (!response.hasResult()) {
      throw Failure.noResult(gateway.address(), Outcome.UNKNOWN);
    }
    sentBytes = whole.size();
    return new UploadResult(response.getResult(), 1);
  }

  private void checkpoint(example.lakefs_staging.v1.UploadCheckpoint told) {
    resumeToken = told.getToken();
    if (settings.checkpoint != null) {
      settings.checkpoint.accept(
          new UploadCheckpoint(told.getToken().toByteArray(), told.getOffset()));
    }
  }

  /** What is to be done after an attempt has failed. */
  private Repetition.Next decide(Failure failure) {
    boolean tokenRefused =
        failure.reason.equals("RESUME_EXPIRED") || failure.reason.equals("RESUME_REFUSED");
    if (tokenRefused && !resumeToken.isEmpty()) {
      resumeToken = ByteString.EMPTY;
      failure = failure.withAdvice(Advice.RESTART); // without it, nothing is refused
    }
    if (!Repetition.helps(failure, header.getRequestId())) {
      return Repetition.Next.GIVE_UP;
    }
    if (whole != null || source.canSeek()) {
      return Repetition.Next.REPEAT;
    }
    return failure.outcome == Outcome.UNKNOWN ? Repetition.Next.ASK : Repetition.Next.GIVE_UP;
  }
}
