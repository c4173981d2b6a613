package example.lakefs_staging;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.Arrays;

/** What a writer writes, as a source: the one side fills a chunk while the other sends the last. */
final class Pipe extends Source {
  private final byte[] none = {};
  private byte[] full; // on its way from the one side to the other
  private boolean ended;
  private boolean broken;

  // Of the writing side alone.
  private byte[] chunk = none;
  private int filled;

  /**
   * Takes these bytes, and blocks while a full chunk is not wanted yet.
   *
   * @return false if nobody reads any more
   */
  boolean write(byte[] data, int from, int size) throws InterruptedException {
    for (int done = 0; done < size; ) {
      if (filled == chunk.length && !flushChunk()) {
        return false;
      }
      int part = Math.min(size - done, chunk.length - filled);
      System.arraycopy(data, from + done, chunk, filled, part);
      filled += part;
      done += part;
    }
    return !isBroken();
  }

  /** The end of the object. Without it, there is none. */
  void end() throws InterruptedException {
    if (filled > 0) {
      put(filled == chunk.length ? chunk : Arrays.copyOf(chunk, filled));
    }
    synchronized (this) {
      ended = true;
      notifyAll();
    }
  }

  /** Makes both sides stop. */
  synchronized void breakOff() {
    broken = true;
    notifyAll();
  }

  @Override
  synchronized byte[] read() throws IOException {
    try {
      while (full == null && !broken && !ended) {
        wait();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("the upload has ended");
    }
    if (full == null && broken) {
      throw new IOException("the writer was abandoned");
    }
    byte[] read = full == null ? none : full;
    full = null;
    notifyAll();
    return read;
  }

  @Override
  void close() {
    breakOff();
  }

  // A small object takes no more memory than it has bytes, twice.
  private boolean flushChunk() throws InterruptedException {
    if (chunk.length < CHUNK_BYTES) {
      chunk = Arrays.copyOf(chunk, Math.min(CHUNK_BYTES, Math.max(8192, 2 * chunk.length)));
      return true;
    }
    if (!put(chunk)) {
      return false;
    }
    chunk = new byte[CHUNK_BYTES];
    filled = 0;
    return true;
  }

  private synchronized boolean put(byte[] data) throws InterruptedException {
    while (full != null && !broken) {
      wait();
    }
    if (broken) {
      return false;
    }
    full = data;
    notifyAll();
    while (full != null && !broken) {
      wait();
    }
    return full == null;
  }

  private synchronized boolean isBroken() {
    return broken;
  }
}
