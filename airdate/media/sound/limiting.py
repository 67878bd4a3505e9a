"""The limiter: it keeps peaks below a ceiling, and takes loudness away with them; how much of it is foretold.

To try a gain and listen costs a third of encoding the sound. Foretelling it from the moments of one listening costs
two milliseconds for a minute, and comes within 0.3 LU of most sounds.
"""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING, Any

from airdate.media.sound.listening import MOMENTS_A_SECOND, Loudness

if TYPE_CHECKING:
    import numpy as np

CEILING_DB = -4.0
"""What a limiter leaves where raised or mixed sound would clip. Between the samples, and through AAC, peaks come out up
to 2.5 dB higher in noise, and none should pass -1 dB."""

RELEASE_MOMENTS = 10
"""How long it takes to let go after a peak: 50 ms, along a straight line."""

CLOSING = 1 / 8
"""How much of its closing falls into the moment before a peak: a straight line of 5 ms that ends, on average, in the
middle of the peak's own moment."""

OPENING = 0.015
"""How far it is open again, on average, while the peak's own moment lasts; measured."""

MOST_LIFTED_DB = 12.0
"""What is added, at most, for what the limiter takes. More would crush the peaks to nothing and raise the murmur
between them by as much; such sound stays quieter than was wished."""

HALVINGS = 12
"""Of the span in which the gain is looked for: to 3 thousandths of a decibel."""

GATE_LUFS, GATE_LU = -70.0, 10.0
"""EBU R 128 leaves out what is quieter than this, and then what is so much quieter than the rest."""

_OFFSET = -0.691
"""From mean square to LUFS (ITU-R BS.1770)."""


def limited(stream: Any) -> Any:
    """A stream whose peaks are kept below the ceiling."""
    moment_ms = 1000 / MOMENTS_A_SECOND
    return stream.filter(
        "alimiter", limit=10 ** (CEILING_DB / 20), level=0, attack=moment_ms, release=RELEASE_MOMENTS * moment_ms
    )


def lost_lu(loudness: Loudness, gain_db: float) -> float:
    """What the limiter takes of a sound's loudness after a gain."""
    gain = 10 ** (gain_db / 20)
    energies = loudness.energies * gain**2
    return _lufs(energies) - _lufs(energies * _let_through(loudness.peaks * gain) ** 2)


def gain_for(loudness: Loudness, wanted: float, *, more_lost: float = 0.0) -> float:
    """The gain in dB after which the limiter leaves a loudness, or as near as it comes.

    Args:
        loudness: of a sound that is no silence.
        wanted: LUFS.
        more_lost: by how much the limiter was heard to take more than was foretold, in LU.
    """
    if loudness.lufs is None:
        raise ValueError("silence has no loudness")
    plain = wanted - loudness.lufs
    low, high = 0.0, MOST_LIFTED_DB
    for _ in range(HALVINGS):
        lifted = (low + high) / 2
        if lifted < lost_lu(loudness, plain + lifted) + more_lost:
            low = lifted
        else:
            high = lifted
    return plain + high


def _let_through(peaks: np.ndarray) -> np.ndarray:
    """The part of each moment's amplitude that the limiter lets through."""
    import numpy as np  # noqa: PLC0415

    wanted = np.minimum(1.0, 10 ** (CEILING_DB / 20) / np.maximum(peaks, 1e-9))
    through: np.ndarray = wanted + (1.0 - wanted) * OPENING
    for later in range(1, RELEASE_MOMENTS):
        released = wanted[:-later] + (1.0 - wanted[:-later]) * later / RELEASE_MOMENTS
        through[later:] = np.minimum(through[later:], released)
    through[:-1] = np.minimum(through[:-1], through[:-1] + (through[1:] - through[:-1]) * CLOSING)
    return through


def _lufs(energies: np.ndarray) -> float:
    """By EBU R 128, from windows of 0.4 s that begin every 0.1 s."""
    import numpy as np  # noqa: PLC0415

    step = MOMENTS_A_SECOND // 10
    steps = energies[: len(energies) // step * step].reshape(-1, step).mean(axis=1)
    if len(steps) < 4:
        return GATE_LUFS
    windows = np.convolve(steps, np.full(4, 0.25), "valid")
    windows = windows[windows > 10 ** ((GATE_LUFS - _OFFSET) / 10)]
    if not len(windows):
        return GATE_LUFS
    windows = windows[windows > windows.mean() / 10 ** (GATE_LU / 10)]
    return _OFFSET + 10 * log10(windows.mean())
