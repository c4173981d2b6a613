"""Many small objects on one stream, of the blocking client."""

from __future__ import annotations

import collections
import math
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import grpc

from lakefs_staging import _failure, _methods
from lakefs_staging._attempts import Attempts, unanswered
from lakefs_staging._connection import SLICE_SECONDS, Connection
from lakefs_staging._crc32c import crc32c
from lakefs_staging._options import Upload, small_upload
from lakefs_staging._stop import Stop
from lakefs_staging._stream import END_SECONDS, Outbox
from lakefs_staging.errors import StagingError
from lakefs_staging.model import Answer, Outcome, SmallObject, result_of
from lakefs_staging.v1 import staging_pb2 as pb

MOST_UNANSWERED = 64  # the gateway takes no more of a stream


def upload_many(
    connection: Connection, objects: Iterable[SmallObject], stop: Stop | None = None
) -> Iterator[Answer]:
    """See `Client.upload_many`. Ends, without a word, when it is stopped."""
    many = _Many(connection, stop or Stop())
    many.take(objects)
    try:
        while (answer := many.next()) is not None:
            yield answer
    finally:
        many.close()


class Item:
    """An object under way."""

    def __init__(self, object: SmallObject) -> None:
        self.object = object
        self.upload: Upload = small_upload(
            object.target, len(object.data), object.options
        )
        data = bytes(object.data)
        timeout = self.upload.timeout
        self.deadline = None if timeout is None else time.monotonic() + timeout
        self.attempts = Attempts(self.upload)
        self.request = pb.UploadManyRequest(data=data, crc32c=crc32c(data))

    def answer(self, told: pb.UploadResult) -> Answer:
        return Answer(
            self.object,
            result_of(told, self.upload.request_id, self.attempts.made),
            None,
        )


