"""What the calls take and give."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lakefs_staging.v1 import staging_pb2 as pb

if TYPE_CHECKING:
    from lakefs_staging.errors import StagingError


class Outcome(str, enum.Enum):
    """What is known about an upload."""

    UNSPECIFIED = "UNSPECIFIED"
    """Of calls that link nothing."""
    COMMITTED = "COMMITTED"
    """The object is stored and linked."""
    NOT_COMMITTED = "NOT_COMMITTED"
    """Nothing was linked, and nothing will be."""
    SUPERSEDED = "SUPERSEDED"
    """The object was linked, and a later writer has already replaced it."""
    UNKNOWN = "UNKNOWN"
    """It could not be found out."""

    __str__ = str.__str__


class Advice(str, enum.Enum):
    """What to do after an error."""

    UNSPECIFIED = "UNSPECIFIED"
    """Of errors of calls that link nothing."""
    RETRY_CALL = "RETRY_CALL"
    """Make the same call again, not before `StagingError.retry_after`."""
    RESTART = "RESTART"
    """Start over with all the bytes."""
    FIX_REQUEST = "FIX_REQUEST"
    """Change the request first."""
    GIVE_UP = "GIVE_UP"
    """No repetition helps; a person has to look."""

    __str__ = str.__str__


@dataclasses.dataclass(frozen=True)
class ObjectStats:
    """An object as lakeFS describes it."""

    path: str
    """Relative to the branch."""
    physical_address: str
    """In the store, in its full form."""
    checksum: str
    """Opaque: an MD5 in hex, or another form of the store's."""
    size_bytes: int | None
    """None where lakeFS did not tell."""
    mtime: datetime.datetime | None
    """In UTC, whole seconds."""
    user_metadata: Mapping[str, str]
    content_type: str


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of an upload or a link that succeeded."""

    object: ObjectStats
    """As it was linked. If superseded, the caller's own, no longer visible."""
    outcome: Outcome
    """COMMITTED or SUPERSEDED."""
    crc32c: int | None = None
    """CRC32C (Castagnoli) of the whole object, computed by the gateway; None
    where an earlier call by another gateway uploaded it, and for links."""
    plan: str = ""
    """How the bytes went to the store, such as "SINGLE_PUT"; empty for links."""
    request_id: str = ""
    """The caller's, or the one that was made for the upload."""
    attempts: int = 1
    """Calls of the gateway that were made."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far an upload is."""

    phase: str
    """What the gateway is doing: "UPLOADING", "COMPLETING" or "LINKING"."""
    received_bytes: int
    """Bytes that have been sent, each counted once."""
    stored_bytes: int
    """Bytes that the store has acknowledged."""


@dataclasses.dataclass(frozen=True)
class UploadOutcome:
    """What is known of an earlier upload."""

    outcome: Outcome
    in_progress: bool
    """Whether it is still running; the outcome is UNKNOWN then."""
    result: Result | None
    """Of an upload that succeeded."""
    failure: StagingError | None
    """How it failed, if it did."""


@dataclasses.dataclass(frozen=True)
class StagingLocation:
    """A place to put an object at; hand it back unchanged."""

    physical_address: str
    """In its store, such as "s3://bucket/data/x"."""
    token: str | None = dataclasses.field(default=None, repr=False)
    """What old releases of lakeFS want back."""
    presigned_url: str | None = dataclasses.field(default=None, repr=False)
    """For one PUT of the bytes. A secret."""
    presigned_url_expiry: datetime.datetime | None = None
    """When that stops to work; None where lakeFS does not tell."""


@dataclasses.dataclass(frozen=True)
class SmallObject:
    """An object of `upload_many`."""

    target: str
    """As of `upload`."""
    data: bytes | bytearray | memoryview
    """At most 4 MiB; not to be changed before the answer."""
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """As of `upload`, but for `progress`, `checkpoint`, `resume_token`, `sha256`
    and `md5`."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What became of an object of `upload_many`."""

    object: SmallObject
    result: Result | None
    error: StagingError | None
    """None if there is a result."""


def enum_name(values: Any, number: int, prefix: str) -> str:
    """The name of a value without its prefix; the number of an unknown one."""
    try:
        return str(values.Name(number)).removeprefix(prefix)
    except ValueError:
        return str(number)


def outcome_of(number: int) -> Outcome:
    """The outcome; UNKNOWN for a number that is not known here."""
    name = enum_name(pb.Outcome, number, "OUTCOME_")
    return Outcome(name) if name in Outcome.__members__ else Outcome.UNKNOWN


def advice_of(number: int) -> Advice:
    """The advice; GIVE_UP for a number that is not known here."""
    name = enum_name(pb.UploadFailure.Advice, number, "ADVICE_")
    return Advice(name) if name in Advice.__members__ else Advice.GIVE_UP


def time_of(stamp: Any) -> datetime.datetime:
    """Of a google.protobuf.Timestamp."""
    return datetime.datetime.fromtimestamp(
        stamp.seconds, datetime.timezone.utc
    ) + datetime.timedelta(microseconds=stamp.nanos // 1000)


def object_stats(told: pb.ObjectStats) -> ObjectStats:
    return ObjectStats(
        path=told.path,
        physical_address=told.physical_address,
        checksum=told.checksum,
        size_bytes=told.size_bytes if told.HasField("size_bytes") else None,
        mtime=time_of(told.mtime) if told.HasField("mtime") else None,
        user_metadata=dict(told.user_metadata),
        content_type=told.content_type,
    )


def result_of(told: pb.UploadResult, request_id: str, attempts: int) -> Result:
    return Result(
        object=object_stats(told.object),
        outcome=outcome_of(told.outcome),
        crc32c=told.crc32c if told.HasField("crc32c") else None,
        plan=enum_name(pb.Plan, told.plan, "PLAN_"),
        request_id=request_id,
        attempts=attempts,
    )
