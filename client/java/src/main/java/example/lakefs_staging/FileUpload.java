package example.lakefs_staging;

import example.lakefs_staging.v1.UploadAndLinkResponse;
import example.lakefs_staging.v1.UploadFileRequest;
import example.lakefs_staging.v1.UploadHeader;
import io.grpc.ClientCall;
import io.grpc.Deadline;
import io.grpc.Status;
import java.io.IOException;
import java.util.OptionalLong;

/** An upload of a file that the gateway sees, too. Run once, by one thread. */
final class FileUpload {
  private final Gateway gateway;
  private final String file;
  private final Settings settings;
  private final Deadline deadline;
  private final ProgressMeter progress;
  private final UploadHeader header;

  FileUpload(Gateway gateway, String file, String target, Settings settings) {
    this.gateway = gateway;
    this.file = Targets.text("name of the file", file);
    this.settings = settings;
    this.deadline = settings.deadline();
    this.progress = new ProgressMeter(settings.progress);
    OptionalLong size =
        settings.sizeBytes == null ? OptionalLong.empty() : OptionalLong.of(settings.sizeBytes);
    this.header = settings.header(target, size).setProgress(progress.isWanted()).build();
  }

  UploadResult run() {
    try {
      UploadResult result =
          new Repetition(gateway, settings, deadline, header)
              .run(
                  this::attempt,
                  failure ->
                      Repetition.helps(failure, header.getRequestId())
                          ? Repetition.Next.REPEAT
                          : Repetition.Next.GIVE_UP);
      progress.finished(result.object().sizeBytes().orElse(0));
      return result;
    } catch (IOException e) {
      throw new AssertionError("nothing is read here", e);
    }
  }

  private UploadResult attempt(int n) {
    UploadHeader.Builder now = header.toBuilder();
    if (!header.getRequestId().isEmpty()) {
      now.setAttempt(settings.attemptNumber(n));
    }
    gateway.reach(deadline);
    Signal signal = new Signal();
    Replies<UploadAndLinkResponse> replies = new Replies<>(signal);
    ClientCall<UploadFileRequest, UploadAndLinkResponse> call =
        gateway.newCall(Methods.UPLOAD_FILE, deadline);
    call.start(replies, gateway.headers());
    boolean over = false;
    try {
      call.sendMessage(UploadFileRequest.newBuilder().setHeader(now).setFile(file).build());
      call.halfClose();
      call.request(1);
      for (; ; ) {
        Status ended = replies.status();
        UploadAndLinkResponse reply = replies.poll();
        if (reply != null && reply.hasResult()) {
          over = ended != null;
          return new UploadResult(reply.getResult(), n);
        }
        if (reply != null) {
          progress.told(reply.getProgress());
          call.request(1);
        } else if (ended != null) {
          over = true;
          throw gateway.ended(ended, replies.trailers(), Outcome.UNKNOWN);
        } else {
          signal.await(null);
        }
      }
    } catch (InterruptedException e) {
      throw Failure.interrupted(Outcome.UNKNOWN, e);
    } finally {
      if (!over) {
        call.cancel("the upload has ended", null);
      }
    }
  }
}
