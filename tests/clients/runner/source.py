"""The bytes of the sources that drivers make (DRIVERS.md, "Sources")."""

import functools
import struct

BLOCK = 65536
KIB = 1 << 10
MIB = 1 << 20


@functools.lru_cache(maxsize=64)
def _block(seed):
    x = seed
    numbers = []
    for _ in range(BLOCK // 4):
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        numbers.append(x)
    return struct.pack(f"<{len(numbers)}I", *numbers)


def content(size, seed):
    """The first `size` bytes of the source of this seed."""
    tail = _block(seed)[8:]
    blocks = (size + BLOCK - 1) // BLOCK
    whole = b"".join(struct.pack("<Q", i) + tail for i in range(blocks))
    return whole[:size]
