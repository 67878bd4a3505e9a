"""What is said of a sound's loudness, and when it is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from airdate.media.sound import leveling as leveling_module
from airdate.media.sound.leveling import NEAR_LU, SILENCE_LUFS, Level, Leveling, leveled
from airdate.media.sound.listening import Loudness

LOUD = Leveling(Level(-5.0, is_limited=False), -9.0, -14.0, 0.0)
HELD = Leveling(Level(0.9, is_limited=True), -14.2, -14.0, 0.0)
CRUSHED = Leveling(Level(17.0, is_limited=True), -26.0, -17.5, 0.0)
SILENT = Leveling(None, None, SILENCE_LUFS, -90.0)


@pytest.mark.parametrize(
    ("leveling", "words"),
    [
        (LOUD, "loudness -9.0 → -14.0 LUFS"),
        (HELD, "loudness -14.2 → -14.0 LUFS, its peaks held down"),
        (CRUSHED, "loudness -26.0 → -17.5 LUFS, not -14.0, for which its peaks would have to be crushed"),
        (SILENT, "loudness: the sound is silence, and stays so"),
    ],
)
def test_the_words_say_what_it_was_and_what_it_becomes(leveling: Leveling, words: str) -> None:
    assert leveling.reason(-14.0) == words


@pytest.mark.parametrize(
    ("found", "peak_db", "is_needless"),
    [
        (-14.0, -2.0, True),
        (-14.0 - NEAR_LU, -6.0, True),
        (-14.0 + NEAR_LU + 0.01, -6.0, False),
        (-14.0, -1.9, False),
        (None, -90.0, True),
    ],
)
def test_what_is_near_and_has_no_high_peaks_is_left(found: float | None, peak_db: float, is_needless: bool) -> None:
    assert Leveling(Level(0.0, is_limited=False), found, -14.0, peak_db).is_needless(-14.0) is is_needless


@pytest.mark.parametrize(("lufs", "is_silence"), [(None, True), (-61.0, True), (-59.0, False)])
def test_noise_is_not_raised(monkeypatch: pytest.MonkeyPatch, lufs: float | None, is_silence: bool) -> None:
    heard = Loudness(lufs, -50.0, np.zeros(1), np.zeros(1))
    monkeypatch.setattr(leveling_module, "listen", lambda *_args, **_more: heard)
    found = leveled(lambda level: level, -14.0, channels=2, item="film", seconds=10.0, cancel=None)
    assert (found.level is None) is is_silence
