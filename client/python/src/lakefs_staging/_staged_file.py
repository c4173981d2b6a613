"""A file of the fsspec filesystem."""

from __future__ import annotations

import io
import sys
import warnings
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

from lakefs_staging.model import Result
from lakefs_staging.writer import Writer

if TYPE_CHECKING:
    from typing_extensions import Buffer, Self


class StagedFile(io.BufferedIOBase):
    """A `Writer` that is linked by `close()`, as users of fsspec expect, and only
    where that is meant to end the writing well.

    fsspec and what stands on it close their files whatever happened. So `close()`
    links nothing while an exception is being handled that was not when the file
    was opened, and nothing when it comes of a `__del__` or of one of `io`'s
    wrappers that is collected: the file was forgotten then. `commit()` links in
    any case, and `discard()` never.
    """

    def __init__(self, writer: Writer, path: str, mode: str, autocommit: bool) -> None:
        self._writer = writer.__enter__()  # whose close() means nothing then
        self._autocommit = autocommit
        self._handled = sys.exc_info()[1]
        self._forgotten = False
        self.path = path
        self.mode = mode

    @property
    def name(self) -> str:
        return self.path

    @property
    def result(self) -> Result | None:
        """What came of it, after it was linked."""
        return self._writer.result

    @property
    def closed(self) -> bool:
        return self._writer.closed

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._writer.tell()

    def flush(self) -> None:
        """Does nothing, as of `Writer`."""

    def write(self, data: Buffer, /) -> int:
        """As of `Writer`."""
        if self._forgotten:
            return memoryview(data).nbytes
        return self._writer.write(data)

    def commit(self) -> Result:
        """Links it, as of `Writer`; in a transaction only what was closed."""
        self._handled = None
        if self._forgotten or not (self._autocommit or self.closed):
            self._writer.abort()
        return self._writer.commit()

    def discard(self) -> None:
        """Gives it up: nothing is linked."""
        self._handled = None
        self._writer.abort()

    def close(self) -> None:
        """Links it, if that is what is meant; within a transaction of fsspec that
        is done at its end.

        Raises:
            StagingError: As of `Writer.commit`.
        """
        if self.closed or self._forgotten:
            return
        if _within_del(sys._getframe()):
            self._forgotten = True
        elif sys.exc_info()[1] not in (None, self._handled):
            self.discard()
            warnings.warn(
                f"{self.path} was closed while an exception was handled: nothing "
                "was linked; commit() links it whatever happened",
                RuntimeWarning,
                stacklevel=2,
            )
        elif self._autocommit:
            self.commit()
        else:
            self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.discard()
        elif self._autocommit:
            self.commit()
        else:
            self._writer.close()

    def _dealloc_warn(self, _: object) -> None:
        """Called by a wrapper of `io` that is collected, before it closes this."""
        self._forgotten = True

    def __del__(self) -> None:
        """The writer says that it was forgotten."""

    def __repr__(self) -> str:
        return f"<lakefs_staging.fs.StagedFile of {self.path}>"


def _within_del(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False
