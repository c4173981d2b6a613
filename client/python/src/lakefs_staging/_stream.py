"""One call of UploadAndLink, of the blocking client."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import grpc

from lakefs_staging import _failure, _methods
from lakefs_staging._connection import SLICE_SECONDS
from lakefs_staging._sending import Sending, WrongRewind
from lakefs_staging.v1 import staging_pb2 as pb

if TYPE_CHECKING:
    from lakefs_staging._run import Run

END_SECONDS = 1.0  # a gateway ends the call right after its result


class Outbox:
    """What gRPC's own thread takes the messages of a call from, one at a time.

    At most one waits here, so that with the one that gRPC has and the one that
    is being made no more than four chunks are held.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: collections.deque[Any] = collections.deque()
        self._closed = False

    def put(self, message: Any) -> bool:
        """Blocks while one waits; False, and nothing is sent, after the end."""
        with self._changed:
            while self._waiting and not self._closed:
                self._changed.wait(SLICE_SECONDS)
            if self._closed:
                return False
            self._waiting.append(message)
            self._changed.notify_all()
            return True

    def close(self) -> None:
        """What waits is still sent, and then the half-close."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def drop(self) -> None:
        """The call is over."""
        with self._changed:
            self._waiting.clear()
            self._closed = True
            self._changed.notify_all()

    def __iter__(self) -> Outbox:
        return self

    def __next__(self) -> Any:
        with self._changed:
            while not self._waiting:
                if self._closed:
                    raise StopIteration
                self._changed.wait()
            self._changed.notify_all()
            return self._waiting.popleft()


class UploadStream:
    """A call. One thread sends, another one (or a third) runs `receive`."""

    def __init__(self, run: Run, can_rewind: bool) -> None:
        self._run = run
        self._can_rewind = can_rewind
        self.sending = Sending(run.upload, can_rewind)
        self._changed = threading.Condition()
        self.ended = False  # there is a result or an error
        self.result: pb.UploadResult | None = None
        self._error: BaseException | None = None  # ours, or the caller's own
        self._lost: grpc.RpcError | None = None  # what the call ended with
        self._outbox = Outbox()
        self._outbox.put(self.sending.header)
        self._call = _methods.upload_and_link(run.connection.channel())(
            self._outbox,
            timeout=seconds_left(run.deadline),
            metadata=run.connection.settings.metadata,
        )

    # For the one who sends.

    def send(self, data: bytes | memoryview) -> bool:
        """Sends the next bytes; False if the call has ended. Blocks while the
        gateway takes none. Raises what the progress callback does."""
        message = self.sending.chunk(data)
        if message is not None and not self._outbox.put(message):
            return False
        self._run.meter.sent(self.sending.hashed)
        return not self.ended

    def finish(self) -> None:
        """Says that all bytes were sent."""
        if self._outbox.put(self.sending.finish()) and not self._can_rewind:
            self._outbox.close()

    def await_rewind(self) -> None:
        """Blocks until there is a rewind to take, or the call has ended."""
        with self._changed:
            while not self.ended and not self.sending.has_rewind:
                self._changed.wait(SLICE_SECONDS)

    def await_end(self) -> None:
        """Blocks until the call has ended."""
        with self._changed:
            while not self.ended:
                self._changed.wait(SLICE_SECONDS)

    def cancel(self) -> None:
        self.fail(_failure.cancelled(self.sending.outcome))

    def fail(self, error: BaseException) -> None:
        """Cancels the call, which then ends with this: nothing is linked."""
        self._end(error=error)
        self._call.cancel()

    # For the one who receives.

    def receive(self) -> None:
        """Takes the replies until the call is over."""
        try:
            for reply in self._replies():
                self._take(reply)
                if self.result is not None:
                    self._close()
                    break
            self._end()
        except Exception as error:  # a callback's
            self.fail(error)
        except BaseException as error:  # such as Ctrl-C
            self.fail(error)
            raise
        finally:
            self._outbox.drop()
            self._call.cancel()

    def _replies(self) -> Iterator[pb.UploadAndLinkResponse]:
        try:
            yield from self._call
        except grpc.RpcError as error:
            self._lost = error

    def _close(self) -> None:
        """Lets the gateway end the call, which has its result."""
        self._outbox.close()
        over = threading.Event()
        if self._call.add_callback(over.set):
            over.wait(END_SECONDS)

    def _take(self, reply: pb.UploadAndLinkResponse) -> None:
        kind = reply.WhichOneof("message")
        if kind == "result":
            self._end(result=reply.result)
        elif kind == "progress":
            self._run.meter.heard(reply.progress)
        elif kind == "checkpoint":
            self._run.attempts.resume_token = reply.checkpoint.token
            if self._run.upload.checkpoint is not None:
                self._run.upload.checkpoint(
                    reply.checkpoint.token, reply.checkpoint.offset
                )
        elif kind == "rewind":
            self._take_rewind(reply.rewind.offset)

    def _take_rewind(self, offset: int) -> None:
        with self._changed:
            try:
                self.sending.heard_rewind(offset)
            except WrongRewind as error:
                raise _failure.bad_reply(
                    self._run.connection.address, str(error), self.sending.outcome
                ) from None
            self._changed.notify_all()

    def _end(
        self,
        result: pb.UploadResult | None = None,
        error: BaseException | None = None,
    ) -> None:
        """The first end is the one that counts."""
        with self._changed:
            if not self.ended:
                self.ended = True
                self.result = result
                self._error = error
            self._changed.notify_all()

    def outcome(self) -> pb.UploadResult:
        """The result of a call that has ended. Raises its error."""
        if self.result is not None:
            return self.result
        if self._error is not None:
            raise self._error
        if self._lost is not None:
            raise _failure.of_call(
                self._run.connection.address, self._lost, self.sending.outcome
            )
        raise _failure.no_result(self._run.connection.address, self.sending.outcome)


def seconds_left(deadline: float | None) -> float | None:
    """Until a deadline of time.monotonic(), as gRPC takes them."""
    if deadline is None:
        return None
    return max(deadline - time.monotonic(), 0.001)
