package example.lakefs_staging;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.ResourceInfo;
import com.google.rpc.RetryInfo;
import example.lakefs_staging.v1.GetUploadOutcomeResponse;
import example.lakefs_staging.v1.UploadFailure;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.protobuf.ProtoUtils;
import java.io.Serializable;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Map;

/**
 * A failed call, taken apart: what a {@link StagingException} carries. The only place that builds
 * them.
 */
final class Failure implements Serializable {
  private static final long serialVersionUID = 1;

  static final String GATEWAY_DOMAIN = "lakefs.staging";
  static final String CLIENT_DOMAIN = "lakefs.staging.client";

  private static final Metadata.Key<com.google.rpc.Status> DETAILS =
      Metadata.Key.of(
          "grpc-status-details-bin",
          ProtoUtils.metadataMarshaller(com.google.rpc.Status.getDefaultInstance()));

  // The code of an error that GetUploadOutcome tells without one.
  private static final Map<String, Status.Code> CODES =
      Map.ofEntries(
          Map.entry("OBJECT_EXISTS", Status.Code.ALREADY_EXISTS),
          Map.entry("OBJECT_CHANGED", Status.Code.ABORTED),
          Map.entry("LINK_CONFLICT", Status.Code.ABORTED),
          Map.entry("SOURCE_CHANGED", Status.Code.ABORTED),
          Map.entry("NOT_FOUND", Status.Code.NOT_FOUND),
          Map.entry("PERMISSION_DENIED", Status.Code.PERMISSION_DENIED),
          Map.entry("CREDENTIALS_REJECTED", Status.Code.UNAUTHENTICATED),
          Map.entry("INVALID_REQUEST", Status.Code.INVALID_ARGUMENT),
          Map.entry("INCOMPLETE_UPLOAD", Status.Code.INVALID_ARGUMENT),
          Map.entry("CHECKSUM_MISMATCH", Status.Code.INVALID_ARGUMENT),
          Map.entry("SIZE_MISMATCH", Status.Code.INVALID_ARGUMENT),
          Map.entry("DEADLINE_EXCEEDED", Status.Code.DEADLINE_EXCEEDED),
          Map.entry("CANCELLED", Status.Code.CANCELLED),
          Map.entry("DRAINING", Status.Code.UNAVAILABLE),
          Map.entry("INTERNAL", Status.Code.INTERNAL));

  Status.Code code = Status.Code.UNKNOWN;
  String reason = "";
  String domain = "";
  String message = "";
  Outcome outcome = Outcome.UNSPECIFIED;
  Advice advice = Advice.UNSPECIFIED;
  Duration retryAfter;
  ArrayList<StagingException.Violation> violations = new ArrayList<>();
  StagingException.Resource resource;
  ObjectStats object;
  HashMap<String, String> metadata = new HashMap<>();
  String requestId = "";
  int attempts = 1;
  transient Throwable cause;

  private Failure() {}

  private Failure(Failure other) {
    code = other.code;
    reason = other.reason;
    domain = other.domain;
    message = other.message;
    outcome = other.outcome;
    advice = other.advice;
    retryAfter = other.retryAfter;
    violations = other.violations;
    resource = other.resource;
    object = other.object;
    metadata = other.metadata;
    requestId = other.requestId;
    attempts = other.attempts;
    cause = other.cause;
  }

  /** An error of this library's own. */
  static Failure own(
      Status.Code code, String reason, String message, Outcome outcome, Advice advice) {
    Failure failure = new Failure();
    failure.code = code;
    failure.reason = reason;
    failure.domain = CLIENT_DOMAIN;
    failure.message = message;
    failure.outcome = outcome;
    failure.advice = advice;
    return failure;
  }

  static StagingException invalid(String message) {
    return own(
            Status.Code.INVALID_ARGUMENT,
            "INVALID_REQUEST",
            message,
            Outcome.NOT_COMMITTED,
            Advice.FIX_REQUEST)
        .after("", 0)
        .toException();
  }

  static StagingException cancelled(String message, Outcome outcome, Throwable cause) {
    Failure failure = own(Status.Code.CANCELLED, "CANCELLED", message, outcome, Advice.RETRY_CALL);
    failure.cause = cause;
    return failure.toException();
  }

