"""One record of what a file is, whatever its name says; read in a child process, from content alone."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from airdate.errors import Refused
from airdate.media.programs import ffprobe
from airdate.media.programs.child import Said, call
from airdate.media.reading.boxes import Boxes
from airdate.media.reading.tracks import Crop, Track

WALL_S = 30.0
"""Reading one file's facts takes a tenth of a second; only a file made to hang the reader takes this long."""

SCAN_BYTES_A_SECOND = 10_000_000
"""The slowest disk on which we wait for the packets of a film whose container has no index."""


class Kind(StrEnum):
    """What a file shows."""

    VIDEO = "video"
    PHOTO = "photo"


@dataclass(frozen=True, slots=True)
class Picture:
    """The video stream that is meant.

    Attributes:
        width: coded, in pixels; `shown` applies crop, pixel shape and rotation.
        sar: shape of a pixel, width by height.
        rotation: degrees a player turns it, counter-clockwise.
        is_turned: it is turned or mirrored by a tag.
        crop: what its container leaves out at its left, top, right and bottom, in coded pixels; old cameras' edges.
        may_interlace: pictures that come later may be interlaced, though none of the first is.
        is_mixed: the index describes its pictures in several ways, of which a copy would keep the first.
        has_alpha: parts of it are transparent.
        fps: frames a second.
        is_variable: whether the gaps between frames differ visibly.
        is_rounded: the container's clock is too coarse for its rate, so that even gaps come out unevenly.
        matrix: colour matrix as FFmpeg names it; None where untagged, as are primaries, transfer and range.
        dolby_vision: profile of its Dolby Vision record, if any.
        start_s: when its first frame is shown, seconds of the file's own clock.
        end_s: when its last one ends.
        hidden_s: how much of it an edit hides, at its start or end.
        edits: how many parts of it an edit list shows.
        starts_whole: the first picture is a key picture, and nothing is shown before it.
        is_joined: recordings were joined, and the container's clock begins anew with each.
        wait_s: how much later its first picture is shown than an AVI says.
        is_timed: the container says when each picture is shown, or they are shown in the order of the file.
    """

    index: int
    codec: str
    profile: str | None
    pix_fmt: str | None
    width: int
    height: int
    sar: float
    rotation: int
    is_turned: bool
    is_interlaced: bool
    may_interlace: bool
    is_mixed: bool
    has_alpha: bool
    fps: float
    is_variable: bool
    is_rounded: bool
    matrix: str | None
    primaries: str | None
    transfer: str | None
    range: str | None
    dolby_vision: int | None
    crop: Crop
    start_s: float
    end_s: float
    hidden_s: float
    edits: int
    starts_whole: bool
    is_joined: bool
    wait_s: float
    is_timed: bool

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height as a player shows them."""
        left, top, right, bottom = self.crop
        width, height = max(1, round((self.width - left - right) * self.sar)), max(1, self.height - top - bottom)
        return (height, width) if self.rotation % 180 == 90 else (width, height)

    @property
    def is_hdr(self) -> bool:
        """Whether its light is PQ or HLG."""
        return self.transfer in ("smpte2084", "arib-std-b67")


@dataclass(frozen=True, slots=True)
class Sound:
    """The audio stream that is meant; times as in `Picture`.

    Attributes:
        is_timed: the container's times of it go forward; else it begins with the picture, and is counted.
        is_trimmed: an edit hides its beginning, and it has no holes in time.
        edits: how many parts of it an edit list plays.
        starts_whole: its first packet decodes; of a broadcast it may be the rest of one.
        is_mixed: its rate or its channels change.
    """

    index: int
    codec: str
    profile: str | None
    channels: int
    rate: int
    start_s: float
    end_s: float | None
    is_timed: bool
    is_trimmed: bool
    starts_whole: bool
    is_mixed: bool
    edits: int


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """What a photo's header says.

    Attributes:
        width: as shown, EXIF rotation applied.
        caption: what its metadata say of it, one line; None if nothing.
        is_moving: it has more pictures, which follow each other.
    """

    format: str
    width: int
    height: int
    caption: str | None = None
    is_moving: bool = False


@dataclass(frozen=True, slots=True)
class Probe:
    """What a file is.

    Attributes:
        name: what people call it.
        size: in bytes.
        container: FFmpeg's name of the format.
        start_s: the earliest time in it, which ffmpeg makes its zero.
        lead_s: how much before that an edit of a fragmented film hides, which ffmpeg must be told to skip.
        duration_s: of the picture, from its first frame; 0 for photos.
        streams: how many there are, covers, data and chapters included.
        cut_off: how we know that its end is missing; None if it is whole.
        unheard: why none of its sounds can be played; None if one can, or there is none.
    """

    path: Path
    name: str
    kind: Kind
    size: int
    container: str
    start_s: float
    lead_s: float
    duration_s: float
    streams: int
    cut_off: str | None
    unheard: str | None
    picture: Picture | None
    sound: Sound | None
    boxes: Boxes | None
    photo: PhotoFacts | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; `path` is the name people know."""
        facts = {**asdict(self), "path": self.name, "kind": self.kind.value}
        del facts["name"]
        return facts


