package example.lakefs_staging;

import java.util.Optional;

/** What became of one object of an {@link StagingClient#uploadMany}. */
public final class SmallObjectResult {
  private final SmallObject object;
  private final UploadResult result;
  private final StagingException error;

  SmallObjectResult(SmallObject object, UploadResult result, StagingException error) {
    this.object = object;
    this.result = result;
    this.error = error;
  }

  /**
   * Which object it is.
   *
   * @return the very object that the iterator gave
   */
  public SmallObject object() {
    return object;
  }

  /**
   * What came of it.
   *
   * @return the result of an object that is linked
   * @throws StagingException if it failed: its error
   */
  public UploadResult result() {
    if (error != null) {
      throw error;
    }
    return result;
  }

  /**
   * Why it failed.
   *
   * @return its error; empty if it is linked
   */
  public Optional<StagingException> error() {
    return Optional.ofNullable(error);
  }

  @Override
  public String toString() {
    return "SmallObjectResult[" + object + ", " + (error != null ? error : result) + "]";
  }
}
