"""The sources of commands (DRIVERS.md, "Sources")."""

import functools
import io
import os
import struct
import tempfile
import threading
import time

BLOCK = 65536


class Own(Exception):
    """The driver's own error."""


@functools.lru_cache(maxsize=16)
def block(seed):
    x = max(seed, 1)
    numbers = []
    for _ in range(BLOCK // 4):
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        numbers.append(x)
    return struct.pack(f"<{len(numbers)}I", *numbers)


def content(offset, size, seed):
    """`size` bytes of the source of this seed, from `offset` on."""
    tail = block(seed)[8:]
    first, last = offset // BLOCK, (offset + size + BLOCK - 1) // BLOCK
    whole = b"".join(struct.pack("<Q", i) + tail for i in range(first, last))
    return whole[offset - first * BLOCK:][:size]


class Stream:
    """A binary file that gives the bytes once, as it is told to."""

    def __init__(self, run, spec, seed=None):
        self.run = run
        self.spec = spec
        self.seed = spec.get("seed", 1) if seed is None else seed
        self.size = spec["size"]
        self.at = 0
        self.over = threading.Event()

    def read(self, size=-1):
        spec = self.spec
        if delay := spec.get("delay"):
            time.sleep(delay)
        if size is None or size < 0:
            size = self.size
        size = max(0, min(size, self.size - self.at,
                          spec.get("piece") or self.size))
        for name in "fail_at", "block_at":
            limit = spec.get(name)
            if limit is None or self.at + max(size, 1) <= limit:
                continue
            if self.at < limit:
                size = limit - self.at
                continue
            if name == "fail_at":
                raise Own("the source fails")
            while not (self.over.is_set() or self.run.over.is_set()):
                time.sleep(0.02)
            raise OSError("the source was closed")
        data = content(self.at, size, self.seed)
        self.at += len(data)
        return data


class Closing(Stream):
    """What an opener gives."""

    def close(self):
        if not self.over.is_set():
            self.over.set()
            self.run.event({"closed": True})


class Seeking(Stream):
    """One that can go back."""

    def __init__(self, run, spec):
        super().__init__(run, spec)
        self.was_read = False

    def seekable(self):
        return True

    def tell(self):
        return self.at

    def read(self, size=-1):
        self.was_read = True
        return super().read(size)

    def seek(self, offset, whence=io.SEEK_SET):
        self.at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at,
                            io.SEEK_END: self.size}[whence]
        if whence == io.SEEK_SET and self.was_read:
            self.run.event({"sought": self.at})
            self.seed = self.spec.get("second") or self.seed
        return self.at


def pieces(stream):
    """Its bytes, as a generator."""
    while data := stream.read(stream.spec.get("piece") or BLOCK):
        yield data


def source_of(run, spec):
    """What is given to the client."""
    kind = spec["kind"]
    if kind == "bytes":
        return content(0, spec["size"], spec.get("seed", 1))
    if kind == "file":
        return spec.get("file") or temporary_file(run, spec)
    if kind == "seekable":
        return Seeking(run, spec)
    if kind == "stream":
        return Stream(run, spec)
    if kind == "generator":
        return pieces(Stream(run, spec))
    if kind == "opener":
        return opener(run, spec)
    return None


def opener(run, spec):
    opened = 0

    def open_it():
        nonlocal opened
        opened += 1
        run.event({"opened": opened})
        seed = spec.get("seed", 1)
        if opened > 1:
            seed = spec.get("second") or seed
        return Closing(run, spec, seed)

    return open_it


def temporary_file(run, spec):
    with tempfile.NamedTemporaryFile(delete=False) as file:
        stream = Stream(run, {**spec, "delay": 0})
        while data := stream.read(1 << 20):
            file.write(data)
    run.cleanup(lambda: os.unlink(file.name))
    return file.name
