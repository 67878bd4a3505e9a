"""Films for the tests, made once a session by the embedded ffmpeg."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from airdate.media.ffmpeg import program

TO_709 = (
    "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,"
    "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
)
H264 = ("-c:v", "libx264", "-preset", "ultrafast")
AAC = ("-c:a", "aac", "-ar", "48000", "-ac", "2")
CLEAN = ("-movflags", "+faststart", "-map_metadata", "-1")

MakeFilm = Callable[..., Path]


def ffmpeg(*arguments: str) -> None:
    subprocess.run([program(), "-v", "error", "-y", *arguments], check=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="session")
def make_film(tmp_path_factory: pytest.TempPathFactory) -> MakeFilm:
    """`make_film("x.mp4", …)`: some seconds of a picture and a tone, encoded with the given options."""
    folder = tmp_path_factory.mktemp("films")

    def make(
        name: str,
        *options: str,
        seconds: float = 3.2,
        picture: str = "testsrc2=size=360x640:rate=30",
        filters: str = TO_709,
        tone: str | None = "sine=440:sample_rate=48000",
    ) -> Path:
        path = folder / name
        sound = ("-f", "lavfi", "-i", f"{tone}:duration={seconds}") if tone else ()
        chosen = options or (*H264, *(AAC if tone else ()), *CLEAN)
        seen = ("-f", "lavfi", "-i", f"{picture}{':' if '=' in picture else '='}duration={seconds}")
        ffmpeg(*seen, *sound, "-vf", filters, *chosen, str(path))
        return path

    return make


@pytest.fixture(scope="session")
def kept(make_film: MakeFilm) -> Path:
    """A film that needs nothing."""
    return make_film("kept.mp4")
