package example.lakefs_staging;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import example.lakefs_staging.v1.UploadAndLinkRequest;
import example.lakefs_staging.v1.UploadAndLinkResponse;
import example.lakefs_staging.v1.UploadCheckpoint;
import example.lakefs_staging.v1.UploadChunk;
import example.lakefs_staging.v1.UploadFinish;
import example.lakefs_staging.v1.UploadHeader;
import example.lakefs_staging.v1.UploadResult;
import io.grpc.ClientCall;
import io.grpc.Deadline;
import io.grpc.Status;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * One attempt to send a source by UploadAndLink. Everything but the arrival of replies happens on
 * the thread that runs it, also what the caller wants to be told.
 */
final class UploadStream {
  // Replies that may come before the upload has looked at them.
  private static final int REPLIES = 4;
  // How long a gateway that has sent its result may take to end the call.
  private static final long END_MILLIS = 1000;

  private final Gateway gateway;
  private final UploadHeader header;
  private final Chunks chunks;
  private final Settings settings;
  private final ProgressMeter progress;
  private final Consumer<UploadCheckpoint> checkpoint;
  private final Signal signal;
  private final ClientCall<UploadAndLinkRequest, UploadAndLinkResponse> call;

  private final Replies<UploadAndLinkResponse> replies;

  private boolean waitsForStart;
  private long skipTo; // what a resumed upload reads and does not send
  private boolean finishSent;
  private long offset; // of the next byte to read
  private long hashedBytes;
  private int crc32c; // of the first hashedBytes

  /**
   * @param signal what `chunks` raises, too
   * @param checkpoint told each checkpoint, on this thread
   */
  UploadStream(
      Gateway gateway,
      UploadHeader header,
      Chunks chunks,
      Settings settings,
      ProgressMeter progress,
      Consumer<UploadCheckpoint> checkpoint,
      Signal signal,
      Deadline deadline) {
    this.gateway = gateway;
    this.header = header;
    this.chunks = chunks;
    this.settings = settings;
    this.progress = progress;
    this.checkpoint = checkpoint;
    this.signal = signal;
    this.replies = new Replies<>(signal);
    this.waitsForStart = !header.getResumeToken().isEmpty();
    this.call = gateway.newCall(Methods.UPLOAD_AND_LINK, deadline);
  }

  /** Sends it. Throws what the source or a callback of the caller's throws as it is. */
  UploadResult run() throws IOException {
    call.start(replies, gateway.headers());
    boolean over = false;
    try {
      call.request(REPLIES);
      call.sendMessage(UploadAndLinkRequest.newBuilder().setHeader(header).build());
      UploadResult result = converse();
      over = true;
      end();
      return result;
    } catch (InterruptedException e) {
      throw Failure.interrupted(outcome(), e);
    } finally {
      // Links nothing if the finish is missing.
      if (!over) {
        call.cancel("the upload has ended", null);
      }
    }
  }

  /** How much of the source has been sent, or had been by an earlier call. */
  long hashedBytes() {
    return hashedBytes;
  }

  private UploadResult converse() throws IOException, InterruptedException {
    for (; ; ) {
      // In this order: the status is the last to come.
      Status ended = replies.status();
      UploadAndLinkResponse reply = replies.poll();
      if (reply != null) {
        if (reply.hasResult()) {
          return reply.getResult();
        }
        take(reply);
        call.request(1);
      } else if (ended != null) {
        throw gateway.ended(ended, replies.trailers(), outcome());
      } else if (maySend()) {
        sendNext();
      } else {
        signal.await(null);
      }
    }
  }

  // A source that fails ends the call also where the gateway takes nothing.
  private boolean maySend() {
    return !finishSent
        && !waitsForStart
        && chunks.ready()
        && (call.isReady() || chunks.hasFailed());
  }

  private void take(UploadAndLinkResponse reply) {
    if (reply.hasProgress()) {
      progress.told(reply.getProgress());
    } else if (reply.hasCheckpoint()) {
      checkpoint.accept(reply.getCheckpoint());
    } else if (reply.hasRewind()) {
      rewind(reply.getRewind().getOffset());
    }
  }

