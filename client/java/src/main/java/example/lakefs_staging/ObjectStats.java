package example.lakefs_staging;

import java.io.Serializable;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/** An object as lakeFS describes it. */
public final class ObjectStats implements Serializable {
  private static final long serialVersionUID = 1;

  /** As it came. */
  private final example.lakefs_staging.v1.ObjectStats stats;

  ObjectStats(example.lakefs_staging.v1.ObjectStats stats) {
    this.stats = stats;
  }

  /**
   * The path on the branch.
   *
   * @return the path, byte for byte as it was given
   */
  public String path() {
    return stats.getPath();
  }

  /**
   * The address in the store, in its full form.
   *
   * @return such as {@code s3://bucket/data/x}
   */
  public String physicalAddress() {
    return stats.getPhysicalAddress();
  }

  /**
   * The checksum of the content in the store's own form; what {@link UploadOption#ifMatch} takes.
   *
   * @return an opaque text
   */
  public String checksum() {
    return stats.getChecksum();
  }

  /**
   * The size.
   *
   * @return bytes; empty where lakeFS did not tell
   */
  public OptionalLong sizeBytes() {
    return stats.hasSizeBytes() ? OptionalLong.of(stats.getSizeBytes()) : OptionalLong.empty();
  }

  /**
   * The time of modification.
   *
   * @return a whole second; empty where lakeFS did not tell
   */
  public Optional<Instant> mtime() {
    return stats.hasMtime()
        ? Optional.of(Instant.ofEpochSecond(stats.getMtime().getSeconds()))
        : Optional.empty();
  }

  /**
   * The metadata of the user.
   *
   * @return an unmodifiable map
   */
  public Map<String, String> userMetadata() {
    return stats.getUserMetadataMap();
  }

  /**
   * The media type.
   *
   * @return such as {@code text/csv}
   */
  public String contentType() {
    return stats.getContentType();
  }

  @Override
  public String toString() {
    return String.format(
        "ObjectStats[path=%s, physicalAddress=%s, checksum=%s, sizeBytes=%s]",
        path(), physicalAddress(), checksum(), stats.hasSizeBytes() ? stats.getSizeBytes() : "?");
  }
}
