package example.lakefs_staging;

import example.lakefs_staging.v1.GetUploadOutcomeResponse;
import java.util.Optional;

/** What the gateway knows about an earlier upload. */
public final class UploadOutcome {
  private final GetUploadOutcomeResponse response;

  UploadOutcome(GetUploadOutcomeResponse response) {
    this.response = response;
  }

  /**
   * What is known.
   *
   * @return {@link Outcome#UNKNOWN} also while the upload is in progress
   */
  public Outcome outcome() {
    return Outcome.of(response.getOutcome());
  }

  /**
   * Whether the upload is still under way.
   *
   * @return true if it may yet be linked
   */
  public boolean inProgress() {
    return response.getInProgress();
  }

  /**
   * The result of an upload that succeeded.
   *
   * @return the result; empty unless the outcome is COMMITTED or SUPERSEDED
   */
  public Optional<UploadResult> result() {
    return response.hasResult()
        ? Optional.of(new UploadResult(response.getResult(), 1))
        : Optional.empty();
  }

  /**
   * The error of an upload that failed.
   *
   * @return an exception to look at or to throw; empty if it did not fail
   */
  public Optional<StagingException> failure() {
    return response.getFailureReason().isEmpty()
        ? Optional.empty()
        : Optional.of(Failure.toldBy(response).toException());
  }

  @Override
  public String toString() {
    return String.format(
        "UploadOutcome[%s, inProgress=%s, failureReason=%s]",
        outcome(), inProgress(), response.getFailureReason());
  }
}
