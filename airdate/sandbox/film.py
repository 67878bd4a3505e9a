"""What TikTok looks at in a film it was sent, read with PyAV.

It shares no code with the media engine on purpose: a judge who uses the eyes of the judged sees nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

CONTAINERS = {"mov", "mp4", "webm"}
CODECS = {"h264", "hevc", "vp8", "vp9"}
SLOWEST_FPS, FASTEST_FPS = 23.0, 60.0
SMALLEST_SIDE, LARGEST_SIDE = 360, 4096
LONGEST_S = 600.0
"""TikTok, Media Transfer Guide: containers, codecs, 23 to 60 frames a second, 360 to 4096 pixels, ten minutes."""

SHORTEST_S = 1.0
"""TikTok names no shortest film; one second is the least that anybody reports (fact sheet, section 13)."""

FPS_SLACK = 0.005
"""60.01 was refused; the rate of a file that says 60 is read exactly."""

SECONDS_SLACK = 0.05
"""A film of ten minutes may end with its last frame."""

MISSING_S = 1.0
"""Pictures that end this much before the file says they do were cut off on the way."""


@dataclass(frozen=True, slots=True)
class Film:
    """What was found.

    Attributes:
        sha256: of every byte.
        fail_reason: TikTok's word for what is wrong; None when nothing is.
        why: the same for people, with the number.
        poster: a JPEG of the cover, a file beside the film; None when there is no picture to be had.
    """

    sha256: str
    fail_reason: str | None = None
    why: str | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    seconds: float | None = None
    poster: Path | None = None


@dataclass(frozen=True, slots=True)
class _Seen:
    width: int
    height: int
    fps: float
    seconds: float
    poster: bytes


_EBML_HEAD = 128
"""Bytes within which the EBML header of a Matroska file ends."""


class _Unreadable(Exception):
    """The film is not one that TikTok takes; the text says why."""


def examine(path: Path, *, longest_s: float, cover_ms: int) -> Film:
    """Hash the file and judge it as TikTok does after an upload; its cover goes beside it.

    Args:
        longest_s: the creator's own limit.
        cover_ms: where the cover lies; where there is no picture the first one counts.
    """
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        seen = _look(path, cover_ms)
    except _Unreadable as reason:
        return Film(sha256, "file_format_check_failed", str(reason))
    except (av.FFmpegError, ValueError, ArithmeticError) as failed:
        return Film(sha256, "file_format_check_failed", f"cannot be read: {type(failed).__name__}")
    fail_reason, why = _judge(seen, min(longest_s, LONGEST_S))
    poster = path.with_suffix(".jpg")
    poster.write_bytes(seen.poster)
    return Film(sha256, fail_reason, why, seen.width, seen.height, seen.fps, seen.seconds, poster)


def _look(path: Path, cover_ms: int) -> _Seen:
    # The prefix keeps a name such as `a:b` from being read as a protocol; logs of a broken film are of no use.
    with av.open(f"file:{path}") as container:
        if not CONTAINERS & set(container.format.name.split(",")):
            raise _Unreadable(f"the container is {container.format.name}")
        if "webm" in container.format.name and not _is_webm(path):
            raise _Unreadable("the container is Matroska")
        if not container.streams.video:
            raise _Unreadable("there is no picture")
        stream = container.streams.video[0]
        if stream.codec_context.name not in CODECS:
            raise _Unreadable(f"the codec is {stream.codec_context.name}")
        seconds = _seconds(container, stream)
        rate = stream.average_rate or stream.guessed_rate
        width, height = stream.codec_context.width, stream.codec_context.height
        picture = _picture(container, stream, cover_ms / 1000 if cover_ms / 1000 < seconds else 0.0)
        return _Seen(width, height, float(rate or 0), seconds, _jpeg(picture))


def _is_webm(path: Path) -> bool:
    """Whether a Matroska file calls itself WebM, in the DocType of its first bytes; ffmpeg has one name for both."""
    with path.open("rb") as file:
        return b"webm" in file.read(_EBML_HEAD)


def _seconds(container: InputContainer, stream: VideoStream) -> float:
    """How long the pictures last that are really there; what the header says is only compared with it."""
    unit = stream.time_base
    times = [
        (packet.pts, packet.pts + (packet.duration or 0))
        for packet in container.demux(stream)
        if packet.pts is not None and packet.size
    ]
    if not times or not unit:
        raise _Unreadable("there is no picture")
    start, end = min(first for first, _ in times), max(last for _, last in times)
    seconds = float((end - max(start, 0)) * unit)
    said = float(stream.duration * unit) if stream.duration else (container.duration or 0) / av.time_base
    if said - seconds > MISSING_S and said - seconds > said / 100:
        raise _Unreadable(f"it says {said:.1f} s and holds {seconds:.1f} s")
    return seconds


def _picture(container: InputContainer, stream: VideoStream, at: float) -> VideoFrame:
    """The first picture at or after that second, else the last before it."""
    container.seek(int(at * av.time_base))
    found = None
    for found in container.decode(stream):
        if found.time is None or found.time >= at - 1e-3:
            break
    if found is None:
        raise _Unreadable("no picture can be decoded")
    return found


def _jpeg(picture: VideoFrame) -> bytes:
    """A small JPEG, upright."""
    image: Image.Image = picture.to_image()  # type: ignore[no-untyped-call]
    if picture.rotation:
        image = image.rotate(picture.rotation, expand=True)
    image.thumbnail((540, 960))
    file = BytesIO()
    image.save(file, "JPEG", quality=80)
    return file.getvalue()


def _judge(seen: _Seen, longest_s: float) -> tuple[str | None, str | None]:
    if not (min(seen.width, seen.height) >= SMALLEST_SIDE and max(seen.width, seen.height) <= LARGEST_SIDE):
        return (
            "picture_size_check_failed",
            f"{seen.width}×{seen.height} is not within {SMALLEST_SIDE} to {LARGEST_SIDE}",
        )
    if not SLOWEST_FPS - FPS_SLACK <= seen.fps <= FASTEST_FPS + FPS_SLACK:
        return "frame_rate_check_failed", f"{seen.fps:.3f} fps is not within {SLOWEST_FPS:g} to {FASTEST_FPS:g}"
    if not SHORTEST_S <= seen.seconds <= longest_s + SECONDS_SLACK:
        return "duration_check_failed", f"{seen.seconds:.2f} s is not within {SHORTEST_S:g} to {longest_s:g}"
    return None, None
