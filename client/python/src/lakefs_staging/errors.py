"""Errors of the calls. None of them shows a secret."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from lakefs_staging.model import Advice, ObjectStats, Outcome

GATEWAY = "lakefs.staging"
CLIENT = "lakefs.staging.client"


@dataclasses.dataclass(frozen=True)
class Violation:
    """One thing that is wrong with a request."""

    field: str
    """In the protocol's names, such as "header.object.path"."""
    description: str


@dataclasses.dataclass(frozen=True)
class Resource:
    """What was not found."""

    type: str
    """Such as "repository"."""
    name: str


class StagingError(Exception):
    """A call that failed, taken apart."""

    code: str
    """Of gRPC, such as "NOT_FOUND"."""
    reason: str
    """The cause, for programs, such as "LINK_CONFLICT"."""
    domain: str
    """Whose reason it is: "lakefs.staging" is the gateway,
    "lakefs.staging.client" this package."""
    message: str
    """For people."""
    outcome: Outcome
    """NOT_COMMITTED, or UNKNOWN where the object may have been linked;
    UNSPECIFIED for calls that link nothing."""
    advice: Advice
    """What to do."""
    retry_after: float | None
    """Seconds to wait before the same call again, if the gateway told."""
    violations: Sequence[Violation]
    """All that is wrong with a request."""
    resource: Resource | None
    """What was not found, if the gateway told."""
    object: ObjectStats | None
    """What stands in the way, with OBJECT_EXISTS and OBJECT_CHANGED."""
    metadata: Mapping[str, str]
    """Of the reason; "callId" is the call_id in the gateway's log."""
    target: str
    """Of the upload or link; empty for other calls."""
    request_id: str
    """Of the upload; empty if there is none."""
    attempts: int
    """Calls of the gateway that were made."""

    def __init__(
        self,
        code: str = "UNKNOWN",
        reason: str = "",
        message: str = "",
        *,
        domain: str = CLIENT,
        outcome: Outcome = Outcome.UNSPECIFIED,
        advice: Advice = Advice.UNSPECIFIED,
        retry_after: float | None = None,
        violations: Sequence[Violation] = (),
        resource: Resource | None = None,
        object: ObjectStats | None = None,
        metadata: Mapping[str, str] | None = None,
        target: str = "",
        request_id: str = "",
        attempts: int = 0,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.domain = domain
        self.message = message
        self.outcome = outcome
        self.advice = advice
        self.retry_after = retry_after
        self.violations = violations
        self.resource = resource
        self.object = object
        self.metadata = metadata or {}
        self.target = target
        self.request_id = request_id
        self.attempts = attempts

    @property
    def retryable(self) -> bool:
        """Whether making the call again can help."""
        return self.advice in (Advice.RETRY_CALL, Advice.RESTART)

    @property
    def nothing_linked(self) -> bool:
        """Whether it is certain that nothing was linked."""
        return self.outcome is Outcome.NOT_COMMITTED

    def __str__(self) -> str:
        """The target, the reason, the message, and what else is to be known."""
        text = f"{self.target}: " if self.target else ""
        text += f"{self.reason}: {self.message}"
        for violation in self.violations:
            text += f"; {violation.field}: {violation.description}"
        if self.attempts > 1:
            text += f" ({self.attempts} attempts)"
        if self.outcome is Outcome.UNKNOWN:
            text += "; the object may have been linked: " + (
                f"ask for the outcome of request id {self.request_id!r}"
                if self.request_id
                else "look at its path"
            )
        return text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), dict(self.__dict__))


def _rebuild(kind: type[StagingError], fields: dict[str, Any]) -> StagingError:
    return kind(
        **{
            name: value
            for name, value in fields.items()
            if name in StagingError.__annotations__
        }
    )


class ObjectExistsError(StagingError, FileExistsError):
    """Another object is at the path, and if_absent was asked for."""


class ObjectChangedError(StagingError):
    """What is at the path is not what if_match expects."""


class NotFoundError(StagingError, FileNotFoundError):
    """No such repository or branch, or nothing is known of the request id."""


class PermissionDeniedError(StagingError, PermissionError):
    """The user may not do it, or his credentials are not taken."""


class InvalidRequestError(StagingError, ValueError):
    """The request is wrong; `violations` tells how."""


class MismatchError(StagingError):
    """The bytes are not those that were announced."""


class OutcomeUnknownError(StagingError):
    """It could not be found out whether the object was linked."""


class DeadlineExceededError(StagingError, TimeoutError):
    """The time was over."""


class GatewayConnectionError(StagingError, ConnectionError):
    """Nobody answers at the gateway's address, or the connection was lost."""


class OutcomeUnknownDeadlineExceededError(OutcomeUnknownError, DeadlineExceededError):
    """The time was over, and the object may have been linked."""


class OutcomeUnknownConnectionError(OutcomeUnknownError, GatewayConnectionError):
    """The connection was lost, and the object may have been linked."""


class NotCommittedError(Exception):
    """A writer was closed or aborted before its commit; nothing was linked."""


_BY_REASON: Mapping[str, type[StagingError]] = {
    "OBJECT_EXISTS": ObjectExistsError,
    "OBJECT_CHANGED": ObjectChangedError,
    "NOT_FOUND": NotFoundError,
    "PERMISSION_DENIED": PermissionDeniedError,
    "CREDENTIALS_REJECTED": PermissionDeniedError,
    "INVALID_REQUEST": InvalidRequestError,
    "CHECKSUM_MISMATCH": MismatchError,
    "SIZE_MISMATCH": MismatchError,
}
_CONNECTION = ("GATEWAY_UNREACHABLE", "GATEWAY_CONNECTION_LOST")


def class_of(code: str, reason: str, outcome: Outcome) -> type[StagingError]:
    if reason in _BY_REASON:
        return _BY_REASON[reason]
    unknown = outcome is Outcome.UNKNOWN
    if code == "DEADLINE_EXCEEDED":
        return OutcomeUnknownDeadlineExceededError if unknown else DeadlineExceededError
    if reason in _CONNECTION:
        return OutcomeUnknownConnectionError if unknown else GatewayConnectionError
    return OutcomeUnknownError if unknown else StagingError


def make(code: str, reason: str, message: str, **fields: Any) -> StagingError:
    """The error of the class that its reason and outcome ask for."""
    outcome = fields.get("outcome", Outcome.UNSPECIFIED)
    return class_of(code, reason, outcome)(code, reason, message, **fields)


def with_outcome(error: StagingError, outcome: Outcome) -> StagingError:
    """The same error with another outcome, and so perhaps of another class."""
    if error.outcome is outcome:
        return error
    error.outcome = outcome
    kind = class_of(error.code, error.reason, outcome)
    if kind is type(error):
        return error
    again = _rebuild(kind, error.__dict__)
    again.__cause__ = error.__cause__
    return again
