"""The asyncio client: what it does beside what the blocking one does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from fake_gateway import FakeGateway, Fault

from lakefs_staging import AsyncClient, SmallObject

TARGET = "lakefs://repo/main/a"
MIB = 1 << 20


class OwnError(Exception):
    pass


async def pieces(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        await asyncio.sleep(0)
        yield bytes(MIB)


def test_client_is_used_by_two_loops(gateway: FakeGateway) -> None:
    client = AsyncClient(gateway.address)
    for name in "a", "b":
        asyncio.run(client.upload(pieces(3), f"lakefs://repo/main/{name}"))
    asyncio.run(client.close())
    assert gateway.objects == {
        "repo/main/a": bytes(3 * MIB),
        "repo/main/b": bytes(3 * MIB),
    }


def test_task_that_is_cancelled_links_nothing(gateway: FakeGateway) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(6):
            yield bytes(MIB)
        await asyncio.sleep(60)

    async def main() -> None:
        async with AsyncClient(gateway.address) as client:
            task = asyncio.create_task(client.upload(endless(), TARGET))
            while "UploadAndLink" not in gateway.calls:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(task, 10)

    asyncio.run(asyncio.wait_for(main(), 30))
    assert gateway.cancelled.wait(10)
    assert not gateway.objects


def test_block_links_at_its_clean_end_alone(gateway: FakeGateway) -> None:
    async def main() -> None:
        async with AsyncClient(gateway.address) as client:
            async with client.open(TARGET) as out:
                await out.write(bytes(2 * MIB))
            with pytest.raises(OwnError):
                async with client.open("lakefs://repo/main/b") as out:
                    await out.write(bytes(2 * MIB))
                    raise OwnError

    asyncio.run(main())
    assert gateway.objects == {"repo/main/a": bytes(2 * MIB)}


def test_error_of_a_source_is_the_callers(gateway: FakeGateway) -> None:
    own = OwnError()

    async def source() -> AsyncIterator[bytes]:
        yield bytes(2 * MIB)
        raise own

    async def main() -> None:
        async with AsyncClient(gateway.address) as client:
            with pytest.raises(OwnError) as caught:
                await client.upload(source(), TARGET)
            assert caught.value is own

    asyncio.run(main())
    assert not gateway.objects


def test_many_objects_are_answered(gateway: FakeGateway) -> None:
    gateway.faults = [Fault("UNAVAILABLE", "DRAINING")]

    async def main() -> list[object]:
        objects = (SmallObject(f"lakefs://repo/main/{n}", b"x") for n in range(99))
        async with AsyncClient(gateway.address) as client:
            return [answer.error async for answer in client.upload_many(objects)]

    assert asyncio.run(main()) == [None] * 99
    assert len(gateway.objects) == 99
