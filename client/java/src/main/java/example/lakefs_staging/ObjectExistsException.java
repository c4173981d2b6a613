package example.lakefs_staging;

/** Another's object is at the path, and the upload was to create one; {@link #object()} is it. */
public final class ObjectExistsException extends StagingException {
  private static final long serialVersionUID = 1;

  ObjectExistsException(Failure failure) {
    super(failure);
  }
}
