"""The sound of a rendition: 48 kHz in one or two channels, from 0 to the picture's end, as loud as is asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airdate.media.sound.limiting import CEILING_DB, gain_for, limited, lost_lu
from airdate.media.sound.listening import Loudness, listen

RATE = 48_000
BITRATE = "160k"
ENCODER: dict[str, Any] = {"c:a": "aac", "aac_coder": "fast", "b:a": BITRATE}
"""Less work than the default `twoloop` at 128 kb/s, and less is heard of it in music, voices and noise
(`benchmarks.sound`); and `twoloop` begins a pure tone in one channel with a frame that is twice as loud."""

MOST_CHANNELS = 2
"""What is more is mixed down, and may clip by that."""

FORESEEN_DB = 5.0
"""Lifted by less than this, most limited sound comes out within 0.3 LU of what is foretold: no need to listen again."""

NEAR_LU = 0.5
"""No ear notices less."""

KEPT_PEAK_DB = -2.0
"""Of samples, in sound that is kept: between them it may be a decibel higher, and none should pass -1 dB."""

JOINED_S = 0.01
"""Where recordings were joined, sound is cut or filled up if it is farther than this from its time. ffmpeg waits for
0.1 s, so that each join would put it off by another part of a packet."""

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


@dataclass(frozen=True, slots=True)
class Leveling:
    """What is done about a sound's loudness, and what comes of it.

    Attributes:
        level: None for silence, which stays.
        found: LUFS before; None for silence.
        reached: LUFS after.
        peak_db: its highest sample before, of full scale.
    """

    level: Level | None
    found: float | None
    reached: float
    peak_db: float

    def is_needless(self, wanted: float) -> bool:
        """Whether the sound is as good as it would be made: silent, or near `wanted` LUFS and without high peaks."""
        return self.found is None or (abs(self.found - wanted) <= NEAR_LU and self.peak_db <= KEPT_PEAK_DB)

    def reason(self, wanted: float, *, is_kept: bool = False) -> str:
        """Plain words on it, where `wanted` LUFS were asked for, or on why the sound `is_kept` as it is."""
        if self.found is None:
            return "loudness: the sound is silence, and stays so"
        if is_kept:
            return f"loudness stays at {self.found:.1f} LUFS, within {NEAR_LU} of {wanted:.1f}"
        if self.reached < wanted - NEAR_LU:
            shy = f"{self.reached:.1f} LUFS, not {wanted:.1f}, for which its peaks would have to be crushed"
            return f"loudness {self.found:.1f} → {shy}"
        held = ", its peaks held down" if self.level is not None and self.level.is_limited else ""
        return f"loudness {self.found:.1f} → {wanted:.1f} LUFS{held}"


def heard(
    stream: Any, channels: int, seconds: float, level: Level | None, *, fade_s: float = 0.0, is_joined: bool = False
) -> Any:
    """The filters between a film's sound and the encoder.

    A film's own offset between sound and picture stays: silence is put where the sound begins late.

    Args:
        level: None to leave it as loud as it is.
        fade_s: how long it fades out at its end, where it is cut off.
        is_joined: it is made of parts, each of which ends a little behind its picture.
    """
    slack = {"min_hard_comp": JOINED_S} if is_joined else {}
    # In whole numbers a mix of six channels comes out 8 dB quieter than in floating point.
    stream = stream.filter("aresample", **{"async": 1, "first_pts": 0, **slack}).filter(
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
) -> Leveling:
    """What brings sound to a loudness, as it will be heard.

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
        return Leveling(None, None, SILENCE_LUFS, found.peak_db)
    plain = wanted - found.lufs
    if found.peak_db + plain <= CEILING_DB:
        return Leveling(Level(plain, is_limited=False), found.lufs, wanted, found.peak_db)
    gain, more_lost = gain_for(found, wanted), 0.0
    if gain - plain > FORESEEN_DB:
        again = heard_at(Level(gain, is_limited=True))
        if again.lufs is not None:
            more_lost = found.lufs + gain - lost_lu(found, gain) - again.lufs
            gain = gain_for(found, wanted, more_lost=more_lost)
    reached = found.lufs + gain - lost_lu(found, gain) - more_lost
    return Leveling(Level(gain, is_limited=True), found.lufs, reached, found.peak_db)
