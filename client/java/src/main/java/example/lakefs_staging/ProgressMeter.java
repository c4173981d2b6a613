package example.lakefs_staging;

import example.lakefs_staging.v1.UploadProgress.Phase;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Tells the caller how far an upload is: a few times a second, and never backwards. */
final class ProgressMeter {
  private static final long INTERVAL_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

  private final Consumer<? super UploadProgress> consumer; // or null
  private UploadProgress.Phase phase = UploadProgress.Phase.UPLOADING;
  private long received;
  private long stored;
  private boolean told;
  private long toldNanos;

  ProgressMeter(Consumer<? super UploadProgress> consumer) {
    this.consumer = consumer;
  }

  boolean isWanted() {
    return consumer != null;
  }

  /** What this side has sent. */
  void sent(long bytes) {
    if (consumer != null && bytes > received && (!told || dueNanos() <= 0)) {
      received = bytes;
      tell();
    }
  }

  /** What the gateway says. */
  void told(example.lakefs_staging.v1.UploadProgress progress) {
    if (consumer == null) {
      return;
    }
    if (progress.getPhase() == Phase.PHASE_COMPLETING) {
      advance(UploadProgress.Phase.COMPLETING);
    } else if (progress.getPhase() == Phase.PHASE_LINKING) {
      advance(UploadProgress.Phase.LINKING);
    }
    received = Math.max(received, progress.getReceivedBytes());
    stored = Math.max(stored, progress.getStoredBytes());
    tell();
  }

  /** The end, with the size of the whole. */
  void finished(long bytes) {
    if (consumer != null) {
      advance(UploadProgress.Phase.LINKING);
      received = Math.max(received, bytes);
      stored = Math.max(stored, bytes);
      tell();
    }
  }

  private void advance(UploadProgress.Phase to) {
    if (to.compareTo(phase) > 0) {
      phase = to;
    }
  }

  private long dueNanos() {
    return toldNanos + INTERVAL_NANOS - System.nanoTime();
  }

  private void tell() {
    told = true;
    toldNanos = System.nanoTime();
    consumer.accept(new UploadProgress(phase, received, stored));
  }
}
