"""Options of an upload, and the header that they make."""

from __future__ import annotations

import datetime
import math
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from lakefs_staging._failure import invalid_request
from lakefs_staging._target import parse_target, require_utf8
from lakefs_staging.model import Progress
from lakefs_staging.v1 import staging_pb2 as pb

if TYPE_CHECKING:
    from lakefs_staging.errors import StagingError

DEFAULT_ATTEMPTS = 5
MAX_SMALL_OBJECT_BYTES = 4 << 20


class ObjectOptions(TypedDict, total=False):
    """Options of every kind of upload, by name. None is as if it were left out."""

    content_type: str | None
    """Media type, at most 256 bytes. Default: lakeFS's,
    application/octet-stream."""
    user_metadata: Mapping[str, str] | None
    """Metadata to store with the object: at most 64 entries and 8 KiB in all,
    keys of 1 to 256 bytes."""
    if_absent: bool | None
    """Create only: `ObjectExistsError` where the path has an object."""
    if_match: str | None
    """Compare and swap: `ObjectChangedError` where the path has not an object of
    this `ObjectStats.checksum`. For servers that implement If-Match; excludes
    `if_absent`."""
    force: bool | None
    """Write even to a read-only repository."""
    mtime: datetime.datetime | float | None
    """Time of modification to record, in seconds since the epoch if a number;
    cut to whole seconds. A time without zone is local. Default: now."""
    request_id: str | None
    """Key by which the gateway knows the upload: 1 to 128 bytes of printable
    ASCII. By default one is made. "" switches it off, and with it every
    repetition after which the outcome could be unknown."""
    attempt: int | None
    """Which call with your request_id the first one of this upload is: 1 if
    there was none before, which is a request cheaper. A 1 that is not true can
    link a second object over the first."""
    attempts: int | None
    """Calls of the gateway that are made at most, the first included. Default:
    5."""
    timeout: float | None
    """Seconds for all of it: the source, each attempt and what lies between.
    Default: none."""


class UploadOptions(ObjectOptions, total=False):
    """Options of `upload` and `open`."""

    size_bytes: int | None
    """How many bytes will come, where that is not found out. Others are a
    `MismatchError`, and nothing is linked."""
    sha256: bytes | None
    """Digest of the whole, 32 bytes: the gateway compares it before it links,
    which costs it more than moving the bytes does."""
    md5: bytes | None
    """The same with an MD5, 16 bytes."""
    progress: Callable[[Progress], object] | None
    """Told how far the upload is: a few times a second, never backwards, and at
    least once, with the final number. What it raises ends the upload, unless
    that was the last word, and is raised by the call."""
    checkpoint: Callable[[bytes, int], object] | None
    """Told each token by which the upload can be gone on with after a crash, and
    the offset, in bytes, before which nothing needs to be sent again. The newest
    takes the place of earlier ones. A token is a secret: keep it where only you
    can read it. What it raises ends the upload. Needs `request_id`."""
    resume_token: bytes | None
    """Goes on with the upload that the token is of. Target, source, `request_id`
    and the options have to be those of the call that was told it. What is stored
    is read again, for the checksum of the whole, and not sent."""


_NO_STREAM = (
    "size_bytes", "sha256", "md5", "progress", "checkpoint", "resume_token",
)  # fmt: skip
_DIGESTS = {"sha256": 32, "md5": 16}
_KNOWN = frozenset(UploadOptions.__annotations__) | frozenset(
    ObjectOptions.__annotations__
)


