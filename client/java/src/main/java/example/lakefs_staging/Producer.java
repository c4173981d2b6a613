package example.lakefs_staging;

import java.io.OutputStream;

/**
 * Writes the bytes of an object.
 *
 * @param <X> what it may throw
 */
@FunctionalInterface
public interface Producer<X extends Exception> {
  /**
   * Writes all bytes to {@code out}. Its clean end commits the object; an exception abandons it.
   *
   * @param out where to write; closing it ends the writing, and links nothing
   * @throws X whatever went wrong: nothing is linked then
   */
  void writeTo(OutputStream out) throws X;
}
