"""One record of what a file is, whatever its name says; read in process by PyAV and our own box reader."""

from __future__ import annotations

import contextlib
import os
import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition

from airdate.errors import Refused
from airdate.media.boxes import Boxes, read_boxes
from airdate.media.photos import PhotoFacts, read_photo_facts

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,flv,asf,ogg,dv,mxf,gif,apng"
"""Containers we open; a playlist or a script that names other files is none of them."""

MAX_PIXELS = 71_000_000
"""Of one picture; a larger header is refused before anything is decoded."""

TIMES_READ = 4000
"""Packets whose times are read where the container has no index."""

_STILLS = {"png_pipe", "jpeg_pipe", "webp_pipe", "image2"}

_PRIMARIES = {1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020", 12: "smpte432"}
_TRANSFERS = {1: "bt709", 6: "smpte170m", 13: "iec61966-2-1", 14: "bt2020-10", 16: "smpte2084", 18: "arib-std-b67"}
_MATRICES = {0: "gbr", 1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020nc"}
_RANGES = {1: "tv", 2: "pc"}


class Kind(StrEnum):
    """What a file shows."""

    VIDEO = "video"
    PHOTO = "photo"


@dataclass(frozen=True, slots=True)
class Picture:
    """The video stream that is meant.

    Attributes:
        width: coded, in pixels; `shown` applies pixel shape and rotation.
        sar: shape of a pixel, width by height.
        rotation: degrees a player turns it, counter-clockwise.
        fps: average frames a second.
        is_variable: whether the gaps between frames differ visibly.
        start_s: seconds after the file's own beginning, which is where ffmpeg puts its zero.
        colour: matrix, primaries, transfer and range as FFmpeg names them; None where untagged.
    """

    index: int
    codec: str
    profile: str | None
    pix_fmt: str | None
    width: int
    height: int
    sar: float
    rotation: int
    fps: float
    is_variable: bool
    is_interlaced: bool
    matrix: str | None
    primaries: str | None
    transfer: str | None
    range: str | None
    start_s: float
    duration_s: float | None
    starts_with_key: bool

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height as a player shows them."""
        width, height = round(self.width * self.sar), self.height
        return (height, width) if self.rotation % 180 == 90 else (width, height)

    @property
    def is_hdr(self) -> bool:
        """Whether its light is PQ or HLG."""
        return self.transfer in ("smpte2084", "arib-std-b67")


@dataclass(frozen=True, slots=True)
class Sound:
    """The audio stream that is meant."""

    index: int
    codec: str
    profile: str | None
    channels: int
    rate: int
    start_s: float
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class Probe:
    """What a file is.

    Attributes:
        size: in bytes.
        container: FFmpeg's name of the format.
        duration_s: of the picture, else of the container; 0 for photos.
        streams: how many there are, covers and data included.
    """

    path: Path
    kind: Kind
    size: int
    container: str
    duration_s: float
    streams: int
    picture: Picture | None
    sound: Sound | None
    boxes: Boxes | None
    photo: PhotoFacts | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "path": self.path.name, "kind": self.kind.value}


def probe(path: Path, *, name: str | None = None) -> Probe:
    """Find out what a file is.

    Args:
        name: what errors call it; the file's own name if None.

    Raises:
        Refused: it is empty, cut off, or no film or picture.
    """
    name = name or path.name
    size = path.stat().st_size
    if size == 0:
        raise Refused(
            "media_empty", "the file has 0 bytes", item=name, rule="a film or a picture", fix="export it again"
        )
    if (photo := read_photo_facts(path, name)) is not None:
        return Probe(path, Kind.PHOTO, size, photo.format, 0.0, 1, None, None, None, photo)
    boxes = read_boxes(path)
    if boxes is not None and boxes.truncated:
        raise Refused(
            "media_truncated",
            f"the file ends before its film does, at {size:,} bytes",
            item=name,
            rule="every box of an MP4 lies inside the file",
            fix="copy or export it again; the upload or download it came from was cut off",
        )
    try:
        with opened(path) as container:
            return _read(path, name, size, container, boxes)
    except (FFmpegError, ValueError, OSError, IndexError) as failed:
        raise _unreadable(name, type(failed).__name__) from None


@contextlib.contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """A container by a nameless descriptor: by its name, `%03d.jpg` would be a pattern and `a:b` a protocol."""
    with (
        open(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "rb") as file,  # noqa: PTH123
        av.open(file, mode="r", options={"format_whitelist": FORMATS}) as container,
    ):
        yield container


def _read(path: Path, name: str, size: int, container: InputContainer, boxes: Boxes | None) -> Probe:
    videos = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not videos:
        raise _unreadable(name, "it has no moving picture")
    video = max(videos, key=lambda s: (bool(s.disposition & Disposition.default), s.width * s.height))
    if video.width * video.height > MAX_PIXELS:
        raise Refused(
            "media_picture_too_large",
            f"its picture is {video.width}×{video.height}",
            item=name,
            rule=f"at most {MAX_PIXELS:,} pixels",
            fix="export it at 4096 pixels or less a side",
        )
    sound = next(iter(sorted(container.streams.audio, key=lambda s: not s.disposition & Disposition.default)), None)
    origin = (container.start_time or 0) / av.time_base
    picture = _picture(path, container, video, origin)
    total = container.duration / av.time_base if container.duration and container.duration > 0 else None
    duration = picture.duration_s or total
    if duration is None:
        duration = _counted_seconds(container, video)
    return Probe(
        path=path,
        kind=Kind.VIDEO,
        size=size,
        container=container.format.name,
        duration_s=duration,
        streams=len(container.streams) + len(container.chapters()),
        picture=picture,
        sound=_sound(sound, origin) if sound is not None else None,
        boxes=boxes,
        photo=None,
    )


def _picture(path: Path, container: InputContainer, video: av.VideoStream, origin: float) -> Picture:
    context = video.codec_context
    rotation, interlaced, first_key = 0, False, False
    with contextlib.suppress(FFmpegError, StopIteration):
        frame = next(container.decode(video))
        rotation, interlaced, first_key = int(frame.rotation), frame.interlaced_frame, frame.key_frame
    gaps = _gaps(path, container, video)
    sar = video.sample_aspect_ratio or context.sample_aspect_ratio
    base = float(video.time_base) if video.time_base else 0.0
    return Picture(
        index=video.index,
        codec=context.name,
        profile=context.profile,
        pix_fmt=context.pix_fmt,
        width=video.width,
        height=video.height,
        sar=float(sar) if sar else 1.0,
        rotation=rotation,
        fps=_fps(video, gaps),
        is_variable=_is_variable(gaps),
        is_interlaced=interlaced or context.field_order not in (None, "unknown", "progressive", 0, 1),
        matrix=_MATRICES.get(int(context.colorspace)),
        primaries=_PRIMARIES.get(int(context.color_primaries)),
        transfer=_TRANSFERS.get(int(context.color_trc)),
        range=_RANGES.get(int(context.color_range)),
        start_s=(video.start_time or 0) * base - origin,
        duration_s=video.duration * base if video.duration and 0 < video.duration < 2**62 else None,
        starts_with_key=first_key,
    )


def _sound(stream: av.AudioStream, origin: float) -> Sound:
    context, base = stream.codec_context, float(stream.time_base) if stream.time_base else 0.0
    return Sound(
        index=stream.index,
        codec=context.name,
        profile=context.profile,
        channels=context.channels,
        rate=context.sample_rate,
        start_s=(stream.start_time or 0) * base - origin,
        duration_s=stream.duration * base if stream.duration and 0 < stream.duration < 2**62 else None,
    )


def _gaps(path: Path, container: InputContainer, video: av.VideoStream) -> list[float]:
    """Seconds between frames: from an MP4's index, else from the first packets."""
    base = float(video.time_base) if video.time_base else 0.0
    if "mp4" in container.format.name and len(video.index_entries) > 1:
        times = [entry.timestamp for entry in video.index_entries]
    else:
        times = _packet_times(path, video.index)
    times.sort()
    return [(later - sooner) * base for sooner, later in pairwise(times)]


def _packet_times(path: Path, index: int) -> list[int]:
    """Times of the first packets; the file is opened anew, because not every container can be wound back."""
    with contextlib.suppress(FFmpegError), opened(path) as container:
        packets = islice(container.demux(container.streams[index]), TIMES_READ)
        return [packet.pts for packet in packets if packet.pts is not None]
    return []


def _fps(video: av.VideoStream, gaps: list[float]) -> float:
    """Frames a second: the exact rate the file names, if its frames keep to it; what is measured if not."""
    named = [float(rate) for rate in (video.guessed_rate, video.average_rate, video.base_rate) if rate]
    if not gaps or sum(gaps) <= 0:
        return named[0] if named else 0.0
    measured = len(gaps) / sum(gaps)
    return next((rate for rate in named if abs(rate - measured) <= 0.01 * measured), measured)


def _is_variable(gaps: list[float]) -> bool:
    """More than 2 % of the gaps differ from the median by more than a tenth of it (2 ms at least), or one is a hole."""
    if len(gaps) < 2:
        return False
    median = statistics.median(gaps)
    differing = sum(abs(gap - median) > max(0.002, 0.1 * median) for gap in gaps)
    return differing > 0.02 * len(gaps) or max(gaps) > max(0.5, 4 * median)


def _counted_seconds(container: InputContainer, video: av.VideoStream) -> float:
    """The length of a film whose container does not tell it: to the last packet's end."""
    last = 0.0
    container.seek(0)
    for packet in container.demux(video):
        if packet.pts is not None and packet.time_base:
            last = max(last, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return last


def _unreadable(name: str, why: str) -> Refused:
    return Refused(
        "media_unreadable",
        f"this is no film or picture we can read: {why}",
        item=name,
        rule="MP4, MOV, WebM, MKV, MPEG, AVI and their like, or a photo, judged by content and not by name",
        fix="export it from its editor as MP4, or give the right file",
    )
