package example.lakefs_staging;

import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/** What a call has brought so far: filled by the threads of gRPC, looked at by one other. */
final class Replies<R> extends ClientCall.Listener<R> {
  private final Signal signal;
  private final Queue<R> queue = new ConcurrentLinkedQueue<>();
  private Metadata trailers;
  private volatile Status status;

  /**
   * Of a call that is to be started with this.
   *
   * @param signal raised by every reply, by the end, and when there is room to send
   */
  Replies(Signal signal) {
    this.signal = signal;
  }

  /** The next reply, or null if none has come. */
  R poll() {
    return queue.poll();
  }

  /** How the call has ended, or null. No reply comes behind it; those before may still be here. */
  Status status() {
    return status;
  }

  /** What came with the status. */
  Metadata trailers() {
    return trailers;
  }

  @Override
  public void onMessage(R reply) {
    queue.add(reply);
    signal.raise();
  }

  @Override
  public void onReady() {
    signal.raise();
  }

  @Override
  public void onClose(Status status, Metadata trailers) {
    this.trailers = trailers;
    this.status = status;
    signal.raise();
  }
}
