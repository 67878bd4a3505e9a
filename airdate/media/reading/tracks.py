"""What the sample tables of one MP4 track say: when its pictures are shown, what an edit hides, where its bytes end."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, chain, dropwhile, islice, pairwise, repeat, takewhile
from math import floor

_IDENTITY = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_DATED = (b"mvhd", b"tkhd", b"mdhd")
_CLAP = struct.Struct(">2H4IiIiI")

MOST_SAMPLES = 2_000_000
"""Of one track; ten minutes at 240 frames a second are 144,000, and a table that claims more is not followed."""

Crop = tuple[int, int, int, int]
"""Pixels of a coded picture that are not to be shown, at its left, top, right and bottom."""

WHOLE: Crop = (0, 0, 0, 0)

SMALLEST_HOLE_S = 0.001
"""Gaps between samples of sound differ by less where a clock rounds them."""

MOST_EDITS = 1000
"""A list of more is no editor's."""

NOT_PLAIN = 99
"""Stands for the number of edits when a list cannot be read, has holes in it, plays at another speed, or nothing."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One box without boxes inside.

    Attributes:
        track: number of the track it belongs to, from 1; 0 outside tracks.
    """

    name: bytes
    track: int
    body: bytes

    def timescale(self) -> int:
        """Units a second, of a `mvhd` or `mdhd`."""
        at = 20 if self.body[:1] == b"\x01" else 12
        return int.from_bytes(self.body[at : at + 4])

    def matrix(self) -> bytes:
        """How players turn the film, of a `mvhd`, or one track of it, of a `tkhd`."""
        at = (36 if self.name == b"mvhd" else 40) + (12 if self.body[:1] == b"\x01" else 0)
        return self.body[at : at + 36]

    def is_dated(self) -> bool:
        """Whether a header tells when the film was made."""
        return self.name in _DATED and any(self.body[4 : 12 if self.body[:1] == b"\x01" else 8])


@dataclass(frozen=True, slots=True)
class Track:
    """One track of an MP4, its times in seconds of the film.

    Attributes:
        id: as its header says it, and FFmpeg of its stream; 0 without a header.
        handler: `vide`, `soun`, or what else it is.
        entry: name of its first sample entry, such as `avc1`.
        entries: how many it has: more where its samples were encoded in several ways.
        samples: how many the tables list; 0 for a fragmented film. One of PCM is a moment of it.
        start_s: when its first sample is shown.
        end_s: when its last one ends.
        edits: how many parts of the media its edit list shows; 0 without a list.
        hidden_lead_s: how much an edit hides at its start.
        hidden_tail_s: how much an edit hides at its end.
        is_turned: its matrix turns or mirrors it.
        crop: what its clean aperture leaves out.
        starts_whole: its first sample is a key picture, and nothing is shown before it.
        fps: samples a second; of pictures alone, as is what varies.
        is_variable: whether the gaps between them differ visibly.
        spread_s: how much the longest gap between two of them is longer than the shortest.
        last_byte: where its last chunk begins at least.
    """

    id: int
    handler: str
    entry: str
    entries: int
    samples: int
    start_s: float
    end_s: float
    edits: int
    hidden_lead_s: float
    hidden_tail_s: float
    is_turned: bool
    crop: Crop
    starts_whole: bool
    fps: float
    is_variable: bool
    spread_s: float
    last_byte: int

    @property
    def is_trimmed(self) -> bool:
        """Whether an edit hides its beginning, and none of its samples is followed by a hole in time."""
        return self.hidden_lead_s > 0 and self.spread_s < SMALLEST_HOLE_S