def probe(path: Path, *, name: str | None = None, cancel: threading.Event | None = None) -> Probe:
    """Find out what a file is.

    Args:
        name: what errors call it; the file's own name if None.

    Raises:
        Refused: it is empty, cut off before anything could be read, or no film or picture.
        Transient: it was cancelled.
    """
    return probe_all([path], [name or path.name], cancel=cancel)[0]


def probe_all(paths: Sequence[Path], names: Sequence[str], *, cancel: threading.Event | None = None) -> list[Probe]:
    """`probe` for several files, in one child process. Raises `NeedsPerson` too, if `AIRDATE_FFPROBE` is wrong."""
    for path, name in zip(paths, names, strict=True):
        if path.stat().st_size == 0:
            raise Refused(
                "media_empty", "the file has 0 bytes", item=name, rule="a film or a picture", fix="export it again"
            )
    ffprobe.program()  # a setting that is wrong is told before any work, and not by the first film that needs it
    found: list[Probe] = []
    order = {"paths": [str(path.absolute()) for path in paths], "names": list(names)}
    wall_s = sum(WALL_S + path.stat().st_size / SCAN_BYTES_A_SECOND for path in paths)
    try:
        call(
            "airdate.media.reading.reader:read",
            order,
            item=names[0],
            wall_s=wall_s,
            on_said=lambda said: found.append(_probe(said, paths[len(found)], names[len(found)])),
            cancel=cancel,
        )
    except Refused as refusal:
        if refusal.code in ("media_crashes", "media_hangs"):
            refusal.item = names[min(len(found), len(names) - 1)]
        raise
    return [_with_dolby_vision(one) for one in found]


def _with_dolby_vision(probe: Probe) -> Probe:
    """The probe, with what only ffprobe sees: asked for ten-bit pictures, where our own readers find no records."""
    picture = probe.picture
    if picture is None or probe.boxes is not None or picture.dolby_vision is not None:
        return probe
    if "10" not in (picture.pix_fmt or ""):
        return probe
    found = ffprobe.dolby_vision(probe.path, probe.container, picture.index, item=probe.name)
    return replace(probe, picture=replace(picture, dolby_vision=found))


def _probe(said: Said, path: Path, name: str) -> Probe:
    picture, sound, boxes, photo = (said.pop(part) for part in ("picture", "sound", "boxes", "photo"))
    return Probe(
        path=path,
        name=name,
        kind=Kind.VIDEO if photo is None else Kind.PHOTO,
        picture=Picture(**{**picture, "crop": tuple(picture["crop"])}) if picture else None,
        sound=Sound(**sound) if sound else None,
        boxes=_boxes(boxes) if boxes else None,
        photo=PhotoFacts(**photo) if photo else None,
        **said,
    )


def _boxes(facts: Mapping[str, Any]) -> Boxes:
    tracks = tuple(Track(**track) for track in facts["tracks"])
    return Boxes(**{**facts, "tracks": tracks})
