"""The filesystem of fsspec: what it links, and what it does not."""

from __future__ import annotations

import contextlib
import gc
import gzip
import io
import json
import pickle
import zipfile
from collections.abc import Iterator
from typing import Any

import fsspec
import pytest
from fake_gateway import FakeGateway, Fault
from fsspec.callbacks import Callback
from fsspec.core import url_to_fs

import lakefs_staging
from lakefs_staging.fs import LakefsStagingFileSystem

URL = "lakefs-staging://repo/main/"
MIB = 1 << 20


class OwnError(Exception):
    pass


@pytest.fixture
def fs(gateway: FakeGateway) -> Iterator[LakefsStagingFileSystem]:
    made = LakefsStagingFileSystem(gateway=gateway.address, skip_instance_cache=True)
    yield made
    made.client.close()


def quietly() -> Any:
    """Takes the ResourceWarning of a writer that was forgotten."""
    return pytest.warns(ResourceWarning, match="nothing was linked")


def test_url_is_found_by_the_entry_point(gateway: FakeGateway) -> None:
    fs, path = url_to_fs(URL + "a", gateway=gateway.address)
    assert isinstance(fs, LakefsStagingFileSystem)
    assert path == "repo/main/a"


def test_path_is_kept_byte_for_byte(
    fs: LakefsStagingFileSystem, gateway: FakeGateway
) -> None:
    for path in "a//b", "a/", "/a", "ü ?#%2F", "lakefs-staging://a":
        with fs.open(URL + path, "wb") as file:
            file.write(b"x")
        assert gateway.objects.pop(f"repo/main/{path}") == b"x"


@pytest.mark.parametrize("size", [0, 3, MIB + 1])
def test_closed_file_is_linked(
    fs: LakefsStagingFileSystem, gateway: FakeGateway, size: int
) -> None:
    file = fs.open(URL + "a", "wb", content_type="text/x-test")
    file.write(b"x" * size)
    assert file.tell() == size
    assert not gateway.objects
    file.close()
    file.close()
    assert file.closed
    assert gateway.objects == {"repo/main/a": b"x" * size}
    assert file.result.object.content_type == "text/x-test"
    assert len(gateway.headers) == 1
    with pytest.raises(ValueError, match="closed"):
        file.write(b"more")


def test_text_is_linked(fs: LakefsStagingFileSystem, gateway: FakeGateway) -> None:
    with fs.open(URL + "a", "w", encoding="utf-16-le") as file:
        file.write("ü")
    assert gateway.objects == {"repo/main/a": b"\xfc\x00"}


def test_url_of_fsspec_is_linked(gateway: FakeGateway) -> None:
    with fsspec.open(
        URL + "a.gz", "wt", compression="infer", gateway=gateway.address
    ) as file:
        file.write("text")
    assert gzip.decompress(gateway.objects["repo/main/a.gz"]) == b"text"


@pytest.mark.parametrize("mode", ["wb", "w"])
@pytest.mark.parametrize("error", [OwnError, KeyboardInterrupt, GeneratorExit])
@pytest.mark.parametrize("size", [3, 2 * MIB])
def test_block_left_by_an_exception_links_nothing(
    fs: LakefsStagingFileSystem,
    gateway: FakeGateway,
    mode: str,
    error: type[BaseException],
    size: int,
) -> None:
    warned = pytest.warns(RuntimeWarning) if mode == "w" else contextlib.nullcontext()
    with warned, pytest.raises(error), fs.open(URL + "a", mode) as file:
        file.write("x" * size if mode == "w" else b"x" * size)
        raise error
    assert not gateway.objects


@pytest.mark.parametrize("mode", ["wb", "wt"])
@pytest.mark.parametrize("compression", [None, "gzip", "bz2"])
def test_block_of_fsspec_left_by_an_exception_links_nothing(
    gateway: FakeGateway, mode: str, compression: str | None
) -> None:
    opened = fsspec.open(
        URL + "a", mode, compression=compression, gateway=gateway.address
    )
    with (
        pytest.warns(RuntimeWarning, match="nothing was linked"),
        pytest.raises(OwnError),
        opened as file,
    ):
        file.write("x" if mode == "wt" else b"x")
        raise OwnError
    assert not gateway.objects


@pytest.mark.parametrize("wrap", [contextlib.closing, io.TextIOWrapper])
def test_wrapper_left_by_an_exception_links_nothing(
    fs: LakefsStagingFileSystem, gateway: FakeGateway, wrap: Any
) -> None:
    with (
        pytest.warns(RuntimeWarning),
        pytest.raises(OwnError),
        wrap(fs.open(URL + "a", "wb")),
    ):
        raise OwnError
    assert not gateway.objects


def test_finally_after_an_exception_links_nothing(
    fs: LakefsStagingFileSystem, gateway: FakeGateway
) -> None:
    def write() -> None:
        file = fs.open(URL + "a", "wb")
        try:
            raise OwnError
        finally:
            file.close()

    with pytest.warns(RuntimeWarning), pytest.raises(OwnError):
        write()
    assert not gateway.objects


