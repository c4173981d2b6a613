package example.lakefs_staging;

/** One object of an {@link StagingClient#uploadMany}. */
public final class SmallObject {
  private final String target;
  private final byte[] data;
  private final Settings settings;

  private SmallObject(String target, byte[] data, Settings settings) {
    this.target = target;
    this.data = data;
    this.settings = settings;
  }

  /**
   * An object to be uploaded.
   *
   * @param target {@code lakefs://REPOSITORY/BRANCH/PATH}
   * @param data all bytes, at most 4 MiB; not copied, so they must stay as they are until the
   *     object has its answer
   * @param options of the object; {@link UploadOption#progress}, {@link UploadOption#checkpoint},
   *     {@link UploadOption#resumeToken} and the digests cannot be had here
   * @return the object
   */
  public static SmallObject of(String target, byte[] data, UploadOption... options) {
    return new SmallObject(target, data, Settings.of(options));
  }

  /**
   * Where it is to be linked.
   *
   * @return the target, as it was given
   */
  public String target() {
    return target;
  }

  byte[] data() {
    return data;
  }

  Settings settings() {
    return settings;
  }

  @Override
  public String toString() {
    return "SmallObject[" + target + ", " + data.length + " bytes]";
  }
}
