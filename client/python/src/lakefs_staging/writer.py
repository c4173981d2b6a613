"""Writers of objects that are made piece by piece."""

from __future__ import annotations

import codecs
import io
import os
import threading
import warnings
from types import TracebackType
from typing import TYPE_CHECKING, Any

from lakefs_staging import _failure
from lakefs_staging._run import Run
from lakefs_staging._sending import CHUNK_BYTES
from lakefs_staging._source import ONE_MESSAGE_BYTES
from lakefs_staging._stream import UploadStream
from lakefs_staging.errors import NotCommittedError, StagingError
from lakefs_staging.model import Result

if TYPE_CHECKING:
    from typing_extensions import Buffer, Self


class _Scope:
    """What a writer of bytes and one of text have in common: commit, abort, and
    the with-block."""

    result: Result | None
    """What came of it, after the commit."""

    def commit(self) -> Result:
        raise NotImplementedError

    def abort(self) -> None:
        raise NotImplementedError

    def _enter(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._enter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.commit()
        else:
            self.abort()


class Writer(_Scope, io.BufferedIOBase):
    """Uploads what is written to it. Only `commit()`, or the clean end of a
    with-block, links the object: when it is closed or forgotten before, and when
    the process dies, the path stays as it was.

    The first 1 MiB is held: an object that ends there is one message, and its
    upload is repeated as `Client.upload` does. Beyond that it goes as it is
    written, and cannot be repeated; where its outcome is unknown, the gateway is
    asked for it, for at most 30 seconds.

    Within a with-block `close()` only ends the writing, so that what wraps the
    writer (`gzip`, `zipfile`, `io.TextIOWrapper`) may close it.

    For one thread at a time, but for `abort()`, which may come from any and ends
    a write that blocks.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._pid = os.getpid()
        self._buffer = bytearray()
        self._stream: UploadStream | None = None
        self._replies: threading.Thread | None = None
        self._size = 0
        self._in_scope = False
        self._closed = False  # for writing
        self._aborted = False
        self._failure: BaseException | None = None
        self.result = None

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """Does nothing: what is written goes when there is enough of it."""

    @property
    def closed(self) -> bool:
        return self._closed

    def write(self, data: Buffer, /) -> int:
        """Takes the data, all of it.

        Raises:
            StagingError: Of the call, which `commit` raises too.

        Blocking: while the gateway takes no more.

        """
        if self._closed:
            raise ValueError("write to a closed file")
        if not isinstance(data, (bytes, bytearray)):
            data = memoryview(data).cast("B")
        buffer = self._buffer
        buffer += data
        size = len(data)
        self._size += size
        if not self.holds(0):
            self._guarded(self._send_chunks)
        return size

    def holds(self, size: int) -> bool:
        """Whether so many bytes more would only be held, so that a write of them
        does not block."""
        size += len(self._buffer)
        return (
            size <= ONE_MESSAGE_BYTES if self._stream is None else (size < CHUNK_BYTES)
        )

    def commit(self) -> Result:
        """Sends what is left and links the object. A second commit gives the same
        again.

        Raises:
            StagingError: As of `Client.upload`.
            NotCommittedError: It was closed or aborted before.

        Blocking: until the outcome is known, or `timeout` is over.

        """
        if self.result is not None:
            return self.result
        if self._failure is not None:
            raise self._failure
        if self._aborted:
            raise NotCommittedError(
                "the writer was closed or aborted before its commit; nothing was linked"
            )
        self._closed = True
        self.result = self._guarded(self._commit)
        self._run.meter.close()
        return self.result

    def abort(self) -> None:
        """Gives the upload up: nothing is linked. After the commit it does
        nothing."""
        if self.result is not None or self._aborted:
            return
        self._closed = self._aborted = True
        self._run.meter.close()
        self._buffer = bytearray()
        if self._stream is not None and self._pid == os.getpid():
            self._stream.fail(NotCommittedError("the writer was aborted"))

    def close(self) -> None:
        """Ends the writing, and links nothing. Outside of a with-block, and
        without a commit before, it gives the upload up, with a ResourceWarning."""
        self._closed = True
        if not self._in_scope:
            self._give_up("closed")

    def __del__(self) -> None:
        if hasattr(self, "_aborted"):  # else it was never made
            self._give_up("forgotten")

    def _give_up(self, how: str) -> None:
        if self.result is None and not self._aborted and self._failure is None:
            self.abort()
            warnings.warn(
                f"a writer of {self._run.upload.target} was {how} without "
                "commit(): nothing was linked",
                ResourceWarning,
                source=self,
                stacklevel=3,
            )

    def _enter(self) -> None:
        self._in_scope = True

    def __repr__(self) -> str:
        return f"<lakefs_staging.Writer of {self._run.upload.target}>"

    def __reduce__(self) -> Any:
        raise TypeError("a writer cannot be pickled")

    # The upload.

    def _guarded(self, step: Any) -> Any:
        """What one step of the upload raises, the next ones raise too."""
        if self._failure is not None:
            raise self._failure
        if self._pid != os.getpid():
            raise RuntimeError("the writer is of the process that forked this one")
        try:
            return step()
        except BaseException as error:
            self._failure = error
            self._closed = True
            self._run.meter.close()
            if self._stream is not None:
                self._stream.fail(error)
            raise

    def _start(self) -> UploadStream:
        if self._stream is None:
            run = self._run
            try:
                run.begin()
            except StagingError as error:
                raise run.attempts.judge(error) from error.__cause__
            self._stream = run.stream(can_rewind=False)
            # Which does not keep the writer: it may be forgotten meanwhile.
            self._replies = threading.Thread(
                target=self._stream.receive,
                name="lakefs-staging replies",
                daemon=True,
            )
            self._replies.start()
        return self._stream

    def _send_chunks(self) -> None:
        stream = self._start()
        view = memoryview(self._buffer)
        sent = 0
        try:
            while len(view) - sent >= CHUNK_BYTES:
                if not self._send(stream, view[sent : sent + CHUNK_BYTES]):
                    sent = len(view)
                    break
                sent += CHUNK_BYTES
        finally:
            view.release()
        del self._buffer[:sent]

    def _send(self, stream: UploadStream, data: memoryview) -> bool:
        """False if the rest is not needed: it had been linked before."""
        told = self._run.upload.size
        if told is not None and stream.sending.offset + len(data) > told:
            raise self._run.attempts.judge(
                _failure.size_mismatch(told, stream.sending.offset + len(data))
            )
        while not stream.ended and not stream.sending.started:
            stream.await_rewind()
            stream.sending.take_rewind()
        if not stream.ended:
            stream.send(data)
        if stream.ended and stream.result is None:
            self._ended(stream)
        return stream.result is None

    def _ended(self, stream: UploadStream) -> None:
        """Raises the error of the call, unless the gateway knows a result."""
        try:
            stream.outcome()
        except StagingError as error:
            self.result = self._run.fail(error)

    def _commit(self) -> Result:
        if self._stream is None and not self._run.upload.only_by_stream:
            return self._run.one_message(bytes(self._buffer))
        stream = self._start()
        if self._buffer and stream.result is None:
            with memoryview(self._buffer) as view:
                self._send(stream, view)
        self._buffer = bytearray()
        if self.result is not None:
            return self.result
        if not stream.ended:
            self._finish(stream)
        stream.await_end()
        try:
            return self._run.succeed(stream.outcome())
        except StagingError as error:
            return self._run.fail(error)

    def _finish(self, stream: UploadStream) -> None:
        told, found = self._run.upload.size, stream.sending.offset
        if told is not None and told != found:
            raise self._run.attempts.judge(_failure.size_mismatch(told, found))
        while not stream.ended and not stream.sending.started:
            stream.await_rewind()
            stream.sending.take_rewind()
        try:
            stream.finish()
        except StagingError as error:
            raise self._run.attempts.judge(error) from None


class TextWriter(_Scope, io.TextIOBase):
    """A `Writer` of text. The same holds: only `commit()` or the clean end of a
    with-block links."""

    def __init__(
        self, writer: Writer, encoding: str, errors: str, newline: str | None
    ) -> None:
        self._writer = writer
        self._encoder = codecs.getincrementalencoder(encoding)(errors)
        self._encoding = encoding
        self._newline = os.linesep if newline is None else newline

    @property
    def result(self) -> Result | None:  # type: ignore[override]
        return self._writer.result

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    @property
    def closed(self) -> bool:
        return self._writer.closed

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        """Takes the text; raises and blocks as `Writer.write`."""
        if self._newline not in ("", "\n"):
            self._writer.write(self._encoder.encode(text.replace("\n", self._newline)))
        else:
            self._writer.write(self._encoder.encode(text))
        return len(text)

    def flush(self) -> None:
        """Does nothing."""

    def commit(self) -> Result:
        """As of a `Writer`."""
        if not self._writer.closed:
            self._writer.write(self._encoder.encode("", final=True))
        return self._writer.commit()

    def abort(self) -> None:
        """As of a `Writer`."""
        self._writer.abort()

    def close(self) -> None:
        """As of a `Writer`."""
        if not self._writer.closed:
            self._writer.write(self._encoder.encode("", final=True))
        self._writer.close()

    def __del__(self) -> None:
        """The writer says it."""

    def _enter(self) -> None:
        self._writer._enter()

    def __repr__(self) -> str:
        return f"<lakefs_staging.TextWriter of {self._writer!r}>"