  /** The end of a call whose thread was interrupted; the thread stays interrupted. */
  static StagingException interrupted(Outcome outcome, InterruptedException cause) {
    Thread.currentThread().interrupt();
    return cancelled("the call was cancelled", outcome, cause);
  }

  static StagingException late(String address, Outcome outcome) {
    return own(
            Status.Code.DEADLINE_EXCEEDED,
            "DEADLINE_EXCEEDED",
            "the gateway at " + address + " did not finish in time",
            outcome,
            retry(outcome))
        .toException();
  }

  static StagingException unreachable(String address, String why) {
    return own(
            Status.Code.UNAVAILABLE,
            "GATEWAY_UNREACHABLE",
            "no gateway answers at " + address + (why.isEmpty() ? "" : " (" + why + ")"),
            Outcome.NOT_COMMITTED,
            Advice.RETRY_CALL)
        .toException();
  }

  static StagingException badReply(String message, Outcome outcome) {
    return own(Status.Code.INTERNAL, "BAD_REPLY", message, outcome, Advice.GIVE_UP).toException();
  }

  static StagingException noResult(String address, Outcome outcome) {
    return badReply("the gateway at " + address + " ended the call without a result", outcome);
  }

  static StagingException sizeMismatch(long told, String found) {
    return own(
            Status.Code.INVALID_ARGUMENT,
            "SIZE_MISMATCH",
            "the source was said to have " + told + " bytes, and " + found,
            Outcome.NOT_COMMITTED,
            Advice.FIX_REQUEST)
        .toException();
  }

  static StagingException sourceChanged(String message) {
    return own(
            Status.Code.ABORTED, "SOURCE_CHANGED", message, Outcome.NOT_COMMITTED, Advice.RESTART)
        .toException();
  }

  /**
   * The error that a call ended with: the gateway's own words and details, or, where the answer has
   * none, what can be said without them.
   *
   * @param lost what holds if the gateway does not tell the outcome
   */
  static Failure of(Status status, Metadata trailers, String address, Outcome lost) {
    com.google.rpc.Status details = trailers == null ? null : detailsIn(trailers);
    if (details != null) {
      Failure told = new Failure();
      told.code = status.getCode();
      told.message = status.getDescription() == null ? "" : status.getDescription();
      told.cause = status.getCause();
      details.getDetailsList().forEach(told::take);
      if (!told.reason.isEmpty()) {
        return told;
      }
    }
    return withoutDetails(status, address, lost);
  }

  /** The same of an answer within an UploadMany. */
  static Failure of(com.google.rpc.Status answer, String address) {
    Status.Code code = Status.fromCodeValue(answer.getCode()).getCode();
    if (code == Status.Code.OK) {
      code = Status.Code.INTERNAL;
    }
    Failure told = new Failure();
    told.code = code;
    told.message = answer.getMessage();
    answer.getDetailsList().forEach(told::take);
    return told.reason.isEmpty()
        ? withoutDetails(
            code.toStatus().withDescription(answer.getMessage()), address, Outcome.UNKNOWN)
        : told;
  }

  /** The error of an upload that GetUploadOutcome tells. */
  static Failure toldBy(GetUploadOutcomeResponse response) {
    Failure failure = new Failure();
    failure.reason = response.getFailureReason();
    failure.domain = GATEWAY_DOMAIN;
    failure.message = response.getFailureMessage();
    failure.take(response.getFailure());
    if (failure.outcome == Outcome.UNSPECIFIED) {
      failure.outcome = Outcome.of(response.getOutcome());
    }
    failure.code = CODES.getOrDefault(failure.reason, Status.Code.UNKNOWN);
    return failure;
  }

  StagingException toException() {
    switch (reason) {
      case "OBJECT_EXISTS":
        return new ObjectExistsException(this);
      case "OBJECT_CHANGED":
        return new ObjectChangedException(this);
      case "NOT_FOUND":
        return new NotFoundException(this);
      case "PERMISSION_DENIED":
      case "CREDENTIALS_REJECTED":
        return new PermissionDeniedException(this);
      case "INVALID_REQUEST":
        return new InvalidRequestException(this);
      case "CHECKSUM_MISMATCH":
      case "SIZE_MISMATCH":
        return new ContentMismatchException(this);
      default:
        return outcome == Outcome.UNKNOWN
            ? new OutcomeUnknownException(this)
            : new StagingException(this);
    }
  }

