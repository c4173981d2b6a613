package example.lakefs_staging;

/** The user may not, or lakeFS does not take the credentials. */
public final class PermissionDeniedException extends StagingException {
  private static final long serialVersionUID = 1;

  PermissionDeniedException(Failure failure) {
    super(failure);
  }
}
