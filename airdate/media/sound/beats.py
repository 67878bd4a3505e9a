"""The child's side of finding a music's beat: where it grows louder at a steady pace.

Loudness every hundredth of a second, its rises, the pace at which they repeat, and where that pace begins: a third of a
second of work for three minutes of music, without a library for it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import log1p
from pathlib import Path
from typing import Any

from airdate.media.programs.ffmpeg import MUSIC_FORMATS
from airdate.media.reading.opening import opened

RATE = 8000
HOP = 80
"""Samples of one step: a hundredth of a second, a third of a frame."""

STEPS_A_SECOND = RATE // HOP

SHORTEST, LONGEST = 30, 100
"""Steps between two beats: 200 to 60 a minute."""

LOOKED_AT_S = 90
"""Seconds from which the pace is taken; it seldom changes later."""

STEADY = 0.15
"""How like itself one beat later music must be, 1.0 being wholly; noise and speech reach 0.04, a drum 0.8."""

ALIKE = 0.9
"""What counts as equally good."""

NEAR = 6
"""Steps by which a player may be off the pace."""


def find(path: str, seconds: float) -> Iterator[dict[str, Any]]:
    """In a child: says `beats`, seconds from the music's start, none where it keeps no pace; and how long it `lasts`.

    Args:
        seconds: how much of the music is listened to.
    """
    loudness = _loudness(Path(path), seconds)
    yield {"beats": beats_of(_rises(loudness)), "lasts": len(loudness) / STEPS_A_SECOND}


def _loudness(path: Path, seconds: float) -> list[float]:
    """The logarithm of the mean amplitude of each step; nothing where it cannot be decoded."""
    import av  # noqa: PLC0415  (what only counts needs no decoder)

    samples = array("h")
    try:
        with opened(path, formats=MUSIC_FORMATS) as container:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
            for frame in container.decode(audio=0):
                for piece in resampler.resample(frame):
                    samples.frombytes(bytes(piece.planes[0])[: 2 * piece.samples])
                if len(samples) >= seconds * RATE:
                    break
    except (av.error.FFmpegError, LookupError, ValueError):
        return []  # what cannot be decoded is refused by name when it is put under the film
    return [log1p(sum(map(abs, samples[at : at + HOP])) / HOP) for at in range(0, len(samples) - HOP + 1, HOP)]


def _rises(loudness: Sequence[float]) -> list[float]:
    return [max(0.0, later - sooner) for sooner, later in pairwise([0.0, *loudness])]


def beats_of(rises: Sequence[float]) -> list[float]:
    """Seconds of the beats in how much louder each step is than the one before; none where there is no pace."""
    heard = list(rises[: LOOKED_AT_S * STEPS_A_SECOND])
    if len(heard) < 4 * LONGEST:
        return []
    mean = sum(heard) / len(heard)
    even = [rise - mean for rise in heard]
    likeness = {lag: _likeness(even, lag) for lag in range(SHORTEST, LONGEST + 1)}
    best = max(likeness.values())
    if best <= STEADY * _likeness(even, 0):
        return []
    # Two beats, or three, are as like as one: the fastest of the good paces is the beat.
    lag = next(pace for pace, like in likeness.items() if like >= ALIKE * best)
    while likeness.get(lag + 1, 0.0) > likeness[lag]:
        lag += 1
    pace = _finer(even, lag)
    start = max(range(lag), key=lambda at: _sum_at(heard, at, pace))
    return [_nearest(rises, start + number * pace) for number in range(int((len(rises) - 1 - start) / pace) + 1)]


def _likeness(even: Sequence[float], lag: int) -> float:
    return sum(a * b for a, b in zip(even, even[lag:], strict=False)) / (len(even) - lag)


def _finer(even: Sequence[float], lag: int) -> float:
    """The pace to an eighth of a step, from how well it repeats after eight beats."""
    far = 8 * lag
    return max(range(far - 4, far + 5), key=lambda steps: _likeness(even, steps)) / 8 if len(even) > 2 * far else lag


def _sum_at(rises: Sequence[float], start: int, pace: float) -> float:
    return sum(rises[round(start + number * pace)] for number in range(int((len(rises) - 1 - start) / pace)))


def _nearest(rises: Sequence[float], step: float) -> float:
    """The strongest rise near a beat that the pace foretells; the beat itself where nothing is heard."""
    middle = min(round(step), len(rises) - 1)
    near = range(max(0, middle - NEAR), min(len(rises), middle + NEAR + 1))
    loudest = max(near, key=lambda at: (rises[at], -abs(at - middle)))
    return (loudest if rises[loudest] > 0 else middle) / STEPS_A_SECOND


def on_beats(stands: Sequence[int], cross: int, beats: Sequence[float], fps: int, music_s: float) -> list[int]:
    """How many frames each photo is shown, so that photos change on a beat; the whole stays as long as it was.

    Args:
        stands: frames of each photo, cross-fades included.
        cross: frames of a cross-fade; a change is at its middle.
        beats: seconds, of music that begins again after `music_s`.
        fps: frames a second.
    """
    total = sum(stands) - (len(stands) - 1) * cross
    changes, at = [], 0
    for stand in stands[:-1]:
        at += stand - cross
        changes.append(at)
    moved = [_to_beat(change + cross / 2, beats, fps, music_s) - cross / 2 for change in changes]
    edges = [0.0, *moved, float(total - cross if len(stands) > 1 else total)]
    shown = [round(later) - round(sooner) + cross for sooner, later in pairwise(edges)]
    return shown if len(stands) > 1 and min(shown) > 2 * cross else list(stands)


def _to_beat(frame: float, beats: Sequence[float], fps: int, music_s: float) -> float:
    """The frame of the beat nearest to a frame."""
    rounds, within = divmod(frame / fps, music_s)
    near = min((*beats, *(beat + music_s for beat in beats[:1])), key=lambda beat: abs(beat - within))
    return (rounds * music_s + near) * fps
