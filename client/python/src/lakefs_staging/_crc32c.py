"""CRC32C (Castagnoli), and that of two pieces put together."""

from __future__ import annotations

import functools
from collections.abc import Callable

_POLYNOMIAL = 0x82F63B78  # with its bits reflected


def _implementation() -> Callable[[bytes], int]:
    try:
        import google_crc32c

        return google_crc32c.value  # type: ignore[no-any-return]
    except ImportError:  # Debian has the other one
        import crc32c as debian

        return debian.crc32c  # type: ignore[no-any-return]


_value = _implementation()


def crc32c(data: bytes | bytearray | memoryview) -> int:
    return _value(data if isinstance(data, bytes) else bytes(data))


def concat(first: int, second: int, second_size: int) -> int:
    """The checksum of a piece with the checksum `first` and one behind it, of
    `second_size` bytes."""
    if second_size == 0:
        return first
    return _multiply(_shift(second_size), first) ^ second


@functools.lru_cache(maxsize=64)  # nearly all chunks have one size
def _shift(size: int) -> int:
    """X to the power of 8 × size, modulo the polynomial."""
    power, square, exponent = 1 << 31, 1 << 23, size  # 1, and x to the 8
    while exponent:
        if exponent & 1:
            power = _multiply(square, power)
        square = _multiply(square, square)
        exponent >>= 1
    return power


def _multiply(a: int, b: int) -> int:
    """The product of two polynomials, modulo that of the checksum."""
    product, bit = 0, 1 << 31
    while bit:
        if a & bit:
            product ^= b
        b = (b >> 1) ^ (_POLYNOMIAL if b & 1 else 0)
        bit >>= 1
    return product
