"""Which ffmpeg and ffprobe run, and what is said of one that cannot."""

from __future__ import annotations

import re
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from normal_form import shown

from airdate.errors import NeedsPerson, Refused
from airdate.media.prepare import decide, render
from airdate.media.profile import Duration, Framing, Profile
from airdate.media.programs import ffmpeg, ffprobe, runner
from airdate.media.programs.ffmpeg import program
from airdate.media.verify import form_faults
from airdate.post import PlanKind

from .conftest import AAC, H264, MakeFilm
from .test_renditions import colour_at

pytestmark = pytest.mark.e2e

Use = Callable[[str | Path], None]

OLD = """#!/bin/sh
echo "ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright (c) 2000-2021" >&2
exec {real} -hide_banner "$@"
"""
POOR = """#!/bin/sh
echo "ffmpeg version 7.1" >&2
echo " V..... libx264 x"
"""
FULL_601 = (
    "scale=out_color_matrix=bt601:out_range=pc,format=yuv422p10,"
    "setparams=range=pc:colorspace=smpte170m:color_primaries=smpte170m:color_trc=smpte170m:field_mode=tff"
)
CLEAR = (
    "format=rgba,scale=out_color_matrix=bt709:out_range=tv,format=yuva420p,setsar=4/3,"
    "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
)
BARS = ((192, 32, 32), (32, 192, 32), (32, 32, 192))


def test_every_filter_that_is_used_is_asked_for() -> None:
    """One that were not would end as a film that is called damaged."""
    root = Path(ffmpeg.__file__).parents[1]
    used = {name for path in root.rglob("*.py") for name in re.findall(r'\.filter\(\s*"(\w+)"', path.read_text())}
    assert {"scale", "aloop", "alimiter"} <= used
    assert used - {"hwupload"} <= set(ffmpeg.NEEDED_FILTERS)
    assert set(ffmpeg.NEEDED_FILTERS) - used == {"overlay", "split"}, "these two have calls of their own"


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Use]:
    """`use(path)`: from now on the operator's ffmpeg is this one."""

    def install(path: str | Path) -> None:
        monkeypatch.setenv("AIRDATE_FFMPEG", str(path))
        ffmpeg.build.cache_clear()

    ffmpeg.build.cache_clear()
    yield install
    ffmpeg.build.cache_clear()


@pytest.fixture
def probed_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    ffprobe.program.cache_clear()
    yield
    ffprobe.program.cache_clear()


def script(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        (None, "ffmpeg_broken", "No such file"),
        ("#!/bin/sh\necho hello\n", "ffmpeg_broken", "does not say that it is ffmpeg"),
        ("#!/bin/sh\nexit 3\n", "ffmpeg_broken", "status 3"),
        (OLD, "ffmpeg_incapable", "5.1 (it is 4.4.2"),
        (
            "#!/bin/sh\necho 'ffmpeg version 7.1' >&2\necho ' V..... libx264 x'\n",
            "ffmpeg_incapable",
            "lacks aac, bwdif",
        ),
    ],
    ids=["nothing", "stranger", "failing", "old", "poor"],
)
def test_an_ffmpeg_that_cannot_is_refused(use: Use, tmp_path: Path, text: str | None, code: str, word: str) -> None:
    real, path = program(), tmp_path / "ffmpeg"
    if text is not None:
        script(path, text.format(real=real))
    use(path)
    with pytest.raises(NeedsPerson, match=str(path)) as caught:
        program()
    assert caught.value.code == code
    assert word in caught.value.message
    assert "AIRDATE_FFMPEG" in str(caught.value.fix)


def test_another_package_named_ffmpeg_is_told(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg.graph, "compile", lambda: None)
    with pytest.raises(NeedsPerson) as caught:
        program()
    assert caught.value.code == "ffmpeg_python_shadowed"


@pytest.mark.usefixtures("probed_anew")
def test_an_ffprobe_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, kept_film: Path, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRDATE_FFPROBE", str(tmp_path / "nothing"))
    with pytest.raises(NeedsPerson) as caught:
        decide([kept_film], Profile())
    assert caught.value.code == "ffprobe_broken"


