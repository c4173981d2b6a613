"""Which attempt is followed by another one, and when. Knows no clock and no
transport."""

from __future__ import annotations

import random

from lakefs_staging import errors
from lakefs_staging._failure import told_later
from lakefs_staging._options import Upload, give_names
from lakefs_staging.errors import StagingError
from lakefs_staging.model import Advice, Outcome, outcome_of
from lakefs_staging.v1 import staging_pb2 as pb

_FIRST_BACKOFF = 0.1  # seconds
_MOST_BACKOFF = 5.0

ASK_SECONDS = 30.0  # for a gateway that is restarted, too
_FIRST_PAUSE = 0.2
_LATER_PAUSE = 1.0
_FIRST_ASKS = 10


class Attempts:
    """The attempts of one upload."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self.made = 0
        # When waiting for a connection has had its time: consecutive attempts do
        # not wait for it anew. None: not waited yet.
        self.connect_by: float | None = None
        self.resume_token = b""  # of the newest checkpoint of these attempts
        self._may_be_linked = False  # an attempt before the last one may have

    def begin(self, now: float, connect_timeout: float) -> float:
        """Counts an attempt; until when it may wait for a connection."""
        if self.made and self._upload.counts:
            self._upload.header.attempt += 1
        self.made += 1
        if self.connect_by is None:
            self.connect_by = now + connect_timeout
        return self.connect_by

    def connected(self) -> None:
        self.connect_by = None

    def judge(self, failure: StagingError) -> StagingError:
        """Completes an attempt's error by what those before it have left."""
        if self._may_be_linked and not _has_looked(failure):
            failure = errors.with_outcome(failure, Outcome.UNKNOWN)
        give_names(failure, self._upload, self.made)
        self._may_be_linked = failure.outcome is Outcome.UNKNOWN
        return failure

    def found(
        self, answer: pb.GetUploadOutcomeResponse, failure: StagingError
    ) -> StagingError:
        """The error of an upload that is over and has no result, by what the
        gateway told when it was asked."""
        unknown = outcome_of(answer.outcome) is Outcome.UNKNOWN
        if not answer.HasField("failure") or unknown:
            return failure
        self._may_be_linked = False  # this is the last word
        return self.judge(told_later(answer))

    def again(
        self,
        failure: StagingError,
        repeatable: bool,
        now: float,
        deadline: float | None,
    ) -> float | None:
        """Seconds to wait before the next attempt; None if there is to be none."""
        header = self._upload.header
        helps = failure.retryable
        if failure.reason in ("RESUME_EXPIRED", "RESUME_REFUSED"):
            helps = bool(header.resume_token)
            header.resume_token = self.resume_token = b""
        elif self.resume_token:
            header.resume_token = self.resume_token
        if not helps or not repeatable or self.made >= self._upload.attempts:
            return None
        if failure.outcome is Outcome.UNKNOWN and not header.request_id:
            return None
        if (
            failure.reason == "GATEWAY_UNREACHABLE"
            and self.connect_by is not None
            and now >= self.connect_by
        ):
            return None
        backoff: float = min(
            _MOST_BACKOFF, _FIRST_BACKOFF * 2 ** min(self.made - 1, 10)
        )
        wait = max(failure.retry_after or 0, backoff * random.uniform(0.5, 1))
        if deadline is not None and now + wait >= deadline:
            return None
        return wait


def _has_looked(failure: StagingError) -> bool:
    """Whether the gateway, when it failed, had looked at the path for what an
    earlier attempt had done. One that refuses a call has not."""
    return failure.domain == errors.GATEWAY and (
        failure.advice is Advice.RESTART
        or failure.reason in ("OBJECT_EXISTS", "OBJECT_CHANGED")
    )


def pause(n: int) -> float:
    """Seconds between asking for an outcome the n-th time and the next."""
    return _FIRST_PAUSE if n < _FIRST_ASKS else _LATER_PAUSE


def unanswered(failure: StagingError) -> StagingError:
    """Of an object that has no answer when its stream has ended with this. A
    gateway that ends it with an error of its own has answered all that it had
    begun."""
    if failure.domain != errors.GATEWAY:
        return failure
    if failure.advice is Advice.UNSPECIFIED:
        again = failure.code == "UNAVAILABLE" or failure.retry_after is not None
        failure.advice = Advice.RETRY_CALL if again else Advice.FIX_REQUEST
    return errors.with_outcome(failure, Outcome.NOT_COMMITTED)
