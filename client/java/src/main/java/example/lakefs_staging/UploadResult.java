package example.lakefs_staging;

import java.util.OptionalLong;

/** What came of an upload that succeeded. */
public final class UploadResult {
  private final example.lakefs_staging.v1.UploadResult result;
  private final int attempts;

  UploadResult(example.lakefs_staging.v1.UploadResult result, int attempts) {
    this.result = result;
    this.attempts = attempts;
  }

  /**
   * What is known: it stands, or a later writer has already replaced it.
   *
   * @return {@link Outcome#COMMITTED} or {@link Outcome#SUPERSEDED}
   */
  public Outcome outcome() {
    return Outcome.of(result.getOutcome());
  }

  /**
   * The object as it was linked.
   *
   * @return the caller's own object, also if it is no longer visible
   */
  public ObjectStats object() {
    return new ObjectStats(result.getObject());
  }

  /**
   * The CRC32C (Castagnoli) of the whole, as the gateway computed it.
   *
   * @return 32 bits; empty where an earlier call with the same request id uploaded the object by
   *     another gateway
   */
  public OptionalLong crc32c() {
    return result.hasCrc32C()
        ? OptionalLong.of(Integer.toUnsignedLong(result.getCrc32C()))
        : OptionalLong.empty();
  }

  /**
   * How the bytes went to the store.
   *
   * @return the plan
   */
  public Plan plan() {
    return Plan.of(result.getPlan());
  }

  /**
   * How often the gateway was called for it.
   *
   * @return 1 or more
   */
  public int attempts() {
    return attempts;
  }

  UploadResult after(int attempts) {
    return new UploadResult(result, attempts);
  }

  @Override
  public String toString() {
    return String.format(
        "UploadResult[%s, %s, plan=%s, attempts=%d]", outcome(), object(), plan(), attempts);
  }
}
