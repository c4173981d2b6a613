package example.lakefs_staging;

import java.io.IOException;
import java.io.InputStream;

/**
 * Gives the bytes of an object from their beginning, as often as it is asked: what makes an upload
 * repeatable.
 */
@FunctionalInterface
public interface StreamSupplier {
  /**
   * Opens the stream. It is closed by who asked for it.
   *
   * @return a new stream, at its beginning
   * @throws IOException if it cannot be opened; ends the upload, and is the caller's
   */
  InputStream get() throws IOException;
}
