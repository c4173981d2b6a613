package example.lakefs_staging;

import java.io.IOException;

/** A {@link StagingException}, its cause, where only an {@link IOException} can be thrown. */
public final class StagingIOException extends IOException {
  private static final long serialVersionUID = 1;

  StagingIOException(StagingException cause) {
    super(cause.getMessage(), cause);
  }

  /**
   * The error of the call.
   *
   * @return the error, never null
   */
  @Override
  public synchronized StagingException getCause() {
    return (StagingException) super.getCause();
  }
}
