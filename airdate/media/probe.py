"""What a file is, whatever its name says: one record, read in process by PyAV and our own box reader."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
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
from airdate.media.boxes import Boxes, read_boxes, vary
from airdate.media.photos import Photo, read_header

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,flv,asf,ogg,dv,mxf,gif,apng"
"""Containers that are opened; a playlist, which names other files, is none of them."""

MAX_PIXELS = 71_000_000
"""Of one picture: 0.2 s of 16000×16000 cost 3.6 GB of memory; 8K has half of this."""

MAX_STREAMS = 32
PACKETS_READ = 4000
"""Packets whose times are read where there is no index."""

TAIL_S = 10
"""Seconds at the end that are read where a stream does not tell its length."""

_PRIMARIES = {1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020", 11: "smpte431"}
_PRIMARIES |= {12: "smpte432"}
_TRANSFERS = {1: "bt709", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m", 8: "linear", 13: "iec61966-2-1"}
_TRANSFERS |= {14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084", 18: "arib-std-b67"}
_MATRICES = {0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc", 10: "bt2020c"}
_RANGES = {1: "tv", 2: "pc"}
_NEVER = 2**62


class Kind(StrEnum):
    """What a file shows."""

    VIDEO = "video"
    PHOTO = "photo"


@dataclass(frozen=True, slots=True)
class Picture:
    """The film's picture stream.

    Attributes:
        width: coded, in pixels; `shown` is what a player shows.
        sar: width of a pixel by its height.
        rotation: degrees that a player turns the picture, counter-clockwise.
        fps: average frames a second.
        is_variable: gaps between frames differ visibly.
        matrix: as FFmpeg names it, like `primaries`, `transfer` and `range`; None where untagged.
        start_s: seconds after the file's own start.
        starts_with_key: the first picture decodes alone.
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
    duration_s: float
    starts_with_key: bool

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height after pixel shape and rotation."""
        width, height = max(1, round(self.width * self.sar)), self.height
        return (height, width) if self.rotation % 180 == 90 else (width, height)

    @property
    def is_hdr(self) -> bool:
        """The light is PQ or HLG."""
        return self.transfer in ("smpte2084", "arib-std-b67")


@dataclass(frozen=True, slots=True)
class Sound:
    """The film's sound stream; times as in `Picture`."""

    index: int
    codec: str
    profile: str | None
    channels: int
    rate: int
    start_s: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class Probe:
    """What a file is.

    Attributes:
        size: in bytes.
        container: FFmpeg's name of the format, or Pillow's of a photo.
        duration_s: of the picture; 0 for a photo.
        streams: all of them, those that are left out included.
        chapters: how many.
        boxes: of an MP4 or MOV only.
    """

    path: Path
    kind: Kind
    size: int
    container: str
    duration_s: float
    streams: int = 1
    chapters: int = 0
    picture: Picture | None = None
    sound: Sound | None = None
    boxes: Boxes | None = None
    photo: Photo | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; of the path only the name, because the folder is a fact of this host."""
        facts = asdict(self)
        facts["path"] = self.path.name
        facts["kind"] = self.kind.value
        if facts["boxes"] is not None:
            for track in facts["boxes"]["tracks"]:
                del track["gaps"]
        return facts


def probe(path: Path, *, name: str | None = None) -> Probe:
    """Look at a local file.

    Args:
        name: what a refusal calls it.

    Raises:
        Refused: it is empty, cut short, or nothing that can be read.
    """
    name = name or path.name
    size = path.stat().st_size
    if size == 0:
        raise Refused(
            "media_empty",
            "the file is empty",
            item=name,
            rule="a file with a film or a photo in it",
            fix="copy or export it again",
        )
    photo = read_header(path, name)
    if photo is not None and not (photo.format == "GIF" and photo.frames > 1):
        return Probe(path, Kind.PHOTO, size, photo.format.lower(), 0.0, photo=photo)
    boxes = read_boxes(path)
    if boxes is not None and boxes.truncated:
        raise Refused(
            "media_truncated",
            "the film is cut off: its end, or its index, is missing",
            item=name,
            rule="a complete file",
            fix="copy or download it again",
        )
    with _opened(path, name) as container:
        return _film(container, path, size, boxes, name)


@contextlib.contextmanager
def _opened(path: Path, name: str) -> Iterator[InputContainer]:
    limits = {
        "protocol_whitelist": "file",
        "format_whitelist": FORMATS,
        "max_streams": str(MAX_STREAMS),
        "max_pixels": str(MAX_PIXELS),
    }
    try:
        # A nameless descriptor: by its name, `%03d.jpg` would be a pattern and `a:b` a protocol.
        with (
            open(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "rb") as file,  # noqa: PTH123
            av.open(file, mode="r", options=limits, metadata_errors="replace") as container,
        ):
            yield container
    except (FFmpegError, ValueError, OverflowError) as failed:
        raise _unreadable(name, getattr(failed, "strerror", None) or type(failed).__name__) from None


def _film(container: InputContainer, path: Path, size: int, boxes: Boxes | None, name: str) -> Probe:
    video = _chosen_video(container)
    if video is None:
        raise _unreadable(name, "it has no picture")
    sound = _chosen_sound(container)
    origin = (container.start_time or 0) / av.time_base
    first = _first_frame(container, video)
    pace = _pace(container, video, boxes)
    lengths = _lengths(container, [video, sound] if sound is not None else [video], boxes)
    picture = _picture(video, first, pace, _start(video, origin), lengths[video.index])
    if not picture.width or not picture.height:
        raise _unreadable(name, "its picture has no size")
    return Probe(
        path=path,
        kind=Kind.VIDEO,
        size=size,
        container=container.format.name,
        duration_s=picture.duration_s,
        streams=len(container.streams),
        chapters=len(container.chapters()),
        picture=picture,
        sound=_sound(sound, origin, lengths[sound.index]) if sound is not None else None,
        boxes=boxes,
    )


def _chosen_video(container: InputContainer) -> av.VideoStream | None:
    """No cover; the default one; then the largest. The cover may come first."""
    films = [
        stream
        for stream in container.streams.video
        if stream.codec_context is not None and not stream.disposition & Disposition.attached_pic
    ]
    return max(
        films,
        key=lambda stream: (bool(stream.disposition & Disposition.default), stream.width * stream.height),
        default=None,
    )


def _chosen_sound(container: InputContainer) -> av.AudioStream | None:
    heard = [stream for stream in container.streams.audio if stream.codec_context is not None and stream.rate]
    return max(heard, key=lambda stream: bool(stream.disposition & Disposition.default), default=None)


def _first_frame(container: InputContainer, video: av.VideoStream) -> av.VideoFrame | None:
    """The first picture that decodes; it must be asked for before anything seeks."""
    with contextlib.suppress(FFmpegError, StopIteration):
        return next(container.decode(video))
    return None


def _picture(
    video: av.VideoStream, first: av.VideoFrame | None, pace: tuple[bool, float], start: float, length: float
) -> Picture:
    context = video.codec_context
    sar = video.sample_aspect_ratio or context.sample_aspect_ratio
    return Picture(
        index=video.index,
        codec=context.codec.canonical_name,
        profile=context.profile,
        pix_fmt=context.pix_fmt,
        width=video.width,
        height=video.height,
        sar=float(sar) if sar else 1.0,
        rotation=round(first.rotation) % 360 if first else 0,
        fps=_rate(video, pace[1]),
        is_variable=pace[0],
        is_interlaced=(first is not None and first.interlaced_frame) or context.field_order > 1,
        matrix=_MATRICES.get(int(context.colorspace)),
        primaries=_PRIMARIES.get(int(context.color_primaries)),
        transfer=_TRANSFERS.get(int(context.color_trc)),
        range=_RANGES.get(int(context.color_range)),
        start_s=start,
        duration_s=length,
        starts_with_key=first is not None and first.key_frame,
    )


def _sound(stream: av.AudioStream, origin: float, length: float) -> Sound:
    context = stream.codec_context
    return Sound(
        index=stream.index,
        codec=context.codec.canonical_name,
        profile=context.profile,
        channels=context.channels,
        rate=context.sample_rate,
        start_s=_start(stream, origin),
        duration_s=length,
    )


def _start(stream: av.VideoStream | av.AudioStream, origin: float) -> float:
    if stream.start_time is None or stream.time_base is None or abs(stream.start_time) >= _NEVER:
        return 0.0
    return float(stream.start_time * stream.time_base) - origin


def _pace(container: InputContainer, video: av.VideoStream, boxes: Boxes | None) -> tuple[bool, float]:
    """Whether the rate varies, and what it is: from the index, else from the first packets; 0 where neither tells."""
    track = boxes.video if boxes else None
    if track is not None and track.is_variable is not None:
        return track.is_variable, track.fps
    base = float(video.time_base or 0)
    _seek(container, 0)
    with contextlib.suppress(FFmpegError):
        packets = islice(container.demux(video), PACKETS_READ)
        times = sorted({packet.pts for packet in packets if packet.pts is not None})
        # Whole milliseconds are Matroska's grid: gaps of 33 and 34 ms are one gap.
        gaps = Counter(round((later - sooner) * base, 3) for sooner, later in pairwise(times))
        if len(times) > 2 and base:
            return vary(dict(gaps)), (len(times) - 1) / ((times[-1] - times[0]) * base)
    return False, 0.0


def _rate(video: av.VideoStream, measured: float) -> float:
    """Frames a second: the exact rate the file names, if its frames keep to it; what is measured if not."""
    named = [float(rate) for rate in (video.guessed_rate, video.average_rate, video.base_rate) if rate]
    if not measured:
        return named[0] if named else 0.0
    return next((rate for rate in named if abs(rate - measured) <= 0.01 * measured), measured)


def _told_length(stream: av.VideoStream | av.AudioStream, boxes: Boxes | None) -> float | None:
    """The length a stream tells of itself: absent, 0 and 2^63 all occur, and fragments tell the whole film's."""
    fragmented = boxes is not None and boxes.fragmented
    if fragmented or not stream.duration or not 0 < stream.duration < _NEVER or stream.time_base is None:
        return None
    return float(stream.duration * stream.time_base)


