"""The box structure of an MP4 or MOV file: what its index says, and whether the file is all there.

Only headers and tables are read, in pieces, so a file of 4 GB costs what a small one costs. What a box claims is
believed only as far as the file reaches.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAX_ENTRIES = 1_000_000
"""Table rows that are read; ten minutes at 60 frames a second have 36,000."""

MAX_BOXES = 100_000
"""Boxes that are read on one level; a fragmented film of ten minutes has some thousands."""

EDIT_SLACK_S = 0.1
"""An edit that begins or ends this near to the track's own ends cuts nothing that is seen."""

TOP_LEVEL = frozenset(
    {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"mfra", b"sidx", b"ssix", b"styp", b"pdin"}
    | {b"meta", b"uuid", b"udta", b"emsg", b"prft", b"pnot", b"junk"}
)
"""What may stand at the top. Other kinds are vendors' own or rubbish behind the end, whose sizes mean nothing."""

_SILENT_ITEMS = frozenset({b"\xa9too", b"\xa9swr", b"\xa9enc", b"name", b"hdlr", b"free"})
"""Metadata that names the writing program or the track's handler, and no person, place or time."""

_VISUAL_ENTRY = 78
"""Fixed bytes of a picture's sample entry, before its inner boxes."""

_ONE = 0x10000
"""1.0 in the 16.16 numbers of matrices and edit rates."""


@dataclass(frozen=True, slots=True)
class Track:
    """One track as the index describes it.

    Attributes:
        handler: `vide`, `soun` or another four letters.
        entry: the sample entry's four letters, such as `avc1`.
        has_matrix: the display matrix turns, mirrors or scales the picture.
        cuts: the edit list hides or repeats parts of the track.
        gaps: how many samples have which duration, in ticks.
        timescale: ticks a second.
        dolby_vision: the profile of a Dolby Vision record; 5 has no colours of its own to fall back on.
    """

    handler: str
    entry: str
    has_matrix: bool
    cuts: bool
    gaps: tuple[tuple[int, int], ...]
    timescale: int
    dolby_vision: int | None = None

    @property
    def fps(self) -> float:
        """Samples a second; one odd gap at the end does not count."""
        gaps = dict(self.gaps)
        usual = max(gaps, key=lambda ticks: gaps[ticks])
        samples = sum(gaps.values())
        if usual and gaps[usual] >= min(samples - 1, samples * 0.98):
            return self.timescale / usual
        return samples * self.timescale / max(1, sum(ticks * count for ticks, count in self.gaps))

    @property
    def is_variable(self) -> bool | None:
        """Whether the samples' durations vary (the rule of `vary`); None when the index has no samples."""
        if not self.gaps or not self.timescale:
            return None
        return vary({ticks / self.timescale: count for ticks, count in self.gaps})


@dataclass(frozen=True, slots=True)
class Boxes:
    """A whole file.

    Attributes:
        brand: the major brand; `qt  ` is QuickTime.
        moov_first: the index comes before the media data.
        truncated: a box reaches past the end of the file, or the index is missing.
        fragmented: the samples are in `moof` boxes.
        has_metadata: there is a place, device, date, title, comment or XMP.
        has_chapters: the file has a chapter list of Nero's kind.
    """

    brand: str
    moov_first: bool
    truncated: bool
    fragmented: bool
    encrypted: bool
    has_metadata: bool
    has_chapters: bool
    tracks: tuple[Track, ...]

    @property
    def video(self) -> Track | None:
        """The first picture track."""
        return next((track for track in self.tracks if track.handler == "vide"), None)


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    body: int
    end: int


