"""Whoever stops a job stops each program that it started."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from airdate.media.prepare import decide, render
from airdate.media.profile import Cover, Duration, Framing, Profile
from airdate.media.programs import child, runner

from .conftest import AAC, H264, MakeFilm

pytestmark = pytest.mark.e2e

Launched = list[threading.Event | None]


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Launched:
    """What each program was told to heed, in the order they were started."""
    told: Launched = []
    launch = runner.launch

    def noting(command: list[str], *, cancel: threading.Event | None = None, **more: Any) -> runner.Ended:
        told.append(cancel)
        return launch(command, cancel=cancel, **more)

    for room in (runner, child):
        monkeypatch.setattr(room, "launch", noting)
    return told


def photos(folder: Path) -> list[Path]:
    paths = [folder / f"{colour}.jpg" for colour in ("red", "navy")]
    for path in paths:
        Image.new("RGB", (640, 480), path.stem).save(path)
    return paths


def copied(make_film: MakeFilm, _: Path) -> tuple[list[Path], Profile]:
    film = make_film("copied.mkv", *H264, "-bf", "2", *AAC, seconds=6, rate="30000/1001")
    return [film], Profile(duration=Duration.TRIM, cover=Cover.AUTO)


def encoded(make_film: MakeFilm, _: Path) -> tuple[list[Path], Profile]:
    film = make_film("encoded.mkv", "-c:v", "mpeg4", "-q:v", "3", *AAC)
    return [film], Profile(preset="ultrafast", framing=Framing.SMART, loudness=-14.0)


def shown(make_film: MakeFilm, folder: Path) -> tuple[list[Path], Profile]:
    music = make_film("music.mp4", *H264, *AAC)
    return photos(folder), Profile(preset="ultrafast", music=music, on_beat=True, loudness=-14.0)


@pytest.mark.parametrize(("made", "programs"), [(copied, 4), (encoded, 6), (shown, 5)])
def test_every_program_of_a_job_heeds_who_stops_it(
    make_film: MakeFilm,
    tmp_path: Path,
    launched: Launched,
    made: Callable[[MakeFilm, Path], tuple[list[Path], Profile]],
    programs: int,
) -> None:
    paths, profile = made(make_film, tmp_path)
    cancel = threading.Event()
    render(decide(paths, profile, max_seconds=5, cancel=cancel), tmp_path / "out.mp4", cancel=cancel)
    assert len(launched) >= programs
    assert all(told is cancel for told in launched)
