"""Takes apart what a call ended with."""

from __future__ import annotations

from typing import Any

from lakefs_staging import details_pb2 as details
from lakefs_staging import errors
from lakefs_staging.errors import StagingError
from lakefs_staging.model import (
    Advice,
    Outcome,
    advice_of,
    object_stats,
    outcome_of,
)
from lakefs_staging.v1 import staging_pb2 as pb

DETAILS = "grpc-status-details-bin"

CODES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip

# The code that a reason comes with, where it matters to callers.
_CODE_OF_REASON = {
    "INVALID_REQUEST": "INVALID_ARGUMENT",
    "CHECKSUM_MISMATCH": "INVALID_ARGUMENT",
    "SIZE_MISMATCH": "INVALID_ARGUMENT",
    "NOT_FOUND": "NOT_FOUND",
    "PERMISSION_DENIED": "PERMISSION_DENIED",
    "CREDENTIALS_REJECTED": "UNAUTHENTICATED",
    "OBJECT_EXISTS": "ALREADY_EXISTS",
    "OBJECT_CHANGED": "ABORTED",
    "LINK_CONFLICT": "ABORTED",
    "SOURCE_CHANGED": "ABORTED",
    "DEADLINE_EXCEEDED": "DEADLINE_EXCEEDED",
    "CANCELLED": "CANCELLED",
}


def _advice_for(outcome: Outcome) -> Advice:
    """After an error without details: as the gateway advises."""
    if outcome is Outcome.UNSPECIFIED:
        return Advice.UNSPECIFIED
    return Advice.RETRY_CALL


def invalid_request(message: str) -> StagingError:
    return errors.make(
        "INVALID_ARGUMENT", "INVALID_REQUEST", message,
        outcome=Outcome.NOT_COMMITTED, advice=Advice.FIX_REQUEST,
    )  # fmt: skip


def size_mismatch(told: int, found: int) -> StagingError:
    than = "more" if found > told else "fewer"
    return errors.make(
        "INVALID_ARGUMENT", "SIZE_MISMATCH",
        f"the source has {than} bytes than the {told} that were told",
        outcome=Outcome.NOT_COMMITTED, advice=Advice.FIX_REQUEST,
    )  # fmt: skip


def source_changed(message: str) -> StagingError:
    return errors.make(
        "ABORTED", "SOURCE_CHANGED", message,
        outcome=Outcome.NOT_COMMITTED, advice=Advice.RESTART,
    )  # fmt: skip


def bad_reply(address: str, what: str, outcome: Outcome) -> StagingError:
    return errors.make(
        "INTERNAL", "BAD_REPLY", f"the gateway at {address} {what}",
        outcome=outcome, advice=Advice.GIVE_UP,
    )  # fmt: skip


def no_result(address: str, outcome: Outcome) -> StagingError:
    return bad_reply(address, "ended the call without a result", outcome)


def unreachable(address: str, why: str, outcome: Outcome) -> StagingError:
    return errors.make(
        "UNAVAILABLE", "GATEWAY_UNREACHABLE",
        f"no gateway answers at {address}" + (f" ({why})" if why else ""),
        outcome=outcome, advice=_advice_for(outcome),
    )  # fmt: skip


def out_of_time(outcome: Outcome) -> StagingError:
    return errors.make(
        "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED",
        "the call did not finish in time",
        outcome=outcome, advice=_advice_for(outcome),
    )  # fmt: skip


def cancelled(outcome: Outcome, why: str = "the call was cancelled") -> StagingError:
    return errors.make(
        "CANCELLED", "CANCELLED", why,
        outcome=outcome, advice=_advice_for(outcome),
    )  # fmt: skip


def of_call(address: str, error: Any, outcome: Outcome) -> StagingError:
    """Of what gRPC raised: the gateway's own words and details, or what can be
    said without them. `outcome` is what holds if the gateway tells none."""
    code = error.code().name
    message = error.details() or ""
    metadata = error.trailing_metadata() or ()
    blob = next((value for key, value in metadata if key == DETAILS), b"")
    failure = of_details(blob, code, message)
    if failure is None:
        failure = _untold(address, code, message, outcome)
    elif failure.outcome is Outcome.UNSPECIFIED:
        failure = errors.with_outcome(failure, outcome)
    failure.__cause__ = error
    return failure