def read_boxes(path: Path) -> Boxes | None:
    """Read the structure, or return None for a file that is no MP4 or MOV at all."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        top = list(_children(file, 0, size))
        if not top or top[0].kind not in TOP_LEVEL or not any(box.kind in (b"ftyp", b"moov", b"mdat") for box in top):
            return None
        return _read(file, size, top)


def vary(gaps: dict[float, int]) -> bool:
    """Whether frame gaps (seconds: how many) are those of a variable rate.

    More than 2 % differ from the median by more than a tenth of it (2 ms at least), or one is a hole of over 0.5 s
    or four medians. The last sample's duration is arbitrary in many files; one in fifty never decides.
    """
    total, seen, median = sum(gaps.values()), 0, 0.0
    for gap in sorted(gaps):
        seen += gaps[gap]
        if seen * 2 >= total:
            median = gap
            break
    differing = sum(count for gap, count in gaps.items() if abs(gap - median) > max(0.002, median / 10))
    return differing > max(1, total * 0.02) or max(gaps) > max(0.5, 4 * median)


def _read(file: BinaryIO, size: int, top: list[_Box]) -> Boxes:
    first: dict[bytes, _Box] = {}
    for box in top:
        first.setdefault(box.kind, box)
    moov, mdat = first.get(b"moov"), first.get(b"mdat")
    brand = _bytes(file, first[b"ftyp"].body, 4).decode("latin-1") if b"ftyp" in first else "qt  "
    truncated = moov is None or any(box.end > size and box.kind in TOP_LEVEL for box in top)
    tracks: list[Track] = []
    encrypted = b"pssh" in first
    fragmented = b"moof" in first
    has_metadata, has_chapters = any(box.kind in (b"uuid", b"meta", b"udta") for box in top), False
    if moov is not None:
        inside = list(_children(file, moov.body, min(moov.end, size)))
        timescale = _movie_timescale(file, inside)
        for box in inside:
            if box.kind == b"trak":
                track = _track(file, box, timescale)
                encrypted |= track.entry in ("encv", "enca")
                tracks.append(track)
        fragmented |= any(box.kind == b"mvex" for box in inside)
        encrypted |= any(box.kind == b"pssh" for box in inside)
        has_metadata |= _tells(file, inside)
        has_chapters = any(
            item.kind == b"chpl" for box in inside if box.kind == b"udta" for item in _children(file, box.body, box.end)
        )
    return Boxes(
        brand=brand,
        moov_first=moov is not None and (mdat is None or moov.start < mdat.start),
        truncated=truncated,
        fragmented=fragmented,
        encrypted=encrypted,
        has_metadata=has_metadata,
        has_chapters=has_chapters,
        tracks=tuple(tracks),
    )


def _children(file: BinaryIO, start: int, end: int) -> Iterator[_Box]:
    """The boxes between two offsets; one that reaches past `end` is the last."""
    at = start
    for _ in range(MAX_BOXES):
        head = _bytes(file, at, min(16, end - at))
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head[:8])
        body = at + 8
        if length == 1 and len(head) == 16:
            length, body = struct.unpack(">Q", head[8:])[0], at + 16
        elif length == 0:
            length = end - at
        if length < body - at:
            return
        yield _Box(kind, at, body, at + length)
        at += length


def _bytes(file: BinaryIO, at: int, count: int) -> bytes:
    if count <= 0:
        return b""
    file.seek(at)
    return file.read(count)


def _find(file: BinaryIO, box: _Box, *way: bytes) -> _Box | None:
    """The first box down a way of kinds."""
    here: _Box | None = box
    for kind in way:
        if here is None:
            return None
        here = next((child for child in _children(file, here.body, here.end) if child.kind == kind), None)
    return here


def _rows(file: BinaryIO, box: _Box | None, form: str) -> Iterator[tuple[int, ...]]:
    """The rows of a table box, read 64 KB at a time."""
    if box is None:
        return
    claimed = int.from_bytes(_bytes(file, box.body + 4, 4))
    width = struct.calcsize(form)
    rows = min(claimed, (box.end - box.body - 8) // width, MAX_ENTRIES)
    at, step = box.body + 8, max(1, 65_536 // width)
    while rows > 0:
        piece = _bytes(file, at, min(rows, step) * width)
        piece = piece[: len(piece) // width * width]
        if not piece:
            return
        yield from struct.iter_unpack(form, piece)
        rows -= len(piece) // width
        at += len(piece)


def _movie_timescale(file: BinaryIO, inside: list[_Box]) -> int:
    header = next((box for box in inside if box.kind == b"mvhd"), None)
    return _timescale(file, header)


def _timescale(file: BinaryIO, header: _Box | None) -> int:
    """Ticks a second of a `mvhd` or `mdhd`."""
    if header is None:
        return 0
    wide = _bytes(file, header.body, 1) == b"\x01"
    return int.from_bytes(_bytes(file, header.body + (20 if wide else 12), 4))


def _track(file: BinaryIO, box: _Box, movie_timescale: int) -> Track:
    media = _find(file, box, b"mdia")
    table = _find(file, box, b"mdia", b"minf", b"stbl")
    handler = _find(file, media, b"hdlr") if media else None
    described = _find(file, table, b"stsd") if table else None
    timescale = _timescale(file, _find(file, media, b"mdhd") if media else None)
    gaps: Counter[int] = Counter()
    for count, ticks in _rows(file, _find(file, table, b"stts") if table else None, ">II"):
        gaps[ticks] += count
    return Track(
        handler=_bytes(file, handler.body + 8, 4).decode("latin-1") if handler else "",
        entry=_bytes(file, described.body + 12, 4).decode("latin-1") if described else "",
        has_matrix=_has_matrix(file, box),
        cuts=_cuts(file, box, table, gaps, timescale, movie_timescale),
        gaps=tuple(sorted(gaps.items())),
        timescale=timescale,
        dolby_vision=_dolby_vision(file, described) if described else None,
    )


def _dolby_vision(file: BinaryIO, described: _Box) -> int | None:
    """The profile in the `dvcC` or `dvvC` record of a picture's sample entry."""
    for entry in _children(file, described.body + 8, described.end):
        for record in _children(file, entry.body + _VISUAL_ENTRY, entry.end):
            if record.kind in (b"dvcC", b"dvvC"):
                return _bytes(file, record.body + 2, 1)[0] >> 1
    return None


