"""How what is under way is ended from another thread."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator


class Stop:
    """Set once. Who waits looks at it; who has a call under way gives it what
    cancels that."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._cancel: Callable[[], object] | None = None

    def set(self) -> None:
        with self._lock:
            self._event.set()
            if self._cancel is not None:
                self._cancel()

    def is_set(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Whether it was set within this time."""
        return self._event.wait(seconds)

    @contextlib.contextmanager
    def cancels(self, cancel: Callable[[], object]) -> Iterator[None]:
        """While it lasts, what sets it cancels by this."""
        with self._lock:
            self._cancel = cancel
            if self._event.is_set():
                cancel()
        try:
            yield
        finally:
            with self._lock:
                self._cancel = None
