"""Films of many makes, each held against the normal form by a checker that shares nothing with the engine's own.

Every film shows eight bars of known colour, and at 1.5 s a white flash with a beep.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from normal_form import faults_of, shown

from airdate.errors import Refused
from airdate.media.prepare import decide, render
from airdate.media.profile import Profile
from airdate.media.programs.ffmpeg import program
from airdate.post import PlanKind

pytestmark = pytest.mark.e2e

YELLOW, CYAN, GREEN, MAGENTA = (200, 200, 20), (20, 200, 200), (20, 180, 20), (200, 20, 200)
RED, BLUE, LIGHT, DARK = (200, 30, 30), (30, 30, 200), (235, 235, 235), (40, 40, 40)
BARS = np.array((LIGHT, YELLOW, CYAN, GREEN, MAGENTA, RED, BLUE, DARK))
WORST_CHANNEL = 4
FLASH_S = 1.5
SECONDS = 3.2
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "12")
AAC = ("-c:a", "aac", "-ar", "48000", "-ac", "2")
PLAIN = ("-map_metadata", "-1", "-movflags", "+faststart")
GOOD = (*X264, *AAC, *PLAIN)


def colour(matrix: str = "bt709", range_: str = "tv", pix_fmt: str = "yuv420p") -> str:
    """A filter that converts the bars for true and says so."""
    others = "bt709" if matrix == "bt709" else "smpte170m"
    return (
        f"scale=out_color_matrix={matrix}:out_range={range_}:flags=accurate_rnd+full_chroma_int,format={pix_fmt},"
        f"setparams=range={range_}:colorspace={matrix}:color_primaries={others}:color_trc={others}"
    )


@dataclass(frozen=True, slots=True)
class Film:
    """How a film is made, and what must become of it.

    Attributes:
        kind: the plan; None for a refusal.
        seconds: of the sound, where it is not as long as the picture.
    """

    name: str
    kind: PlanKind | None
    options: tuple[str, ...] = GOOD
    filters: str = field(default_factory=colour)
    fps: int = 25
    size: tuple[int, int] = (480, 360)
    seconds: float = SECONDS


FILMS = (
    Film("kept.mp4", PlanKind.KEEP),
    Film("fps60.mp4", PlanKind.KEEP, fps=60),
    Film("index_last.mp4", PlanKind.REMUX, (*X264, *AAC, "-map_metadata", "-1")),
    Film("plain.mov", PlanKind.REMUX),
    Film("b_frames.mkv", PlanKind.REMUX, ("-c:v", "libx264", "-preset", "veryfast", "-bf", "3", *AAC)),
    Film("late.ts", PlanKind.REMUX, (*X264, "-bf", "2", *AAC, "-output_ts_offset", "5000")),
    Film("really_mkv.mp4", PlanKind.REMUX, (*X264, *AAC, "-f", "matroska")),
    Film("two_sounds.mp4", PlanKind.REMUX, ("-map", "0:v", "-map", "1:a", "-map", "1:a", *GOOD)),
    Film("short_sound.mp4", PlanKind.AUDIO, seconds=2),
    Film("surround.mkv", PlanKind.AUDIO, (*X264, "-c:a", "ac3", "-ac", "6")),
    Film("low_rate.mov", PlanKind.AUDIO, (*X264, "-c:a", "pcm_s16le", "-ar", "11025", "-ac", "1")),
    Film("slow.mp4", PlanKind.ENCODE, fps=10),
    Film("fast.mp4", PlanKind.ENCODE, fps=100),
    Film(
        "screen.mp4",
        PlanKind.ENCODE,
        (*GOOD, "-fps_mode", "vfr"),
        colour() + ",select='not(mod(n,3))+between(n,36,45)+gte(n,70)'",
    ),
    Film(
        "fields.mp4", PlanKind.ENCODE, (*GOOD, "-flags", "+ildct+ilme"), "interlace," + colour() + ",setfield=tff", 50
    ),
    Film("wide_pixels.mp4", PlanKind.ENCODE, filters=colour() + ",setsar=4/3"),
    Film("odd.mp4", PlanKind.ENCODE, filters=colour(pix_fmt="yuv444p"), size=(481, 361)),
    Film("full_601.mp4", PlanKind.ENCODE, filters=colour("smpte170m", "pc")),
    Film("deep.mp4", PlanKind.ENCODE, filters=colour(pix_fmt="yuv422p10le")),
    Film("rgb.mkv", PlanKind.ENCODE, ("-c:v", "ffv1", "-c:a", "flac"), "format=bgr0"),
    Film("alpha.mov", PlanKind.ENCODE, ("-c:v", "prores_ks", "-c:a", "pcm_s16le"), colour(pix_fmt="yuva444p10le")),
    Film("mpeg2.mpg", PlanKind.ENCODE, ("-c:v", "mpeg2video", "-q:v", "2", "-c:a", "mp2"), colour("smpte170m")),
    Film("still_to_its_end.mkv", None, (*X264, *AAC, "-fps_mode", "vfr"), colour() + ",mpdecimate"),
    Film("brief.mp4", None, options=(*GOOD, "-t", "2")),
)


def pictures(film: Film) -> bytes:
    """Raw RGB frames: the bars, and the flash."""
    width, height = film.size
    bar = np.arange(width) * len(BARS) // width
    still = np.broadcast_to(BARS[bar].astype(np.uint8), (height, width, 3)).tobytes()
    white = b"\xff" * len(still)
    return b"".join(
        white if FLASH_S <= frame / film.fps < FLASH_S + 0.2 else still for frame in range(int(SECONDS * film.fps))
    )


def made(film: Film, path: Path) -> Path:
    beep = f"aevalsrc='if(between(t,{FLASH_S},{FLASH_S}+0.2),0.8*sin(6283*t),0)':s=48000:d={film.seconds}"
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{film.size[0]}x{film.size[1]}", "-r", str(film.fps))
    inputs = (*raw, "-i", "-", "-f", "lavfi", "-i", beep)
    command = [program(), "-v", "error", "-y", *inputs, "-vf", film.filters, *film.options, str(path)]
    subprocess.run(command, input=pictures(film), check=True)
    return path


@pytest.mark.parametrize("film", FILMS, ids=lambda film: film.name)
def test_a_film_becomes_the_normal_form_or_is_refused_by_name(film: Film, tmp_path: Path) -> None:
    source, out = made(film, tmp_path / film.name), tmp_path / "out" / "rendition.mp4"
    out.parent.mkdir()
    plan = decide([source], Profile())
    if film.kind is None:
        with pytest.raises(Refused, match="lasts"):
            render(plan, out)
        assert list(out.parent.iterdir()) == []
        return
    assert plan.kind is film.kind, plan.reasons
    render(plan, out)
    is_copy = film.kind is not PlanKind.ENCODE
    assert faults_of(out, is_copy=is_copy) == []
    assert list(out.parent.iterdir()) == [out]
    after = shown(out, len(BARS))
    assert np.abs(after.bars - BARS).max() <= WORST_CHANNEL
    frame_s = 1 / min(film.fps, 25)
    assert after.flash_s == pytest.approx(FLASH_S, abs=frame_s)
    assert after.beep_s == pytest.approx(after.flash_s, abs=frame_s)
    if is_copy:
        assert shown(source, len(BARS)).sums == after.sums
