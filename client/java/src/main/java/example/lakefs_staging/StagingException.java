package example.lakefs_staging;

import io.grpc.Status;
import java.io.Serializable;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A call of the gateway that failed, with all that is known about it.
 *
 * <p>The classes below it go by reason; what has none of its own is of this class. An interrupted
 * thread gets one with reason {@code CANCELLED} and an {@link InterruptedException} as its cause,
 * and stays interrupted.
 */
public class StagingException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** One thing that is wrong with a request. */
  public static final class Violation implements Serializable {
    private static final long serialVersionUID = 1;

    /** Where it is wrong. */
    private final String field;

    /** What is wrong. */
    private final String description;

    Violation(String field, String description) {
      this.field = field;
      this.description = description;
    }

    /**
     * Where it is wrong.
     *
     * @return a path in the request, such as {@code header.object.path}
     */
    public String field() {
      return field;
    }

    /**
     * What is wrong.
     *
     * @return words for a person
     */
    public String description() {
      return description;
    }

    @Override
    public String toString() {
      return field + ": " + description;
    }
  }

  /** Something that was not found. */
  public static final class Resource implements Serializable {
    private static final long serialVersionUID = 1;

    /** What it is. */
    private final String type;

    /** Its name. */
    private final String name;

    Resource(String type, String name) {
      this.type = type;
      this.name = name;
    }

    /**
     * What it is.
     *
     * @return such as {@code repository}
     */
    public String type() {
      return type;
    }

    /**
     * Its name.
     *
     * @return the name
     */
    public String name() {
      return name;
    }

    @Override
    public String toString() {
      return type + " " + name;
    }
  }

  /** All that is known. */
  private final Failure failure;

  StagingException(Failure failure) {
    super(failure.message, failure.cause);
    this.failure = failure;
  }

  Failure failure() {
    return failure;
  }

  /**
   * The code of gRPC.
   *
   * @return the code
   */
  public Status.Code code() {
    return failure.code;
  }

  /**
   * The cause, for programs to match on.
   *
   * @return such as {@code OBJECT_EXISTS}
   */
  public String reason() {
    return failure.reason;
  }

  /**
   * Who names the reason.
   *
   * @return {@code lakefs.staging} for the gateway, {@code lakefs.staging.client} for this library
   */
  public String domain() {
    return failure.domain;
  }

  /**
   * What is known of the upload or link.
   *
   * @return {@link Outcome#NOT_COMMITTED} or {@link Outcome#UNKNOWN}; {@link Outcome#UNSPECIFIED}
   *     for calls that change nothing
   */
  public Outcome outcome() {
    return failure.outcome;
  }

  /**
   * What to do.
   *
   * @return the advice
   */
  public Advice advice() {
    return failure.advice;
  }

  /**
   * How long to wait before the same call.
   *
   * @return the time; empty where the gateway names none
   */
  public Optional<Duration> retryAfter() {
    return Optional.ofNullable(failure.retryAfter);
  }

  /**
   * All that is wrong with the request.
   *
   * @return an unmodifiable list
   */
  public List<Violation> violations() {
    return List.copyOf(failure.violations);
  }

  /**
   * What was not found.
   *
   * @return the resource; empty where it is not about one
   */
  public Optional<Resource> resource() {
    return Optional.ofNullable(failure.resource);
  }

  /**
   * The object that stands in the way.
   *
   * @return what is at the path; empty where nothing is, or it is not about that
   */
  public Optional<ObjectStats> object() {
    return Optional.ofNullable(failure.object);
  }

  /**
   * Further facts, such as {@code callId}, by which the gateway's log names the call.
   *
   * @return an unmodifiable map
   */
  public Map<String, String> metadata() {
    return Map.copyOf(failure.metadata);
  }

  /**
   * The request id of the upload.
   *
   * @return what {@link StagingClient#outcome} takes; empty where there is none
   */
  public String requestId() {
    return failure.requestId;
  }

  /**
   * How often the gateway was called for it.
   *
   * @return 0 if it came to no call
   */
  public int attempts() {
    return failure.attempts;
  }

  /**
   * Whether the same upload may succeed if it is made again.
   *
   * @return true if the advice is {@link Advice#RETRY_CALL} or {@link Advice#RESTART}
   */
  public boolean retryable() {
    return failure.advice == Advice.RETRY_CALL || failure.advice == Advice.RESTART;
  }

  /**
   * Whether it is certain that nothing was linked.
   *
   * @return true if the outcome is {@link Outcome#NOT_COMMITTED}
   */
  public boolean nothingLinked() {
    return failure.outcome == Outcome.NOT_COMMITTED;
  }

  /** The message stays the words of the gateway alone. */
  @SuppressWarnings("OverrideThrowableToString")
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder(getClass().getName());
    text.append(": ").append(getMessage()).append(" [").append(failure.code);
    text.append(", ").append(failure.reason);
    if (failure.outcome != Outcome.UNSPECIFIED) {
      text.append(", outcome ").append(failure.outcome);
    }
    if (failure.advice != Advice.UNSPECIFIED) {
      text.append(", advice ").append(failure.advice);
    }
    if (failure.attempts != 1) {
      text.append(", attempts ").append(failure.attempts);
    }
    String callId = failure.metadata.get("callId");
    if (callId != null) {
      text.append(", callId ").append(callId);
    }
    return text.append(']').toString();
  }
}
