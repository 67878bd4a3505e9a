"""The sound of a rendition: 48 kHz in one or two channels, from 0 to the picture's end, as loud as is asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ffmpeg as graph

from airdate.media.ffmpeg import MUSIC_FORMATS, program, source
from airdate.media.limiting import CEILING_DB, gain_for, limited
from airdate.media.listening import Loudness, listen
from airdate.media.runner import OnProgress, run

RATE = 48_000
BITRATE = "160k"
ENCODER: dict[str, Any] = {"c:a": "aac", "aac_coder": "fast", "b:a": BITRATE}
"""Less work than the default `twoloop` at 128 kb/s, and less is heard of it in music, voices and noise
(`benchmarks.sound`); and `twoloop` begins a pure tone in one channel with a frame that is twice as loud."""

MOST_CHANNELS = 2
"""What is more is mixed down, and may clip by that."""

FORESEEN_DB = 5.0
"""Lifted by less than this, most limited sound comes out within 0.3 LU of what is foretold: no need to listen again."""

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
        level: None to leave it as loud as it is.
        fade_s: how long it fades out at its end, where it is cut off.
    """
    # In whole numbers a mix of six channels comes out 8 dB quieter than in floating point.
    stream = stream.filter("aresample", **{"async": 1, "first_pts": 0}).filter(
        "aformat", sample_fmts="fltp", sample_rates=RATE, channel_layouts="mono" if channels == 1 else "stereo"
    )
    if level is not None:
        stream = stream.filter("volume", f"{level.gain_db:.2f}dB")
    if channels > MOST_CHANNELS if level is None else level.is_limited:
        stream = limited(stream)
    stream = stream.filter("apad", whole_dur=f"{seconds:.6f}").filter("atrim", end=f"{seconds:.6f}")
    return stream.filter("afade", t="out", st=f"{max(0.0, seconds - fade_s):.6f}", d=fade_s) if fade_s else stream


def leveled(
    chain: Callable[[Level], Any],
    wanted: float,
    *,
    channels: int,
    item: str,
    seconds: float,
    cancel: threading.Event | None,
) -> Level | None:
    """What brings sound to a loudness, as it will be heard; None for silence.

    A measurement and a constant gain cost a quarter of two passes of a loudness normaliser, and sound the same. Where
    the peaks would clip, a limiter takes loudness away with them, which is foretold and added; where that is much, it
    is listened to once more.

    Args:
        chain: makes the filters between the source and the encoder for a level.
    """

    def heard_at(level: Level) -> Loudness:
        return listen(chain(level), min(channels, MOST_CHANNELS), item=item, seconds=seconds, cancel=cancel)

    found = heard_at(Level(0.0, is_limited=False))
    if found.lufs is None or found.lufs < SILENCE_LUFS:
        return None
    plain = wanted - found.lufs
    if found.peak_db + plain <= CEILING_DB:
        return Level(plain, is_limited=False)
    gain = gain_for(found, wanted)
    if gain - plain > FORESEEN_DB:
        again = heard_at(Level(gain, is_limited=True))
        if again.lufs is not None:
            gain = gain_for(found, wanted, more_lost=wanted - again.lufs)
    return Level(gain, is_limited=True)


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

    level = None
    if loudness is not None:
        level = leveled(chain, loudness, channels=2, item=music.name, seconds=seconds, cancel=cancel)
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
