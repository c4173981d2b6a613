"""What the bytes of an upload come from."""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

from lakefs_staging._failure import (
    invalid_request,
    size_mismatch,
    source_changed,
)
from lakefs_staging._sending import CHUNK_BYTES

# Up to here one message is faster than a stream, and costs little memory.
ONE_MESSAGE_BYTES = 1 << 20

Data = bytes | bytearray | memoryview
Stream = IO[bytes] | Iterable[bytes]
Source = Data | str | os.PathLike[str] | Stream | Callable[[], Any]


class Bytes:
    """What is read, in pieces of the size that is asked for."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._rest: Data = b""  # given and not taken yet
        self._pieces: Iterator[Any] | None = None
        if not hasattr(stream, "read"):
            self._pieces = iter(stream)

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes, but for the end. Raises what the source does."""
        rest = self._rest
        if not rest:  # one piece, as a rule, which is not copied
            rest = self._piece(size)
            if len(rest) == size or not rest:
                self._rest = b""
                return rest if isinstance(rest, bytes) else bytes(rest)
        buffer = bytearray()
        while rest:
            if len(buffer) + len(rest) > size:
                view = memoryview(rest)
                taken = size - len(buffer)
                buffer += view[:taken]
                self._rest = bytes(view[taken:])
                return bytes(buffer)
            buffer += rest
            self._rest = b""
            if len(buffer) == size:
                break
            rest = self._piece(size - len(buffer))
        return bytes(buffer)

    def unread(self, data: Data) -> None:
        """Puts bytes back that were just read."""
        self._rest = bytes(data) + bytes(self._rest)

    def _piece(self, size: int) -> Data:
        if self._pieces is None:
            piece = self._stream.read(size)
            if piece is None:
                raise BlockingIOError("the source does not block")
            return self.checked(piece)
        for piece in self._pieces:
            if len(self.checked(piece)):
                return piece if not isinstance(piece, memoryview) else bytes(piece)
        return b""

    @staticmethod
    def checked(piece: Any) -> Data:
        """The piece, if it is bytes. Raises TypeError."""
        if not isinstance(piece, (bytes, bytearray, memoryview)):
            raise TypeError(
                f"the source gave {type(piece).__name__} instead of bytes; open "
                "files in binary mode"
            )
        return piece


class Opened:
    """A source as an upload uses it. Its methods raise what the source raises,
    and errors of ours where it is not what it was."""

    size: int | None = None  # in bytes, if it is known
    can_rewind = False
    reopens = False  # goes back by a stream of its own, whatever the last one does

    def __init__(self, size: int | None) -> None:
        self._bytes: Bytes | None = None
        if size is not None:
            self.size = size

    @property
    def blocks_not(self) -> bool:
        """Whether reading it takes no time to speak of."""
        return False

    def _open(self) -> Any:
        raise NotImplementedError

    def _current(self) -> Bytes:
        if self._bytes is None:
            self._bytes = Bytes(self._open())
        return self._bytes

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        """Exactly `size` bytes, but for the end."""
        return self._current().read(size)

    def small(self) -> bytes | None:
        """The whole, if it has at most 1 MiB."""
        if self.size is not None and self.size > ONE_MESSAGE_BYTES:
            return None
        most = ONE_MESSAGE_BYTES if self.size is None else self.size
        head = self.read(most + 1)  # one byte more shows that there are more
        if self.size is not None and len(head) != most:
            raise self.mismatch(len(head))
        if len(head) > most:
            self._current().unread(head)
            return None
        self.look_again()
        return head

    def rewind(self, offset: int) -> None:
        """Makes the next bytes those from `offset` on."""
        raise NotImplementedError

    def look_again(self) -> None:
        """Raises SOURCE_CHANGED for a file that was written to meanwhile."""

    def mismatch(self, found: int) -> Exception:
        """Of a source that has not the size that it was said to have."""
        self.look_again()
        return size_mismatch(self.size or 0, found)

    def close(self) -> None:
        """Closes what was opened here."""


