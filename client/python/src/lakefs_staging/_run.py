"""One upload of the blocking client under way: its attempts and what lies between
them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import grpc

from lakefs_staging import _failure, _methods
from lakefs_staging._attempts import ASK_SECONDS, Attempts, pause
from lakefs_staging._connection import SLICE_SECONDS, Connection
from lakefs_staging._crc32c import crc32c
from lakefs_staging._options import Upload
from lakefs_staging._progress import ProgressMeter
from lakefs_staging._source import Opened
from lakefs_staging._stop import Stop
from lakefs_staging._stream import UploadStream, seconds_left
from lakefs_staging.errors import StagingError
from lakefs_staging.model import Outcome, Result, outcome_of, result_of
from lakefs_staging.v1 import staging_pb2 as pb

SUCCESS = (Outcome.COMMITTED, Outcome.SUPERSEDED)


def call(
    connection: Connection,
    name: str,
    request: Any,
    timeout: float | None,
    outcome: Outcome = Outcome.UNSPECIFIED,
    stop: Stop | None = None,
) -> Any:
    """A call of one message each way, once. `outcome` is what holds if it fails
    after it was sent."""
    stop = stop or Stop()
    now = time.monotonic()
    deadline = None if timeout is None else now + timeout
    not_sent = (
        Outcome.UNSPECIFIED if outcome is Outcome.UNSPECIFIED else Outcome.NOT_COMMITTED
    )
    try:
        connection.reach(
            now + connection.settings.connect_timeout, deadline, not_sent, stop
        )
        return exchange(connection, name, request, deadline, stop)
    except grpc.RpcError as error:
        failure = _failure.of_call(connection.address, error, outcome)
    except StagingError as error:
        failure = error
    failure.attempts = 1
    raise failure


def exchange(
    connection: Connection,
    name: str,
    request: Any,
    deadline: float | None,
    stop: Stop,
) -> Any:
    """One message each way. Ctrl-C cancels the call. Raises grpc.RpcError."""
    under_way = _methods.unary(connection.channel(), name).future(
        request,
        timeout=seconds_left(deadline),
        metadata=connection.settings.metadata,
    )
    try:
        with stop.cancels(under_way.cancel):
            return under_way.result()
    except grpc.FutureCancelledError:  # by a client that was closed
        raise _failure.cancelled(
            Outcome.UNKNOWN, "the client has been closed"
        ) from None
    except BaseException:
        under_way.cancel()
        raise


class Run:
    """One upload under way: its attempts, and the time for them."""

    def __init__(
        self, connection: Connection, upload: Upload, stop: Stop | None = None
    ) -> None:
        self.connection = connection
        self.stop = stop or Stop()
        self.upload = upload
        self.attempts = Attempts(upload)
        self.meter = ProgressMeter(upload)
        self.deadline = (
            None if upload.timeout is None else time.monotonic() + upload.timeout
        )
        self._opened: Opened | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self.meter.close()
        if self._opened is not None:
            self._opened.close()

    def source(self, opened: Opened) -> Result:
        self._opened = opened
        if not self.upload.only_by_stream:
            data = self._aside(opened, opened.small)
            if data is not None:
                return self.one_message(data)
        if opened.size is not None:
            self.upload.header.size_bytes = opened.size
        last: _Producer | None = None  # of the attempt before

        def attempt() -> pb.UploadResult:
            nonlocal last
            if last is not None:
                self._settle(last, opened)
            stream = self.stream(opened.can_rewind)
            # The source stands at its beginning at first.
            last = _Producer(stream, opened, rewind=last is not None)
            last.start()
            with self.stop.cancels(stream.cancel):
                stream.receive()
            return stream.outcome()

        return self.repeat(opened.can_rewind, attempt)

    def _settle(self, producer: _Producer, opened: Opened) -> None:
        """Waits until the source is used no more: one that can only seek has to
        return from a read first."""
        while producer.is_alive() and not (producer.reading and opened.reopens):
            if self.deadline is not None and time.monotonic() >= self.deadline:
                raise _failure.out_of_time(Outcome.NOT_COMMITTED)
            if self.stop.is_set():
                raise _failure.cancelled(Outcome.NOT_COMMITTED)
            producer.join(SLICE_SECONDS if opened.reopens is False else 0.01)

    def one_message(self, data: bytes) -> Result:
        """An object of at most 1 MiB."""
        told = self.upload.size
        if told is not None and told != len(data):
            raise self.attempts.judge(_failure.size_mismatch(told, len(data)))
        header = self.upload.header
        header.size_bytes = len(data)
        request = pb.UploadObjectRequest(data=data, crc32c=crc32c(data))

        def attempt() -> pb.UploadResult:
            request.header.CopyFrom(header)
            try:
                answer = exchange(
                    self.connection,
                    "UploadObject",
                    request,
                    self.deadline,
                    self.stop,
                )
            except grpc.RpcError as error:
                raise _failure.of_call(
                    self.connection.address, error, Outcome.UNKNOWN
                ) from None
            if not answer.HasField("result"):
                raise _failure.no_result(self.connection.address, Outcome.UNKNOWN)
            return answer.result  # type: ignore[no-any-return]

        return self.repeat(True, attempt)

    def shared_file(self, file: str) -> Result:
        def attempt() -> pb.UploadResult:
            request = pb.UploadFileRequest(
                header=self.upload.stream_header(False), file=file
            )
            call = _methods.upload_file(self.connection.channel())(
                request,
                timeout=seconds_left(self.deadline),
                metadata=self.connection.settings.metadata,
            )
            result = None
            try:
                with self.stop.cancels(call.cancel):
                    for reply in call:
                        if reply.HasField("result"):
                            result = reply.result
                            break
                        if reply.HasField("progress"):
                            self.meter.heard(reply.progress)
            except grpc.RpcError as error:
                raise _failure.of_call(
                    self.connection.address, error, Outcome.UNKNOWN
                ) from None
            finally:
                call.cancel()
            if result is None:
                raise _failure.no_result(self.connection.address, Outcome.UNKNOWN)
            return result  # type: ignore[no-any-return]

        return self.repeat(True, attempt)

    def stream(self, can_rewind: bool) -> UploadStream:
        return UploadStream(self, can_rewind)

    # Repetition.

    def begin(self) -> None:
        """Begins an attempt: waits for the connection."""
        by = self.attempts.begin(
            time.monotonic(), self.connection.settings.connect_timeout
        )
        self.connection.reach(by, self.deadline, Outcome.NOT_COMMITTED, self.stop)
        self.attempts.connected()

    def repeat(
        self, repeatable: bool, attempt: Callable[[], pb.UploadResult]
    ) -> Result:
        """Makes attempts until one succeeds or no other helps."""
        while True:
            try:
                self.begin()
                result = attempt()
            except StagingError as error:
                wait = self._after(error, repeatable)
                if isinstance(wait, Result):
                    return wait
            else:
                return self.succeed(result)
            self._sleep(wait)

    def _after(self, error: StagingError, repeatable: bool) -> float | Result:
        """Seconds until the next attempt, or what the gateway knows of the last
        one. Raises the error if there is neither."""
        failure = self.attempts.judge(error)
        wait = self.attempts.again(failure, repeatable, time.monotonic(), self.deadline)
        if wait is not None:
            return wait
        if failure.outcome is Outcome.UNKNOWN and not repeatable:
            return self.ask(failure)
        raise failure

    def fail(self, error: StagingError) -> Result:
        """Of an upload whose bytes cannot be had again: what the gateway knows of
        it, else its error is raised."""
        found = self._after(error, repeatable=False)
        assert isinstance(found, Result)
        return found

    def succeed(self, told: pb.UploadResult) -> Result:
        result = result_of(told, self.upload.request_id, self.attempts.made)
        size = result.object.size_bytes
        self.meter.done(self.upload.header.size_bytes if size is None else size)
        return result

    def ask(self, failure: StagingError) -> Result:
        """What became of a call that failed with an unknown outcome. Raises the
        failure if nobody knows."""
        if not self.upload.request_id:
            raise failure
        until = time.monotonic() + ASK_SECONDS
        if self.deadline is not None:
            until = min(until, self.deadline)
        request = pb.GetUploadOutcomeRequest(
            request_id=self.upload.request_id, object=self.upload.header.object
        )
        n = 0
        while (left := until - time.monotonic()) > 0:
            n += 1
            try:
                answer = call(
                    self.connection, "GetUploadOutcome", request, left,
                    stop=self.stop,
                )  # fmt: skip
            except StagingError as error:
                if error.code != "UNAVAILABLE":
                    raise failure from None
            else:
                if outcome_of(answer.outcome) in SUCCESS:
                    answer.result.outcome = answer.outcome
                    return self.succeed(answer.result)
                if not answer.in_progress:
                    raise self.attempts.found(answer, failure) from failure
            if self.stop.wait(max(0, min(pause(n), until - time.monotonic()))):
                break
        raise failure

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            closed = self.connection.closed
            if closed or self.stop.wait(min(left, SLICE_SECONDS)):
                why = "the client has been closed" if closed else "stopped"
                raise self.attempts.judge(
                    _failure.cancelled(Outcome.NOT_COMMITTED, why)
                )

    def _aside(self, opened: Opened, read: Callable[[], Any]) -> Any:
        """Reads on a thread of its own, unless that cannot block; gives up at the
        deadline, and leaves the thread to itself."""
        if opened.blocks_not:
            return read()
        reading = _Reading(read)
        reading.start()
        return reading.wait(self)


class _Reading(threading.Thread):
    """A read of a source that may block for ever."""

    def __init__(self, read: Callable[[], Any]) -> None:
        super().__init__(name="lakefs-staging read", daemon=True)
        self._read = read
        self._over = threading.Event()
        self._data: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._data = self._read()
        except BaseException as error:
            self._error = error
        finally:
            self._over.set()

    def wait(self, run: Run) -> Any:
        while not self._over.is_set():
            left = seconds_left(run.deadline)
            if run.deadline is not None and time.monotonic() >= run.deadline:
                raise run.attempts.judge(_failure.out_of_time(Outcome.NOT_COMMITTED))
            self._over.wait(min(left or SLICE_SECONDS, SLICE_SECONDS))
            if run.stop.is_set():
                raise run.attempts.judge(_failure.cancelled(Outcome.NOT_COMMITTED))
        if self._error is not None:
            raise self._error
        return self._data


class _Producer(threading.Thread):
    """Reads a source and sends what it gives, again from where the gateway wants
    it again, until the call has ended."""

    def __init__(self, stream: UploadStream, source: Opened, rewind: bool) -> None:
        super().__init__(name="lakefs-staging source", daemon=True)
        self._stream = stream
        self._source = source
        self._rewind = rewind
        self.reading = False  # is in a read of the source, perhaps for ever

    def run(self) -> None:
        try:
            if self._rewind:
                self._source.rewind(0)
            while not self._stream.ended:
                self._step()
        except BaseException as error:
            self._stream.fail(error)

    def _step(self) -> None:
        stream, sending, source = self._stream, self._stream.sending, self._source
        if sending.has_rewind:
            offset = sending.take_rewind()
            if offset is not None:
                source.rewind(offset)
        elif sending.finish_sent or not sending.started:
            stream.await_rewind()
        elif data := self._read():
            end = sending.offset + len(data)
            if source.size is not None and end > source.size:
                raise source.mismatch(end)
            stream.send(data)
        elif source.size is not None and sending.offset != source.size:
            raise source.mismatch(sending.offset)
        else:
            source.look_again()
            stream.finish()

    def _read(self) -> bytes:
        self.reading = True
        try:
            return self._source.read()
        finally:
            self.reading = False
