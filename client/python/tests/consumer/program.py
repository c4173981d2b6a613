"""A program that uses the client as it is installed. With `beside` it uses
lakeFS's own package and the messages of googleapis, too."""

from __future__ import annotations

import asyncio
import gzip
import io
import sys

from fake_gateway import FakeGateway, Fault

import lakefs_staging
from lakefs_staging import AsyncClient, Client, SmallObject

TARGET = "lakefs://repo/main/"
BIG = bytes(5 << 20)


def blocking(client: Client) -> None:
    result: lakefs_staging.Result = client.upload(b"small", TARGET + "small")
    assert result.object.size_bytes == 5
    client.upload(io.BytesIO(BIG), TARGET + "big")
    with client.open(TARGET + "gzip") as out, gzip.open(out, "wb") as packed:
        packed.write(BIG)
    for answer in client.upload_many(
        SmallObject(f"{TARGET}{n}", b"x") for n in range(9)
    ):
        assert answer.error is None
    try:
        client.upload(b"", TARGET + "small", if_absent=True)
    except FileExistsError:
        pass
    else:
        raise AssertionError("it was there")


async def asynchronous(address: str) -> None:
    async with AsyncClient(address) as client:
        await client.upload(BIG, TARGET + "async")
        async with client.open(TARGET + "async writer") as out:
            await out.write(BIG)


def beside() -> None:
    import fsspec
    import lakefs
    from google.rpc import error_details_pb2, status_pb2

    detail = error_details_pb2.ErrorInfo(reason="OTHER")
    status = status_pb2.Status(code=5)
    status.details.add().Pack(detail)
    there = lakefs.Client(host="http://127.0.0.1:1", username="id", password="key")
    branch = lakefs.Repository("repo", client=there).branch("main")
    assert branch.object("a").path == "a"
    assert fsspec.get_filesystem_class("lakefs-staging")


def main() -> None:
    gateway = FakeGateway()
    gateway.faults = [Fault("UNAVAILABLE", "DRAINING")]
    with Client(gateway.address) as client:
        blocking(client)
    asyncio.run(asynchronous(gateway.address))
    assert gzip.decompress(gateway.objects["repo/main/gzip"]) == BIG
    assert gateway.objects["repo/main/async writer"] == BIG
    assert len(gateway.objects) == 14, sorted(gateway.objects)
    gateway.stop()
    if sys.argv[1:] == ["beside"]:
        beside()


if __name__ == "__main__":
    main()
