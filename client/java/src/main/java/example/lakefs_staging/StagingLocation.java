package example.lakefs_staging;

import java.time.Instant;
import java.util.Optional;

/** A place to put the bytes of an object at, as lakeFS gave it. */
public final class StagingLocation {
  private final example.lakefs_staging.v1.StagingLocation location;

  StagingLocation(example.lakefs_staging.v1.StagingLocation location) {
    this.location = location;
  }

  /**
   * A location that was given before, maybe to another process.
   *
   * @param physicalAddress as {@link #physicalAddress()} told it
   * @param token as {@link #token()} told it; empty if it told none
   * @return the location, without a presigned URL
   */
  public static StagingLocation of(String physicalAddress, Optional<String> token) {
    var location =
        example.lakefs_staging.v1.StagingLocation.newBuilder().setPhysicalAddress(physicalAddress);
    token.ifPresent(location::setToken);
    return new StagingLocation(location.build());
  }

  /**
   * The address in the store.
   *
   * @return such as {@code s3://bucket/data/x}
   */
  public String physicalAddress() {
    return location.getPhysicalAddress();
  }

  /**
   * The token that lakeFS before v0.112 wants back.
   *
   * @return the token, a secret; empty if there is none
   */
  public Optional<String> token() {
    return location.hasToken() ? Optional.of(location.getToken()) : Optional.empty();
  }

  /**
   * The URL for one PUT of the bytes.
   *
   * @return the URL, a secret; empty unless it was asked for
   */
  public Optional<String> presignedUrl() {
    return location.hasPresignedUrl() ? Optional.of(location.getPresignedUrl()) : Optional.empty();
  }

  /**
   * When the presigned URL stops to work, on the clock of who signed it.
   *
   * @return the time; empty where lakeFS does not tell
   */
  public Optional<Instant> presignedUrlExpiry() {
    return location.hasPresignedUrlExpiry()
        ? Optional.of(Instant.ofEpochSecond(location.getPresignedUrlExpiry().getSeconds()))
        : Optional.empty();
  }

  example.lakefs_staging.v1.StagingLocation message() {
    return location;
  }

  /** Tells the address, and neither the token nor the URL. */
  @Override
  public String toString() {
    return "StagingLocation[" + physicalAddress() + "]";
  }
}
