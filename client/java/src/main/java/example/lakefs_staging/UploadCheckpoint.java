package example.lakefs_staging;

/** By what an upload can be gone on with after a crash, of this side or of the gateway. */
public final class UploadCheckpoint {
  private final byte[] token;
  private final long offset;

  UploadCheckpoint(byte[] token, long offset) {
    this.token = token;
    this.offset = offset;
  }

  /**
   * For {@link UploadOption#resumeToken}; takes the place of earlier ones.
   *
   * @return a copy of the token: a secret, to be kept where only its owner can read it
   */
  public byte[] token() {
    return token.clone();
  }

  /**
   * How much need not be sent again.
   *
   * @return bytes
   */
  public long offset() {
    return offset;
  }

  /** Tells the offset and not the token. */
  @Override
  public String toString() {
    return "UploadCheckpoint[offset=" + offset + "]";
  }
}
