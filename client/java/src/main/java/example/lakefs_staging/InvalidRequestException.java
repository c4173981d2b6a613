package example.lakefs_staging;

/** The request is wrong; {@link #violations()} may tell how. */
public final class InvalidRequestException extends StagingException {
  private static final long serialVersionUID = 1;

  InvalidRequestException(Failure failure) {
    super(failure);
  }
}
