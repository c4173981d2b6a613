"""Uploads by the real gateway to the emulated lakeFS arrive byte for byte."""

from __future__ import annotations

from typing import Any

import pytest

import lakefs_staging
from lakefs_staging.fs import LakefsStagingFileSystem

MIB = 1 << 20
SIZES = [0, 1, 7 * MIB, 64 * MIB]
TARGET = "lakefs://quickstart/main/"


@pytest.mark.parametrize("size", SIZES)
def test_upload_writer_and_filesystem(real: Any, size: int) -> None:
    lakefs, address = real
    data = bytes(n % 251 for n in range(251)) * (size // 251 + 1)
    data = data[:size]
    with lakefs_staging.Client(address) as client:
        result = client.upload(data, f"{TARGET}upload/{size} bytes?/ü")
        assert result.object.checksum == lakefs.stat(result.object.path)["checksum"]
        with client.open(f"{TARGET}open/{size} bytes?/ü") as out:
            for at in range(0, size, 300_000):
                out.write(data[at:][:300_000])
    fs = LakefsStagingFileSystem(gateway=address, skip_instance_cache=True)
    with fs.open(f"lakefs-staging://quickstart/main/fs/{size} bytes?/ü", "wb") as file:
        file.write(data)
    fs.client.close()
    for way in "upload", "open", "fs":
        assert lakefs.read(f"{way}/{size} bytes?/ü") == data


def test_many_and_errors(real: Any) -> None:
    lakefs, address = real
    with lakefs_staging.Client(address) as client:
        answers = list(
            client.upload_many(
                lakefs_staging.SmallObject(f"{TARGET}many/{n}", b"%d" % n)
                for n in range(200)
            )
        )
        assert [answer.error for answer in answers] == [None] * 200
        assert lakefs.read("many/199") == b"199"
        with pytest.raises(FileExistsError):
            client.upload(b"x", f"{TARGET}many/1", if_absent=True)
        with pytest.raises(FileNotFoundError):
            client.upload(b"x", "lakefs://missing/main/a")
        with pytest.raises(KeyError), client.open(f"{TARGET}left") as out:
            out.write(bytes(3 * MIB))
            raise KeyError
    assert not lakefs.has("left")
