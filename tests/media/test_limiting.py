"""What a limiter takes of a sound's loudness, foretold and heard."""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sin
from pathlib import Path
from typing import Any

import ffmpeg as graph
import numpy as np
import pytest

from airdate.media.sound.limiting import CEILING_DB, MOST_LIFTED_DB, gain_for, limited, lost_lu
from airdate.media.sound.listening import MOMENTS_A_SECOND, Loudness, listen

SECONDS = 12
CEILING = 10 ** (CEILING_DB / 20)


def sound(*, peak: float, every: int = 40) -> Loudness:
    """A murmur with a click now and then."""
    peaks = np.full(10 * MOMENTS_A_SECOND, 0.05, np.float32)
    peaks[::every] = peak
    return Loudness(-26.0, 20 * float(np.log10(peak)), peaks, peaks**2 / 2)


def test_what_stays_below_the_ceiling_loses_nothing() -> None:
    assert lost_lu(sound(peak=CEILING * 0.99), 0.0) == 0.0
    assert gain_for(sound(peak=CEILING / 10), -14.0) == pytest.approx(12.0, abs=0.01)


def test_the_higher_the_peaks_the_more_is_lost_and_added() -> None:
    lost = [lost_lu(sound(peak=0.5), gain) for gain in (0.0, 3.0, 6.0, 12.0)]
    assert lost == sorted(lost)
    assert lost[0] == 0.0
    assert lost[-1] > 3.0
    gain = gain_for(sound(peak=0.5), -20.0)
    assert gain - lost_lu(sound(peak=0.5), gain) == pytest.approx(6.0, abs=0.01)


def test_no_sound_is_crushed_to_be_loud() -> None:
    assert gain_for(sound(peak=1.0, every=1), -9.0) == pytest.approx(17.0 + MOST_LIFTED_DB, abs=0.01)


def test_what_was_lost_besides_is_added() -> None:
    as_foretold, more = (gain_for(sound(peak=0.5), -20.0, more_lost=lost) for lost in (0.0, 0.5))
    assert more > as_foretold + 0.5


GRAPHS = {
    "a voice": (
        (
            "'0.2*(sin(240*PI*t)+0.6*sin(480*PI*t)+0.5*sin(1200*PI*t)+0.3*sin(3600*PI*t))"
            "*pow(abs(sin(2.1*PI*t)),3)*(0.4+0.6*abs(sin(0.37*PI*t)))'"
        ),
        1,
    ),
    "a drum": ("'0.8*sin(110*PI*t)*exp(-12*mod(t,0.5))'", 2),
    "strings that are plucked": ("'0.05*sin(880*PI*t)+0.9*sin(5000*PI*t)*exp(-60*mod(t,1))'", 2),
}


@pytest.mark.e2e
@pytest.mark.parametrize("name", GRAPHS)
def test_it_comes_out_as_loud_as_was_foretold(name: str) -> None:
    expression, channels = GRAPHS[name]

    def heard(chain: Callable[[Any], Any]) -> Loudness:
        source = graph.input(f"aevalsrc={expression}:d={SECONDS}:s=48000", f="lavfi")
        layout = source.filter("aformat", sample_fmts="fltp", channel_layouts="mono" if channels == 1 else "stereo")
        return listen(chain(layout), channels, item=name, seconds=SECONDS)

    plain = heard(lambda stream: stream)
    assert plain.lufs is not None
    for wanted in (-16.0, -14.0):
        gain = gain_for(plain, wanted)
        assert plain.peak_db + gain > CEILING_DB
        done = heard(lambda stream, gain=gain: limited(stream.filter("volume", f"{gain:.2f}dB")))
        assert done.lufs == pytest.approx(wanted, abs=0.5)
        assert done.peak_db <= CEILING_DB + 0.3


@pytest.mark.e2e
def test_each_moment_has_its_peak(tmp_path: Path) -> None:
    samples = np.array([0.5 * sin(2 * pi * 440 * at / 48_000) for at in range(48_000)], np.float32)
    samples[24_000] = 0.9
    raw = tmp_path / "tone.f32"
    raw.write_bytes(samples.tobytes())
    stream = graph.input(str(raw), f="f32le", ar=48_000, ch_layout="mono")
    found = listen(stream, 1, item="tone", seconds=1)
    assert len(found.peaks) == MOMENTS_A_SECOND
    assert int(found.peaks.argmax()) == MOMENTS_A_SECOND // 2
    assert np.median(found.peaks) == pytest.approx(0.5, abs=0.01)
    assert found.lufs == pytest.approx(-9.7, abs=0.5)
