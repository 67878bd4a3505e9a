"""Photos as a film: each composed once, shown for its time, cross-faded into the next; two are in memory at most."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from itertools import repeat
from pathlib import Path
from typing import BinaryIO

import ffmpeg as graph
from PIL import Image, ImageFilter, ImageOps

from airdate.media.ffmpeg import program
from airdate.media.normalize import COLOUR, CONTAINER, GROUP_S
from airdate.media.photos import read_photo
from airdate.media.plan import Plan
from airdate.media.profile import Framing, Profile
from airdate.media.runner import OnProgress, run

BLUR_WIDTH = 72
BLUR_RADIUS = 3


def make_slideshow(
    plan: Plan, part: Path, names: Sequence[str], *, on_progress: OnProgress | None, cancel: threading.Event | None
) -> list[str]:
    """Write the film of a slideshow plan to `part`; returns what ffmpeg complained about."""
    profile, show = plan.profile, _Show(plan, names)
    frames = graph.input(
        "pipe:0", f="rawvideo", pix_fmt="rgb24", s=f"{profile.width}x{profile.height}", framerate=profile.fps
    )
    picture = (
        frames.filter("scale", flags="bicubic", out_color_matrix="bt709", out_range="tv")
        .filter("format", "yuv420p")
        .filter("setsar", 1)
        .filter("setparams", range="tv", color_primaries="bt709", color_trc="bt709", colorspace="bt709")
    )
    options = (
        CONTAINER
        | COLOUR
        | {
            "c:v": "libx264",
            "preset": profile.preset,
            "crf": profile.crf,
            "maxrate": f"{profile.maxrate_kbps}k",
            "bufsize": f"{2 * profile.maxrate_kbps}k",
            "profile:v": "high",
            "g": GROUP_S * profile.fps,
            "threads": os.cpu_count() or 2,
        }
    )
    command = (
        graph.output(picture, f"file:{part}", **options)
        .global_args("-hide_banner", "-v", "error")
        .overwrite_output()
        .compile(cmd=program())
    )
    said = run(
        list(command),
        item=names[0],
        seconds=show.frames / profile.fps,
        on_progress=on_progress,
        cancel=cancel,
        feed=show.write,
    )
    if show.error is not None:
        raise show.error
    return said


class _Show:
    """The frames of a slideshow, one after the other."""

    def __init__(self, plan: Plan, names: Sequence[str]) -> None:
        self._profile = plan.profile
        self._paths = [probe.path for probe in plan.inputs]
        self._names = names
        each, fps = plan.seconds_per_photo or plan.profile.seconds_per_photo, plan.profile.fps
        self._each = round(each * fps)
        self._cross = round(plan.profile.crossfade_s * fps) if len(self._paths) > 1 else 0
        self.frames = len(self._paths) * self._each - (len(self._paths) - 1) * self._cross
        self.error: Exception | None = None

    def write(self, pipe: BinaryIO) -> None:
        """Write all frames; a photo that cannot be read ends the film, and `error` says which."""
        try:
            self._write(pipe)
        except BrokenPipeError:
            raise
        except Exception as failed:  # noqa: BLE001  (raised again by the thread that waits for ffmpeg)
            self.error = failed

    def _write(self, pipe: BinaryIO) -> None:
        before: Image.Image | None = None
        for number, (path, name) in enumerate(zip(self._paths, self._names, strict=True)):
            now = compose(read_photo(path, name, within=2 * self._profile.height), self._profile)
            if before is not None:
                pipe.writelines(
                    Image.blend(before, now, step / (self._cross + 1)).tobytes() for step in range(1, self._cross + 1)
                )
            is_last = number == len(self._paths) - 1
            alone = self._each - (self._cross if before is not None else 0) - (0 if is_last else self._cross)
            still = now.tobytes()
            pipe.writelines(repeat(still, alone))
            before = now


def compose(photo: Image.Image, profile: Profile) -> Image.Image:
    """One photo in the profile's frame: whole over a blurred copy of itself, over black, or cut to fill."""
    frame = (profile.width, profile.height)
    if profile.framing is Framing.CROP:
        return ImageOps.fit(photo, frame, Image.Resampling.LANCZOS)
    front = ImageOps.contain(photo, frame, Image.Resampling.LANCZOS)
    if front.size == frame:
        return front
    if profile.framing is Framing.PAD:
        ground = Image.new("RGB", frame)
    else:
        small = (BLUR_WIDTH, round(BLUR_WIDTH * profile.height / profile.width))
        blurred = ImageOps.fit(photo, small, Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(BLUR_RADIUS))
        ground = blurred.resize(frame, Image.Resampling.BICUBIC)
    ground.paste(front, ((frame[0] - front.width) // 2, (frame[1] - front.height) // 2))
    return ground