def of_status(address: str, blob: bytes, outcome: Outcome) -> StagingError:
    """Of a serialized google.rpc.Status, such as an answer of UploadMany."""
    status = details.Status()
    try:
        status.ParseFromString(blob)
    except Exception:
        status.code = 0
    if not 0 < status.code < len(CODES):
        return no_result(address, outcome)
    failure = of_details(blob, CODES[status.code], status.message)
    if failure is None:
        return _untold(address, CODES[status.code], status.message, outcome)
    if failure.outcome is Outcome.UNSPECIFIED:
        failure = errors.with_outcome(failure, outcome)
    return failure


def of_details(blob: bytes, code: str, message: str) -> StagingError | None:
    """Takes apart what a gateway told; None if it told no reason."""
    fields: dict[str, Any] = {}
    reason = ""
    try:
        status = details.Status.FromString(blob)
        for detail in status.details:
            kind = detail.type_url.rpartition("/")[2]
            if kind == "google.rpc.ErrorInfo":
                info = details.ErrorInfo.FromString(detail.value)
                reason = info.reason
                fields["domain"] = info.domain
                fields["metadata"] = dict(info.metadata)
            elif kind == "google.rpc.RetryInfo":
                retry = details.RetryInfo.FromString(detail.value).retry_delay
                fields["retry_after"] = max(0, retry.seconds + retry.nanos / 1e9)
            elif kind == "google.rpc.ResourceInfo":
                told = details.ResourceInfo.FromString(detail.value)
                fields["resource"] = errors.Resource(
                    told.resource_type, told.resource_name
                )
            elif kind == "google.rpc.BadRequest":
                fields["violations"] = tuple(
                    errors.Violation(v.field, v.description)
                    for v in details.BadRequest.FromString(
                        detail.value
                    ).field_violations
                )
            elif kind == "lakefs.staging.v1.UploadFailure":
                fields.update(_of_upload(pb.UploadFailure.FromString(detail.value)))
    except Exception:  # of protobuf, which has no common one: no details
        return None
    return errors.make(code, reason, message, **fields) if reason else None


def _of_upload(told: pb.UploadFailure) -> dict[str, Any]:
    return {
        "outcome": outcome_of(told.outcome),
        "advice": advice_of(told.advice),
        "object": (object_stats(told.object) if told.HasField("object") else None),
    }


def told_later(answer: pb.GetUploadOutcomeResponse) -> StagingError:
    """Of a call that the gateway tells of afterwards."""
    return errors.make(
        _CODE_OF_REASON.get(answer.failure_reason, "UNKNOWN"),
        answer.failure_reason, answer.failure_message,
        domain=errors.GATEWAY, **_of_upload(answer.failure),
    )  # fmt: skip


def _untold(address: str, code: str, message: str, outcome: Outcome) -> StagingError:
    advice = _advice_for(outcome)
    if code == "UNAVAILABLE":
        reason = "GATEWAY_CONNECTION_LOST"
        message = f"the connection to the gateway at {address} was lost"
    elif code == "DEADLINE_EXCEEDED":
        reason = "DEADLINE_EXCEEDED"
        message = f"the gateway at {address} did not finish in time"
    elif code == "CANCELLED":
        reason, message = "CANCELLED", "the call was cancelled"
    elif code == "UNIMPLEMENTED":
        reason = "NOT_A_GATEWAY"
        message = f"the server at {address} does not offer this call"
        if outcome is not Outcome.UNSPECIFIED:
            outcome, advice = Outcome.NOT_COMMITTED, Advice.FIX_REQUEST
    else:
        reason = "BAD_REPLY"
        message = f"the gateway at {address} answered: {message}"
    return errors.make(code, reason, message, outcome=outcome, advice=advice)
