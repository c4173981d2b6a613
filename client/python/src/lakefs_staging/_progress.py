"""How far an upload is, and when its caller is told."""

from __future__ import annotations

import threading
import time

from lakefs_staging._options import Upload
from lakefs_staging.model import Progress, enum_name
from lakefs_staging.v1 import staging_pb2 as pb

_INTERVAL = 0.2  # seconds


class ProgressMeter:
    """Puts together what the gateway says and, between that, what has been sent:
    a slow store must not look like a standstill."""

    def __init__(self, upload: Upload) -> None:
        self._callback = upload.progress
        self._phase = "UPLOADING"
        self._received = 0
        self._stored = 0
        self._told = 0.0
        self._lock = threading.Lock()  # one call at a time, and none at the end

    def sent(self, received: int) -> None:
        """Takes note of bytes that have been sent; raises what the callback does."""
        self._note(received, 0, now=False)

    def heard(self, told: pb.UploadProgress) -> None:
        """Takes note of what the gateway says; raises what the callback does."""
        phase = enum_name(pb.UploadProgress.Phase, told.phase, "PHASE_")
        if phase != "UNSPECIFIED":
            self._phase = phase
        self._note(told.received_bytes, told.stored_bytes, now=True)

    def done(self, size: int) -> None:
        """Tells the last word; raises what the callback does."""
        self._phase = "LINKING"
        self._note(size, size, now=True)

    def close(self) -> None:
        """From now on nothing is told."""
        with self._lock:
            self._callback = None

    def _note(self, received: int, stored: int, now: bool) -> None:
        with self._lock:
            if self._callback is None:
                return
            self._received = max(self._received, received)
            self._stored = max(self._stored, stored)
            if not now and time.monotonic() - self._told < _INTERVAL:
                return
            self._told = time.monotonic()
            self._callback(Progress(self._phase, self._received, self._stored))