class Upload:
    """One object as the caller asked for it, which may take several attempts."""

    def __init__(self, target: str, options: Mapping[str, Any]) -> None:
        told = {name: value for name, value in options.items() if value is not None}
        if unknown := sorted(set(told) - _KNOWN):
            raise TypeError(f"there is no option {', '.join(unknown)}")
        self.target = target
        self.attempts: int = told.get("attempts", DEFAULT_ATTEMPTS)
        self.timeout: float | None = told.get("timeout")
        self.size: int | None = told.get("size_bytes")
        self.sha256: bytes | None = told.get("sha256")
        self.md5: bytes | None = told.get("md5")
        self.progress: Callable[[Progress], object] | None = told.get("progress")
        self.checkpoint: Callable[[bytes, int], object] | None = told.get("checkpoint")
        self.counts = False  # header.attempt counts the attempts
        self.header = self._header(told)
        self._check(told)

    def _header(self, told: Mapping[str, Any]) -> pb.UploadHeader:
        """Stays as it is for all attempts, but for what belongs to one of them."""
        header = pb.UploadHeader(object=parse_target(self.target))
        for name in "content_type", "if_match", "request_id":
            if name in told:
                require_utf8(name, told[name])
                setattr(header, name, told[name])
        for key, value in told.get("user_metadata", {}).items():
            require_utf8("the key of metadata", key)
            require_utf8(f"the metadata {key!r}", value)
            header.user_metadata[key] = value
        header.if_absent = told.get("if_absent", False)
        header.force = told.get("force", False)
        header.resume_token = told.get("resume_token", b"")
        if "mtime" in told:
            mtime = told["mtime"]
            if isinstance(mtime, datetime.datetime):
                mtime = mtime.timestamp()
            header.mtime.seconds = math.floor(mtime)
        if self.size is not None:
            header.size_bytes = self.size
        if "request_id" not in told:
            header.request_id = str(uuid.uuid4())
            header.attempt = 1
            self.counts = True
        elif "attempt" in told:
            header.attempt = told["attempt"]
            self.counts = header.attempt > 0
        return header

    def _check(self, told: Mapping[str, Any]) -> None:
        if self.attempts < 1:
            raise invalid_request("attempts has to be 1 or more")
        if self.timeout is not None and not self.timeout > 0:
            raise invalid_request("timeout has to be more than 0 seconds")
        for name, size in _DIGESTS.items():
            if name in told and len(told[name]) != size:
                raise invalid_request(f"{name} has to have {size} bytes")
        needs = self.checkpoint is not None or self.header.resume_token
        if needs and not told.get("request_id"):
            raise invalid_request("checkpoint and resume_token need a request_id")

    @property
    def request_id(self) -> str:
        return self.header.request_id

    @property
    def resumes(self) -> bool:
        """Whether it goes on with an earlier one."""
        return bool(self.header.resume_token)

    @property
    def only_by_stream(self) -> bool:
        return self.resumes or self.sha256 is not None or self.md5 is not None

    def stream_header(self, can_rewind: bool) -> pb.UploadHeader:
        """The header of one call of UploadAndLink."""
        header = pb.UploadHeader()
        header.CopyFrom(self.header)
        header.progress = self.progress is not None
        header.can_rewind = can_rewind
        header.resumable = self.checkpoint is not None
        header.sha256_follows = self.sha256 is not None
        header.md5_follows = self.md5 is not None
        return header


def refuse(options: Mapping[str, Any], call: str, names: tuple[str, ...]) -> None:
    """Refuses options that the call cannot have."""
    given = [name for name in names if options.get(name) is not None]
    if given:
        raise invalid_request(f"{call} takes no {' and no '.join(given)}")


def small_upload(target: str, size: int, options: Mapping[str, Any]) -> Upload:
    """An object of UploadMany."""
    refuse(options, "upload_many", _NO_STREAM)
    upload = Upload(target, options)
    if size > MAX_SMALL_OBJECT_BYTES:
        raise invalid_request(
            f"the object has {size} bytes; upload_many takes at most "
            f"{MAX_SMALL_OBJECT_BYTES}"
        )
    upload.header.size_bytes = size
    return upload


def shared_upload(target: str, file: str, options: Mapping[str, Any]) -> Upload:
    """A file that the gateway reads itself."""
    refuse(options, "upload_file", ("sha256", "md5", "checkpoint", "resume_token"))
    require_utf8("the name of the file", file)
    return Upload(target, options)


def give_names(failure: StagingError, upload: Upload, attempts: int) -> None:
    """Completes an error by whose it is."""
    failure.target = upload.target
    failure.request_id = upload.request_id
    failure.attempts = attempts
