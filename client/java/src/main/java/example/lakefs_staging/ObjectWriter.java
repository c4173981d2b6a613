package example.lakefs_staging;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.ref.Cleaner;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Writes one object, which is linked by {@link #commit} and by nothing else:
 *
 * <pre>{@code
 * try (ObjectWriter out = client.openWriter("lakefs://repo/main/rows.csv")) {
 *   rows.writeTo(out);
 *   out.commit();
 * }
 * }</pre>
 *
 * <p>A writer that is closed, or collected, without a commit cancels the upload: nothing is linked.
 * The first 1 MiB is held, so that a small object can be sent again; a larger one cannot be.
 *
 * <p>An error of the upload is thrown by the write that meets it, as a {@link StagingIOException},
 * and by the commit. Writing blocks while the gateway takes nothing; an interrupt cancels the
 * upload. To be used by one thread at a time.
 */
public final class ObjectWriter extends OutputStream {
  private static final Logger LOGGER = System.getLogger(ObjectWriter.class.getName());
  private static final Cleaner CLEANER = Cleaner.create();
  private static final long END_MILLIS = 2000;

  private enum State {
    OPEN,
    COMMITTED, // or tried to
    ABORTED
  }

  private final Ongoing ongoing;
  private final Cleaner.Cleanable cleanable;
  private State state = State.OPEN;
  private UploadResult result;
  private Throwable error; // what became of the upload instead of a result
  private StagingIOException thrown;

  ObjectWriter(Gateway gateway, String target, Settings settings) {
    settings.header(target, java.util.OptionalLong.empty()); // says at once what is wrong with it
    ongoing = new Ongoing(gateway, target, settings);
    cleanable = CLEANER.register(this, ongoing);
  }

  /**
   * Writes one byte.
   *
   * @param b the byte
   * @throws IOException if the upload has failed or the writer has ended
   */
  @Override
  public void write(int b) throws IOException {
    write(new byte[] {(byte) b}, 0, 1);
  }

  /**
   * Writes bytes. Blocks while 1 MiB of them waits for the gateway.
   *
   * @param data where they are
   * @param offset of the first
   * @param length how many
   * @throws IOException if the upload has failed or the writer has ended
   */
  @Override
  public void write(byte[] data, int offset, int length) throws IOException {
    Objects.checkFromIndexSize(offset, length, data.length);
    if (state != State.OPEN) {
      throw wrapped(
          Failure.own(
                  io.grpc.Status.Code.FAILED_PRECONDITION,
                  "INVALID_REQUEST",
                  "the writer has ended",
                  Outcome.UNSPECIFIED,
                  Advice.FIX_REQUEST)
              .toException());
    }
    try {
      if (!ongoing.pipe.write(data, offset, length)) {
        await();
        checkError();
      }
    } catch (InterruptedException e) {
      state = State.ABORTED;
      ongoing.stop();
      error = Failure.interrupted(Outcome.NOT_COMMITTED, e);
      throw wrapped((StagingException) error);
    }
  }

  /** Does nothing: bytes go when 1 MiB has come together. */
  @Override
  public void flush() {}

  /**
   * Ends the object and links it. A second commit gives the same again.
   *
   * <p>Blocks until the outcome is known, or cannot be.
   *
   * @return what came of it
   * @throws StagingException if it failed, or the writer was closed or aborted before
   */
  public UploadResult commit() {
    if (state == State.OPEN) {
      state = State.COMMITTED;
      try {
        ongoing.pipe.end();
        await();
      } catch (InterruptedException e) {
        ongoing.background.interrupt(); // it finds out what holds then
        awaitQuietly();
        if (error == null && result == null) {
          error = Failure.cancelled("the call was cancelled", Outcome.UNKNOWN, e);
        }
        Thread.currentThread().interrupt();
      } finally {
        ongoing.over();
        cleanable.clean();
      }
    }
    if (error instanceof RuntimeException) {
      throw (RuntimeException) error;
    }
    if (error instanceof Error) {
      throw (Error) error;
    }
    if (result == null) {
      throw notCommitted();
    }
    return result;
  }

  /** Abandons the object: nothing is linked. Does nothing after a commit. */
  public void abort() {
    if (state == State.OPEN) {
      state = State.ABORTED;
      ongoing.stop();
      cleanable.clean();
      awaitQuietly();
      error = null;
      result = null;
    }
  }

  /**
   * Ends the writer. It never links: without a commit, nothing is.
   *
   * @throws StagingIOException if it was neither committed nor aborted before
   */
  @Override
  public void close() throws IOException {
    if (state == State.OPEN) {
      Throwable failed = ongoing.failure();
      abort();
      throw wrapped(
          failed instanceof StagingException ? (StagingException) failed : notCommitted());
    }
  }

  /** A stream that writes to this, and whose close says only that nothing more comes. */
  OutputStream scope() {
    return new Scope(this);
  }

  /** The error of the upload, if this is what a write of this has thrown for it. */
  StagingException unwrapped(Exception e) {
    return e == thrown ? thrown.getCause() : null;
  }

  private void await() throws InterruptedException {
    take(Long.MAX_VALUE);
  }

  private void awaitQuietly() {
    boolean interrupted = Thread.interrupted();
    try {
      take(END_MILLIS);
    } catch (InterruptedException e) {
      interrupted = true;
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void take(long millis) throws InterruptedException {
    try {
      result = ongoing.background.promise().get(millis, TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      error = e.getCause();
    } catch (TimeoutException e) {
      // It ends by itself.
    }
  }

  // A result that came early stands; what is written then is of no use to anybody.
  private void checkError() throws IOException {
    if (error instanceof StagingException) {
      throw wrapped((StagingException) error);
    }
    if (error != null) {
      throw Errors.same(error);
    }
  }

  private StagingIOException wrapped(StagingException cause) {
    thrown = new StagingIOException(cause);
    return thrown;
  }

  private static StagingException notCommitted() {
    return Failure.own(
            io.grpc.Status.Code.CANCELLED,
            "CANCELLED",
            "the writer was closed without a commit: nothing was linked",
            Outcome.NOT_COMMITTED,
            Advice.RESTART)
        .toException();
  }

  /** The upload behind a writer; it does not know the writer, so that this can be collected. */
  private static final class Ongoing implements Runnable {
    private final String target;
    private final Pipe pipe = new Pipe();
    private final Background background;
    private volatile boolean over;

    Ongoing(Gateway gateway, String target, Settings settings) {
      this.target = target;
      Pipe source = pipe;
      background = new Background(() -> new Upload(gateway, source, target, settings).run());
    }

    void over() {
      over = true;
    }

    void stop() {
      over = true;
      pipe.breakOff();
      background.interrupt();
    }

    Throwable failure() {
      CompletableFuture<UploadResult> promise = background.promise();
      return promise.isCompletedExceptionally()
          ? promise.handle((result, error) -> error).join()
          : null;
    }

    /** When the writer is collected. */
    @Override
    public void run() {
      if (!over) {
        stop();
        LOGGER.log(
            Level.WARNING,
            "a writer of {0} was dropped without a commit: nothing was linked",
            target);
      }
    }
  }

  private static final class Scope extends OutputStream {
    private final ObjectWriter writer;
    private boolean ended;

    Scope(ObjectWriter writer) {
      this.writer = writer;
    }

    @Override
    public void write(int b) throws IOException {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] data, int offset, int length) throws IOException {
      if (ended) {
        throw new IOException("the stream is closed");
      }
      writer.write(data, offset, length);
    }

    @Override
    public void close() {
      ended = true;
    }
  }
}