def read_track(leaves: Sequence[Leaf], movie_scale: int, *, most_samples: int = MOST_SAMPLES) -> Track:
    """What the boxes of one track say; a table that is missing, damaged or too long counts as empty.

    Args:
        movie_scale: units a second of the film's own clock.
    """
    bodies = {leaf.name: leaf.body for leaf in reversed(leaves)}
    handler = bodies.get(b"hdlr", b"")[8:12].decode("latin-1")
    scale = max(1, next((leaf.timescale() for leaf in leaves if leaf.name == b"mdhd"), 0))
    samples = _samples(bodies.get(b"stts", b""), bodies.get(b"ctts", b""), handler, most_samples)
    edits = _edits(bodies.get(b"elst", b""))
    parts = [edit for edit in edits if edit[1] >= 0]
    delay = sum(length for length, _, _ in takewhile(lambda edit: edit[1] < 0, edits))
    begins = parts[0][1] if parts else 0
    holes = any(media < 0 for _, media, _ in dropwhile(lambda edit: edit[1] < 0, edits))
    start_s = delay / max(1, movie_scale) + max(0, samples.first - begins) / scale
    end_s = start_s + max(0, samples.end - max(samples.first, begins)) / scale
    tail_s = 0.0
    if parts and movie_scale and parts[0][0]:
        ends_s = sum(length for length, _, _ in edits) / movie_scale
        tail_s, end_s = max(0.0, end_s - ends_s), min(end_s, ends_s) if samples.count and not holes else ends_s
    gaps = [gap / scale for gap in samples.gaps]
    first_key = next(_numbers(bodies.get(b"stss", b"")), 1)
    return Track(
        id=_id(bodies.get(b"tkhd", b"")),
        handler=handler,
        entry=bodies.get(b"entry", b"").decode("latin-1"),
        entries=sum(leaf.name == b"entry" for leaf in leaves),
        samples=samples.count,
        start_s=start_s,
        end_s=end_s,
        edits=NOT_PLAIN if holes or any(rate != 0x10000 or not length for length, _, rate in parts) else len(parts),
        hidden_lead_s=max(0, begins - samples.first) / scale if parts else 0.0,
        hidden_tail_s=tail_s,
        is_turned=handler == "vide" and any(turns(leaf.matrix()) for leaf in leaves if leaf.name == b"tkhd"),
        crop=_crop(bodies.get(b"clap", b"")),
        starts_whole=first_key == 1 and samples.begins_first,
        fps=rate_of(gaps),
        is_variable=is_variable(gaps),
        spread_s=spread(gaps),
        last_byte=_last_chunk(bodies),
    )


EVEN_S = 0.0002
"""Gaps between pictures that differ by less are even: the clocks of most MP4 tick as finely."""

ROUNDED_S = 0.004
"""Gaps that differ by less, but visibly, come of a clock that ticks 1000 or 600 times a second."""


def spread(gaps: Sequence[float]) -> float:
    """How much the longest gap is longer than the shortest, in seconds."""
    return max(gaps) - min(gaps) if gaps else 0.0


