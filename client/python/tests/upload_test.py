"""Uploads of every kind of source, with options, errors and repetition."""

from __future__ import annotations

import datetime
import io
import pathlib
import pickle
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fake_gateway import FakeGateway, Fault

import lakefs_staging
from lakefs_staging import Advice, Client, Outcome

TARGET = "lakefs://repo/main/a"
MIB = 1 << 20
DRAINING = Fault("UNAVAILABLE", "DRAINING")


class OwnError(Exception):
    pass


def pieces(data: bytes) -> Iterator[bytes]:
    for at in range(0, len(data), 70_001):
        yield data[at:][:70_001]


class Pipe(io.RawIOBase):
    """Can be read once."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, 100_003))


SOURCES: dict[str, Any] = {
    "bytes": lambda data: data,
    "memoryview": memoryview,
    "file": io.BytesIO,
    "pipe": Pipe,
    "iterable": pieces,
    "function": lambda data: lambda: io.BytesIO(data),
    "function of an iterable": lambda data: lambda: pieces(data),
}


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("size", [0, 1, MIB, MIB + 1, 5 * MIB + 17])
def test_every_source_arrives(
    client: Client, gateway: FakeGateway, kind: str, size: int
) -> None:
    data = bytes(n % 251 for n in range(1009)) * (size // 1009 + 1)
    data = data[:size]
    result = client.upload(SOURCES[kind](data), TARGET)
    assert gateway.objects == {"repo/main/a": data}
    assert result.outcome is Outcome.COMMITTED
    assert result.object.size_bytes == size
    assert gateway.calls == ["UploadObject" if size <= MIB else "UploadAndLink"]


def test_file_is_taken_by_its_name(
    client: Client, gateway: FakeGateway, tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "report.csv"
    file.write_bytes(b"a,b\n")
    client.upload(file, TARGET)
    client.upload(str(file), "lakefs://repo/main/b")
    assert gateway.objects == {"repo/main/a": b"a,b\n", "repo/main/b": b"a,b\n"}


def test_file_goes_from_where_it_stands(client: Client, gateway: FakeGateway) -> None:
    file = io.BytesIO(b"head,body")
    file.seek(5)
    client.upload(file, TARGET)
    assert gateway.objects == {"repo/main/a": b"body"}


def test_options_are_in_the_header(client: Client, gateway: FakeGateway) -> None:
    client.upload(
        b"x",
        TARGET,
        content_type="text/csv",
        user_metadata={"team": "données"},
        if_absent=True,
        force=True,
        mtime=datetime.datetime(2024, 5, 1, 12, 0, 0, 999, datetime.timezone.utc),
        request_id="mine",
        progress=None,
    )
    (header,) = gateway.headers
    assert header.content_type == "text/csv"
    assert dict(header.user_metadata) == {"team": "données"}
    assert (header.if_absent, header.force) == (True, True)
    assert header.mtime.seconds == 1714564800
    assert (header.request_id, header.attempt) == ("mine", 0)


@pytest.mark.parametrize(
    "target",
    [
        "s3://repo/main/a", "lakefs://repo", "lakefs://repo/main", "lakefs:///main/a",
        "lakefs://repo/main/", "lakefs://repo/main/\udc80", "",
    ],
)  # fmt: skip
def test_bad_target_is_no_call(
    client: Client, gateway: FakeGateway, target: str
) -> None:
    with pytest.raises(lakefs_staging.InvalidRequestError) as caught:
        client.upload(b"", target)
    assert caught.value.nothing_linked
    assert not gateway.calls


def test_option_that_is_not_there_is_an_error(client: Client) -> None:
    with pytest.raises(TypeError, match="contenttype"):
        client.upload(b"", TARGET, contenttype="text/csv")  # type: ignore[call-arg]


@pytest.mark.parametrize("size", [3, 3 * MIB])
def test_repeatable_source_is_sent_again_under_one_id(
    client: Client, gateway: FakeGateway, size: int
) -> None:
    gateway.faults = [Fault("UNAVAILABLE", "DRAINING", retry_after=1), DRAINING]
    begun = time.monotonic()
    result = client.upload(io.BytesIO(b"x" * size), TARGET)
    assert time.monotonic() - begun >= 1
    assert gateway.objects == {"repo/main/a": b"x" * size}
    assert result.attempts == 3
    assert [h.attempt for h in gateway.headers] == [1, 2, 3]
    assert len({h.request_id for h in gateway.headers}) == 1


def test_source_that_is_gone_is_not_repeated(
    client: Client, gateway: FakeGateway
) -> None:
    gateway.faults = [DRAINING]
    with pytest.raises(lakefs_staging.StagingError) as caught:
        client.upload(pieces(bytes(3 * MIB)), TARGET)
    assert caught.value.reason == "DRAINING"
    assert caught.value.retryable
    assert len(gateway.calls) == 1
    assert not gateway.objects


def test_outcome_is_asked_for_where_it_is_unknown(
    client: Client, gateway: FakeGateway
) -> None:
    from lakefs_staging.v1 import staging_pb2 as pb

    gateway.faults = [Fault("UNAVAILABLE", "LINK_UNKNOWN", outcome="UNKNOWN")]
    gateway.outcomes = [
        pb.GetUploadOutcomeResponse(outcome="OUTCOME_UNKNOWN", in_progress=True),
        pb.GetUploadOutcomeResponse(
            outcome="OUTCOME_COMMITTED",
            result=pb.UploadResult(object=pb.ObjectStats(path="a", checksum="found")),
        ),
    ]
    result = client.upload(pieces(bytes(3 * MIB)), TARGET)
    assert result.object.checksum == "found"
    assert gateway.calls == ["UploadAndLink", "GetUploadOutcome", "GetUploadOutcome"]


def test_attempts_come_to_an_end(client: Client, gateway: FakeGateway) -> None:
    gateway.faults = [DRAINING] * 9
    with pytest.raises(lakefs_staging.StagingError) as caught:
        client.upload(b"x", TARGET, attempts=2)
    assert caught.value.attempts == 2
    assert len(gateway.calls) == 2


@pytest.mark.parametrize(
    ("code", "reason", "outcome", "kind", "builtin"),
    [
        ("ALREADY_EXISTS", "OBJECT_EXISTS", "NOT_COMMITTED",
         lakefs_staging.ObjectExistsError, FileExistsError),
        ("ABORTED", "OBJECT_CHANGED", "NOT_COMMITTED",
         lakefs_staging.ObjectChangedError, Exception),
        ("NOT_FOUND", "NOT_FOUND", "NOT_COMMITTED",
         lakefs_staging.NotFoundError, FileNotFoundError),
        ("PERMISSION_DENIED", "PERMISSION_DENIED", "NOT_COMMITTED",
         lakefs_staging.PermissionDeniedError, PermissionError),
        ("UNAUTHENTICATED", "CREDENTIALS_REJECTED", "NOT_COMMITTED",
         lakefs_staging.PermissionDeniedError, PermissionError),
        ("INVALID_ARGUMENT", "INVALID_REQUEST", "NOT_COMMITTED",
         lakefs_staging.InvalidRequestError, ValueError),
        ("INVALID_ARGUMENT", "CHECKSUM_MISMATCH", "NOT_COMMITTED",
         lakefs_staging.MismatchError, Exception),
        ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", "NOT_COMMITTED",
         lakefs_staging.DeadlineExceededError, TimeoutError),
        ("INTERNAL", "SOMETHING_NEW", "UNKNOWN",
         lakefs_staging.OutcomeUnknownError, Exception),
        ("INTERNAL", "SOMETHING_NEW", "NOT_COMMITTED",
         lakefs_staging.StagingError, Exception),
    ],
)  # fmt: skip
def test_error_is_of_the_class_of_its_reason(
    client: Client, gateway: FakeGateway, code: str, reason: str, outcome: str,
    kind: type[Exception], builtin: type[Exception],
) -> None:  # fmt: skip
    gateway.faults = [Fault(code, reason, outcome=outcome, advice="GIVE_UP")]
    with pytest.raises(builtin) as caught:
        client.upload(b"x", TARGET)
    error = caught.value
    assert type(error) is kind
    assert isinstance(error, lakefs_staging.StagingError)
    assert (error.code, error.reason, error.outcome) == (code, reason, outcome)
    assert error.advice is Advice.GIVE_UP
    assert error.metadata["callId"] == "c1"
    assert error.request_id == gateway.headers[0].request_id
    assert error.request_id in str(error) or outcome != "UNKNOWN"
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), vars(again)) == (kind, vars(error))


def test_object_in_the_way_is_told(client: Client, gateway: FakeGateway) -> None:
    client.upload(b"first", TARGET)
    with pytest.raises(FileExistsError) as caught:
        client.upload(b"second", TARGET, if_absent=True)
    error = caught.value
    assert isinstance(error, lakefs_staging.ObjectExistsError)
    assert error.object is not None
    assert error.object.size_bytes == 5
    assert gateway.objects == {"repo/main/a": b"first"}


def test_error_of_the_source_is_the_callers(
    client: Client, gateway: FakeGateway
) -> None:
    own = OwnError()

    def source() -> Iterator[bytes]:
        yield bytes(2 * MIB)
        raise own

    with pytest.raises(OwnError) as caught:
        client.upload(source(), TARGET)
    assert caught.value is own
    assert gateway.cancelled.wait(10)
    assert not gateway.objects


def test_blocked_source_does_not_outlast_the_time(
    client: Client, gateway: FakeGateway
) -> None:
    free = threading.Event()

    def source() -> Iterator[bytes]:
        yield bytes(2 * MIB)
        free.wait(30)

    begun = time.monotonic()
    with pytest.raises(TimeoutError) as caught:
        client.upload(source(), TARGET, timeout=0.5)
    free.set()
    assert time.monotonic() - begun < 2
    assert isinstance(caught.value, lakefs_staging.StagingError)
    assert caught.value.nothing_linked


def test_other_size_than_told_links_nothing(
    client: Client, gateway: FakeGateway
) -> None:
    for told in 3, 2 * MIB:
        for data in bytes(told - 1), bytes(told + 1):
            with pytest.raises(lakefs_staging.MismatchError):
                client.upload(pieces(data), TARGET, size_bytes=told)
    assert not gateway.objects


def test_text_file_is_refused(client: Client) -> None:
    with pytest.raises(lakefs_staging.InvalidRequestError, match="binary"):
        client.upload(io.StringIO("x"), TARGET)  # type: ignore[arg-type]


def test_progress_is_told_to_the_end(client: Client, gateway: FakeGateway) -> None:
    for size in 3, 3 * MIB:
        told: list[lakefs_staging.Progress] = []
        client.upload(bytes(size), TARGET, progress=told.append)
        received = [progress.received_bytes for progress in told]
        assert received == sorted(received)
        assert received[-1] == size


def test_error_of_a_callback_ends_the_upload(
    client: Client, gateway: FakeGateway
) -> None:
    def fail(progress: lakefs_staging.Progress) -> None:
        raise OwnError

    with pytest.raises(OwnError):
        client.upload(bytes(3 * MIB), TARGET, progress=fail)
    assert gateway.cancelled.wait(10)
    assert not gateway.objects


def test_shared_file_is_read_by_the_gateway(
    client: Client, gateway: FakeGateway, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "a").write_bytes(b"shared")
    result = client.upload_file(tmp_path / "a", TARGET)
    assert result.object.size_bytes == 6
    assert gateway.objects == {"repo/main/a": b"shared"}
    assert gateway.calls == ["UploadFile"]


def test_plain_calls(client: Client, gateway: FakeGateway) -> None:
    location = client.get_physical_address(TARGET, presign=True)
    assert location.presigned_url == "https://bucket.example/data/1?secret"
    assert "secret" not in repr(location)
    result = client.link_physical_address(TARGET, location, "etag", 7)
    assert result.object.physical_address == location.physical_address
    assert (result.object.checksum, result.object.size_bytes) == ("etag", 7)
    client.discard(b"token")
    assert gateway.discarded == [b"token"]
    with pytest.raises(lakefs_staging.NotFoundError):
        client.outcome("nobody", TARGET)


def test_many_objects_are_answered(client: Client, gateway: FakeGateway) -> None:
    gateway.faults = [
        Fault("PERMISSION_DENIED", "PERMISSION_DENIED", advice="GIVE_UP"), DRAINING,
    ]  # fmt: skip
    objects = [
        lakefs_staging.SmallObject(f"lakefs://repo/main/{n}", bytes([n]))
        for n in range(99)
    ]
    answers = list(client.upload_many(iter(objects)))
    assert {answer.object.target for answer in answers} == {o.target for o in objects}
    failed = [answer for answer in answers if answer.error is not None]
    assert [type(one.error) for one in failed] == [lakefs_staging.PermissionDeniedError]
    assert gateway.objects == {
        o.target.removeprefix("lakefs://"): o.data
        for o in objects
        if o is not failed[0].object
    }


def test_many_objects_wait_together_for_a_gateway_that_is_not_there() -> None:
    objects = [
        lakefs_staging.SmallObject(f"lakefs://repo/main/{n}", b"x", {"attempts": 1})
        for n in range(30)
    ]
    began = time.monotonic()
    with Client("127.0.0.1:1", connect_timeout=0.5) as client:
        errors = [answer.error for answer in client.upload_many(objects)]
    assert {e.reason for e in errors if e is not None} == {"GATEWAY_UNREACHABLE"}
    assert len(errors) == 30
    assert time.monotonic() - began < 10  # 30 times half a second


def test_error_of_the_objects_is_the_callers(
    client: Client, gateway: FakeGateway
) -> None:
    def objects() -> Iterator[lakefs_staging.SmallObject]:
        yield lakefs_staging.SmallObject(TARGET, b"x")
        raise OwnError

    answers = []
    with pytest.raises(OwnError):
        for answer in client.upload_many(objects()):
            answers.append(answer)
    assert [answer.error for answer in answers] == [None]