def test_block_within_an_except_is_linked(
    fs: LakefsStagingFileSystem, gateway: FakeGateway
) -> None:
    try:
        raise OwnError
    except OwnError:
        with fsspec.open(URL + "a", "wb", gateway=gateway.address) as file:
            file.write(b"x")
        later = fs.open(URL + "b", "wb")
    later.close()
    assert set(gateway.objects) == {"repo/main/a", "repo/main/b"}


def test_commit_links_while_an_exception_is_handled(
    fs: LakefsStagingFileSystem, gateway: FakeGateway
) -> None:
    file = fs.open(URL + "a", "wb")
    try:
        raise OwnError
    except OwnError:
        file.commit()
    file.close()
    assert set(gateway.objects) == {"repo/main/a"}


# From Python 3.13 on wrappers complain that they could not write their rest.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "wrap",
    [
        lambda file: file,
        io.BufferedWriter,
        io.TextIOWrapper,
        lambda file: io.TextIOWrapper(io.BufferedWriter(file)),
        lambda file: gzip.GzipFile(fileobj=file, mode="w"),
        lambda file: zipfile.ZipFile(file, "w"),
    ],
)
@pytest.mark.parametrize("size", [0, 3, 6 * MIB])
def test_forgotten_file_links_nothing(
    fs: LakefsStagingFileSystem, gateway: FakeGateway, wrap: Any, size: int
) -> None:
    file = fs.open(URL + "a", "wb")
    file.write(b"x" * size)
    wrapped = wrap(file)
    if size and isinstance(wrapped, io.TextIOWrapper):
        wrapped.write("text")
    del file
    with quietly():
        del wrapped
        gc.collect()
    assert not gateway.objects
    if size > MIB:
        assert gateway.cancelled.wait(10)


def test_forgotten_text_links_nothing(
    fs: LakefsStagingFileSystem, gateway: FakeGateway
) -> None:
    with quietly():
        fs.open(URL + "a", "w").write("text")
        gc.collect()
    assert not gateway.objects


def test_close_by_a_finalizer_links_nothing(
    fs: LakefsStagingFileSystem, gateway: FakeGateway
) -> None:
    class Format:  # as ParquetWriter of pyarrow is
        def __init__(self) -> None:
            self.file = fs.open(URL + "a", "wb")

        def __del__(self) -> None:
            self.file.write(b"end")
            self.file.close()

    with quietly():
        Format()
        gc.collect()
    assert not gateway.objects


def test_generator_that_is_not_finished_links_nothing(
    fs: LakefsStagingFileSystem, gateway: FakeGateway
) -> None:
    def rows() -> Iterator[int]:
        with fs.open(URL + "a", "wb") as file:
            file.write(b"x")
            yield 1

    for _ in rows():
        break
    gc.collect()
    assert not gateway.objects


def test_exclusive_modes_refuse_what_is_there(
    fs: LakefsStagingFileSystem, gateway: FakeGateway
) -> None:
    fs.pipe_file(URL + "a", b"1", mode="create")
    with pytest.raises(FileExistsError), fs.open(URL + "a", "xb"):
        pass
    with pytest.raises(FileExistsError):
        fs.pipe_file(URL + "a", b"2", mode="create")
    with pytest.raises(FileExistsError):
        fs.pipe({URL + "a": b"2", URL + "b": b"2"}, mode="create")
    fs.pipe_file(URL + "a", b"3")
    assert gateway.objects == {"repo/main/a": b"3", "repo/main/b": b"2"}


def test_error_of_close_is_that_of_the_call(
    fs: LakefsStagingFileSystem, gateway: FakeGateway
) -> None:
    gateway.faults.append(Fault("NOT_FOUND", "NOT_FOUND", advice="FIX_REQUEST"))
    file = fs.open(URL + "a", "wb")
    with pytest.raises(FileNotFoundError) as caught:
        file.close()
    assert isinstance(caught.value, lakefs_staging.NotFoundError)
    assert file.closed


def test_small_files_of_a_mapping_go_together(
    fs: LakefsStagingFileSystem, gateway: FakeGateway
) -> None:
    chunks = {f"array/c/{n}": bytes([n % 256]) * n for n in range(200)}
    fs.get_mapper(URL + "store.zarr").setitems(chunks)
    fs.pipe({URL + "big": b"x" * (4 * MIB + 1), URL + "small": b"y"})
    assert gateway.objects.pop("repo/main/big") == b"x" * (4 * MIB + 1)
    assert gateway.objects.pop("repo/main/small") == b"y"
    assert gateway.objects == {
        f"repo/main/store.zarr/{name}": data for name, data in chunks.items()
    }
    assert gateway.calls.count("UploadObject") == 0
    assert gateway.calls.count("UploadAndLink") == 1


