"""A steady beat is found, and photos change on it without the film growing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from airdate.media.sound.beats import STEPS_A_SECOND, beats_of, find, on_beats


def rises(*, period_s: float, first_s: float, seconds: float, noise: float = 0.2) -> list[float]:
    """How much louder each step is, of a drum at a steady pace and of what plays besides it."""
    draw = random.Random(7)
    steps = [draw.random() * noise for _ in range(round(seconds * STEPS_A_SECOND))]
    beat = first_s
    while beat < seconds:
        steps[round(beat * STEPS_A_SECOND)] += 1
        beat += period_s
    return steps


@pytest.mark.parametrize("a_minute", [62, 90, 97, 120, 150])
def test_every_beat_of_a_drum_is_found(a_minute: float) -> None:
    period = 60 / a_minute
    found = beats_of(rises(period_s=period, first_s=0.21, seconds=60))
    assert len(found) == pytest.approx((60 - 0.21) / period, abs=1)
    assert found == [pytest.approx(0.21 + number * period, abs=0.011) for number in range(len(found))]


@pytest.mark.parametrize("steps", [[], [0.0] * 6000, rises(period_s=99, first_s=0, seconds=60, noise=1)])
def test_what_keeps_no_pace_has_no_beat(steps: list[float]) -> None:
    assert beats_of(steps) == []


def test_changes_move_to_the_nearest_beat_and_the_film_stays_as_long() -> None:
    beats = [0.1 + number * 0.7 for number in range(12)]
    stands = on_beats([90] * 5, 15, beats, 30, music_s=8.4)
    assert sum(stands) == 450
    at, changes = 0, []
    for stand in stands[:-1]:
        at += stand - 15
        changes.append((at + 7.5) / 30)
    looped = [*beats, *(8.4 + beat for beat in beats)]
    assert all(min(abs(change - beat) for beat in looped) <= 0.5 / 30 + 1e-9 for change in changes)
    assert changes == [pytest.approx(2.75 + 2.5 * number, abs=0.36) for number in range(4)]


def test_one_photo_has_no_change_and_a_crowded_beat_moves_nothing() -> None:
    assert on_beats([90], 0, [0.5], 30, 10) == [90]
    assert on_beats([40] * 3, 15, [0.3], 30, 60) == [40] * 3


def test_what_is_no_music_keeps_no_pace(tmp_path: Path) -> None:
    """It is refused by its name where it is put under the film; a list of other files is never followed."""
    path = tmp_path / "list.mp3"
    playlist = "#EXTM3U\n#EXTINF:4,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
    for content in (playlist, "ffconcat version 1.0\nfile a\n", "x"):
        path.write_text(content)
        assert list(find(str(path), 10)) == [{"beats": [], "lasts": 0}]
