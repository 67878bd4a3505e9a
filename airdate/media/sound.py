"""The sound of a rendition: 48 kHz in one or two channels, from 0 to the picture's end, as loud as is asked."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ffmpeg as graph

from airdate.media.ffmpeg import MUSIC_FORMATS, program, source
from airdate.media.runner import OnProgress, run

RATE = 48_000
BITRATE = "128k"
ENCODER: dict[str, Any] = {"c:a": "aac", "b:a": BITRATE}

CEILING_DB = -4.0
"""What a limiter leaves where raised or mixed sound would clip. Between the samples, and through AAC, peaks come out up
to 3 dB higher in noise, and none should pass -1 dB."""

UNHEARD_DB = 2.0
"""Peaks this much above the ceiling are rare: without them the sound is a tenth of a LU quieter."""

CLOSE_LU = 0.2
"""Nearer to the wanted loudness nobody hears a difference."""

MOST_CHANNELS = 2
"""What is more is mixed down, and may clip by that."""

LISTENED_RATES = {1: 40_000, 2: 34_000}
"""By channels: half of it is where AAC of this rate ends. What lies above is not heard in the rendition, and makes the
difference of a decibel or two in noise."""

LIMITED_SLOPE = 0.7
"""A limiter lets through about this much of each further decibel."""

FORESEEN_LU = 0.4
"""A correction by less than this comes out near enough by that rule, and is not listened to again."""

LISTENINGS = 3
"""Measurements of limited sound, at most: each costs a quarter of encoding it."""

FADE_S = 1.0
"""Music comes in and goes out over this."""

SILENCE_LUFS = -60.0
"""Sound below this is noise; raising it helps nobody."""


@dataclass(frozen=True, slots=True)
class Level:
    """What brings sound to a loudness.

    Attributes:
        gain_db: decibels.
        is_limited: whether peaks would pass the ceiling, so that a limiter is needed, which costs a tenth of encoding.
    """

    gain_db: float
    is_limited: bool


def heard(stream: Any, channels: int, seconds: float, level: Level | None, *, fade_s: float = 0.0) -> Any:
    """The filters between a film's sound and the encoder.

    A film's own offset between sound and picture stays: silence is put where the sound begins late.

    Args:
        fade_s: how long it fades out at its end, where it is cut off.
    """
    # In whole numbers a mix of six channels comes out 8 dB quieter than in floating point.
    stream = stream.filter("aresample", **{"async": 1, "first_pts": 0}).filter(
        "aformat", sample_fmts="fltp", sample_rates=RATE, channel_layouts="mono" if channels == 1 else "stereo"
    )
    if level is not None:
        stream = stream.filter("volume", f"{level.gain_db:.2f}dB")
    if (level is not None and level.is_limited) or channels > MOST_CHANNELS:
        stream = stream.filter("alimiter", limit=10 ** (CEILING_DB / 20), level=0)
    stream = stream.filter("apad", whole_dur=f"{seconds:.6f}").filter("atrim", end=f"{seconds:.6f}")
    return stream.filter("afade", t="out", st=f"{max(0.0, seconds - fade_s):.6f}", d=fade_s) if fade_s else stream


def leveled(
    chain: Callable[[Level | None], Any], wanted: float, *, channels: int, item: str, seconds: float
) -> Level | None:
    """What brings sound to a loudness, as it will be heard; None for silence.

    A measurement and a constant gain cost a quarter of two passes of a loudness normaliser, and sound the same. Where
    the peaks would clip, the limiter takes loudness away with them; what it took is added until the sum is right.

    Args:
        chain: makes the filters between the source and the encoder for a level.
    """

    def measured(level: Level | None) -> tuple[float | None, float]:
        stream = chain(level).filter("aresample", LISTENED_RATES[min(channels, MOST_CHANNELS)])
        node = graph.output(stream.filter("ebur128", framelog="verbose", peak="sample"), "-", f="null")
        arguments = node.global_args("-hide_banner", "-v", "info").compile(cmd=program())
        tail = run(list(arguments), item=item, seconds=seconds)
        return _told(tail, r"\s*I:\s+(-?[\d.]+) LUFS"), _told(tail, r"\s*Peak:\s+(-?[\d.]+) dBFS") or 0.0

    loudness, peak_db = measured(None)
    if loudness is None or loudness < SILENCE_LUFS:
        return None
    loudest_db = peak_db + wanted - loudness
    level = Level(wanted - loudness, loudest_db > CEILING_DB)
    if loudest_db <= CEILING_DB + UNHEARD_DB:
        return level
    for _ in range(LISTENINGS):
        loudness, _ = measured(level)
        missing = wanted - loudness if loudness is not None else 0.0
        if abs(missing) > CLOSE_LU:
            level = replace(level, gain_db=level.gain_db + missing / LIMITED_SLOPE)
        if abs(missing) <= FORESEEN_LU:
            break
    return level


def _told(tail: Iterable[str], pattern: str) -> float | None:
    for line in reversed(list(tail)):
        if found := re.match(pattern, line):
            return float(found[1])
    return None


def add_music(
    silent: Path,
    music: Path,
    part: Path,
    seconds: float,
    loudness: float | None,
    container: dict[str, Any],
    *,
    cancel: threading.Event | None,
    on_progress: OnProgress | None = None,
) -> tuple[str, ...]:
    """Put music under a silent film: looped or cut to its length, faded in and out; the picture is copied."""

    def chain(level: Level | None) -> Any:
        played = source(music, None, format_whitelist=MUSIC_FORMATS, stream_loop=-1)["a:0"]
        played = heard(played, 2, seconds, level, fade_s=FADE_S)
        return played.filter("afade", t="in", d=FADE_S)

    level = None if loudness is None else leveled(chain, loudness, channels=2, item=music.name, seconds=seconds)
    node = graph.output(
        graph.input(f"file:{silent.absolute()}")["v"],
        chain(level),
        f"file:{part.absolute()}",
        **container,
        **{"c:v": "copy"},
        **ENCODER,
    )
    arguments = list(
        node.global_args("-hide_banner", "-v", "error", "-xerror").overwrite_output().compile(cmd=program())
    )
    return run(arguments, item=music.name, seconds=seconds, cancel=cancel, on_progress=on_progress)
