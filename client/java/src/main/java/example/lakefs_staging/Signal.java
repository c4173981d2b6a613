package example.lakefs_staging;

import io.grpc.Deadline;
import java.util.concurrent.TimeUnit;

/** Wakes the one thread that waits for news: of the gateway, and of the source. */
final class Signal {
  private boolean raised;

  synchronized void raise() {
    raised = true;
    notifyAll();
  }

  /**
   * Waits until it has been raised since the last wait, or the time is over. Look for the news
   * after this, never before it alone.
   */
  synchronized void await(Deadline deadline) throws InterruptedException {
    while (!raised) {
      if (deadline == null) {
        wait();
      } else {
        long left = deadline.timeRemaining(TimeUnit.NANOSECONDS);
        if (left <= 0) {
          return;
        }
        TimeUnit.NANOSECONDS.timedWait(this, Math.max(left, 1_000_000));
      }
    }
    raised = false;
  }
}
