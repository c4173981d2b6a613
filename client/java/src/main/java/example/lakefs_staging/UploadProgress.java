package example.lakefs_staging;

/** How far an upload is. */
public final class UploadProgress {
  /** What is being done. */
  public enum Phase {
    /** Bytes are taken and put into the store. */
    UPLOADING,
    /** All bytes have come; the store puts them together. */
    COMPLETING,
    /** The object is linked to its path. */
    LINKING
  }

  private final Phase phase;
  private final long receivedBytes;
  private final long storedBytes;

  UploadProgress(Phase phase, long receivedBytes, long storedBytes) {
    this.phase = phase;
    this.receivedBytes = receivedBytes;
    this.storedBytes = storedBytes;
  }

  /**
   * What is being done.
   *
   * @return the phase
   */
  public Phase phase() {
    return phase;
  }

  /**
   * How much has been sent.
   *
   * @return bytes, each counted once
   */
  public long receivedBytes() {
    return receivedBytes;
  }

  /**
   * How much the store has acknowledged.
   *
   * @return bytes
   */
  public long storedBytes() {
    return storedBytes;
  }

  @Override
  public String toString() {
    return String.format(
        "UploadProgress[%s, received=%d, stored=%d]", phase, receivedBytes, storedBytes);
  }
}
