package example.lakefs_staging;

/** The bytes are not those that were announced: their size or a checksum differs. */
public final class ContentMismatchException extends StagingException {
  private static final long serialVersionUID = 1;

  ContentMismatchException(Failure failure) {
    super(failure);
  }
}
