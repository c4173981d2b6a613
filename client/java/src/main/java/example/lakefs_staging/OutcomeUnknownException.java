package example.lakefs_staging;

/**
 * It could not be found out whether the object was linked: ask {@link StagingClient#outcome} for
 * the outcome of {@link #requestId()}, or look at the path.
 */
public final class OutcomeUnknownException extends StagingException {
  private static final long serialVersionUID = 1;

  OutcomeUnknownException(Failure failure) {
    super(failure);
  }
}
