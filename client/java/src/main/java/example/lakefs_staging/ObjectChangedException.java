package example.lakefs_staging;

/**
 * What is at the path is not what {@link UploadOption#ifMatch} expects; {@link #object()} is it.
 */
public final class ObjectChangedException extends StagingException {
  private static final long serialVersionUID = 1;

  ObjectChangedException(Failure failure) {
    super(failure);
  }
}
