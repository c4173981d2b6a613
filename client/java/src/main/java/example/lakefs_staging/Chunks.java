package example.lakefs_staging;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import io.grpc.Deadline;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * The chunks of a source, read one ahead on another thread: a source that blocks holds up neither
 * the replies of the gateway nor the end of the call. Used by one thread, that of the upload.
 */
final class Chunks implements AutoCloseable {
  /** Some bytes, at most {@link Source#CHUNK_BYTES}. */
  static final class Chunk {
    final byte[] data;
    final int crc32c;
    private final Throwable error; // in place of bytes

    Chunk(byte[] data) {
      this.data = data;
      this.crc32c = Crc32c.of(data, 0, data.length);
      this.error = null;
    }

    Chunk(Throwable error) {
      this.data = new byte[0];
      this.crc32c = 0;
      this.error = error;
    }

    int size() {
      return data.length;
    }

    ByteString bytes() {
      return UnsafeByteOperations.unsafeWrap(data);
    }
  }

  // How long the end of a call waits for the caller's own code to let go of the source.
  private static final long LET_GO_MILLIS = 200;

  private final Source source;
  private final ExecutorService readers;
  private final Signal signal;
  private final Semaphore idle = new Semaphore(1);
  private final Deque<Chunk> held = new ArrayDeque<>();
  private FutureTask<Chunk> next;
  private boolean stale; // `next` is not what is wanted any more
  private long seekTo = -1;

  Chunks(Source source, ExecutorService readers, Signal signal) {
    this.source = source;
    this.readers = readers;
    this.signal = signal;
  }

  /** Whether {@link #take} gives a chunk at once; if not, one is read, and raises the signal. */
  boolean ready() {
    if (!held.isEmpty()) {
      return true;
    }
    if (stale && next.isDone()) {
      next = null;
      stale = false;
    }
    if (next == null) {
      long offset = seekTo;
      seekTo = -1;
      next = start(offset);
    }
    return !stale && next.isDone();
  }

  /** The next chunk; an empty one at the end of the source. Only if ready. */
  Chunk take() throws IOException {
    if (!held.isEmpty()) {
      return held.poll();
    }
    Chunk chunk = peek();
    next = null;
    if (chunk.error != null) {
      throw Errors.same(chunk.error);
    }
    if (chunk.size() > 0 && chunk.size() < Source.CHUNK_BYTES) {
      held.add(new Chunk(new byte[0]));
    }
    return chunk;
  }

  /** Whether {@link #take} throws. Only if ready. */
  boolean hasFailed() {
    return held.isEmpty() && peek().error != null;
  }

  /** The next chunk, as soon as there is one, or null if the time is over. */
  Chunk await(Deadline deadline) throws IOException, InterruptedException {
    while (!ready()) {
      if (deadline != null && deadline.isExpired()) {
        return null;
      }
      signal.await(deadline);
    }
    return take();
  }

  /** Gives these chunks first. */
  void hold(Chunk first, Chunk second) {
    held.addFirst(second);
    held.addFirst(first);
  }

  boolean canSeek() {
    return source.canSeek();
  }

  /** Goes on from this offset. */
  void seek(long offset) {
    held.clear();
    seekTo = offset;
    stale = next != null;
  }

  @Override
  public void close() {
    boolean interrupted = Thread.interrupted();
    if (next != null) {
      next.cancel(true);
    }
    boolean letGo = tryIdle();
    source.close();
    if (!letGo) {
      tryIdle(); // a close may free a read that an interrupt does not
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private boolean tryIdle() {
    try {
      return idle.tryAcquire(LET_GO_MILLIS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private FutureTask<Chunk> start(long offset) {
    FutureTask<Chunk> read =
        new FutureTask<>(() -> read(offset)) {
          @Override
          protected void done() {
            signal.raise();
          }
        };
    try {
      readers.execute(read);
    } catch (RejectedExecutionException e) {
      throw Failure.cancelled("the client was closed", Outcome.NOT_COMMITTED, null);
    }
    return read;
  }

  private Chunk peek() {
    try {
      return next.get();
    } catch (ExecutionException | InterruptedException e) {
      throw new AssertionError("a read that is done neither fails nor waits", e);
    }
  }

  private Chunk read(long offset) {
    if (!idle.tryAcquire()) {
      return new Chunk(new IOException("closed"));
    }
    try {
      if (offset >= 0) {
        source.seek(offset);
      }
      return new Chunk(source.read());
    } catch (Throwable e) {
      return new Chunk(e); // the caller's own, for his thread
    } finally {
      idle.release();
    }
  }
}
