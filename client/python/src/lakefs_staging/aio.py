"""The asyncio client: the blocking one, on threads. Calls of gRPC's own asyncio
lose the status of a call that ends while it is written to."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from lakefs_staging import _many
from lakefs_staging._bridge import AsyncSource, Loop, in_thread
from lakefs_staging._options import Upload, shared_upload
from lakefs_staging._run import Run
from lakefs_staging._settings import TLS
from lakefs_staging._source import open_source
from lakefs_staging._stop import Stop
from lakefs_staging.client import Client
from lakefs_staging.model import (
    Answer,
    Result,
    SmallObject,
    StagingLocation,
    UploadOutcome,
)
from lakefs_staging.writer import Writer

if TYPE_CHECKING:
    from typing_extensions import Buffer, Self, Unpack

    from lakefs_staging._options import ObjectOptions, UploadOptions

__all__ = ["AsyncClient", "AsyncWriter"]


class AsyncClient:
    """`Client` for asyncio: the same calls, to be awaited, by any number of tasks
    and event loops.

    A task that is cancelled cancels its call, and nothing is linked unless that
    had been done already. Callbacks are called on a thread.

    Args and raises: as of `Client`.
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
        self._client = Client(
            gateway,
            tls=tls,
            authorization=authorization,
            allow_plaintext_authorization=allow_plaintext_authorization,
            connect_timeout=connect_timeout,
        )

    async def close(self) -> None:
        """Ends the calls that are under way, and drops the connection."""
        await in_thread(self._client.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"lakefs_staging.AsyncClient({self._client._connection.address!r})"

    async def upload(
        self, source: AsyncSource, target: str, **options: Unpack[UploadOptions]
    ) -> Result:
        """As `Client.upload`. The source may also be an asynchronous iterable of
        bytes, a file whose `read` has to be awaited, or a function that gives
        either, or has to be awaited itself. What blocks is read on a thread.
        """
        upload = Upload(target, options)
        run = self._run(upload)
        blocking = Loop().source(source)

        def call() -> Result:
            with run:
                return run.source(open_source(blocking, upload.size))

        return await in_thread(call, run.stop.set)

    async def upload_file(
        self,
        file: str | os.PathLike[str],
        target: str,
        **options: Unpack[ObjectOptions],
    ) -> Result:
        """As `Client.upload_file`."""
        name = os.fspath(file)
        run = self._run(shared_upload(target, name, options))

        def call() -> Result:
            with run:
                return run.shared_file(name)

        return await in_thread(call, run.stop.set)

    def _run(self, upload: Upload) -> Run:
        return Run(self._client._connection, upload)

    async def upload_many(
        self, objects: Iterable[SmallObject] | AsyncIterable[SmallObject]
    ) -> AsyncIterator[Answer]:
        """As `Client.upload_many`, of an iterable or an asynchronous one. The
        first is iterated on a thread."""
        stop = Stop()
        answers = _Answers()
        thread = threading.Thread(
            target=answers.take,
            args=(
                _many.upload_many(
                    self._client._connection, Loop().objects(objects), stop
                ),
            ),
            name="lakefs-staging many",
            daemon=True,
        )
        thread.start()
        try:
            async for answer in answers:
                yield answer
        finally:
            stop.set()
            answers.drop()

    def open(
        self,
        target: str,
        mode: Literal["wb", "xb"] = "wb",
        **options: Unpack[UploadOptions],
    ) -> AsyncWriter:
        """A writer of the object at `target`, of bytes; see `Client.open`.

        async with client.open("lakefs://repo/main/big.csv") as out:
            await out.write(b"a,b")
        """
        if mode not in ("wb", "xb"):
            raise ValueError(f"mode {mode!r} is neither wb nor xb")
        return AsyncWriter(self._client.open(target, mode, **options))

    async def outcome(
        self,
        request_id: str,
        target: str | None = None,
        *,
        timeout: float | None = None,
    ) -> UploadOutcome:
        """As `Client.outcome`."""
        return await in_thread(
            lambda: self._client.outcome(request_id, target, timeout=timeout)
        )

    async def get_physical_address(
        self, target: str, *, presign: bool = False, timeout: float | None = None
    ) -> StagingLocation:
        """As `Client.get_physical_address`."""
        return await in_thread(
            lambda: self._client.get_physical_address(
                target, presign=presign, timeout=timeout
            )
        )

    async def link_physical_address(
        self,
        target: str,
        location: StagingLocation,
        checksum: str,
        size_bytes: int,
        **options: Unpack[ObjectOptions],
    ) -> Result:
        """As `Client.link_physical_address`."""
        return await in_thread(
            lambda: self._client.link_physical_address(
                target, location, checksum, size_bytes, **options
            )
        )

    async def discard(
        self, resume_token: bytes, *, timeout: float | None = None
    ) -> None:
        """As `Client.discard`."""
        await in_thread(lambda: self._client.discard(resume_token, timeout=timeout))


class AsyncWriter:
    """Uploads what is written to it. Only `commit()`, or the clean end of an
    async-with-block, links the object; see `Writer`.

    For one task at a time, but for `abort()`. A write or commit that is cancelled
    gives the upload up.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    @property
    def result(self) -> Result | None:
        """What came of it, after the commit."""
        return self._writer.result

    @property
    def closed(self) -> bool:
        return self._writer.closed

    def tell(self) -> int:
        """Bytes that were written."""
        return self._writer.tell()

    async def write(self, data: Buffer, /) -> int:
        """As `Writer.write`."""
        if self._writer.holds(len(memoryview(data).cast("B"))):
            return self._writer.write(data)
        return await in_thread(lambda: self._writer.write(data), self._writer.abort)

    async def commit(self) -> Result:
        """As `Writer.commit`."""
        return await in_thread(self._writer.commit, self._writer.abort)

    def abort(self) -> None:
        """As `Writer.abort`."""
        self._writer.abort()

    async def close(self) -> None:
        """Links nothing: gives the upload up, with a ResourceWarning, unless it was
        committed before.
        """
        self._writer.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            await self.commit()
        else:
            self.abort()

    def __repr__(self) -> str:
        return f"<lakefs_staging.AsyncWriter of {self._writer!r}>"


class _Answers:
    """Answers on their way from a thread to a task, a few at a time."""

    _MOST = 64

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        self._room = threading.Semaphore(self._MOST)
        self._dropped = False

    def take(self, answers: Any) -> None:
        """The thread."""
        try:
            for answer in answers:
                self._room.acquire()
                if self._dropped:
                    break
                self._put(answer)
            self._put(None)
        except BaseException as error:
            self._put(error)
        finally:
            answers.close()

    def _put(self, item: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, item)
        except RuntimeError:  # the loop is over
            self._dropped = True

    def drop(self) -> None:
        """Nobody reads them any more."""
        self._dropped = True
        self._room.release(self._MOST)

    def __aiter__(self) -> _Answers:
        return self

    async def __anext__(self) -> Answer:
        item = await self._queue.get()
        if item is None:
            raise StopAsyncIteration
        if isinstance(item, BaseException):
            raise item
        self._room.release()
        return item  # type: ignore[no-any-return]
