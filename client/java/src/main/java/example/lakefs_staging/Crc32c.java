package example.lakefs_staging;

import java.util.zip.CRC32C;

/** Checksums of pieces, and of what they make together. */
final class Crc32c {
  // The polynomial of Castagnoli, bits reversed.
  private static final int POLYNOMIAL = 0x82F63B78;
  private static final int ONE = 0x80000000; // x to the power of 0

  private Crc32c() {}

  static int of(byte[] data, int offset, int length) {
    CRC32C crc = new CRC32C();
    crc.update(data, offset, length);
    return (int) crc.getValue();
  }

  /** The checksum of two pieces one after the other; the second has {@code length} bytes. */
  static int concat(int first, int second, long length) {
    return multiply(power(8 * length), first) ^ second;
  }

  /** x to the power of {@code n}, modulo the polynomial. */
  private static int power(long n) {
    int result = ONE;
    int square = ONE >>> 1; // x
    for (long left = n; left > 0; left >>= 1) {
      if ((left & 1) != 0) {
        result = multiply(square, result);
      }
      square = multiply(square, square);
    }
    return result;
  }

  private static int multiply(int a, int b) {
    int product = 0;
    int shifted = b;
    for (int bit = ONE; bit != 0; bit >>>= 1) {
      if ((a & bit) != 0) {
        product ^= shifted;
      }
      shifted = (shifted & 1) != 0 ? (shifted >>> 1) ^ POLYNOMIAL : shifted >>> 1;
    }
    return product;
  }
}
