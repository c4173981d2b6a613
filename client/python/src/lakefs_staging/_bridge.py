"""Between an event loop and the threads that the calls are made on."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
)
from typing import Any, Protocol, TypeVar

from lakefs_staging._source import Bytes, Source

T = TypeVar("T")

_END_SECONDS = 1.0


class AsyncReader(Protocol):
    """A file whose read has to be awaited."""

    def read(self, size: int, /) -> Awaitable[bytes]: ...


AsyncSource = Source | AsyncIterable[bytes] | AsyncReader | Callable[[], Awaitable[Any]]


async def in_thread(
    function: Callable[[], T], cancel: Callable[[], object] | None = None
) -> T:
    """What the function returns, on a thread of its own: those of a pool would be
    used up by what blocks. If the task is cancelled, `cancel` is called, and the
    function gets a second to return."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def tell(result: Any, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def run() -> None:
        result: Any = None
        raised: BaseException | None = None
        try:
            result = function()
        except StopIteration as error:  # which a future does not take
            raised = RuntimeError("StopIteration was raised")
            raised.__cause__ = error
        except BaseException as error:
            raised = error
        with contextlib.suppress(RuntimeError):  # the loop is over
            loop.call_soon_threadsafe(tell, result, raised)
        raised = None  # its traceback has this frame

    threading.Thread(target=run, name="lakefs-staging call", daemon=True).start()
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        if cancel is not None:
            cancel()
        future.add_done_callback(_forget)
        await asyncio.wait({future}, timeout=_END_SECONDS)
        raise


def _forget(future: asyncio.Future[Any]) -> None:
    """Nobody waits for it any more; what it raised is of no use."""
    if not future.cancelled():
        future.exception()


class Loop:
    """Lets threads have something awaited by the loop of the task that made it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def wait(self, awaitable: Awaitable[T]) -> T:
        """Blocks a thread until it is there."""
        return asyncio.run_coroutine_threadsafe(
            _coroutine(awaitable), self._loop
        ).result()

    def source(self, source: AsyncSource) -> Source:
        """The same source, for a thread."""
        if hasattr(source, "__aiter__") and not hasattr(source, "read"):
            pieces: Any = source
            return _Pieces(self, aiter(pieces))  # type: ignore[return-value]
        if inspect.iscoroutinefunction(getattr(source, "read", None)):
            return _Reader(self, source)  # type: ignore[return-value]
        if callable(source) and not hasattr(source, "read"):
            return lambda: self._opened(source())
        return source  # type: ignore[return-value]

    def _opened(self, opened: Any) -> Any:
        if inspect.isawaitable(opened):
            opened = self.wait(opened)
        return self.source(opened)

    def objects(self, objects: Any) -> Iterator[Any]:
        """The same objects, for a thread."""
        if isinstance(objects, AsyncIterable):
            return _Objects(self, aiter(objects))
        return iter(objects)


async def _coroutine(awaitable: Awaitable[T]) -> T:
    return await awaitable


_END: Any = object()


class _Objects:
    """An asynchronous iterator, for a thread."""

    def __init__(self, loop: Loop, objects: AsyncIterator[Any]) -> None:
        self._loop = loop
        self._objects = objects

    def __iter__(self) -> _Objects:
        return self

    def __next__(self) -> Any:
        found = self._loop.wait(self._next())
        if found is _END:
            raise StopIteration
        return found

    async def _next(self) -> Any:
        return await anext(self._objects, _END)


class _File:
    """What is awaited, as a file for a thread. Each read is one visit to the loop,
    however small the pieces are."""

    def __init__(self, loop: Loop, stream: Any) -> None:
        self._loop = loop
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        return self._loop.wait(self._gather(size))

    async def _gather(self, size: int) -> bytes:
        raise NotImplementedError

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        close = getattr(self._stream, "aclose", None) or getattr(
            self._stream, "close", None
        )
        if close is not None:
            with contextlib.suppress(RuntimeError):  # it is running
                closed = close()
                if inspect.isawaitable(closed):
                    self._loop.wait(closed)


class _Pieces(_File):
    """Of an asynchronous iterator of bytes."""

    def __init__(self, loop: Loop, pieces: AsyncIterator[Any]) -> None:
        super().__init__(loop, pieces)
        self._rest = b""

    async def _gather(self, size: int) -> bytes:
        buffer = bytearray(self._rest)
        while len(buffer) < size:
            piece = await anext(self._stream, _END)
            if piece is _END:
                break
            buffer += Bytes.checked(piece)
        self._rest = bytes(buffer[size:])
        return bytes(buffer[:size])


class _Reader(_File):
    """Of a file whose read has to be awaited."""

    async def _gather(self, size: int) -> bytes:
        buffer = bytearray()
        while len(buffer) < size:
            piece = Bytes.checked(await self._stream.read(size - len(buffer)))
            if not piece:
                break
            buffer += piece
        return bytes(buffer)
