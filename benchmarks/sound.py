"""Is our AAC heard less than FFmpeg's default, for less work?

Music, a voice and noise are made here and encoded both ways. Noise is what an encode adds; it is heard where it passes
what the sound beside it hides. Per moment of 21 ms and critical band it is set beside that threshold, in dB: the mean
over all moments, and what the worst twentieth passes. Nobody's ears were asked.

    python -m benchmarks.sound
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from airdate.media.programs.ffmpeg import program
from airdate.media.sound.leveling import ENCODER, RATE
from benchmarks.media.measure import best

SECONDS = 20
TURNS = 3
MOST_WORK = 0.9
DEFAULT: dict[str, str] = {"c:a": "aac", "b:a": "128k"}
LEAST_HEARD = 1e-4
WINDOW = 2048
EDGES = (
    *(0, 100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150, 3700, 4400, 5300),
    *(6400, 7700, 9500, 12000, 15500, 20000),
)
"""Hertz of the critical bands (Zwicker)."""

TIMES = np.arange(SECONDS * RATE) / RATE


def music(random: np.random.Generator) -> np.ndarray:
    """Plucked notes between two loudspeakers, a drum and a cymbal."""
    sound = np.zeros((len(TIMES), 2))
    for quarter in range(SECONDS * 4):
        since = TIMES[quarter * RATE // 4 :] - quarter / 4
        pitch, side = random.choice([110, 131, 165, 196, 220, 262, 330, 392, 440, 523, 659, 784, 988]), random.random()
        note = sum(
            part * np.sin(2 * np.pi * pitch * over * since) * np.exp(-since * (2 + over))
            for over, part in ((1, 1.0), (2, 0.6), (3, 0.4), (4, 0.3), (5, 0.2), (7, 0.1), (9, 0.06))
        )
        beat = 0.15 * random.standard_normal(len(since)) * np.exp(-35 * since) if quarter % 2 == 0 else 0.0
        drum = 0.4 * np.sin(2 * np.pi * 60 * since) * np.exp(-10 * since) if quarter % 4 == 0 else 0.0
        sound[quarter * RATE // 4 :] += np.outer(0.12 * note, [side, 1 - side]) + np.outer(beat + drum, [1, 1])
    return sound


def voice(random: np.random.Generator) -> np.ndarray:
    """Vowels that glide and hissing between them, in one channel."""
    pitch = 120 + 20 * np.sin(2 * np.pi * 0.7 * TIMES) + 8 * np.sin(2 * np.pi * 5 * TIMES)
    turns = 2 * np.pi * np.cumsum(pitch) / RATE
    first, second = 500 + 250 * np.sin(2 * np.pi * 1.3 * TIMES), 1500 + 600 * np.sin(2 * np.pi * 0.9 * TIMES + 1)
    spoken = np.zeros(len(TIMES))
    for over in range(1, 40):
        near = [((over * pitch - middle) / width) ** 2 for middle, width in ((first, 120), (second, 180), (2600, 250))]
        spoken += sum(part / (1 + far) for part, far in zip((1, 0.5, 0.2), near, strict=True)) * np.sin(over * turns)
    beat = np.sin(2 * np.pi * 2.3 * TIMES)
    hiss = np.diff(random.standard_normal(len(TIMES)), prepend=0) * np.clip(-beat, 0, 1) ** 4
    return (spoken * np.sqrt(np.clip(beat, 0, 1)) + 0.6 * hiss)[:, None]


def noise(random: np.random.Generator) -> np.ndarray:
    """Pink noise, another in each channel."""
    waves = np.fft.rfft(random.standard_normal((len(TIMES), 2)), axis=0)
    pitches = np.maximum(np.fft.rfftfreq(len(TIMES), 1 / RATE), 20)
    return np.fft.irfft(waves / np.sqrt(pitches)[:, None], axis=0)


def heard(sound: np.ndarray, encoded: np.ndarray) -> tuple[float, float]:
    """What an encode adds to one channel, in dB over the threshold: the mean and what the worst twentieth passes."""
    bands = np.arange(len(EDGES) - 1)
    apart = bands[None, :] - bands[:, None]
    spread = 10 ** (-np.where(apart >= 0, 10 * np.abs(apart), 25 * np.abs(apart)) / 10)
    hidden = _bands(sound) @ spread * 10 ** (-(6 + bands / 4) / 10) + LEAST_HEARD
    over = 10 * np.log10((_bands(sound - encoded) / hidden).mean(axis=1) + 1e-9)
    return float(over.mean()), float(np.percentile(over, 95))


def _bands(sound: np.ndarray) -> np.ndarray:
    """The energy of each moment in each critical band."""
    moments = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[:: WINDOW // 2] * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(moments, axis=1)) ** 2
    first = np.searchsorted(np.fft.rfftfreq(WINDOW, 1 / RATE), EDGES)
    return np.add.reduceat(power, first[:-1], axis=1)


def encoded(raw: Path, out: Path, channels: int, options: dict[str, str]) -> None:
    """Encode raw samples."""
    reading = ("-f", "f32le", "-ar", str(RATE), "-ac", str(channels), "-i", str(raw))
    chosen = [word for name, value in options.items() for word in (f"-{name}", value)]
    subprocess.run([program(), "-v", "error", "-nostdin", "-y", *reading, *chosen, str(out)], check=True)


def decoded(path: Path, channels: int) -> np.ndarray:
    """The samples of a file, without what its encoder put before them."""
    command = [program(), "-v", "error", "-nostdin", "-i", str(path), "-f", "f32le", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.float32).reshape(-1, channels)


def main() -> int:
    """Print both; 1 if ours takes more of the work than it may, or is heard more."""
    holds = True
    with tempfile.TemporaryDirectory() as folder:
        raw, outs = Path(folder) / "sound.f32", [Path(folder) / name for name in ("ours.m4a", "default.m4a")]
        for make in (music, voice, noise):
            sound = make(np.random.default_rng(3))
            sound = (sound / np.abs(sound).max() * 0.7).astype(np.float32)
            raw.write_bytes(sound.tobytes())
            channels = sound.shape[1]
            costs = best(
                TURNS,
                lambda channels=channels: encoded(raw, outs[0], channels, ENCODER),
                lambda channels=channels: encoded(raw, outs[1], channels, DEFAULT),
            )
            (ours, worst), (theirs, their_worst) = (
                np.mean([heard(sound[: len(took), at], took[: len(sound), at]) for at in range(channels)], axis=0)
                for took in (decoded(out, channels) for out in outs)
            )
            ratio = costs[0].cpu_s / costs[1].cpu_s
            holds = holds and ratio <= MOST_WORK and ours <= theirs and worst <= their_worst
            print(
                f"{make.__name__:6} {ratio:.2f} of the work; noise over the threshold, mean and worst twentieth:",
                end=" ",
            )
            print(f"ours {ours:+.1f} {worst:+.1f} dB, default {theirs:+.1f} {their_worst:+.1f} dB")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