def _has_matrix(file: BinaryIO, track: _Box) -> bool:
    header = _find(file, track, b"tkhd")
    if header is None:
        return False
    wide = _bytes(file, header.body, 1) == b"\x01"
    matrix = _bytes(file, header.body + (52 if wide else 40), 36)
    if len(matrix) < 36:
        return False
    a, b, _, c, d, *_ = struct.unpack(">9i", matrix)
    return any((a, b, c, d)) and (a, b, c, d) != (_ONE, 0, 0, _ONE)


def _cuts(
    file: BinaryIO, track: _Box, table: _Box | None, gaps: Counter[int], timescale: int, movie_timescale: int
) -> bool:
    """Whether the edit list does more than set the start: several edits, another speed, or an end cut off."""
    listed = _find(file, track, b"edts", b"elst")
    if listed is None or not timescale or not movie_timescale:
        return False
    wide = _bytes(file, listed.body, 1) == b"\x01"
    edits = list(_rows(file, listed, ">QqI" if wide else ">IiI"))
    shown = [edit for edit in edits if edit[1] >= 0]
    if not shown:
        return False
    if len(shown) > 1 or shown[0][2] != _ONE:
        return True
    length, begin, _ = shown[0]
    lead = next(_rows(file, _find(file, table, b"ctts") if table else None, ">Ii"), (0, 0))[1]
    slack = EDIT_SLACK_S * timescale
    total = sum(ticks * count for ticks, count in gaps.items())
    cut_off = length and total and begin + length * timescale / movie_timescale < total - slack
    return begin - lead > slack or bool(cut_off)


def _tells(file: BinaryIO, inside: list[_Box]) -> bool:
    """Whether the movie or a track carries metadata about people, places, times or devices."""
    for box in inside:
        if box.kind in (b"udta", b"meta") and _items_tell(file, box):
            return True
        if box.kind == b"mvhd" and any(_bytes(file, box.body + 4, 8 if _bytes(file, box.body, 1) == b"\x01" else 4)):
            return True
        if box.kind == b"uuid":
            return True
        if box.kind == b"trak" and _tells(file, list(_children(file, box.body, box.end))):
            return True
    return False


def _items_tell(file: BinaryIO, box: _Box) -> bool:
    """Look into `udta`, `meta` and `ilst`; Apple's keys are named in `keys` and numbered in `ilst`."""
    for item in _children(file, _items_body(file, box), box.end):
        if item.kind in (b"meta", b"ilst"):
            tells = _items_tell(file, item)
        elif item.kind == b"keys":
            tells = _keys_tell(file, item)
        else:
            tells = item.kind[:1] != b"\0" and item.kind not in _SILENT_ITEMS and item.end > item.body
        if tells:
            return True
    return False


def _items_body(file: BinaryIO, box: _Box) -> int:
    """MP4's `meta` begins with version and flags, QuickTime's does not."""
    versioned = box.kind == b"meta" and _bytes(file, box.body, 4) == b"\0\0\0\0"
    return box.body + 4 if versioned else box.body


def _keys_tell(file: BinaryIO, keys: _Box) -> bool:
    named = _children(file, keys.body + 8, keys.end)
    return any(b"encoder" not in _bytes(file, key.body, min(256, key.end - key.body)).lower() for key in named)
