"""Who encodes: a trial decides, and x264 takes over wherever a device fails. The devices here are a program on disk."""

from __future__ import annotations

import re
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airdate.media.normalize import encoder
from airdate.media.prepare import Prepared, decide, render
from airdate.media.profile import Profile
from airdate.media.programs import hardware
from airdate.media.programs.ffmpeg import build, program
from airdate.media.verify import form_faults
from airdate.post import PlanKind

from .conftest import MakeFilm

pytestmark = pytest.mark.e2e

QUICK = Profile(preset="ultrafast")
X264 = encoder(QUICK, 30.0)

WRAPPER = """#!{python}
# Stands in for an ffmpeg whose host has a device: x264 does what the device is asked for, or the device fails.
import os, subprocess, sys

REAL, MODE = {real!r}, {mode!r}
asked = sys.argv[1:]
if "-encoders" in asked:
    status = subprocess.run([REAL, *asked]).returncode
    print(" V....D h264_nvenc  a device")
    sys.exit(status)
if "h264_nvenc" in asked:
    is_trial = "null" in asked
    if MODE == "start":
        sys.exit("[h264_nvenc @ 0x1] Cannot load the driver.")
    if MODE == "middle" and not is_trial:
        out = next(one for one in asked if one.endswith(".part"))
        open(out.removeprefix("file:"), "wb").write(bytes(100_000))
        sys.exit("[h264_nvenc @ 0x1] the device was lost")
    own = {{"-profile:v", "-preset", "-tune", "-rc", "-b:v", "-spatial-aq", "-forced-idr"}}
    kept = [at for at in range(len(asked)) if asked[at] not in own and (at == 0 or asked[at - 1] not in own)]
    names = {{"h264_nvenc": "libx264", "-cq": "-crf"}}
    asked = [names.get(asked[at], asked[at]) for at in kept]
    if MODE == "form" and not is_trial:
        asked = [one.replace("full_range_flag=0", "full_range_flag=1") for one in asked]
os.execv(REAL, [REAL, *asked])
"""


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """`device("middle")`: from now on there is an ffmpeg with a device that fails then; `works` never fails."""
    real = program()

    def install(mode: str) -> None:
        path = tmp_path / "ffmpeg"
        path.write_text(WRAPPER.format(python=sys.executable, real=real, mode=mode))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("AIRDATE_FFMPEG", str(path))
        monkeypatch.setenv("AIRDATE_ENCODER", "h264_nvenc")
        build.cache_clear()

    yield install
    build.cache_clear()


def encoded(film: Path, out: Path) -> Prepared:
    done = render(decide([film], QUICK), out)
    assert done.plan.kind is PlanKind.ENCODE
    assert form_faults(done.output) == []
    assert [path.name for path in out.parent.iterdir() if path.name.endswith(".part")] == []
    return done


@pytest.fixture(scope="session")
def wide_film(make_film: MakeFilm) -> Path:
    """A film that must be encoded."""
    return make_film("foreign.mov", "-c:v", "mpeg4", "-q:v", "4", "-c:a", "pcm_s16le", seconds=3.2)


def test_a_device_that_works_makes_the_normal_form(
    device: Callable[[str], None], wide_film: Path, tmp_path: Path
) -> None:
    device("works")
    assert "encoded by h264_nvenc, the hardware of this host" in encoded(wide_film, tmp_path / "out.mp4").reasons


@pytest.mark.parametrize(
    ("fails_at", "word"),
    [
        ("start", "h264_nvenc does not work on this host (Cannot load the driver) → x264"),
        ("middle", "ffmpeg says 'the device was lost' (status 1)) → x264"),
        ("form", "its colour is bt709 pc) → x264"),
    ],
)
def test_x264_takes_over(
    device: Callable[[str], None], wide_film: Path, tmp_path: Path, fails_at: str, word: str
) -> None:
    device(fails_at)
    assert encoded(wide_film, tmp_path / "out.mp4").reasons[-1].endswith(word)


def test_a_device_that_failed_is_tried_anew(device: Callable[[str], None], wide_film: Path, tmp_path: Path) -> None:
    device("middle")
    encoded(wide_film, tmp_path / "out.mp4")
    device("works")
    assert encoded(wide_film, tmp_path / "out.mp4").reasons[-1].startswith("encoded by h264_nvenc")


def test_software_tries_nothing(device: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    device("works")
    monkeypatch.setenv("AIRDATE_ENCODER", "software")
    monkeypatch.setattr(hardware, "fault", lambda *_: pytest.fail("it was tried"))
    assert hardware.choose(X264) == (None, None)


def test_without_a_device_no_time_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "ENCODERS", [one for one in hardware.ENCODERS if not one.is_shown()])
    monkeypatch.setattr(hardware, "fault", lambda *_: pytest.fail("it was tried"))
    assert hardware.choose(X264) == (None, None)


@pytest.mark.parametrize("one", hardware.ENCODERS, ids=lambda one: one.name)
def test_ffmpeg_knows_the_options(one: hardware.Encoder) -> None:
    """A trial that fails may lack the device, never an option."""
    why = hardware.fault(one, X264)
    assert why is None or not re.search(r"[Oo]ption|constant|parse|[Uu]nrecognized|[Ii]nvalid", why), why