  private void rewind(long to) {
    if (waitsForStart && to >= 0) {
      waitsForStart = false;
      skipTo = to;
      return;
    }
    if (!header.getCanRewind() || to < 0 || to > offset) {
      throw Failure.badReply(
          "the gateway at "
              + gateway.address()
              + " asked for bytes from offset "
              + to
              + " that it cannot have again",
          outcome());
    }
    chunks.seek(to);
    offset = to;
    finishSent = false;
  }

  private void sendNext() throws IOException {
    Chunks.Chunk chunk = chunks.take();
    if (chunk.size() == 0) {
      if (offset < skipTo) {
        throw Failure.sourceChanged(
            "the source ends after "
                + offset
                + " bytes, and "
                + skipTo
                + " of it have been sent by an earlier call");
      }
      sendFinish();
      return;
    }
    if (header.hasSizeBytes() && offset + chunk.size() > header.getSizeBytes()) {
      throw Failure.sizeMismatch(header.getSizeBytes(), "has more");
    }
    // What was sent by an earlier call is hashed again: should it have changed since, the checksum
    // of the whole shows it, and nothing is linked.
    int skipped = (int) Math.min(chunk.size(), Math.max(0, skipTo - offset));
    if (skipped > 0) {
      hash(chunk.data, 0, skipped, Crc32c.of(chunk.data, 0, skipped));
    }
    if (skipped < chunk.size()) {
      sendChunk(chunk, skipped);
    }
    if (skipped == 0) {
      progress.sent(hashedBytes);
    }
  }

  private void sendChunk(Chunks.Chunk chunk, int from) {
    int size = chunk.size() - from;
    int crc = from == 0 ? chunk.crc32c : Crc32c.of(chunk.data, from, size);
    ByteString data = UnsafeByteOperations.unsafeWrap(chunk.data, from, size);
    call.sendMessage(
        UploadAndLinkRequest.newBuilder()
            .setChunk(UploadChunk.newBuilder().setWriteOffset(offset).setData(data).setCrc32C(crc))
            .build());
    hash(chunk.data, from, size, crc);
  }

  /**
   * Goes on behind these bytes. Those that go a second time are not hashed again: should they
   * differ from the first time, the checksum of the whole shows it.
   */
  private void hash(byte[] data, int from, int size, int crc) {
    long end = offset + size;
    if (end > hashedBytes) {
      int fresh = (int) (end - hashedBytes);
      int freshCrc = fresh == size ? crc : Crc32c.of(data, from + size - fresh, fresh);
      crc32c = hashedBytes == 0 ? freshCrc : Crc32c.concat(crc32c, freshCrc, fresh);
      hashedBytes = end;
    }
    offset = end;
  }

  private void sendFinish() {
    if (header.hasSizeBytes() && offset != header.getSizeBytes()) {
      throw Failure.sizeMismatch(header.getSizeBytes(), "ends after " + offset);
    }
    UploadFinish.Builder finish = UploadFinish.newBuilder().setSizeBytes(offset).setCrc32C(crc32c);
    if (settings.sha256 != null) {
      finish.setSha256(ByteString.copyFrom(settings.sha256));
    }
    if (settings.md5 != null) {
      finish.setMd5(ByteString.copyFrom(settings.md5));
    }
    finishSent = true;
    call.sendMessage(UploadAndLinkRequest.newBuilder().setFinish(finish).build());
    // Who can rewind keeps the stream open, or could not send again.
    if (!header.getCanRewind()) {
      call.halfClose();
    }
  }

  /** The result is the last word, whatever becomes of the call. */
  private void end() {
    if (header.getCanRewind()) {
      call.halfClose();
    }
    Deadline deadline = Deadline.after(END_MILLIS, TimeUnit.MILLISECONDS);
    try {
      while (replies.status() == null && !deadline.isExpired()) {
        signal.await(deadline);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (replies.status() == null) {
      call.cancel("the result has come", null);
    }
  }

  private Outcome outcome() {
    return finishSent ? Outcome.UNKNOWN : Outcome.NOT_COMMITTED;
  }
}
