"""Photos as a film: frames made by Pillow go through a pipe, two photos in memory at a time.

The planes are computed once a photo, in BT.709; a still frame costs a write, a frame of a cross-fade three blends.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import ffmpeg as graph
from PIL import Image, ImageFilter

from airdate.media.ffmpeg import command
from airdate.media.normalize import CONTAINER, GROUND, fitted, tagged, x264
from airdate.media.photos import read_photo
from airdate.media.plan import Plan
from airdate.media.profile import Framing
from airdate.media.runner import OnProgress, run

_BT709 = (
    *(0.182586, 0.614231, 0.062007, 16.0),
    *(-0.100644, -0.338572, 0.439216, 128.0),
    *(0.439216, -0.398942, -0.040274, 128.0),
)
"""RGB to limited-range Y, Cb, Cr of BT.709; Pillow's own YCbCr is BT.601 of full range, 27 of 255 off."""


@dataclass(frozen=True, slots=True)
class Still:
    """One finished picture as its three planes, chroma at half the sides."""

    planes: tuple[Image.Image, Image.Image, Image.Image]

    def as_bytes(self) -> bytes:
        """The planes one after the other: raw yuv420p."""
        return b"".join(plane.tobytes() for plane in self.planes)

    def blended(self, other: Still, part: float) -> Still:
        """This picture with the given part of another over it."""
        y, cb, cr = (Image.blend(a, b, part) for a, b in zip(self.planes, other.planes, strict=True))
        return Still((y, cb, cr))


def make_slideshow(
    plan: Plan, out: Path, *, on_progress: OnProgress | None = None, cancel: threading.Event | None = None
) -> None:
    """Write the film of a slideshow plan to `out`.

    Raises:
        Refused: a photo is damaged or too large.
        Transient: the disk is full, or it was cancelled.
    """
    if plan.size is None:
        raise ValueError("a slideshow has a size")
    fps = plan.profile.fps
    frames = graph.input("pipe:0", f="rawvideo", pix_fmt="yuv420p", s=f"{plan.size[0]}x{plan.size[1]}", r=fps)
    full = command(graph.output(tagged(frames), f"file:{out}", **x264(plan.profile, fps), **CONTAINER))

    def feed(pipe: BinaryIO) -> None:
        pipe.writelines(_frames(plan))

    run(full, item=plan.names[0], seconds=plan.duration_s, on_progress=on_progress, cancel=cancel, feed=feed)


def frame_count(plan: Plan) -> int:
    """Frames of the whole film."""
    return round(plan.duration_s * plan.profile.fps)


def _frames(plan: Plan) -> Iterator[bytes]:
    """Every frame's bytes; photo k comes at k steps, and fades in over the one before it."""
    fade, step = plan.crossfade_s, (plan.seconds_per_photo or 0.0) - plan.crossfade_s
    before: Still | None = None
    at, still = 0, _still(plan, 0)
    ready = still.as_bytes()
    for number in range(frame_count(plan)):
        seconds = number / plan.profile.fps
        wanted = min(int(seconds / step + 1e-9), len(plan.inputs) - 1)
        while at < wanted:
            at += 1
            before, still = still, _still(plan, at)
            ready = still.as_bytes()
        into = seconds - at * step
        if before is not None and into < fade:
            yield before.blended(still, into / fade).as_bytes()
        else:
            before = None
            yield ready


def _still(plan: Plan, number: int) -> Still:
    frame = plan.size or (0, 0)
    photo = read_photo(plan.inputs[number].path, plan.names[number], within=2 * max(frame))
    return Still(_planes(_placed(photo, frame, plan.profile.framing)))


def _placed(photo: Image.Image, frame: tuple[int, int], framing: Framing) -> Image.Image:
    """The photo in the frame, over a blurred copy of itself unless bars or a cut are asked for."""
    if framing is Framing.CROP:
        return _covering(photo, frame)
    fitting = photo.resize(fitted(photo.size, frame), Image.Resampling.LANCZOS)
    if fitting.size == frame:
        return fitting
    if framing is Framing.PAD:
        ground = Image.new("RGB", frame)
    else:
        small = _covering(photo, (max(2, frame[0] // GROUND), max(2, frame[1] // GROUND)))
        ground = small.filter(ImageFilter.GaussianBlur(2)).resize(frame, Image.Resampling.BICUBIC)
    ground.paste(fitting, ((frame[0] - fitting.width) // 2, (frame[1] - fitting.height) // 2))
    return ground


def _covering(photo: Image.Image, frame: tuple[int, int]) -> Image.Image:
    """The middle of the photo, scaled to fill the frame."""
    scale = min(photo.width / frame[0], photo.height / frame[1])
    width, height = frame[0] * scale, frame[1] * scale
    left, top = (photo.width - width) / 2, (photo.height - height) / 2
    return photo.resize(frame, Image.Resampling.LANCZOS, box=(left, top, left + width, top + height))


def _planes(picture: Image.Image) -> tuple[Image.Image, Image.Image, Image.Image]:
    y, cb, cr = picture.convert("RGB", _BT709).split()
    return y, cb.reduce(2), cr.reduce(2)
