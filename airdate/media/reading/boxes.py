"""A small reader of MP4 boxes: what PyAV does not tell, at the cost of a few seeks, whatever the file's size."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from airdate.media.reading.tracks import MOST_SAMPLES, Leaf, Track, read_track, turns

_HEADER = struct.Struct(">I4s")
_CONTAINERS = {b"mdia", b"minf", b"stbl", b"edts"}
_FIRST = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}
_CHILDREN_AT = {b"vide": 78, b"soun": 20}
"""Where the boxes inside a sample entry begin: after its fixed fields (ISO 14496-12, 12.1.3 and 12.2.3)."""

_SIZE_AT = 24
"""Where a picture's entry says its width and height."""

_ENCRYPTED = (b"encv", b"enca", b"drmi", b"drms", b"p608", b"pssh")
_SAYS_NOTHING = {b"\xa9too", b"\xa9enc", b"\xa9swr", b"name", b"free", b"hnti", b"\0\0\0\0", b"hdlr"}
"""Metadata that may stay: who encoded it, and the names of handlers."""

_EMPTY = {b"free", b"skip", b"wide"}
_PLAYS = {
    b"": {b"ftyp", b"moov", b"mdat", b"pdin", b"iods", b"moof", b"mfra", b"sidx", b"ssix", b"styp", b"prft", b"emsg"},
    b"moov": {b"mvhd", b"trak", b"mvex", b"iods", b"udta", b"meta", b"pssh", b"prfl"},
    b"trak": {b"tkhd", b"tref", b"trgr", b"edts", b"mdia", b"udta", b"meta", b"tapt", b"load", b"clip", b"matt"},
    b"mdia": {b"mdhd", b"hdlr", b"minf", b"elng", b"udta", b"meta"},
    b"minf": {b"vmhd", b"smhd", b"hmhd", b"nmhd", b"sthd", b"gmhd", b"hdlr", b"dinf", b"stbl"},
}
"""Boxes of the file and of some boxes in it that say how to play the film. Any other may hold what a camera or an
editor knows of it, such as a place: dashcams, XMP and the makers of cameras each have boxes of their own."""

_MEDIA = (b"moov", b"mdat", b"moof")
"""Boxes without which something of the film is missing; rubbish behind its end is none."""

DEEPEST = 12
"""Boxes nested deeper than any camera nests them are not followed."""

MOST_BYTES = 64 * 1024 * 1024
"""Of sample tables that are read; ten minutes of film at 60 frames a second need under 1 MB."""

MOST_BOXES = 20_000
"""Boxes that are looked at, in the file and again in its index: a fragmented film of ten minutes has some hundreds."""

MOST_TRACKS = 32
"""Tracks that are looked at; FFmpeg is given no more."""

_READ = {b"mvhd", b"tkhd", b"mdhd", b"hdlr", b"elst", b"stts", b"ctts", b"stss", b"stco", b"co64", b"cmvd"}
"""Boxes whose bodies are read."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """What the boxes of one MP4 or MOV say.

    Attributes:
        brand: the major brand, such as `isom` or `qt  `.
        moov_first: the index lies before the media.
        truncated: a box or a sample reaches past the end of the file.
        has_index: there is one, so that what is there of a cut film can be read.
        fragmented: the media comes in fragments.
        encrypted: a track is encrypted.
        dolby_vision: profile of its Dolby Vision record, if any.
        has_metadata: something is there besides the encoder's name: a place, a date, a title, chapters, an unknown box.
        used_bytes: the file without its empty boxes.
        unpacked_bytes: what its index says it has once it is unpacked, where it is compressed; else 0.
        tracks: all tracks of any kind, in order.
    """

    brand: str
    moov_first: bool
    truncated: bool
    has_index: bool
    fragmented: bool
    encrypted: bool
    dolby_vision: int | None
    has_metadata: bool
    used_bytes: int
    unpacked_bytes: int
    tracks: tuple[Track, ...]

    def track(self, number: int) -> Track | None:
        """The track with an id, which is its stream's; None where it is not the only one."""
        found = [track for track in self.tracks if track.id == number]
        return found[0] if len(found) == 1 else None


