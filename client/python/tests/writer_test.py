"""Writers: what links, and what does not."""

from __future__ import annotations

import csv
import gc
import gzip
import io
import zipfile
from typing import Any

import pytest
from fake_gateway import FakeGateway, Fault

import lakefs_staging
from lakefs_staging import Client

TARGET = "lakefs://repo/main/a"
MIB = 1 << 20
SIZES = [0, 3, MIB, MIB + 1, 5 * MIB + 17]


class OwnError(Exception):
    pass


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("piece", [1000, 3 * MIB])
def test_clean_end_of_the_block_links(
    client: Client, gateway: FakeGateway, size: int, piece: int
) -> None:
    data = bytes(n % 251 for n in range(1009)) * (size // 1009 + 1)
    data = data[:size]
    with client.open(TARGET, content_type="text/x-test") as out:
        for at in range(0, size, piece):
            out.write(data[at:][:piece])
        assert out.tell() == size
        assert not gateway.objects
    assert gateway.objects == {"repo/main/a": data}
    assert out.result is not None
    assert out.result.object.content_type == "text/x-test"
    assert out.commit() is out.result
    assert len(gateway.calls) == 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("error", [OwnError, KeyboardInterrupt, SystemExit])
def test_block_left_by_an_exception_links_nothing(
    client: Client, gateway: FakeGateway, size: int, error: type[BaseException]
) -> None:
    with pytest.raises(error), client.open(TARGET) as out:
        out.write(bytes(size))
        raise error
    assert not gateway.objects
    if size > 4 * MIB:  # which are all that may be on their way
        assert gateway.cancelled.wait(10)
    with pytest.raises(lakefs_staging.NotCommittedError):
        out.commit()


@pytest.mark.parametrize("size", SIZES)
def test_close_links_nothing_and_warns(
    client: Client, gateway: FakeGateway, size: int
) -> None:
    out = client.open(TARGET)
    out.write(bytes(size))
    with pytest.warns(ResourceWarning, match=f"{TARGET} was closed"):
        out.close()
    out.close()
    assert not gateway.objects
    with pytest.raises(ValueError, match="closed"):
        out.write(b"x")


# From Python 3.13 on wrappers complain that they could not write their rest.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "wrap",
    [
        lambda out: out,
        io.BufferedWriter,
        io.TextIOWrapper,
        lambda out: gzip.GzipFile(fileobj=out, mode="w"),
        lambda out: zipfile.ZipFile(out, "w"),
    ],
)
@pytest.mark.parametrize("size", [3, 6 * MIB])
def test_forgotten_writer_links_nothing(
    client: Client, gateway: FakeGateway, wrap: Any, size: int
) -> None:
    with pytest.warns(ResourceWarning, match="nothing was linked"):
        out = client.open(TARGET)
        out.write(bytes(size))
        wrapped = wrap(out)
        del out, wrapped
        gc.collect()
    assert not gateway.objects
    if size > MIB:
        assert gateway.cancelled.wait(10)


def test_wrappers_may_close_within_the_block(
    client: Client, gateway: FakeGateway
) -> None:
    with client.open(TARGET) as out, gzip.GzipFile(fileobj=out, mode="w") as packed:
        packed.write(b"gzip")
    assert gzip.decompress(gateway.objects["repo/main/a"]) == b"gzip"
    with client.open(TARGET) as out, zipfile.ZipFile(out, "w") as archive:
        archive.writestr("name", b"zip")
    with zipfile.ZipFile(io.BytesIO(gateway.objects["repo/main/a"])) as archive:
        assert archive.read("name") == b"zip"
    with client.open(TARGET) as out, io.TextIOWrapper(
        out,  # type: ignore[type-var]
        "utf-8", newline="",
    ) as text:  # fmt: skip
        csv.writer(text).writerow(["ü", 1])
    assert gateway.objects["repo/main/a"] == "ü,1\r\n".encode()


@pytest.mark.parametrize("wrap", [io.BufferedWriter, io.TextIOWrapper])
def test_wrapper_that_closes_in_flight_links_nothing(
    client: Client, gateway: FakeGateway, wrap: Any
) -> None:
    with pytest.raises(OwnError), client.open(TARGET) as out, wrap(out) as wrapped:
        wrapped.write("x" if wrap is io.TextIOWrapper else b"x")
        raise OwnError
    assert not gateway.objects


@pytest.mark.parametrize("mode", ["w", "wt"])
def test_text(client: Client, gateway: FakeGateway, mode: Any) -> None:
    with client.open(TARGET, mode, encoding="utf-16", newline="\r\n") as out:
        out.write("ü\n")
        out.write("2\n")
    assert gateway.objects["repo/main/a"].decode("utf-16") == "ü\r\n2\r\n"


@pytest.mark.parametrize("mode", ["x", "xb"])
def test_exclusive_mode(client: Client, gateway: FakeGateway, mode: Any) -> None:
    with client.open(TARGET, mode):
        pass
    with pytest.raises(FileExistsError), client.open(TARGET, mode):
        pass
    assert gateway.objects == {"repo/main/a": b""}


def test_mode_that_is_not_there_is_an_error(client: Client) -> None:
    for mode in "r", "rb", "a", "r+", "wx":
        with pytest.raises(ValueError, match="mode"):
            client.open(TARGET, mode)  # type: ignore[call-overload]


def test_error_of_the_call_is_raised_by_the_commit_and_again(
    client: Client, gateway: FakeGateway
) -> None:
    gateway.faults = [Fault("NOT_FOUND", "NOT_FOUND", advice="FIX_REQUEST")]
    out = client.open(TARGET)
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            out.commit()
    assert len(gateway.calls) == 1


def test_error_of_the_call_is_raised_by_a_write(
    client: Client, gateway: FakeGateway
) -> None:
    gateway.faults = [
        Fault("PERMISSION_DENIED", "PERMISSION_DENIED", advice="GIVE_UP", after=MIB)
    ]
    with pytest.raises(PermissionError), client.open(TARGET) as out:
        for _ in range(200):
            out.write(bytes(MIB))
    assert not gateway.objects


def test_small_object_is_repeated(client: Client, gateway: FakeGateway) -> None:
    gateway.faults = [Fault("UNAVAILABLE", "DRAINING")]
    with client.open(TARGET) as out:
        out.write(b"x")
    assert out.result is not None
    assert out.result.attempts == 2
    assert gateway.objects == {"repo/main/a": b"x"}