@pytest.mark.usefixtures("probed_anew")
@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="there is no ffprobe here")
def test_dolby_vision_in_a_transport_stream_is_seen(make_film: MakeFilm, tmp_path: Path) -> None:
    hevc = ("-pix_fmt", "yuv420p10le", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=0")
    film = make_film("dolby.ts", *hevc, sound=False, size="360x640", filters="null")
    assert decide([film], Profile()).refusal is None
    marked = tmp_path / "marked.ts"
    marked.write_bytes(with_dolby_vision(film.read_bytes(), profile=5))
    refusal = decide([marked], Profile()).refusal
    assert isinstance(refusal, Refused)
    assert refusal.code == "media_dolby_vision_5"


def with_dolby_vision(stream: bytes, *, profile: int) -> bytes:
    """A transport stream of one video track, which is said to be Dolby Vision (descriptor 0xB0) in each of its maps."""
    packets = [stream[at : at + 188] for at in range(0, len(stream), 188)]
    return b"".join(_marked(packet, profile) if _is_map(packet) else packet for packet in packets)


def _is_map(packet: bytes) -> bool:
    return int.from_bytes(packet[1:3]) & 0x1FFF == 0x1000


def _marked(packet: bytes, profile: int) -> bytes:
    """The map with one descriptor more at its end: 12 bytes of head, then one stream of 5 bytes and its descriptors."""
    length = int.from_bytes(packet[6:8]) & 0x0FFF
    table = bytearray(packet[5 : 5 + 3 + length - 4])
    record = bytes((0xB0, 5, 1, 0)) + (profile << 9 | 3 << 3 | 0b101).to_bytes(2) + b"\x0f"
    table += record
    table[2] += len(record)
    table[16] += len(record)
    whole = packet[:5] + bytes(table) + _crc(table)
    return whole.ljust(188, b"\xff")


def _crc(data: bytes) -> bytes:
    """CRC-32 as MPEG-2 has it: not reflected, and not inverted at the end."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc.to_bytes(4)


def system_ffmpeg() -> str:
    """An ffmpeg of this host that Airdate may use, other than the embedded one; skips where there is none."""
    found = shutil.which("ffmpeg")
    if found is None or Path(found).samefile(program()):
        pytest.skip("this host has no ffmpeg of its own")
    return found


@pytest.mark.parametrize(
    ("name", "filters", "options", "profile"),
    [
        (
            "full601.mkv",
            FULL_601,
            ("-c:v", "ffv1", "-c:a", "pcm_s16le", "-ac", "6"),
            Profile(preset="ultrafast", framing=Framing.BLUR, loudness=-14.0),
        ),
        (
            "alpha.webm",
            CLEAR,
            ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "4M", "-auto-alt-ref", "0"),
            Profile(preset="ultrafast"),
        ),
    ],
    ids=["full range, blurred, loud", "transparent, wide pixels"],
)
def test_a_system_ffmpeg_makes_the_same(
    use: Use, make_film: MakeFilm, tmp_path: Path, name: str, filters: str, options: tuple[str, ...], profile: Profile
) -> None:
    other = system_ffmpeg()
    drawn = ",".join(f"drawbox=x=iw*{at}/3:w=iw/3:c=0x{bytes(colour).hex()}:t=fill" for at, colour in enumerate(BARS))
    film = make_film(name, *options, size="480x360", filters=f"format=gbrp,{drawn},{filters}", seconds=3)
    shown = []
    for place in (None, other):
        if place is not None:
            use(place)
        out = tmp_path / f"{len(shown)}.mp4"
        done = render(decide([film], profile), out)
        assert form_faults(done.output) == []
        shown.append([colour_at(out, 1.0, (at + 0.5) / 3, 0.5) for at in range(3)])
    for seen in shown:
        for got, meant in zip(seen, BARS, strict=True):
            assert all(abs(one - two) <= 4 for one, two in zip(got, meant, strict=True)), shown


@pytest.mark.parametrize(
    ("video", "kind"), [(H264, PlanKind.AUDIO), (("-c:v", "mpeg2video", "-q:v", "3"), PlanKind.ENCODE)]
)
def test_a_system_ffmpeg_cuts_off_the_sound_where_the_picture_is_cut_off(
    use: Use, make_film: MakeFilm, tmp_path: Path, video: Sequence[str], kind: PlanKind
) -> None:
    """FFmpeg 5.1 ends the sound where it happens to be when the picture has what it may have."""
    film = make_film(f"{video[1]}.ts", *video, "-g", "60", *AAC, seconds=6, rate="60")
    use(system_ffmpeg())
    done = render(decide([film], Profile(duration=Duration.TRIM), max_seconds=4), tmp_path / "out.mp4")
    assert (done.plan.kind, form_faults(done.output)) == (kind, [])
    assert done.output.sound is not None
    assert (done.duration_s, done.output.sound.end_s) == (pytest.approx(4, abs=0.05), pytest.approx(4, abs=0.06))


@pytest.mark.parametrize(("name", "rate"), [("film.mkv", "24000/1001"), ("film.flv", "30000/1001"), ("film.avi", "30")])
def test_a_system_ffmpeg_copies_pictures_as_evenly(
    use: Use, make_film: MakeFilm, tmp_path: Path, name: str, rate: str
) -> None:
    """FFmpeg 5.1 cannot give a stream a finer clock on its way, so that a copy of the copy is needed."""
    order = ("-bf", "0") if name.endswith("avi") else ("-bf", "2")
    film = make_film(name, "-c:v", "libx264", "-preset", "veryfast", *order, *AAC, seconds=3.5, rate=rate)
    use(system_ffmpeg())
    done = render(decide([film], Profile()), tmp_path / "out.mp4")
    assert (done.plan.kind, form_faults(done.output)) == (PlanKind.REMUX, [])
    before, after = shown(film, 8), shown(done.path, 8)
    assert after.sums == before.sums
    gaps = [later - sooner for sooner, later in pairwise(after.times)]
    assert (min(gaps), max(gaps)) == (pytest.approx(1 / Fraction(rate), abs=1e-6),) * 2
    assert [left for left in tmp_path.iterdir() if left != done.path] == []


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (
            [
                "[h264 @ 0x55] corrupted macroblock 54 34",
                "[vist#0:0/h264 @ 0x1] [dec:h264 @ 0x2] Terminating thread with",
            ],
            "corrupted macroblock 54 34",
        ),
        (
            ["file:/videos/Sommer: 2026.ts: corrupt input packet in stream 0"],
            "2026.ts: corrupt input packet in stream 0",
        ),
        (["Conversion failed!"], "nothing"),
    ],
)
def test_a_failure_is_told_by_what_came_first(said: list[str], cause: str) -> None:
    failed = runner._failed("film.mp4", runner.Ended(1, tuple(said)))
    assert isinstance(failed, Refused)
    assert f"ffmpeg says {cause!r}" in failed.message
