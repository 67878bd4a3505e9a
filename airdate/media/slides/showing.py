"""The child's side of a slideshow: photos into frames, frames into groups of pictures, groups into a film.

A photo stands still for seconds, so its group of pictures is encoded once and repeated as packets; only cross-fades
are rendered frame by frame. That is less work than encoding every frame, however fast the frames come. Two photos are
in memory at most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

import av
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image

from airdate.media.film.focus import busiest_window
from airdate.media.slides.composing import drawings
from airdate.media.slides.moving import ZOOM, Planes, view_of
from airdate.media.slides.reel import Reel, Segment
from airdate.media.slides.slide import Look, Slide

GROUP_FRAMES = 15
"""Longest group of a still: twice as many would make the file a quarter smaller and the work a tenth more."""

STILL = {"g": "600", "bf": "0", "sc_threshold": "0", "forced-idr": "1"}
"""Of the encoder where groups are repeated. Without B-frames packets come in the order they are shown, and any
beginning of a group is a group. Photos that move repeat nothing; with B-frames they take half the room."""

MOVING = {"g": "250"}
"""A key picture of a photo is large, and TikTok makes its own: they are as rare as x264 has them."""


def show(
    slides: Sequence[Mapping[str, Any]],
    look: Mapping[str, Any],
    out: str,
    fps: int,
    cross: int,
    options: dict[str, str],
) -> Iterator[dict[str, Any]]:
    """Write the film; says the part that is done after each segment.

    Args:
        slides: what each `Slide` holds.
        look: what a `Look` holds.
        cross: frames of a cross-fade.
        options: of the encoder.

    Raises:
        Refused: a photo cannot be read to its end.
    """
    seen = Look(**{**look, "frame": tuple(look["frame"])})
    photos = [Slide(**slide) for slide in slides]
    pictures = drawings(photos, seen, Path(out).parent)
    reel = Reel(out, seen.frame, fps, options | (MOVING if seen.moving else STILL))
    total = sum(slide.frames for slide in photos) - (len(photos) - 1) * cross
    scenes = (
        _Scene(draw(), slide.frames, seen, number)
        for number, (draw, slide) in enumerate(zip(pictures, photos, strict=True))
    )
    for segment in _segments(scenes, len(photos), cross):
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

    def __init__(self, picture: Image.Image, frames: int, look: Look, number: int) -> None:
        self.frames = frames
        self._inward = number % 2 == 0
        self._planes = planes_of(picture)
        self._view = view_of(self._planes, look.frame, _aim(picture)) if look.moving else None

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


def _aim(picture: Image.Image) -> tuple[float, float]:
    """Where a moving photo comes nearer to: 0.0 its left or upper edge, 1.0 the other; the middle if it is even."""
    nearest = (round(picture.width * (1 - ZOOM)), round(picture.height * (1 - ZOOM)))
    left, top = busiest_window([picture], nearest)
    return left / (picture.width - nearest[0]), top / (picture.height - nearest[1])


def planes_of(picture: Image.Image) -> Planes:
    """An RGB picture as BT.709 limited 4:2:0 planes."""
    rgb: av.VideoFrame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]
    frame = rgb.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
    return tuple(
        Image.frombytes("L", (plane.width, plane.height), bytes(plane), "raw", "L", plane.line_size, 1)
        for plane in frame.planes
    )
