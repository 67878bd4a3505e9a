"""When the pictures of an encode are shown: each once, where a picture of the rendition is."""

from __future__ import annotations

from math import floor
from typing import Any

from airdate.media.film.chain import exact_rate
from airdate.media.probe import Picture, Probe

EARLY = 0.7
"""Of a picture: so much sooner the first one may be shown, so that it is shown once. The sound before it, which a
decoder needs and nobody hears, puts it off by half a picture or more."""

SMALLEST_S = 0.0005
"""Coarser clocks round to this."""

NEAR = 0.01
"""A rate that is this near to a multiple of another is one."""


def timed(probe: Probe, picture: Picture, stream: Any, fps: float) -> Any:
    """The decoded pictures at times that can be believed, and from which a constant rate can be made.

    Args:
        fps: pictures a second of the rendition.
    """
    if picture.is_variable:
        return stream
    if not picture.is_timed and picture.starts_whole:
        return _counted(probe, picture, stream)
    shift_s = _shift_s(picture, picture.start_s - min(probe.start_s, picture.start_s), fps)
    return stream.filter("setpts", f"round(PTS+{shift_s:.6f}/TB)") if abs(shift_s) >= SMALLEST_S else stream


def _counted(probe: Probe, picture: Picture, stream: Any) -> Any:
    """The pictures at their times, where the container tells only when each is decoded.

    That is late by as much as they are shuffled, so they are counted from when the first one is decoded: one picture
    before FFmpeg thinks that it is shown. The clock of an AVI ticks once a picture and not quite at its exact rate, so
    without rounding `setpts` would cut off 0.999 and show two pictures at once.
    """
    rate, late = exact_rate(picture.fps), max(0.0, picture.start_s - probe.start_s - 1 / picture.fps)
    return stream.filter("setpts", f"round((N*{rate.denominator}/{rate.numerator}+{late:.6f})/TB)")


def _shift_s(picture: Picture, late_s: float, fps: float) -> float:
    """By how much the pictures are moved so that none lies halfway between two of the rendition.

    There a clock of milliseconds has one rounded up and the next one down: a third of them were shown twice, and as
    many not at all.

    Args:
        late_s: when the first one comes, counted from ffmpeg's zero.
    """
    times = round(picture.fps / fps)
    if times % 2 or abs(picture.fps / fps - times) > NEAR:
        return (floor(late_s * fps + 1 - EARLY) - late_s * fps) / fps
    if not picture.is_rounded:
        return 0.0
    # Of two or four pictures for each one of the rendition every second or fourth would lie there.
    return (floor(late_s * picture.fps) + 0.5 - late_s * picture.fps) / picture.fps
