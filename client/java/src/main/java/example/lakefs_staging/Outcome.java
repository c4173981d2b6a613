package example.lakefs_staging;

/** What is known about an upload. */
public enum Outcome {
  /** Nothing was said; of calls that change nothing, and of gateways newer than this library. */
  UNSPECIFIED,
  /** The object is stored and linked, and the link was proven. */
  COMMITTED,
  /** Nothing was linked, and nothing still under way can link it. */
  NOT_COMMITTED,
  /** The object was linked, and a later writer's object already stands in its place. */
  SUPERSEDED,
  /** It could not be found out; ask {@link StagingClient#outcome}, or look at the path. */
  UNKNOWN;

  static Outcome of(example.lakefs_staging.v1.Outcome outcome) {
    switch (outcome) {
      case OUTCOME_COMMITTED:
        return COMMITTED;
      case OUTCOME_NOT_COMMITTED:
        return NOT_COMMITTED;
      case OUTCOME_SUPERSEDED:
        return SUPERSEDED;
      case OUTCOME_UNKNOWN:
        return UNKNOWN;
      default:
        return UNSPECIFIED;
    }
  }
}