  Failure withOutcome(Outcome outcome) {
    Failure copy = new Failure(this);
    copy.outcome = outcome;
    return copy;
  }

  Failure withAdvice(Advice advice) {
    Failure copy = new Failure(this);
    copy.advice = advice;
    return copy;
  }

  /** The same error as that of a whole upload. */
  Failure after(String requestId, int attempts) {
    Failure copy = new Failure(this);
    copy.requestId = requestId;
    copy.attempts = attempts;
    if (outcome == Outcome.UNKNOWN) {
      copy.message +=
          requestId.isEmpty()
              ? "; whether the object was linked is not known: look at the path"
              : "; whether the object was linked is not known: ask for the outcome of request_id "
                  + requestId;
    }
    return copy;
  }

  private static com.google.rpc.Status detailsIn(Metadata trailers) {
    try {
      return trailers.get(DETAILS);
    } catch (IllegalArgumentException e) {
      return null; // not a google.rpc.Status
    }
  }

  private void take(Any any) {
    try {
      takeKnown(any);
    } catch (InvalidProtocolBufferException e) {
      // A detail that cannot be read says nothing.
    }
  }

  private void takeKnown(Any any) throws InvalidProtocolBufferException {
    if (any.is(ErrorInfo.class)) {
      ErrorInfo info = any.unpack(ErrorInfo.class);
      reason = info.getReason();
      domain = info.getDomain();
      metadata.putAll(info.getMetadataMap());
    } else if (any.is(UploadFailure.class)) {
      take(any.unpack(UploadFailure.class));
    } else if (any.is(BadRequest.class)) {
      for (BadRequest.FieldViolation bad : any.unpack(BadRequest.class).getFieldViolationsList()) {
        violations.add(new StagingException.Violation(bad.getField(), bad.getDescription()));
      }
    } else if (any.is(RetryInfo.class)) {
      com.google.protobuf.Duration delay = any.unpack(RetryInfo.class).getRetryDelay();
      retryAfter = Duration.ofSeconds(delay.getSeconds(), delay.getNanos());
    } else if (any.is(ResourceInfo.class)) {
      ResourceInfo info = any.unpack(ResourceInfo.class);
      resource = new StagingException.Resource(info.getResourceType(), info.getResourceName());
    }
  }

  private void take(UploadFailure failure) {
    outcome = Outcome.of(failure.getOutcome());
    advice = Advice.of(failure.getAdvice());
    if (failure.hasObject()) {
      object = new ObjectStats(failure.getObject());
    }
  }

  private static Failure withoutDetails(Status status, String address, Outcome lost) {
    Status.Code code = status.getCode();
    Failure failure;
    switch (code) {
      case UNAVAILABLE:
        failure =
            own(
                code,
                "GATEWAY_CONNECTION_LOST",
                "the connection to the gateway at " + address + " was lost",
                lost,
                retry(lost));
        break;
      case CANCELLED:
        failure = own(code, "CANCELLED", "the call was cancelled", lost, retry(lost));
        break;
      case DEADLINE_EXCEEDED:
        failure = late(address, lost).failure();
        break;
      case UNIMPLEMENTED:
        failure =
            own(
                code,
                "NOT_A_GATEWAY",
                "the server at " + address + " does not offer this call",
                lost == Outcome.UNSPECIFIED ? lost : Outcome.NOT_COMMITTED,
                Advice.FIX_REQUEST);
        break;
      default:
        failure =
            own(
                code,
                "BAD_REPLY",
                "the gateway at " + address + " answered: " + status.getDescription(),
                lost,
                retry(lost));
    }
    failure.cause = status.getCause();
    return failure;
  }

  // Calls that change nothing have neither outcome nor advice.
  private static Advice retry(Outcome outcome) {
    return outcome == Outcome.UNSPECIFIED ? Advice.UNSPECIFIED : Advice.RETRY_CALL;
  }
}