def test_mapping_raises_an_error_when_all_have_been_tried(
    fs: LakefsStagingFileSystem, gateway: FakeGateway
) -> None:
    gateway.faults.append(Fault("PERMISSION_DENIED", "PERMISSION_DENIED",
                                advice="GIVE_UP"))  # fmt: skip
    with pytest.raises(PermissionError):
        fs.pipe({f"{URL}{n}": b"x" for n in range(3)})
    assert len(gateway.objects) == 2


def test_mapper_sets_an_item(fs: LakefsStagingFileSystem, gateway: FakeGateway) -> None:
    fs.get_mapper(URL + "store.zarr")["zarr.json"] = b"{}"
    assert gateway.objects == {"repo/main/store.zarr/zarr.json": b"{}"}


def test_folder_is_put(
    fs: LakefsStagingFileSystem, gateway: FakeGateway, tmp_path: Any
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "one").write_bytes(b"1")
    (tmp_path / "sub/two").write_bytes(b"2")
    fs.put(str(tmp_path), URL + "there", recursive=True)
    assert gateway.objects == {
        "repo/main/there/one": b"1",
        "repo/main/there/sub/two": b"2",
    }


def test_put_tells_how_far_it_is(fs: LakefsStagingFileSystem, tmp_path: Any) -> None:
    (tmp_path / "big").write_bytes(b"x" * 2 * MIB)
    callback = Callback()
    fs.put_file(str(tmp_path / "big"), URL + "big", callback=callback)
    assert (callback.size, callback.value) == (2 * MIB, 2 * MIB)


def test_transaction_links_at_its_clean_end(
    fs: LakefsStagingFileSystem, gateway: FakeGateway, tmp_path: Any
) -> None:
    (tmp_path / "c").write_bytes(b"c")
    with fs.transaction:
        with fs.open(URL + "a", "wb") as file:
            file.write(b"a")
        fs.pipe({URL + "b": b"b"})
        fs.put_file(str(tmp_path / "c"), URL + "c")
        assert not gateway.objects
    assert gateway.objects == {f"repo/main/{name}": name.encode() for name in "abc"}


def test_transaction_left_by_an_exception_links_nothing(
    fs: LakefsStagingFileSystem, gateway: FakeGateway
) -> None:
    with pytest.raises(OwnError), fs.transaction:
        fs.pipe(URL + "a", b"a")
        raise OwnError
    assert not gateway.objects


def test_transaction_does_not_link_what_was_not_closed(
    fs: LakefsStagingFileSystem, gateway: FakeGateway
) -> None:
    with pytest.raises(lakefs_staging.NotCommittedError), fs.transaction:
        file = fs.open(URL + "a", "wb")
        file.write(b"half")
    assert not gateway.objects


@pytest.mark.parametrize(
    "call",
    [
        lambda fs: fs.open(URL + "a", "rb"),
        lambda fs: fs.open(URL + "a", "ab"),
        lambda fs: fs.open(URL + "a", "r"),
        lambda fs: fs.cat(URL + "a"),
        lambda fs: fs.cat_file(URL + "a"),
        lambda fs: fs.info(URL + "a"),
        lambda fs: fs.exists(URL + "a"),
        lambda fs: fs.isfile(URL + "a"),
        lambda fs: fs.size(URL + "a"),
        lambda fs: fs.ls(URL),
        lambda fs: fs.find(URL),
        lambda fs: fs.glob(URL + "*"),
        lambda fs: fs.get(URL + "a", "here"),
        lambda fs: fs.rm(URL + "a"),
        lambda fs: fs.rm_file(URL + "a"),
        lambda fs: fs.copy(URL + "a", URL + "b"),
        lambda fs: fs.mv(URL + "a", URL + "b"),
        lambda fs: fs.touch(URL + "a", truncate=False),
    ],
)
def test_what_it_does_not_do_names_who_does(
    fs: LakefsStagingFileSystem, gateway: FakeGateway, call: Any
) -> None:
    with pytest.raises(NotImplementedError, match=r"lakefs-spec.*S3 gateway"):
        call(fs)
    assert not gateway.calls


def test_compression_of_the_filesystem_is_refused(fs: LakefsStagingFileSystem) -> None:
    with pytest.raises(NotImplementedError, match=r"fsspec\.open"):
        fs.open(URL + "a", "wb", compression="gzip")


def test_instance_can_be_pickled(gateway: FakeGateway) -> None:
    fs = LakefsStagingFileSystem(gateway=gateway.address)
    again = pickle.loads(pickle.dumps(fs))
    again.pipe(URL + "a", b"a")
    assert gateway.objects == {"repo/main/a": b"a"}
    assert json.loads(fs.to_json())["protocol"] == "lakefs-staging"


def test_authorization_is_in_no_repr(gateway: FakeGateway) -> None:
    fs = LakefsStagingFileSystem(gateway=gateway.address, authorization="Bearer 53cr3t")
    with fs.open(URL + "a", "wb") as file:
        assert "53cr3t" not in repr(fs) + repr(file) + repr(fs.client)
    assert gateway.authorizations == ["Bearer 53cr3t"]