def _lengths(
    container: InputContainer, streams: Sequence[av.VideoStream | av.AudioStream], boxes: Boxes | None
) -> dict[int, float]:
    """Each stream's length in seconds by its index; one that does not tell it is read at the film's end.

    The container's own length will not do: in Matroska it is that of the longest stream.
    """
    told = {stream.index: _told_length(stream, boxes) for stream in streams}
    untold = [stream for stream in streams if told[stream.index] is None]
    total = container.duration if container.duration and 0 < container.duration < _NEVER else 0
    last: dict[int, float] = {}
    if untold:
        _seek(container, max(0, (container.start_time or 0) + total - round(TAIL_S * av.time_base)))
        with contextlib.suppress(FFmpegError):
            for packet in container.demux(untold):
                if packet.pts is not None and packet.time_base is not None:
                    end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                    last[packet.stream.index] = max(last.get(packet.stream.index, 0.0), end)
    for stream in untold:
        first = float((stream.start_time or 0) * (stream.time_base or 0))
        told[stream.index] = max(0.0, last[stream.index] - first) if stream.index in last else total / av.time_base
    return {index: length or 0.0 for index, length in told.items()}


def _seek(container: InputContainer, microseconds: int) -> None:
    """Go to a time where the format can; where it cannot, reading goes on from where it was."""
    with contextlib.suppress(FFmpegError):
        container.seek(microseconds)


def _unreadable(name: str, why: str) -> Refused:
    return Refused(
        "media_unreadable",
        f"this is no film or photo that can be read: {why}",
        item=name,
        rule="MP4, MOV, WebM, MKV, MPEG, AVI and their like, or a photo; the content counts, not the name",
        fix="export it as MP4, or give the right file",
    )
