"""Films for the tests, made once a session by the embedded ffmpeg."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from PIL import Image

from airdate.media.prepare import Prepared, decide, render
from airdate.media.profile import Profile
from airdate.media.programs.ffmpeg import program
from airdate.media.verify import form_faults

TO_709 = (
    "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,"
    "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
)
H264 = ("-c:v", "libx264", "-preset", "ultrafast")
AAC = ("-c:a", "aac", "-ar", "48000", "-ac", "2")
CLEAN = ("-movflags", "+faststart", "-map_metadata", "-1")

MakeFilm = Callable[..., Path]

QUICK = Profile(preset="ultrafast")


def rendered(path: Path, out: Path, profile: Profile = QUICK) -> Prepared:
    plan = decide([path], profile)
    assert plan.refusal is None, plan.refusal
    done = render(plan, out, on_progress=lambda part: None)
    assert form_faults(done.output) == []
    assert [file for file in out.parent.iterdir() if file.name.endswith(".part")] == []
    return done


def pictures(path: Path) -> list[tuple[float, Image.Image]]:
    with av.open(str(path)) as container:
        return [(frame.time or 0.0, frame.to_image(dst_colorspace="ITU709")) for frame in container.decode(video=0)]


def colour(image: Image.Image, x: float = 0.5, y: float = 0.5) -> tuple[int, ...]:
    found = image.getpixel((int(x * image.width), int(y * image.height)))
    assert isinstance(found, tuple)
    return tuple(int(part) for part in found)


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
