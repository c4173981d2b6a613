"""Files of pandas, pyarrow and zarr by the filesystem of fsspec."""

from __future__ import annotations

import gc
import io
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
import zarr
from fake_gateway import FakeGateway

from lakefs_staging.fs import LakefsStagingFileSystem

URL = "lakefs-staging://repo/main/"
FRAME = pd.DataFrame({"n": range(1000), "text": [f"line {n}" for n in range(1000)]})


class OwnError(Exception):
    pass


@pytest.fixture
def options(gateway: FakeGateway) -> dict[str, Any]:
    return {"gateway": gateway.address}


@pytest.fixture
def fs(gateway: FakeGateway) -> Iterator[LakefsStagingFileSystem]:
    made = LakefsStagingFileSystem(gateway=gateway.address, skip_instance_cache=True)
    yield made
    made.client.close()


def test_pandas_writes_parquet(gateway: FakeGateway, options: dict[str, Any]) -> None:
    FRAME.to_parquet(URL + "a.parquet", storage_options=options)
    written = io.BytesIO(gateway.objects["repo/main/a.parquet"])
    pd.testing.assert_frame_equal(pd.read_parquet(written), FRAME)


@pytest.mark.parametrize("compression", [None, "gzip", "zip"])
def test_pandas_writes_csv(
    gateway: FakeGateway, options: dict[str, Any], compression: Any
) -> None:
    FRAME.to_csv(
        URL + "a.csv", storage_options=options, index=False, compression=compression
    )
    written = io.BytesIO(gateway.objects["repo/main/a.csv"])
    pd.testing.assert_frame_equal(pd.read_csv(written, compression=compression), FRAME)


def test_pandas_that_fails_links_nothing(
    gateway: FakeGateway, options: dict[str, Any]
) -> None:
    class Bad:
        def __str__(self) -> str:
            raise OwnError

    frame = pd.DataFrame({"a": ["x" * 1000] * 3000 + [Bad()]})
    with pytest.warns(RuntimeWarning), pytest.raises(OwnError):
        frame.to_csv(URL + "a.csv", storage_options=options, chunksize=100)
    assert not gateway.objects


def test_pyarrow_writes_a_table(
    gateway: FakeGateway, fs: LakefsStagingFileSystem
) -> None:
    table = pa.Table.from_pandas(FRAME)
    pq.write_table(table, "repo/main/a.parquet", filesystem=fs)
    written = pa.BufferReader(gateway.objects["repo/main/a.parquet"])
    assert pq.read_table(written).equals(table)


def test_pyarrow_writes_a_dataset_of_partitions(
    gateway: FakeGateway, fs: LakefsStagingFileSystem
) -> None:
    table = pa.table({"part": [1, 2, 1], "n": [1, 2, 3]})
    pyarrow.dataset.write_dataset(
        table, "repo/main/set", format="parquet", filesystem=fs,
        partitioning=["part"], existing_data_behavior="overwrite_or_ignore",
    )  # fmt: skip
    assert set(gateway.objects) == {
        "repo/main/set/1/part-0.parquet",
        "repo/main/set/2/part-0.parquet",
    }


# The file is dropped by a thread of pyarrow, when that comes to it.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_dataset_of_a_source_that_fails_links_nothing(
    gateway: FakeGateway, fs: LakefsStagingFileSystem
) -> None:
    schema = pa.schema({"n": pa.int64()})

    def batches() -> Iterator[Any]:
        numbers = pa.array(np.random.default_rng(1).integers(1 << 62, size=300_000))
        for _ in range(100):
            if "UploadAndLink" in gateway.calls:
                raise OwnError
            yield pa.record_batch([numbers], schema)
            time.sleep(0.01)  # for the threads of pyarrow

    with pytest.raises(OwnError):
        pyarrow.dataset.write_dataset(
            batches(), "repo/main/set", schema=schema, format="parquet",
            filesystem=fs, existing_data_behavior="overwrite_or_ignore",
            max_rows_per_group=100_000,
        )  # fmt: skip
    gc.collect()
    assert gateway.cancelled.wait(10)
    assert not gateway.objects


def test_pyarrow_that_fails_links_nothing(
    gateway: FakeGateway, fs: LakefsStagingFileSystem
) -> None:
    table = pa.Table.from_pandas(FRAME)

    def write() -> None:
        with pq.ParquetWriter(
            "repo/main/a.parquet", table.schema, filesystem=fs
        ) as writer:
            writer.write_table(table)
            raise OwnError

    with pytest.warns(RuntimeWarning), pytest.raises(OwnError):
        write()
    assert not gateway.objects


def test_forgotten_writer_of_pyarrow_links_nothing(
    gateway: FakeGateway, fs: LakefsStagingFileSystem
) -> None:
    table = pa.Table.from_pandas(FRAME)
    writer = pq.ParquetWriter("repo/main/a.parquet", table.schema, filesystem=fs)
    writer.write_table(table)
    with pytest.warns(ResourceWarning, match="nothing was linked"):
        del writer
        gc.collect()
    assert not gateway.objects


def test_zarr_is_put_by_many_small_files(
    gateway: FakeGateway, fs: LakefsStagingFileSystem
) -> None:
    store: dict[str, Any] = {}
    array = zarr.create_array(
        zarr.storage.MemoryStore(store), shape=(100, 10), chunks=(1, 10), dtype="i4"
    )
    array[:] = 7
    fs.pipe({f"{URL}a.zarr/{name}": data.to_bytes() for name, data in store.items()})
    assert len(gateway.objects) == 101
    assert "repo/main/a.zarr/zarr.json" in gateway.objects
    assert "UploadObject" not in gateway.calls
