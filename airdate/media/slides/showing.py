"""The child's side of a slideshow: photos into frames, frames into groups of pictures, groups into a film.

A photo stands still for seconds, so its group of pictures is encoded once and repeated as packets; only cross-fades
are rendered frame by frame. That is less work than encoding every frame, however fast the frames come. Two photos are
in memory at most.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import av
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image, ImageFilter

from airdate.media.film.focus import busiest_window
from airdate.media.film.safe_zones import fitted, free_box, whole_box
from airdate.media.photos.photo import read_photo
from airdate.media.slides.moving import Planes, view_of
from airdate.media.slides.titles import write_title

GROUP_FRAMES = 15
"""Longest group of a still: twice as many would make the file a quarter smaller and the work a tenth more."""

STILL = {"g": "600", "bf": "0", "sc_threshold": "0", "forced-idr": "1"}
"""Of the encoder where groups are repeated. Without B-frames packets come in the order they are shown, and any
beginning of a group is a group. Photos that move repeat nothing; with B-frames they take half the room."""

MOVING = {"g": "250"}
"""A key picture of a photo is large, and TikTok makes its own: they are as rare as x264 has them."""

BLUR_WIDTH = 72
BLUR_RADIUS = 3

ZOOM = 0.10
"""How much nearer a moving photo comes while it is shown, or farther it goes."""

OVERSIZE = 1 / (1 - ZOOM)
"""Moving photos are composed this much larger than the frame: the nearest view then has a pixel for each pixel. Larger
ones cost a third more work for each frame."""

BT709 = 1


@dataclass(frozen=True, slots=True)
class Segment:
    """Frames between two key pictures: the unique ones, and how many are shown, beginning over where they run out."""

    unique: Iterator[Planes]
    count: int
    shown: int


def show(
    paths: Sequence[str],
    names: Sequence[str],
    titles: Sequence[str | None],
    font: str,
    out: str,
    size: tuple[int, int],
    fps: int,
    stands: Sequence[int],
    cross: int,
    framing: str,
    safe: bool,
    moving: bool,
    options: dict[str, str],
) -> Iterator[dict[str, Any]]:
    """Write the film; says the part that is done after each segment.

    Args:
        titles: what is written onto each photo; None for nothing.
        font: the file that titles are written with.
        stands: frames each photo is shown, cross-fades included.
        cross: frames of a cross-fade.
        safe: keep clear of TikTok's buttons and texts.
        options: of the encoder.

    Raises:
        Refused: a photo cannot be read to its end.
    """
    frame = (size[0], size[1])
    reel = _Reel(out, frame, fps, options | (MOVING if moving else STILL))
    total = sum(stands) - (len(paths) - 1) * cross
    scenes = (
        _Scene(_drawn(path, name, title, font, frame, framing, safe, moving), frame, each, moving, number)
        for number, (path, name, title, each) in enumerate(zip(paths, names, titles, stands, strict=True))
    )
    for segment in _segments(scenes, len(paths), cross):
        reel.add(segment)
        yield {"done": reel.written / total}
    reel.close()
    yield {"done": 1.0}


def _segments(scenes: Iterator[_Scene], count: int, cross: int) -> Iterator[Segment]:
    before: _Scene | None = None
    for number, scene in enumerate(scenes):
        if before is not None and cross:
            yield Segment(_faded(before, scene, cross), cross, cross)
        first = cross if before is not None else 0
        last = scene.frames - (cross if number < count - 1 else 0)
        if last > first:
            yield scene.alone(first, last)
        before = scene


def _faded(before: _Scene, now: _Scene, cross: int) -> Iterator[Planes]:
    for step in range(cross):
        part = (step + 1) / (cross + 1)
        pairs = zip(before.frame(before.frames - cross + step), now.frame(step), strict=True)
        yield tuple(Image.blend(old, new, part) for old, new in pairs)


class _Scene:
    """One photo: composed once, as the planes of a YUV picture, and moved over them if it moves."""

    def __init__(self, picture: Image.Image, size: tuple[int, int], frames: int, moving: bool, number: int) -> None:
        self.frames = frames
        self._inward = number % 2 == 0
        self._planes = planes_of(picture)
        self._view = view_of(self._planes, size, _aim(picture)) if moving else None

    def frame(self, number: int) -> Planes:
        """The planes at a frame's number."""
        if self._view is None:
            return self._planes
        part = number / max(1, self.frames - 1)
        near = ZOOM * (part if self._inward else 1 - part)
        return self._view(near)

    def alone(self, first: int, last: int) -> Segment:
        """The frames in which no other photo is seen."""
        shown = last - first
        if self._view is not None:
            return Segment((self.frame(number) for number in range(first, last)), shown, shown)
        groups = -(-shown // GROUP_FRAMES)
        unique = -(-shown // groups)
        return Segment(repeat(self._planes, unique), unique, shown)


def _drawn(
    path: str, name: str, title: str | None, font: str, frame: tuple[int, int], framing: str, safe: bool, moving: bool
) -> Image.Image:
    """A photo as its scene needs it: composed, larger if it will move, and with its title."""
    size = (_even(frame[0] * OVERSIZE), _even(frame[1] * OVERSIZE)) if moving else frame
    picture = compose(Path(path), name, size, framing, safe)
    return write_title(picture, title, Path(font), name) if title else picture


def _even(side: float) -> int:
    return round(side / 2) * 2


def _aim(picture: Image.Image) -> tuple[float, float]:
    """Where a moving photo comes nearer to: 0.0 its left or upper edge, 1.0 the other; the middle if it is even."""
    nearest = (round(picture.width * (1 - ZOOM)), round(picture.height * (1 - ZOOM)))
    left, top = busiest_window([picture], nearest)
    return left / (picture.width - nearest[0]), top / (picture.height - nearest[1])


def compose(path: Path, name: str, size: tuple[int, int], framing: str, safe: bool) -> Image.Image:
    """One photo in the frame: whole over a blurred copy of itself or over black, or cut to fill."""
    if framing in ("crop", "smart"):
        photo = read_photo(path, name, frame=size, cover=True)
        left, top = (photo.width - size[0]) // 2, (photo.height - size[1]) // 2
        if framing == "smart":
            left, top = busiest_window([photo], size)
        return photo.crop((left, top, left + size[0], top + size[1]))
    box = free_box(size) if safe else whole_box(size)
    front = read_photo(path, name, frame=(box[2], box[3]))
    if front.size == size:
        return front
    ground = Image.new("RGB", size)
    if framing != "pad":
        small = (BLUR_WIDTH, round(BLUR_WIDTH * size[1] / size[0]))
        ground = _covering(front, small).filter(ImageFilter.GaussianBlur(BLUR_RADIUS))
        ground = ground.resize(size, Image.Resampling.BICUBIC)
    left, top, _, _ = fitted(front.size, box)
    ground.paste(front, (left, top))
    return ground


def _covering(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    factor = min(picture.width / size[0], picture.height / size[1])
    width, height = size[0] * factor, size[1] * factor
    left, top = (picture.width - width) / 2, (picture.height - height) / 2
    return picture.resize(size, Image.Resampling.BOX, box=(left, top, left + width, top + height))


def planes_of(picture: Image.Image) -> Planes:
    """An RGB picture as BT.709 limited 4:2:0 planes."""
    rgb: av.VideoFrame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]
    frame = rgb.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
    return tuple(
        Image.frombytes("L", (plane.width, plane.height), bytes(plane), "raw", "L", plane.line_size, 1)
        for plane in frame.planes
    )


class _Reel:
    """An MP4 that is encoded segment by segment; what a segment repeats is copied as packets."""

    def __init__(self, out: str, size: tuple[int, int], fps: int, options: dict[str, str]) -> None:
        self._file = av.open(out, "w", format="mp4", options={"movflags": "+faststart"})
        self._stream = self._file.add_stream("libx264", rate=fps, options=options)
        self._repeats = options.get("bf") == "0"
        self._stream.width, self._stream.height, self._stream.pix_fmt = *size, "yuv420p"
        self._stream.sample_aspect_ratio = Fraction(1)
        context = self._stream.codec_context
        context.thread_type = "FRAME"  # PyAV cuts pictures into slices by itself, which takes a third more room
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, BT709, BT709, BT709
        self._base = Fraction(1, fps)
        self._size = size
        self._fed = 0
        self._open: deque[tuple[int, int]] = deque()
        self._group: list[av.Packet[Any]] = []
        self.written = 0

    def add(self, segment: Segment) -> None:
        """Encode a segment's unique frames."""
        self._open.append((segment.count, segment.shown))
        first, frame, drawn = True, None, None
        for planes in segment.unique:
            if frame is None or planes is not drawn:
                frame, drawn = self._drawn(planes), planes
            frame.pts, frame.time_base = self._fed, self._base
            frame.pict_type = PictureType.I if first and self._repeats else PictureType.NONE
            self._fed += 1
            first = False
            self._take(self._stream.encode(frame))

    def close(self) -> None:
        """Encode what is on its way and write the index."""
        self._take(self._stream.encode(None))
        self._file.close()

    def _drawn(self, planes: Planes) -> av.VideoFrame:
        frame = av.VideoFrame(*self._size, "yuv420p")
        for plane, picture in zip(frame.planes, planes, strict=True):
            plane.update(picture.tobytes("raw", "L", plane.line_size, 1))
        frame.colorspace, frame.color_range = BT709, 1
        return frame

    def _take(self, packets: Sequence[av.Packet[Any]]) -> None:
        for packet in packets:
            if not self._repeats:
                self._file.mux_one(packet)
                self.written += 1
                continue
            self._group.append(packet)
            count, shown = self._open[0]
            if len(self._group) == count:
                self._write(self._group, shown)
                self._open.popleft()
                self._group = []

    def _write(self, group: list[av.Packet[Any]], shown: int) -> None:
        whole = [(bytes(packet), packet.is_keyframe) for packet in group]
        for data, is_key in chain.from_iterable(repeat(whole, -(-shown // len(whole)))):
            if shown == 0:
                return
            packet = av.Packet(data)
            packet.stream, packet.time_base = self._stream, self._base
            packet.pts = packet.dts = self.written
            packet.duration, packet.is_keyframe = 1, is_key
            self._file.mux_one(packet)
            self.written += 1
            shown -= 1
