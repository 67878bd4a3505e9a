"""The sound of a rendition: 48 kHz in one or two channels, from 0 to the picture's end, as loud as is asked."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import ffmpeg as graph

from airdate.media.ffmpeg import MUSIC_FORMATS, program, source
from airdate.media.runner import OnProgress, run

RATE = 48_000
BITRATE = "128k"
ENCODER: dict[str, Any] = {"c:a": "aac", "b:a": BITRATE}

PEAK = 0.891
"""-1 dB: what a limiter leaves where a raised loudness would clip."""

FADE_S = 1.0
"""Music comes in and goes out over this."""

SILENCE_LUFS = -60.0
"""Sound below this is noise; raising it helps nobody."""


def heard(stream: Any, channels: int, seconds: float, gain_db: float | None) -> Any:
    """The filters between a film's sound and the encoder.

    A film's own offset between sound and picture stays: silence is put where the sound begins late.
    """
    stream = stream.filter("aresample", **{"async": 1, "first_pts": 0}).filter(
        "aformat", sample_rates=RATE, channel_layouts="mono" if channels == 1 else "stereo"
    )
    if gain_db is not None:
        stream = stream.filter("volume", f"{gain_db:.2f}dB").filter("alimiter", limit=PEAK, level=0)
    return stream.filter("apad", whole_dur=f"{seconds:.6f}").filter("atrim", end=f"{seconds:.6f}")


def gain(
    path: Path, container: str | None, index: int | str, wanted: float, *, item: str, seconds: float, **options: Any
) -> float | None:
    """The decibels that bring a stream to a loudness; None for silence.

    A measurement and a constant gain cost a quarter of two passes of a loudness normaliser, and sound the same.
    """
    stream = source(path, container, **options)[str(index)].filter("ebur128", framelog="verbose")
    node = graph.output(stream, "-", f="null").global_args("-hide_banner", "-v", "info")
    measured = _integrated(run(list(node.compile(cmd=program())), item=item, seconds=seconds))
    return None if measured is None or measured < SILENCE_LUFS else wanted - measured


def _integrated(tail: Iterable[str]) -> float | None:
    for line in reversed(list(tail)):
        if found := re.match(r"\s*I:\s+(-?[\d.]+) LUFS", line):
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
    gain_db = None
    if loudness is not None:
        options = {"format_whitelist": MUSIC_FORMATS}
        gain_db = gain(music, None, "a:0", loudness, item=music.name, seconds=seconds, **options)
    played = source(music, None, format_whitelist=MUSIC_FORMATS, stream_loop=-1)["a:0"]
    played = heard(played, 2, seconds, gain_db)
    played = played.filter("afade", t="in", d=FADE_S).filter("afade", t="out", st=max(0.0, seconds - FADE_S), d=FADE_S)
    node = graph.output(
        graph.input(f"file:{silent.absolute()}")["v"],
        played,
        f"file:{part.absolute()}",
        **container,
        **{"c:v": "copy"},
        **ENCODER,
    )
    arguments = list(
        node.global_args("-hide_banner", "-v", "error", "-xerror").overwrite_output().compile(cmd=program())
    )
    return run(arguments, item=music.name, seconds=seconds, cancel=cancel, on_progress=on_progress)
