"""CRC32C, and that of pieces put together."""

from __future__ import annotations

import random

from lakefs_staging._crc32c import concat, crc32c


def test_value_of_the_standard() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(b"") == 0
    assert crc32c(memoryview(b"123456789")) == 0xE3069283


def test_pieces_make_the_whole() -> None:
    made = random.Random(1)
    data = made.randbytes(10_000)
    for _ in range(200):
        at = made.randrange(len(data) + 1)
        first, second = data[:at], data[at:]
        assert concat(crc32c(first), crc32c(second), len(second)) == crc32c(data)
