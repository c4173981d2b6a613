"""The connection of a client: made when it is needed, waited for, and made anew in
a process that was forked."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import Any

import grpc

from lakefs_staging import _failure, _methods
from lakefs_staging._settings import Settings
from lakefs_staging._stop import Stop
from lakefs_staging.model import Outcome
from lakefs_staging.v1 import staging_pb2 as pb

# A wait is cut in slices, so that Ctrl-C gets through on every system.
SLICE_SECONDS = 0.2

_STATES = {state.value[0]: state for state in grpc.ChannelConnectivity}

# In a child of a process that has used it, gRPC of these versions fails or hangs.
_FORK_BREAKS = (1, 59), (1, 80)


class Connection:
    """Threads: any number of them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._live: _Live | None = None
        self.closed = False

    @property
    def address(self) -> str:
        return self.settings.gateway

    def channel(self) -> Any:
        """Raises InvalidRequestError after close() and where gRPC cannot work."""
        return self._get().channel

    def _get(self) -> _Live:
        with self._lock:
            if self.closed:
                raise _failure.cancelled(
                    Outcome.NOT_COMMITTED, "the client has been closed"
                )
            if self._pid != os.getpid():
                if self._live is not None:
                    require_fork()
                self._live, self._pid = None, os.getpid()
            if self._live is None:
                self._live = _Live(self.settings)
            return self._live

    def reach(
        self, by: float, deadline: float | None, outcome: Outcome, stop: Stop
    ) -> None:
        """Waits until the connection stands, so that a later failure is known to
        be a lost connection and not one that never was.

        Raises GATEWAY_UNREACHABLE at `by`, and at once where somebody answers
        who is none to speak with.
        """
        live = self._get()
        until = by if deadline is None else min(by, deadline)
        try:
            live.wait(until, stop)
        except _NotConnected as error:
            raise _failure.unreachable(self.address, error.args[0], outcome) from None

    def close(self) -> None:
        """Ends the calls that are under way."""
        with self._lock:
            self.closed = True
            live, self._live = self._live, None
        if live is not None and self._pid == os.getpid():
            live.close()


class _NotConnected(Exception):
    """With the reason, if there is one."""


class _Live:
    """A channel, and whether it is connected."""

    def __init__(self, settings: Settings) -> None:
        self.channel = settings.channel(grpc)

    def wait(self, until: float, stop: Stop) -> None:
        """Raises _NotConnected."""
        looked = False
        while (state := self._state()) is not grpc.ChannelConnectivity.READY:
            left = 0 if stop.is_set() else until - time.monotonic()
            if state is grpc.ChannelConnectivity.SHUTDOWN or left <= 0:
                raise _NotConnected(self._why_not())
            if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE and not looked:
                looked = True
                if (why := self._why_not()) and _methods.is_answered(why):
                    raise _NotConnected(_methods.short_reason(why))
            self._watch(state, min(left, SLICE_SECONDS))

    # What grpcio offers for it, subscribe(), leaves a thread within gRPC, and then
    # the child of a fork breaks. It stands on these two.

    def _state(self) -> grpc.ChannelConnectivity:
        """Begins to connect, too."""
        try:
            number = self.channel._channel.check_connectivity_state(True)
        except ValueError:  # closed meanwhile
            return grpc.ChannelConnectivity.SHUTDOWN
        return _STATES[number]

    def _watch(self, state: grpc.ChannelConnectivity, seconds: float) -> None:
        """Waits until it is another; and has old gRPC do what there is to do."""
        with contextlib.suppress(ValueError):  # closed meanwhile
            self.channel._channel.watch_connectivity_state(
                state.value[0], time.time() + seconds
            )

    def _why_not(self) -> str:
        """GRPC tells that to calls alone, and one without a connection fails at
        once; this one would be refused."""
        try:
            _methods.unary(self.channel, "GetUploadOutcome")(
                pb.GetUploadOutcomeRequest(), timeout=_methods.WHY_NOT_SECONDS
            )
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                return _methods.short_reason(error.details() or "")
        except ValueError:  # closed meanwhile
            pass
        return ""

    def close(self) -> None:
        self.channel.close()


def require_fork() -> None:
    """Refuses a child in which gRPC would hang."""
    flag = os.environ.get("GRPC_ENABLE_FORK_SUPPORT", "1").lower()
    version = tuple(int(part) for part in grpc.__version__.split(".")[:2])
    if flag in ("0", "false", "no", "off"):
        raise RuntimeError(
            "GRPC_ENABLE_FORK_SUPPORT is off, so that gRPC cannot be used in a "
            "process that was forked from one that has used it: start the process "
            'by "spawn", or make the first call after the fork'
        )
    if _FORK_BREAKS[0] <= version < _FORK_BREAKS[1]:
        raise RuntimeError(
            f"grpcio {grpc.__version__} cannot be used in a process that was forked "
            "from one that has used it: take 1.80 or later, start the process by "
            '"spawn", or make the first call after the fork'
        )
