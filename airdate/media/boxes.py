"""A small reader of MP4 boxes: what PyAV does not tell, at the cost of a few seeks, whatever the file's size."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_HEADER = struct.Struct(">I4s")
_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts"}
_PLAIN_META = {b"\xa9too", b"\xa9enc", b"hdlr"}
_IDENTITY = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)

LARGEST_TABLE = 64 * 1024 * 1024
"""A sample table larger than this is not read; ten minutes of film at 60 frames a second need under 1 MB."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """What the boxes of one MP4 or MOV say.

    Attributes:
        brand: the major brand, such as `isom` or `qt  `.
        moov_first: the index lies before the media.
        truncated: a box reaches past the end of the file, or there is no index.
        fragmented: the media comes in fragments.
        encrypted: a track is encrypted.
        edits: the most edits any track has.
        has_matrix: a picture track is rotated or mirrored by its matrix.
        has_metadata: something is there besides the encoder's name: a place, a date, a title, chapters.
        tracks: how many tracks of any kind.
    """

    brand: str
    moov_first: bool
    truncated: bool
    fragmented: bool
    encrypted: bool
    edits: int
    has_matrix: bool
    has_metadata: bool
    tracks: int


def read_boxes(path: Path) -> Boxes | None:
    """Read the boxes of a file; None if it is no MP4 or MOV."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(8)[4:8] not in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            return None
        top = list(_walk(file, 0, size))
        names = [name for name, _, _ in top]
        moov = next(((start, end) for name, start, end in top if name == b"moov"), None)
        inner = list(_inner(file, *moov)) if moov and moov[1] <= size else []
        file.seek(8)
        brand = file.read(4).decode("latin-1") if names[:1] == [b"ftyp"] else "qt  "
    return Boxes(
        brand=brand,
        moov_first=b"moov" in names and (b"mdat" not in names or names.index(b"moov") < names.index(b"mdat")),
        truncated=moov is None or any(end > size for _, _, end in top),
        fragmented=b"moof" in names or any(name == b"mvex" for name, _ in inner),
        encrypted=any(name in (b"encv", b"enca", b"pssh") for name, _ in inner),
        edits=max((_edits(body) for name, body in inner if name == b"elst"), default=0),
        has_matrix=any(_is_turned(body) for name, body in inner if name == b"tkhd"),
        has_metadata=b"uuid" in names or any(name == b"said" for name, _ in inner),
        tracks=sum(name == b"tkhd" for name, _ in inner),
    )


def _walk(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, start of the body and end of each box between two offsets; stops where it makes no sense."""
    while start + 8 <= end:
        file.seek(start)
        length, name = _HEADER.unpack(file.read(8))
        body = start + 8
        if length == 1:
            length, body = int.from_bytes(file.read(8)), start + 16
        elif length == 0:
            length = end - start
        if length < body - start:
            return
        yield name, body, start + length
        start += length


def _inner(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    """The leaves below `moov` that matter, with their bodies; metadata is reported as `said`."""
    for name, body, stop in _walk(file, start, end):
        if name in _CONTAINERS:
            yield from _inner(file, body, stop)
        elif name == b"udta":
            if _says_something(file, body, stop):
                yield b"said", b""
        elif name == b"meta":
            if _meta_says(file, body, stop):
                yield b"said", b""
        elif name == b"stsd":
            yield from ((entry, b"") for entry, _, _ in _walk(file, body + 8, stop))
        elif name in (b"tkhd", b"elst", b"mvex", b"pssh") and stop - body <= LARGEST_TABLE:
            file.seek(body)
            yield name, file.read(stop - body)


def _says_something(file: BinaryIO, start: int, end: int) -> bool:
    for name, body, stop in _walk(file, start, end):
        if name == b"meta":
            if _meta_says(file, body, stop):
                return True
        elif name not in (b"\xa9too", b"\xa9enc", b"\xa9swr", b"name", b"free", b"hnti", b"\0\0\0\0"):
            return True
    return False


def _meta_says(file: BinaryIO, start: int, end: int) -> bool:
    """Whether an item list holds more than the encoder's name. MP4's `meta` has four bytes that QuickTime's lacks."""
    file.seek(start + 4)
    skip = 0 if file.read(4) in (b"hdlr", b"keys", b"ilst") else 4
    for name, body, stop in _walk(file, start + skip, end):
        if name == b"ilst" and any(item not in _PLAIN_META for item, _, _ in _walk(file, body, stop)):
            return True
        if name == b"xml ":
            return True
    return False


def _edits(body: bytes) -> int:
    """How many edits a list has, an empty one at its start (a delay) not counted."""
    version, count = body[0], int.from_bytes(body[4:8])
    width, media_time = (20, slice(8, 16)) if version == 1 else (12, slice(4, 8))
    if count and int.from_bytes(body[8:][media_time], signed=True) == -1:
        count -= 1
    return count if len(body) >= 8 + width * count else 99


def _is_turned(body: bytes) -> bool:
    """Whether a track header's matrix is another than the identity, and the track has a picture."""
    start = 52 if body[0] == 1 else 40
    width, height = struct.unpack(">II", body[start + 36 : start + 44])
    return bool(width and height) and body[start : start + 36] != _IDENTITY
