package example.lakefs_staging;

/** There is no such repository or branch, or nothing is known of a request id. */
public final class NotFoundException extends StagingException {
  private static final long serialVersionUID = 1;

  NotFoundException(Failure failure) {
    super(failure);
  }
}