def middle_of(gaps: Sequence[float]) -> float:
    """The gap in the middle of them by length; of an even number the longer of the two."""
    return sorted(gaps)[len(gaps) // 2]


def rate_of(gaps: Sequence[float]) -> float:
    """Pictures a second where they come evenly: a hole that one left counts for nothing. 0 where there are too few."""
    if not gaps:
        return 0.0
    middle = middle_of(gaps)
    even = [gap for gap in gaps if abs(gap - middle) <= _slack(middle)]
    return len(even) / sum(even) if sum(even) > 0 else 0.0


def is_variable(gaps: Sequence[float]) -> bool:
    """More than 2 % of the gaps differ from the median by more than a tenth of it (2 ms at least), or one is a hole.

    Args:
        gaps: seconds between frames, in the order they are shown.
    """
    if len(gaps) < 2:
        return False
    middle = middle_of(gaps)
    differing = sum(abs(gap - middle) > _slack(middle) for gap in gaps)
    return differing > 0.02 * len(gaps) or max(gaps) > max(0.5, 4 * middle)


def _slack(middle: float) -> float:
    return max(0.002, 0.1 * middle)


@dataclass(frozen=True, slots=True)
class _Samples:
    """When the samples of a track are shown, in units of its media.

    Attributes:
        first: when the earliest is shown.
        end: when the last one ends.
        gaps: between one and the next, in the order they are shown; of sound, each length that occurs.
        begins_first: the first one in the file is the first to be shown.
    """

    count: int
    first: int
    end: int
    gaps: list[int]
    begins_first: bool


_NONE = _Samples(0, 0, 0, [], begins_first=True)


def _samples(stts: bytes, ctts: bytes, handler: str, most: int) -> _Samples:
    """What the tables say; sound in PCM has a sample for each of its 48,000 moments a second, and is not unrolled."""
    runs = [(count, delta) for count, delta in _pairs(stts, ">II") if count]
    total = sum(count for count, _ in runs)
    if total == 0:
        return _NONE
    if handler == "soun":
        last = len(runs) - 1
        lengths = [delta for at, (count, delta) in enumerate(runs) if at < last or count > 1]
        return _Samples(total, 0, sum(count * delta for count, delta in runs), lengths, begins_first=True)
    if total > most:
        return _NONE
    steps = [step for count, delta in runs for step in repeat(delta, count)]
    told = (offset for count, delta in _pairs(ctts, ">Ii") for offset in repeat(delta, count))
    offsets = islice(chain(told, repeat(0)), total)
    shown = [time + offset for time, offset in zip(accumulate(steps, initial=0), offsets, strict=False)]
    in_order = sorted(shown)
    gaps = [later - sooner for sooner, later in pairwise(in_order)]
    return _Samples(total, in_order[0], in_order[-1] + steps[-1], gaps, begins_first=shown[0] == in_order[0])


def _edits(elst: bytes) -> list[tuple[int, int, int]]:
    """Length in movie units, media time (-1: nothing is shown) and speed of each edit; none without a list."""
    if not elst:
        return []
    count = int.from_bytes(elst[4:8])
    form = struct.Struct(">QqI" if elst[:1] == b"\x01" else ">IiI")
    if count > MOST_EDITS or len(elst) < 8 + form.size * count:
        return [(0, 0, NOT_PLAIN)]
    return list(form.iter_unpack(elst[8 : 8 + form.size * count]))


def _pairs(body: bytes, form: str) -> Iterator[tuple[int, int]]:
    count = min(int.from_bytes(body[4:8]), (len(body) - 8) // 8) if len(body) >= 8 else 0
    return struct.iter_unpack(form, body[8 : 8 + 8 * count])


def _numbers(body: bytes, width: int = 4) -> Iterator[int]:
    count = min(int.from_bytes(body[4:8]), (len(body) - 8) // width) if len(body) >= 8 else 0
    return (number for (number,) in struct.iter_unpack(">I" if width == 4 else ">Q", body[8 : 8 + width * count]))


def _last_chunk(bodies: dict[bytes, bytes]) -> int:
    return max(chain(_numbers(bodies.get(b"stco", b"")), _numbers(bodies.get(b"co64", b""), 8)), default=0)


def _id(tkhd: bytes) -> int:
    at = 20 if tkhd[:1] == b"\x01" else 12
    return int.from_bytes(tkhd[at : at + 4])


def turns(matrix: bytes) -> bool:
    """Whether a matrix, of 36 bytes if it is there, is another than the identity."""
    return len(matrix) == len(_IDENTITY) and matrix != _IDENTITY


def _crop(clap: bytes) -> Crop:
    """What lies outside a clean aperture (ISO 14496-12, 12.1.4), as FFmpeg rounds it.

    Args:
        clap: width and height of the coded picture, then the box: width, height and the offset of the centre, each
            as a fraction.
    """
    if len(clap) < _CLAP.size:
        return WHOLE
    width, height, *numbers = _CLAP.unpack(clap[: _CLAP.size])
    parts = list(zip(numbers[::2], numbers[1::2], strict=True))
    if not all(below for _, below in parts):
        return WHOLE
    across, down, rightwards, downwards = (Fraction(above, below) for above, below in parts)
    left, top = (width - across) / 2 + rightwards, (height - down) / 2 + downwards
    hidden = (floor(left), floor(top), width - floor(left + across), height - floor(top + down))
    return hidden if min(hidden) >= 0 and across >= 1 and down >= 1 else WHOLE
