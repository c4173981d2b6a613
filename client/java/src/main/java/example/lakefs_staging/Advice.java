package example.lakefs_staging;

import example.lakefs_staging.v1.UploadFailure;

/** What to do after an error. */
public enum Advice {
  /** Nothing was said. */
  UNSPECIFIED,
  /** Make the same call again, not before {@link StagingException#retryAfter} has passed. */
  RETRY_CALL,
  /** Start over with a new call and all the bytes. */
  RESTART,
  /** Change the request first. */
  FIX_REQUEST,
  /** No repetition helps; a person has to look. */
  GIVE_UP;

  static Advice of(UploadFailure.Advice advice) {
    switch (advice) {
      case ADVICE_RETRY_CALL:
        return RETRY_CALL;
      case ADVICE_RESTART:
        return RESTART;
      case ADVICE_FIX_REQUEST:
        return FIX_REQUEST;
      case ADVICE_GIVE_UP:
        return GIVE_UP;
      default:
        return UNSPECIFIED;
    }
  }
}
