package example.lakefs_staging;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import java.util.Objects;
import java.util.OptionalLong;

/** Where the bytes of an object come from. Used by one thread at a time. */
abstract class Source {
  /** Of a chunk. Those of 64 KiB cost a third more CPU; those of 4 MiB are no faster. */
  static final int CHUNK_BYTES = 1 << 20;

  /** The size of the whole in bytes, if it is known before it is read. */
  OptionalLong sizeBytes() {
    return OptionalLong.empty();
  }

  /** Whether {@link #seek} works. */
  boolean canSeek() {
    return false;
  }

  /** The next bytes: a whole chunk, fewer at the end only, and none behind it. Blocks. */
  abstract byte[] read() throws IOException;

  /** Makes the next read begin at this offset, which has been read before, or is 0. */
  void seek(long offset) throws IOException {
    throw new UnsupportedOperationException();
  }

  /** Lets go of what the source itself has opened. From any thread, also during a read. */
  void close() {}

  static Source of(byte[] data) {
    return new Bytes(data);
  }

  static Source of(Path path) throws IOException {
    BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
    // The files of /proc say that they are empty, and are not: they are read as pipes are.
    if (attributes.isRegularFile() && attributes.size() > 0) {
      return new OfFile(path, attributes);
    }
    return new Once(Files.newInputStream(path), true);
  }

  static Source of(InputStream stream) throws IOException {
    if (stream.getClass() == java.io.FileInputStream.class) {
      SeekableByteChannel channel = ((java.io.FileInputStream) stream).getChannel();
      if (channel.size() > 0) {
        return of(channel);
      }
    }
    return new Once(stream, false);
  }

  static Source of(SeekableByteChannel channel) throws IOException {
    long begin = channel.position();
    return new OfChannel(channel, begin, Math.max(0, channel.size() - begin));
  }

  static Source of(StreamSupplier supplier) {
    return new Reopened(Objects.requireNonNull(supplier));
  }

  private static final class Bytes extends Source {
    private final byte[] data;
    private int offset;

    Bytes(byte[] data) {
      this.data = data;
    }

    @Override
    OptionalLong sizeBytes() {
      return OptionalLong.of(data.length);
    }

    @Override
    boolean canSeek() {
      return true;
    }

    @Override
    byte[] read() {
      int begin = offset;
      offset = Math.min(data.length, begin + CHUNK_BYTES);
      return begin == 0 && offset == data.length ? data : Arrays.copyOfRange(data, begin, offset);
    }

    @Override
    void seek(long to) {
      offset = (int) to;
    }
  }

  private static final class Once extends Source {
    private final InputStream stream;
    private final boolean owned;

    Once(InputStream stream, boolean owned) {
      this.stream = stream;
      this.owned = owned;
    }

    @Override
    byte[] read() throws IOException {
      return readChunk(stream);
    }

    @Override
    void close() {
      if (owned) {
        closeQuietly(stream);
      }
    }
  }

  private static final class Reopened extends Source {
    private final StreamSupplier supplier;
    private long skip;
    private volatile InputStream stream;
    private volatile boolean closed;

    Reopened(StreamSupplier supplier) {
      this.supplier = supplier;
    }

    @Override
    boolean canSeek() {
      return true;
    }

    @Override
    byte[] read() throws IOException {
      if (stream == null) {
        open();
      }
      return readChunk(stream);
    }

    @Override
    void seek(long offset) {
      InputStream old = stream;
      stream = null;
      closeQuietly(old);
      skip = offset;
    }

    @Override
    void close() {
      closed = true;
      closeQuietly(stream);
    }

    private void open() throws IOException {
      InputStream opened = Objects.requireNonNull(supplier.get(), "the supplier gave no stream");
      stream = opened;
      if (closed) {
        closeQuietly(opened);
      }
      for (long left = skip; left > 0; ) {
        byte[] skipped = opened.readNBytes((int) Math.min(left, CHUNK_BYTES));
        if (skipped.length == 0) {
          throw Failure.sourceChanged(
              "the stream ended before the byte " + skip + " that it had before");
        }
        left -= skipped.length;
      }
    }
  }

  private static class OfChannel extends Source {
    private final long begin;
    private final long size;
    private long offset;
    private SeekableByteChannel channel;

    OfChannel(SeekableByteChannel channel, long begin, long size) {
      this.channel = channel;
      this.begin = begin;
      this.size = size;
    }

    @Override
    OptionalLong sizeBytes() {
      return OptionalLong.of(size);
    }

    @Override
    boolean canSeek() {
      return true;
    }

    @Override
    byte[] read() throws IOException {
      return read(CHUNK_BYTES);
    }

    byte[] read(int size) throws IOException {
      ByteBuffer chunk = ByteBuffer.allocate(size);
      while (chunk.hasRemaining() && channel.read(chunk) >= 0) {}
      offset += chunk.position();
      return chunk.hasRemaining() ? Arrays.copyOf(chunk.array(), chunk.position()) : chunk.array();
    }

    @Override
    void seek(long to) throws IOException {
      channel.position(begin + to);
      offset = to;
    }

    /** How much is left of what there was at first. */
    long left() {
      return size - offset;
    }

    void use(SeekableByteChannel other) {
      channel = other;
    }

    SeekableByteChannel channel() {
      return channel;
    }
  }

  private static final class OfFile extends OfChannel {
    private final Path path;
    private BasicFileAttributes opened;

    OfFile(Path path, BasicFileAttributes opened) throws IOException {
      super(Files.newByteChannel(path), 0, opened.size());
      this.path = path;
      this.opened = opened;
    }

    /** Never more than there was at first: what was added since shows at the end. */
    @Override
    byte[] read() throws IOException {
      int wanted = (int) Math.min(CHUNK_BYTES, left());
      byte[] chunk = read(wanted);
      if (chunk.length < wanted || (left() == 0 && changed())) {
        throw Failure.sourceChanged(path + " was changed while it was read");
      }
      return chunk;
    }

    /** From the beginning it is the file that has this name now. */
    @Override
    void seek(long to) throws IOException {
      if (to == 0 && changed()) {
        closeQuietly(channel());
        opened = Files.readAttributes(path, BasicFileAttributes.class);
        use(Files.newByteChannel(path));
      }
      super.seek(to);
    }

    private boolean changed() throws IOException {
      BasicFileAttributes now = Files.readAttributes(path, BasicFileAttributes.class);
      return now.size() != sizeBytes().getAsLong()
          || !now.lastModifiedTime().equals(opened.lastModifiedTime())
          || !Objects.equals(now.fileKey(), opened.fileKey());
    }

    @Override
    void close() {
      closeQuietly(channel());
    }
  }

  private static byte[] readChunk(InputStream stream) throws IOException {
    byte[] chunk = new byte[CHUNK_BYTES];
    int size = stream.readNBytes(chunk, 0, chunk.length);
    return size == chunk.length ? chunk : Arrays.copyOf(chunk, size);
  }

  private static void closeQuietly(AutoCloseable opened) {
    try {
      if (opened != null) {
        opened.close();
      }
    } catch (Exception e) {
      // It was only read.
    }
  }
}