class _Many:
    """One iteration. What is not said to be for another thread is for the one
    who iterates."""

    def __init__(self, connection: Connection, stop: Stop) -> None:
        self._connection = connection
        self._stop = stop
        self._changed = threading.Condition()
        # Filled by the thread that takes the objects, as long as there is room.
        self._objects: collections.deque[SmallObject] = collections.deque()
        self._under_way = 0  # taken and not answered
        self._taken = False  # there are no more
        self._raised: BaseException | None = None  # by the objects
        self._over = False
        # Filled by the thread that receives.
        self._replies: collections.deque[Any] = collections.deque()
        self._stream: _Stream | None = None
        self._sent: dict[int, Item] = {}  # by id
        self._later: list[tuple[float, Item]] = []  # to be sent again, and when
        self._answers: collections.deque[Answer] = collections.deque()
        self._connect_by = math.inf  # waiting for a connection has had its time

    # The thread that takes the objects.

    def take(self, objects: Iterable[SmallObject]) -> None:
        threading.Thread(
            target=self._take, args=(objects,), name="lakefs-staging objects",
            daemon=True,
        ).start()  # fmt: skip

    def _take(self, objects: Iterable[SmallObject]) -> None:
        try:
            iterator = iter(objects)
            while self._await_room():
                object = next(iterator)
                with self._changed:
                    self._under_way += 1
                    self._objects.append(object)
                    self._changed.notify_all()
        except StopIteration:
            pass
        except BaseException as error:
            self._raised = error
        with self._changed:
            self._taken = True
            self._changed.notify_all()

    def _await_room(self) -> bool:
        with self._changed:
            while not self._over and self._under_way >= MOST_UNANSWERED:
                self._changed.wait()
            return not self._over

    # The thread that receives.

    def hear(self, reply: Any) -> None:
        with self._changed:
            self._replies.append(reply)
            self._changed.notify_all()

    # The one who iterates.

    def next(self) -> Answer | None:
        """The next answer; None at the end. Raises what the objects raised."""
        while not self._answers:
            if self._stop.is_set():
                return None
            self._send_later()
            with self._changed:
                objects, self._objects = self._objects, collections.deque()
                replies, self._replies = self._replies, collections.deque()
                if not objects and not replies:
                    if self._taken and not self._under_way:
                        break
                    self._changed.wait(self._pause())
                    continue
            for reply in replies:
                self._heard(reply)
            for object in objects:
                self._begin(object)
        if self._answers:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()
            return self._answers.popleft()
        if self._raised is not None:
            raise self._raised
        return None

    def close(self) -> None:
        with self._changed:
            self._over = True
            self._changed.notify_all()
        if self._stream is not None:
            self._stream.close(at_once=bool(self._sent))

    def _pause(self) -> float:
        due = min((when for when, _ in self._later), default=None)
        timed = [
            item.deadline for item in self._sent.values() if item.deadline is not None
        ]
        until = min([*timed, *([] if due is None else [due])], default=None)
        if until is None:
            return SLICE_SECONDS
        return max(0.0, min(until - time.monotonic(), SLICE_SECONDS))

    def _begin(self, object: SmallObject) -> None:
        try:
            item = Item(object)
        except StagingError as failure:
            failure.target = object.target
            self._answers.append(Answer(object, None, failure))
            return
        self._send(item)

    def _send_later(self) -> None:
        now = time.monotonic()
        for item in [
            item
            for item in self._sent.values()
            if item.deadline is not None and now >= item.deadline
        ]:
            del self._sent[item.request.id]
            self._failed(item, _failure.out_of_time(Outcome.UNKNOWN))
        due = [item for when, item in self._later if when <= now]
        self._later = [entry for entry in self._later if entry[0] > now]
        for item in due:
            self._send(item)

    def _send(self, item: Item) -> None:
        try:
            stream = self._open(item)
        except StagingError as failure:
            self._failed(item, failure)
            return
        item.request.header.CopyFrom(item.upload.header)
        item.request.id = stream.next_id()
        self._sent[item.request.id] = item
        stream.outbox.put(item.request)

    def _open(self, item: Item) -> _Stream:
        """The stream, a new one where the last has ended."""
        connection = self._connection
        by = item.attempts.begin(time.monotonic(), connection.settings.connect_timeout)
        # What comes behind one that has waited in vain does not wait anew.
        self._connect_by = min(by, self._connect_by)
        connection.reach(
            self._connect_by, item.deadline, Outcome.NOT_COMMITTED, self._stop
        )
        self._connect_by = math.inf
        item.attempts.connected()
        if self._stream is None:
            self._stream = _Stream(connection, self)
        return self._stream

    def _heard(self, reply: Any) -> None:
        if isinstance(reply, _End):
            self._ended(reply)
            return
        item = self._sent.pop(reply.id, None)
        if item is None:
            return
        if reply.HasField("result"):
            self._answers.append(item.answer(reply.result))
            return
        address = self._connection.address
        self._failed(item, _failure.of_status(address, reply.status, Outcome.UNKNOWN))

    def _ended(self, end: _End) -> None:
        if end.stream is not self._stream:
            return
        self._stream = None
        sent, self._sent = self._sent, {}
        for item in sent.values():
            address = self._connection.address
            self._failed(
                item,
                unanswered(
                    _failure.no_result(address, Outcome.UNKNOWN)
                    if end.error is None
                    else _failure.of_call(address, end.error, Outcome.UNKNOWN)
                ),
            )

    def _failed(self, item: Item, failure: StagingError) -> None:
        failure = item.attempts.judge(failure)
        now = time.monotonic()
        wait = item.attempts.again(failure, True, now, item.deadline)
        if wait is None:
            self._answers.append(Answer(item.object, None, failure))
        else:
            self._later.append((now + wait, item))


class _End:
    """The end of a stream."""

    def __init__(self, stream: _Stream, error: grpc.RpcError | None) -> None:
        self.stream = stream
        self.error = error


class _Stream:
    """One call of UploadMany."""

    def __init__(self, connection: Connection, many: _Many) -> None:
        self._many = many
        self._last = 0
        self.outbox = Outbox()
        self._call = _methods.upload_many(connection.channel())(
            self.outbox, metadata=connection.settings.metadata
        )
        threading.Thread(
            target=self._receive, name="lakefs-staging answers", daemon=True
        ).start()

    def next_id(self) -> int:
        self._last += 1
        return self._last

    def _receive(self) -> None:
        error = None
        try:
            for reply in self._call:
                self._many.hear(reply)
        except grpc.RpcError as lost:
            error = lost
        self.outbox.drop()
        self._many.hear(_End(self, error))

    def close(self, at_once: bool) -> None:
        """Lets the gateway end the call, or cancels it."""
        self.outbox.close()
        if not at_once:
            over = threading.Event()
            if self._call.add_callback(over.set):
                over.wait(END_SECONDS)
        self._call.cancel()