def read_boxes(path: Path) -> Boxes | None:
    """Read the boxes of a file; None if it is no MP4 or MOV."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(8)[4:8] not in _FIRST:
            return None
        top = list(_Reader(file).walk(0, size))
        names = [name for name, _, _ in top]
        moov = next(((start, end) for name, start, end in top if name == b"moov" and end <= size), None)
        reader = _Reader(file)
        leaves = list(_leaves(reader, b"moov", *moov)) if moov else []
        strange = set(names) - _PLAYS[b""] - _EMPTY
        says = bool(strange) or reader.is_worn_out or any(leaf.name == b"said" for leaf in leaves)
        brand = reader.bytes(8, 12).decode("latin-1") if names[:1] == [b"ftyp"] else "qt  "
    tracks = tuple(_tracks(leaves))
    return Boxes(
        brand=brand,
        moov_first=b"moov" in names and (b"mdat" not in names or names.index(b"moov") < names.index(b"mdat")),
        truncated=any(end > size and name in _MEDIA for name, _, end in top) or any(t.last_byte > size for t in tracks),
        has_index=moov is not None,
        fragmented=b"moof" in names or any(leaf.name == b"mvex" for leaf in leaves),
        encrypted=any(leaf.name in _ENCRYPTED for leaf in leaves),
        dolby_vision=next((leaf.body[2] >> 1 for leaf in leaves if leaf.name in (b"dvcC", b"dvvC")), None),
        has_metadata=says or any(leaf.is_dated() for leaf in leaves),
        used_bytes=size - sum(end - start for name, start, end in top if name in (b"free", b"skip")),
        unpacked_bytes=next((int.from_bytes(leaf.body[:4]) for leaf in leaves if leaf.name == b"cmvd"), 0),
        tracks=tracks,
    )


def _tracks(leaves: list[Leaf]) -> Iterator[Track]:
    """The tracks, whose samples are unrolled as far as a film of any length needs."""
    movie_scale = next((leaf.timescale() for leaf in leaves if leaf.name == b"mvhd"), 0)
    is_turned = any(turns(leaf.matrix()) for leaf in leaves if leaf.name == b"mvhd")
    left = MOST_SAMPLES
    for group in _by_track(leaves)[:MOST_TRACKS]:
        track = read_track(group, movie_scale, most_samples=left)
        track = replace(track, is_turned=track.is_turned or is_turned)
        left -= 0 if track.handler == "soun" else track.samples
        yield track


def _by_track(leaves: list[Leaf]) -> list[list[Leaf]]:
    groups: dict[int, list[Leaf]] = {}
    for leaf in leaves:
        if leaf.track:
            groups.setdefault(leaf.track, []).append(leaf)
    return list(groups.values())


class _Reader:
    """Reads boxes, and at most so many, and so much of them, as any real film has.

    Attributes:
        is_worn_out: there was more; what is left is not looked at.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._boxes, self._room = file, MOST_BOXES, MOST_BYTES
        self.is_worn_out = False

    def walk(self, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        """Name, start of the body and end of each box between two offsets; stops where it makes no sense.

        The last one may say that it ends farther off.
        """
        while start + 8 <= end:
            self._file.seek(start)
            head = self._file.read(16)
            if len(head) < 8:
                return
            length, name = _HEADER.unpack(head[:8])
            body = start + 8
            if length == 1:
                length, body = int.from_bytes(head[8:16]), start + 16
            elif length == 0:
                length = end - start
            if length < body - start:
                return
            self._boxes -= 1
            if self._boxes < 0:
                self.is_worn_out = True
                return
            yield name, body, start + length
            start += length

    def bytes(self, start: int, end: int) -> bytes:
        """What is between two offsets; nothing where it is too much."""
        if end - start > self._room:
            self.is_worn_out = True
            return b""
        self._file.seek(start)
        data = self._file.read(max(0, end - start))
        self._room -= len(data)
        return data


def _leaves(reader: _Reader, around: bytes, start: int, end: int, track: int = 0, depth: int = 0) -> Iterator[Leaf]:
    """The boxes inside one that matter, with their bodies; metadata that says something is reported as `said`."""
    count = 0
    for name, body, far in reader.walk(start, end):
        # A box that reaches over the end of the one around it would have what follows that one read once more.
        stop = min(far, end)
        if depth > DEEPEST:
            return
        if _says(reader, around, name, body, stop):
            yield Leaf(b"said", track, b"")
            if name == b"cmov":
                yield from _leaves(reader, name, body, stop, track, depth + 1)
        elif name == b"trak":
            count += 1
            yield from _leaves(reader, name, body, stop, count, depth + 1)
        elif name in _CONTAINERS:
            yield from _leaves(reader, name, body, stop, track, depth + 1)
        elif name == b"stsd":
            yield from _entries(reader, body + 8, stop, track)
        elif name in _ENCRYPTED or name == b"mvex":
            yield Leaf(name, track, b"")
        elif name in _READ and far <= end:
            yield Leaf(name, track, reader.bytes(body, far))


def _entries(reader: _Reader, start: int, end: int, track: int) -> Iterator[Leaf]:
    """Each sample entry by its name, and a Dolby Vision record, a clean aperture or a protection scheme inside it."""
    for entry, body, far in reader.walk(start, end):
        yield Leaf(b"entry", track, entry)
        if entry in _ENCRYPTED:
            yield Leaf(entry, track, b"")
        for skip in _CHILDREN_AT.values():
            for name, inner, stop in reader.walk(body + skip, min(far, end)):
                if name in (b"dvcC", b"dvvC") and stop - inner >= 5:
                    yield Leaf(name, track, reader.bytes(inner, inner + 5))
                elif name == b"clap":
                    size = reader.bytes(body + _SIZE_AT, body + _SIZE_AT + 4)
                    yield Leaf(name, track, size + reader.bytes(inner, min(stop, far, end)))


def _says(reader: _Reader, around: bytes, name: bytes, start: int, end: int) -> bool:
    """Whether a box holds metadata, or may."""
    if name == b"udta":
        return _udta_says(reader, start, end)
    if name == b"meta":
        return _meta_says(reader, start, end)
    return around in _PLAYS and name not in _PLAYS[around] | _EMPTY


def _udta_says(reader: _Reader, start: int, end: int) -> bool:
    for name, body, stop in reader.walk(start, end):
        if name == b"meta":
            if _meta_says(reader, body, stop):
                return True
        elif name not in _SAYS_NOTHING:
            return True
    return False


def _meta_says(reader: _Reader, start: int, end: int) -> bool:
    """Whether an item list holds more than the encoder's name. MP4's `meta` has four bytes that QuickTime's lacks."""
    skip = 0 if reader.bytes(start + 4, start + 8) in (b"hdlr", b"keys", b"ilst") else 4
    for name, body, stop in reader.walk(start + skip, end):
        if name == b"ilst" and any(item not in _SAYS_NOTHING for item, _, _ in reader.walk(body, stop)):
            return True
        if name == b"xml ":
            return True
    return False