class Memory(Opened):
    """Bytes that are at hand."""

    can_rewind = True

    def __init__(self, data: Data, size: int | None = None) -> None:
        super().__init__(size)
        self._data = memoryview(data).cast("B")
        if size is None:
            self.size = len(self._data)
        self._at = 0

    @property
    def blocks_not(self) -> bool:
        return True

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        data = bytes(self._data[self._at : self._at + size])
        self._at += len(data)
        return data

    def small(self) -> bytes | None:
        if self.size != len(self._data):
            raise self.mismatch(len(self._data))
        if len(self._data) > ONE_MESSAGE_BYTES:
            return None
        return bytes(self._data)

    def rewind(self, offset: int) -> None:
        self._at = offset


class Seekable(Opened):
    """A stream that can go back."""

    can_rewind = True

    def __init__(self, stream: Any, size: int | None, owned: bool = False) -> None:
        super().__init__(size)
        self._stream = stream
        self._owned = owned
        self._begin = stream.tell()
        end = stream.seek(0, io.SEEK_END)
        stream.seek(self._begin)
        # Files of /proc say that they are empty, and are not.
        if size is None and end > self._begin:
            self.size = end - self._begin
        self._was = _look_at(stream)

    @property
    def blocks_not(self) -> bool:
        return self._was is not None

    def _open(self) -> Any:
        return self._stream

    def rewind(self, offset: int) -> None:
        self._stream.seek(self._begin + offset)
        self._bytes = Bytes(self._stream)

    def look_again(self) -> None:
        if self._was is not None and _look_at(self._stream) != self._was:
            name = getattr(self._stream, "name", "the file")
            raise source_changed(f"{name!r} was changed while it was read")

    def close(self) -> None:
        if self._owned:
            self._stream.close()


class Reopened(Opened):
    """What a function gives anew, from the beginning."""

    can_rewind = True
    reopens = True

    def __init__(self, opener: Callable[[], Any], size: int | None) -> None:
        super().__init__(size)
        self._opener = opener
        self._opened: Any = None

    def _open(self) -> Any:
        opened = self._opener()
        if isinstance(opened, (bytes, bytearray, memoryview)):
            opened = io.BytesIO(opened)
        self._opened = opened
        return opened

    def rewind(self, offset: int) -> None:
        self.close()
        self._bytes = None
        left = offset
        while left:
            data = self.read(min(left, CHUNK_BYTES))
            if not data:
                raise source_changed(
                    f"the source was opened again and ends after {offset - left} "
                    f"bytes, of which {offset} had been read before"
                )
            left -= len(data)

    def close(self) -> None:
        opened, self._opened = self._opened, None
        _close(opened)


class Once(Opened):
    """What can be read but once."""

    def __init__(self, stream: Any, size: int | None) -> None:
        super().__init__(size)
        self._stream = stream

    def _open(self) -> Any:
        return self._stream

    def rewind(self, offset: int) -> None:
        raise AssertionError("it cannot go back")


def open_source(source: Source, size: int | None) -> Opened:
    """Looks at what `source` can do. Raises what opening it does."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return Memory(source, size)
    if isinstance(source, (str, os.PathLike)):
        return _open_file(pathlib.Path(source), size)
    if hasattr(source, "read"):
        if isinstance(source, io.TextIOBase):
            raise invalid_request("the source is text; open it in binary mode")
        if _can_seek(source):
            return Seekable(source, size)
        return Once(source, size)
    if callable(source):
        return Reopened(source, size)
    if isinstance(source, Iterable):
        return Once(source, size)
    raise invalid_request(
        f"{type(source).__name__} is no source: give bytes, the name of a file, a "
        "binary file, an iterable of bytes, or a function that gives one of these"
    )


def _open_file(path: pathlib.Path, size: int | None) -> Opened:
    stream = path.open("rb", buffering=0)
    if _can_seek(stream):
        return Seekable(stream, size, owned=True)
    return _Owned(stream, size)


class _Owned(Once):
    """A pipe, say, that was opened by its name."""

    def close(self) -> None:
        self._stream.close()


def _can_seek(stream: Any) -> bool:
    try:
        return bool(stream.seekable())
    except AttributeError:
        return hasattr(stream, "seek") and hasattr(stream, "tell")


def _look_at(stream: Any) -> tuple[int, int] | None:
    """Size and time of a regular file; None for anything else."""
    try:
        found = os.fstat(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_size, found.st_mtime_ns


def _close(opened: Any) -> None:
    """Closes what has a close(), also a generator that another thread runs."""
    close = getattr(opened, "close", None)
    if close is not None:
        with contextlib.suppress(ValueError):  # a generator that is running
            close()
