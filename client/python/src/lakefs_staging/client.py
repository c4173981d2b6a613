"""The blocking client."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, overload

from lakefs_staging import _many, _plain
from lakefs_staging._connection import Connection
from lakefs_staging._options import Upload, shared_upload
from lakefs_staging._run import Run, call
from lakefs_staging._settings import TLS, Settings
from lakefs_staging._source import Source, open_source
from lakefs_staging.errors import StagingError
from lakefs_staging.model import (
    Answer,
    Outcome,
    Result,
    SmallObject,
    StagingLocation,
    UploadOutcome,
)
from lakefs_staging.v1 import staging_pb2 as pb
from lakefs_staging.writer import TextWriter, Writer

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from lakefs_staging._options import ObjectOptions, UploadOptions


class Client:
    """Makes the calls of one gateway. Any number of threads may use it.

    The connection is made by the first call, and again when it was lost. A client
    can be pickled: it is its settings. In a process that was forked it makes a
    connection of its own.

    Args:
        gateway: "HOST:PORT" or "unix:/path"; default: the environment's
            LAKEFS_STAGING_GATEWAY, else "127.0.0.1:8765".
        tls: Whether to speak TLS, and how.
        authorization: What a gateway that passes credentials through hands on to
            lakeFS: "Basic …" or "Bearer …"; default: the environment's
            LAKEFS_STAGING_AUTHORIZATION, else none. Without TLS it goes only to a
            unix socket or a loopback address.
        allow_plaintext_authorization: Send it without TLS to any address, such as
            within a mesh that encrypts.
        connect_timeout: Seconds that a call waits for a connection.

    Raises:
        InvalidRequestError: The address is neither, or the authorization cannot
            be sent to it.

    """

    def __init__(
        self,
        gateway: str | None = None,
        *,
        tls: TLS | bool = False,
        authorization: str | None = None,
        allow_plaintext_authorization: bool = False,
        connect_timeout: float = 10.0,
    ) -> None:
        self._connection = Connection(
            Settings(
                gateway, tls, authorization, allow_plaintext_authorization,
                connect_timeout,
            )
        )  # fmt: skip

    def close(self) -> None:
        """Ends the calls that are under way, and drops the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"lakefs_staging.Client({self._connection.address!r})"

    def __getstate__(self) -> Settings:
        return self._connection.settings

    def __setstate__(self, settings: Settings) -> None:
        self._connection = Connection(settings)

    def upload(
        self, source: Source, target: str, **options: Unpack[UploadOptions]
    ) -> Result:
        """Uploads what `source` gives, and links it to `target`.

        At most 1 MiB goes in one message, more as a stream of chunks, of which at
        most four are held; checksums go with them. A stream is read on a thread
        of its own, so that the call can end while it blocks; it must not be used
        before its read has returned.

        Args:
            source: Bytes; the name of a file (`str` or `os.PathLike`); a binary
                file, from where it stands; an iterable of bytes; or a function
                that gives one of the last two anew. Bytes, names, functions and
                files that can seek can be read again, and so can what ended
                within its first 1 MiB: with these an attempt that failed is
                repeated.
            target: "lakefs://REPOSITORY/BRANCH/PATH". The path is all that
                follows the branch's slash, as it is.
            **options: See `UploadOptions`.

        Raises:
            StagingError: With what is known of the outcome. Its classes derive
                from `FileExistsError`, `TimeoutError` and so on where they fit.
            BaseException: What the source or a callback raised, as it was;
                nothing is linked then.

        Blocking: until the outcome is known, or `timeout` is over. Ctrl-C cancels.

        """
        upload = Upload(target, options)
        run = Run(self._connection, upload)
        with run:
            return run.source(open_source(source, upload.size))

    def upload_file(
        self, file: str | os.PathLike[str], target: str,
        **options: Unpack[ObjectOptions],
    ) -> Result:  # fmt: skip
        """Uploads a file on a volume that the gateway sees too; no byte is sent.

        Args:
            file: Its absolute path, as the gateway's --source-root names it for
                callers. It must not change before the call has returned.
            target: As of `upload`.
            **options: See `ObjectOptions`; `progress` and `size_bytes` too.

        Raises:
            StagingError: As of `upload`; with the reason SOURCE_REFUSED or
                NOT_A_GATEWAY where the gateway takes no files, or not this one:
                `upload` sends the bytes.

        Blocking: as `upload`.

        """
        name = os.fspath(file)
        run = Run(self._connection, shared_upload(target, name, options))
        with run:
            return run.shared_file(name)

    def upload_many(self, objects: Iterable[SmallObject]) -> Iterator[Answer]:
        """Uploads any number of small objects, at the least cost for each.

        Gives the answer to each as it is ready, in any order. Each object is an
        upload of its own: it is repeated as `upload` does, and an error of one
        ends nothing else. Two to the same path may come to stand in either order:
        give the second when the first is answered.

        The next object is taken only while fewer than 64 are unanswered; so who
        reads the answers slowly holds the objects up. `objects` is iterated on a
        thread of its own. To leave the iteration cancels what is under way.

        Raises:
            BaseException: What `objects` raised, when what was taken before is
                answered.

        Blocking: each answer until there is one.

        """
        return _many.upload_many(self._connection, objects)

    @overload
    def open(
        self, target: str, mode: Literal["wb", "xb"] = "wb",
        **options: Unpack[UploadOptions],
    ) -> Writer: ...  # fmt: skip

    @overload
    def open(
        self, target: str, mode: Literal["w", "wt", "x", "xt"], *,
        encoding: str = "utf-8", errors: str = "strict",
        newline: str | None = "", **options: Unpack[UploadOptions],
    ) -> TextWriter: ...  # fmt: skip

    def open(
        self, target: str, mode: str = "wb", *, encoding: str = "utf-8",
        errors: str = "strict", newline: str | None = "", **options: Any,
    ) -> Writer | TextWriter:  # fmt: skip
        r"""A writer of the object at `target`.

            with client.open("lakefs://repo/main/big.csv", "w") as out:
                out.write("a,b\n")
            print(out.result.object.checksum)

        It links the object at the clean end of the with-block, or by `commit()`,
        and never else: not when it is closed, forgotten, or the block is left by
        an exception, whatever wraps it.

        Args:
            target: As of `upload`.
            mode: "wb" for bytes, "w" for text; "xb" and "x" fail where the path
                has an object (`if_absent`).
            encoding: Of text.
            errors: What becomes of text that cannot be encoded.
            newline: What "\n" becomes in text; "" leaves it. None: the system's.
            **options: See `UploadOptions`.

        """
        if mode not in ("w", "wb", "wt", "x", "xb", "xt"):
            raise ValueError(f"mode {mode!r} is not one of w, wb, x and xb")
        if mode.startswith("x"):
            options["if_absent"] = True
        writer = Writer(Run(self._connection, Upload(target, options)))
        if mode.endswith("b"):
            return writer
        return TextWriter(writer, encoding, errors, newline)

    def outcome(
        self, request_id: str, target: str | None = None,
        *, timeout: float | None = None,
    ) -> UploadOutcome:  # fmt: skip
        """What became of an earlier upload with this request id, also after its
        caller or its gateway died.

        Args:
            request_id: Of the upload.
            target: Lets the gateway look at the path where its memory does not
                tell.
            timeout: Seconds.

        Raises:
            NotFoundError: Nothing is known of it. That proves nothing: the upload
                never began, failed, runs on another replica, or its object has
                been replaced.

        """
        answer = call(
            self._connection, "GetUploadOutcome",
            _plain.outcome_request(request_id, target), timeout,
        )  # fmt: skip
        return _plain.outcome_of_answer(answer, request_id)

    def get_physical_address(
        self, target: str, *, presign: bool = False, timeout: float | None = None
    ) -> StagingLocation:
        """An address to put the object's bytes at, with a presigned URL if
        `presign`. Changes nothing that a reader can see. Asked once.

        Raises:
            NotFoundError: The repository or the branch is missing.

        """
        answer = call(
            self._connection, "GetPhysicalAddress",
            _plain.address_request(target, presign), timeout,
        )  # fmt: skip
        return _plain.location_of(answer.location)

    def link_physical_address(
        self, target: str, location: StagingLocation, checksum: str,
        size_bytes: int, **options: Unpack[ObjectOptions],
    ) -> Result:  # fmt: skip
        """Links bytes that are already at `location`. Asked once.

        Args:
            target: As of `upload`.
            location: What `get_physical_address` gave.
            checksum: Of the bytes, best the store's ETag without quotes.
            size_bytes: Must be right: a wrong size links and breaks every reader.
            **options: content_type, user_metadata, mtime, force, if_absent,
                if_match and timeout.

        Raises:
            StagingError: As of `upload`; the reason LINK_CONFLICT where the bytes
                have to be put at a new address.

        """
        upload = Upload(target, {**options, "request_id": ""})
        try:
            answer = call(
                self._connection, "LinkPhysicalAddress",
                _plain.link_request(upload, location, checksum, size_bytes),
                upload.timeout, Outcome.UNKNOWN,
            )  # fmt: skip
        except StagingError as failure:
            failure.target = target
            raise
        return _plain.result_of_link(answer)

    def discard(self, resume_token: bytes, *, timeout: float | None = None) -> None:
        """Drops what the store holds of an upload that nobody is going to go on
        with, by the token of any of its checkpoints. No error if there is nothing
        any more; an object that was linked stays."""
        request = pb.DiscardUploadRequest(resume_token=resume_token)
        call(self._connection, "DiscardUpload", request, timeout)
