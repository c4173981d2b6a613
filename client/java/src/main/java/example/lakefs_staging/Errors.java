package example.lakefs_staging;

import java.io.IOException;

/** Hands an exception of the caller's own code back to him as it was. */
final class Errors {
  private Errors() {}

  /** Throws what may be thrown unchecked, and returns what is left. */
  static IOException same(Throwable error) {
    if (error instanceof RuntimeException) {
      throw (RuntimeException) error;
    }
    if (error instanceof Error) {
      throw (Error) error;
    }
    if (error instanceof IOException) {
      return (IOException) error;
    }
    return new IOException(error);
  }
}
