"""Films and photos of every kind the tests need, made once a session by the embedded ffmpeg."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from airdate.media.programs.ffmpeg import program

TAGS = (
    "scale=out_color_matrix=bt709:out_range=tv,"
    "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709,format=yuv420p"
)
H264 = ["-c:v", "libx264", "-preset", "ultrafast"]
CLEAN = ["-movflags", "+faststart", "-map_metadata", "-1"]
AAC = ["-c:a", "aac", "-ar", "48000", "-ac", "2"]

MakeFilm = Callable[..., Path]


@pytest.fixture(scope="session")
def make_film(tmp_path_factory: pytest.TempPathFactory) -> MakeFilm:
    """`make_film("x.mp4", …)`: a test picture of some seconds with a tone, encoded with the given options."""
    folder = tmp_path_factory.mktemp("films")

    def make(
        name: str,
        *options: str,
        seconds: float = 4,
        size: str = "720x1280",
        rate: str = "30",
        filters: str = TAGS,
        sound: bool = True,
    ) -> Path:
        path = folder / name
        tone = ["-f", "lavfi", "-i", f"sine=440:sample_rate=48000:duration={seconds}"] if sound else []
        chosen = options or (*H264, *(AAC if sound else ()), *CLEAN)
        subprocess.run(
            [
                *[program(), "-v", "error", "-y", "-f", "lavfi"],
                *["-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}", *tone],
                *["-vf", filters, *chosen, str(path)],
            ],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        return path

    return make


@pytest.fixture(scope="session")
def kept_film(make_film: MakeFilm) -> Path:
    """A film that needs nothing."""
    return make_film("kept.mp4")
