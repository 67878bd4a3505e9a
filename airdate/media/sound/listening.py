"""Listening to a sound once: how loud it is as a whole, and how loud each of its moments."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ffmpeg as graph

from airdate.media.programs.ffmpeg import program
from airdate.media.programs.runner import pour

if TYPE_CHECKING:
    import numpy as np

RATES = {1: 45_000, 2: 34_000}
"""By channels: half of it is where AAC of our rate ends. What lies above is not heard in the rendition, and makes the
difference of a decibel or two in noise."""

MOMENTS_A_SECOND = 200
"""As long as a limiter looks ahead."""

LIFTED_LAG = {1: 4, 2: 3}
LIFTED_BY = 0.75
"""Ears hear what is above 2 kHz some 4 dB louder (ITU-R BS.1770). Adding this much of the difference between samples a
tenth of a millisecond apart lifts it so, within a decibel or two, for a tenth of the work of the standard's filter."""

BATCH = 65_536
"""Samples that ffmpeg hands over at once: by the thousand it spends more on the handing than on the measuring."""


@dataclass(frozen=True, slots=True, eq=False)
class Loudness:
    """What was heard of a sound.

    Attributes:
        lufs: its loudness (EBU R 128); None where nothing is loud enough to be measured.
        peak_db: its highest sample, of full scale.
        peaks: the highest sample of each moment, 1.0 being full scale.
        energies: the mean square of each moment, summed over the channels, what is high lifted as ears do.
    """

    lufs: float | None
    peak_db: float
    peaks: np.ndarray
    energies: np.ndarray


def listen(stream: Any, channels: int, *, item: str, seconds: float, cancel: threading.Event | None = None) -> Loudness:
    """Decode a sound and measure it.

    Args:
        stream: the filters between its source and the encoder.
        channels: one or two.

    Raises:
        Refused: it cannot be decoded.
        Transient: the disk stands still, or it was cancelled.
    """
    import numpy as np  # noqa: PLC0415  (sound that is only copied does not need it)

    moment = RATES[channels] // MOMENTS_A_SECOND
    size, lag = moment * channels * 4, LIFTED_LAG[channels] * channels
    rest = b""
    peaks: list[np.ndarray] = [np.zeros(0, np.float32)]
    energies: list[np.ndarray] = [np.zeros(0, np.float32)]

    def take(piece: bytes) -> None:
        nonlocal rest
        samples = rest + piece
        whole = len(samples) - len(samples) % size
        rest = samples[whole:]
        moments = np.frombuffer(samples[:whole], np.float32).reshape(-1, moment * channels)
        if len(moments):
            peaks.append(np.maximum(moments.max(axis=1), -moments.min(axis=1)))
            high = moments[:, lag:] - moments[:, :-lag]
            energies.append((_squares(moments) + LIFTED_BY * _squares(high)) / moment)

    measured = stream.filter("aresample", RATES[channels]).filter("ebur128", framelog="verbose", peak="sample")
    batches = measured.filter("asetnsamples", BATCH, pad=0)
    node = graph.output(batches, "pipe:1", f="f32le").global_args("-hide_banner", "-v", "info")
    tail = pour(list(node.compile(cmd=program())), item=item, seconds=seconds, on_bytes=take, cancel=cancel)
    lufs, peak_db = _told(tail, r"\s*I:\s+(-?[\d.]+) LUFS"), _told(tail, r"\s*Peak:\s+(-?[\d.]+) dBFS")
    return Loudness(lufs, peak_db or 0.0, np.concatenate(peaks), np.concatenate(energies))


def _squares(samples: np.ndarray) -> np.ndarray:
    import numpy as np  # noqa: PLC0415

    squares: np.ndarray = np.einsum("ij,ij->i", samples, samples)
    return squares


def _told(tail: Iterable[str], pattern: str) -> float | None:
    for line in reversed(list(tail)):
        if found := re.match(pattern, line):
            return float(found[1])
    return None
