"""What one call of UploadAndLink sends: offsets, checksums, rewinds. Knows no
transport."""

from __future__ import annotations

import struct

from lakefs_staging._crc32c import concat, crc32c
from lakefs_staging._failure import source_changed
from lakefs_staging._options import Upload
from lakefs_staging.model import Outcome
from lakefs_staging.v1 import staging_pb2 as pb

# Chunks of 64 KiB cost a third more CPU; those of 4 MiB are no faster.
CHUNK_BYTES = 1 << 20

# Tags of the fields of UploadAndLinkRequest and UploadChunk.
_CHUNK, _WRITE_OFFSET, _DATA, _CRC32C = b"\x12", b"\x08", b"\x12", b"\x1d"


class WrongRewind(Exception):
    """A gateway asks for bytes from an offset where it cannot have them."""


class Sending:
    """The sending side of a call. One thread sends; `heard_rewind` is for the
    one that receives."""

    def __init__(self, upload: Upload, can_rewind: bool) -> None:
        header = upload.stream_header(can_rewind)
        self.header = pb.UploadAndLinkRequest(header=header).SerializeToString()
        self._upload = upload
        self._can_rewind = can_rewind
        self._awaits = upload.resumes  # the next rewind tells where to go on
        self._rewind: int | None = None  # that nobody has taken yet
        self._reached = 0  # bytes before it were sent, or need not be
        self._from = 0  # bytes before it are not sent
        self._crc = 0  # of the `hashed` bytes
        self.started = not upload.resumes  # it is known where to go on
        self.offset = 0  # of the next byte
        self.hashed = 0
        self.finish_sent = False

    def heard_rewind(self, offset: int) -> None:
        """Raises WrongRewind."""
        starts, self._awaits = self._awaits, False
        if offset < 0 or (
            not starts and (not self._can_rewind or offset > self._reached)
        ):
            raise WrongRewind(
                f"asked for bytes from offset {offset}, which it cannot have again"
            )
        self._rewind = offset  # takes the place of an earlier one

    @property
    def has_rewind(self) -> bool:
        return self._rewind is not None

    def take_rewind(self) -> int | None:
        """The offset that the source has to go to, if it has to."""
        offset, self._rewind = self._rewind, None
        if offset is None:
            return None
        self._from = offset
        self.finish_sent = False
        if not self.started:
            self.started = True
            self._reached = offset
            return None
        if offset > self.hashed:  # not read yet
            return None
        self.offset = offset
        return offset

    @property
    def outcome(self) -> Outcome:
        """What holds if the call ends now without a word."""
        return Outcome.UNKNOWN if self.finish_sent else Outcome.NOT_COMMITTED

    def chunk(self, data: bytes | memoryview) -> bytes | None:
        """The message of the next bytes, at most CHUNK_BYTES of them; None if
        they need not be sent."""
        begin, crc = self.offset, crc32c(data)
        self._hash(data, crc)
        if self.offset <= self._from:  # sent by an earlier call
            return None
        if begin < self._from:
            data = memoryview(data)[self._from - begin :]
            begin, crc = self._from, crc32c(data)
        return _message(begin, data, crc)

    def _hash(self, data: bytes | memoryview, crc: int) -> None:
        """Goes on behind the data. Bytes that go a second time are not hashed
        again: should they differ, the checksum of the whole shows it."""
        end = self.offset + len(data)
        again = self.hashed - self.offset
        if end > self.hashed:
            if again > 0:
                crc = crc32c(memoryview(data)[again:])
            self._crc = concat(self._crc, crc, end - self.hashed)
            self.hashed = end
        self.offset = end
        self._reached = max(self._reached, end)

    def finish(self) -> bytes:
        """The message that says that all bytes were sent."""
        if self.offset < self._from:
            raise source_changed(
                f"the source ends after {self.offset} bytes, and {self._from} of "
                "it have been sent by an earlier call"
            )
        self.finish_sent = True
        finish = pb.UploadFinish(size_bytes=self.offset, crc32c=self._crc)
        if self._upload.sha256 is not None:
            finish.sha256 = self._upload.sha256
        if self._upload.md5 is not None:
            finish.md5 = self._upload.md5
        return pb.UploadAndLinkRequest(finish=finish).SerializeToString()


def _message(offset: int, data: bytes | memoryview, crc: int) -> bytes:
    """An UploadAndLinkRequest with a chunk, whose bytes are copied but once."""
    head = b"".join(
        (
            _WRITE_OFFSET, _varint(offset),
            _CRC32C, struct.pack("<I", crc),
            _DATA, _varint(len(data)),
        )
    )  # fmt: skip
    return b"".join((_CHUNK, _varint(len(head) + len(data)), head, data))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
