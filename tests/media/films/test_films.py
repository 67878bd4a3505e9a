"""What comes out is measured: colours, frames, sync, loudness; and what must fail fails."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import textwrap
import time
import zlib
from fractions import Fraction
from pathlib import Path

import av
import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image, ImageChops

from airdate.errors import AirdateError, Refused
from airdate.media.film.chain import exact_rate
from airdate.media.photos.photo import read_photo
from airdate.media.pictures.sheets import picture_film
from airdate.media.prepare import as_it_is, decide, inspect, proved, render
from airdate.media.profile import Framing, Profile
from airdate.media.programs import runner
from airdate.media.programs.ffmpeg import program
from airdate.media.programs.runner import run
from airdate.media.reading.matroska import crop
from airdate.media.verify import form_faults
from airdate.post import PlanKind

from .conftest import AAC, CLEAN, H264, QUICK, MakeFilm, colour, ffmpeg, pictures, rendered

pytestmark = pytest.mark.e2e


def near(got: tuple[int, ...], wanted: tuple[int, ...], by: int = 5) -> bool:
    return all(abs(a - b) <= by for a, b in zip(got, wanted, strict=True))


@pytest.mark.parametrize(
    ("label", "height", "tags", "convert"),
    [
        ("sd_untagged", 480, "setparams=range=tv", "out_color_matrix=bt601:out_range=tv"),
        ("hd_untagged", 720, "setparams=range=tv", "out_color_matrix=bt709:out_range=tv"),
        ("full", 720, "setparams=range=pc:colorspace=bt709", "out_color_matrix=bt709:out_range=pc"),
        ("pal", 576, "setparams=range=tv:colorspace=bt470bg", "out_color_matrix=bt601:out_range=tv"),
    ],
)
def test_colours_survive(make_film: MakeFilm, tmp_path: Path, label: str, height: int, tags: str, convert: str) -> None:
    film = make_film(
        f"{label}.mkv",
        *("-c:v", "ffv1"),
        picture=f"color=c=0x30A040:size=720x{height}:rate=30",
        filters=f"format=gbrp,scale={convert},format=yuv444p,{tags}",
        tone=None,
    )
    done = rendered(film, tmp_path / "out.mp4")
    assert near(colour(pictures(done.path)[10][1]), (0x30, 0xA0, 0x40)), colour(pictures(done.path)[10][1])


@pytest.mark.parametrize("transfer", ["bt709", "bt470m"])
def test_a_wide_gamut_keeps_its_greys_whatever_its_curve_is_called(
    make_film: MakeFilm, tmp_path: Path, transfer: str
) -> None:
    """A grey is the same in every gamut; Display P3's green, taken for BT.709's, would be paler."""
    tags = f"setparams=color_primaries=smpte432:color_trc={transfer}:colorspace=bt709:range=tv"
    film = make_film(
        f"p3-{transfer}.mkv",
        *("-c:v", "ffv1", "-color_primaries", "smpte432", "-color_trc", transfer, "-colorspace", "bt709"),
        picture="color=c=0x40A050:size=720x1280:rate=30",
        filters=f"drawbox=x=0:w=iw/2:h=ih:c=white:t=fill,format=gbrp,scale=out_color_matrix=bt709,format=yuv444p,{tags}",
        tone=None,
    )
    done = rendered(film, tmp_path / "out.mp4")
    image = pictures(done.path)[10][1]
    assert near(colour(image, 0.25), (255, 255, 255)), colour(image, 0.25)
    red, green, _ = colour(image, 0.75)
    assert green - red > 0xA0 - 0x40 + 10, "the narrower gamut needs more of the green and less of the red"


def test_what_shows_through_does_not_change_the_colours(make_film: MakeFilm, tmp_path: Path) -> None:
    """Untagged HD is BT.709; on its way to RGB, where alpha is laid over black, ffmpeg takes it for BT.601."""
    film = make_film(
        "clear.webm",
        *("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "4M"),
        picture="color=c=0x1EBE3E:size=1280x720:rate=30",
        filters="format=gbrp,scale=out_color_matrix=bt709:out_range=tv,format=yuva420p,setparams=range=tv:colorspace=unknown",
        tone=None,
    )
    done = rendered(film, tmp_path / "out.mp4")
    assert near(colour(pictures(done.path)[10][1]), (0x1E, 0xBE, 0x3E)), colour(pictures(done.path)[10][1])


def test_hdr_becomes_sdr_of_the_same_grey_and_no_hdr_word_is_left(make_film: MakeFilm, tmp_path: Path) -> None:
    pq = (
        "format=gbrpf32le,setparams=range=pc:color_primaries=bt709:color_trc=bt709:colorspace=gbr,"
        "zscale=t=linear:npl=203,zscale=p=bt2020:t=smpte2084:m=bt2020nc:r=tv:npl=203,format=yuv420p10le"
    )
    film = make_film(
        "pq.mp4",
        *("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:hdr10=1:max-cll=1000,400"),
        *("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"),
        picture="color=c=0x808080:size=360x640:rate=30",
        filters=pq,
        tone=None,
    )
    done = rendered(film, tmp_path / "out.mp4")
    assert "HDR" in " ".join(done.reasons)
    red, green, blue = colour(pictures(done.path)[10][1])
    assert max(red, green, blue) - min(red, green, blue) <= 3
    assert abs(green - 0x80) < 24
    with av.open(str(done.path)) as container:
        assert [str(data.type) for data in next(container.decode(video=0)).side_data if "LIGHT" in str(data.type)] == []


def test_a_picture_that_stands_for_a_minute_is_held_once(
    make_film: MakeFilm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Screen recorders write a frame when something changes; 1,800 frames of a minute would take five gigabytes."""
    film = make_film("still.mp4", seconds=90, picture="color=navy:size=720x1280:rate=1/45", tone=None)
    monkeypatch.setattr("airdate.media.programs.runner.MEMORY_BYTES", 1500 * 1024**2)
    profile = Profile(width=720, height=1280, preset="ultrafast", framing=Framing.BLUR, safe_zones=True)
    done = render(decide([film], profile), tmp_path / "out.mp4")
    assert form_faults(done.output) == []
    assert done.duration_s == pytest.approx(90, abs=0.04)


def test_a_comment_behind_the_last_picture_of_a_gif_takes_no_time(tmp_path: Path) -> None:
    film = tmp_path / "a.gif"
    stills = [Image.new("RGB", (360, 640), colour) for colour in ("red", "blue")]
    stills[0].save(film, save_all=True, append_images=stills[1:], duration=2000)
    film.write_bytes(film.read_bytes()[:-1] + b"!\xfe\x04made\0;")
    assert rendered(film, tmp_path / "out.mp4").duration_s == pytest.approx(4)


def test_a_size_that_only_the_pictures_tell_is_bounded(make_film: MakeFilm) -> None:
    film = make_film(
        "large.avi", "-c:v", "mjpeg", seconds=0.1, picture="color=s=9000x8000:rate=30", filters="null", tone=None
    )
    with pytest.raises(Refused) as caught:
        inspect(film)
    assert caught.value.code == "media_unreadable"


def test_a_turned_film_is_upright(make_film: MakeFilm, tmp_path: Path) -> None:
    flat = make_film(
        "flat.mp4",
        *(*H264, *CLEAN),
        picture="color=c=red:size=640x360:rate=30",
        filters="drawbox=x=0:w=iw/2:c=blue:t=fill,format=yuv420p",
        tone=None,
    )
    turned = tmp_path / "turned.mp4"
    command = [get_ffmpeg_exe(), "-v", "error", "-display_rotation", "90", "-i", str(flat), "-c", "copy", str(turned)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    plan = decide([turned], QUICK)
    assert plan.inputs[0].picture is not None
    assert plan.inputs[0].picture.shown == (360, 640)
    done = rendered(turned, tmp_path / "out.mp4")
    image = pictures(done.path)[5][1]
    assert image.width < image.height
    assert colour(image, 0.5, 0.9)[2] > 150
    assert colour(image, 0.5, 0.1)[0] > 150


def test_interlaced_wide_odd_film_becomes_plain(make_film: MakeFilm, tmp_path: Path) -> None:
    film = make_film(
        "field.mkv",
        *("-c:v", "ffv1", "-field_order", "tt"),
        picture="testsrc2=size=719x577:rate=25",
        filters="setsar=64/45,setfield=tff,format=yuv444p",
        tone=None,
    )
    done = rendered(film, tmp_path / "out.mp4")
    assert done.output.picture is not None
    wide, high = done.output.picture.shown
    assert wide / high == pytest.approx(719 * 64 / 45 / 577, rel=0.01)
    assert (wide % 2, high % 2) == (0, 0)
    assert not done.output.picture.is_interlaced


def with_aperture(film: Path, out: Path, *, width: int, height: int) -> Path:
    """A film whose index is last, with a clean aperture in its middle."""
    data = bytearray(film.read_bytes())
    index = data.rindex(b"moov")
    inside = data.index(b"stsd", index) + 12
    inside += int.from_bytes(data[inside : inside + 4])
    data[inside:inside] = struct.pack(">I4s8I", 40, b"clap", width, 1, height, 1, 0, 1, 0, 1)
    for box in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        at = data.index(box, index) - 4
        data[at : at + 4] = (int.from_bytes(data[at : at + 4]) + 40).to_bytes(4)
    out.write_bytes(data)
    return out


def test_hidden_edges_are_cut_off_and_nothing_is_stretched(make_film: MakeFilm, tmp_path: Path) -> None:
    edged = "drawbox=w=40:c=red:t=fill,drawbox=x=iw-40:w=40:c=red:t=fill,format=yuv420p"
    film = make_film("edged.mp4", *H264, picture="color=c=blue:size=800x720:rate=30", filters=edged, tone=None)
    done = rendered(with_aperture(film, tmp_path / "in.mp4", width=720, height=720), tmp_path / "out.mp4")
    assert done.plan.size == (720, 720)
    assert any("80 columns and 0 rows" in reason for reason in done.reasons)
    image = pictures(done.path)[5][1]
    assert all(colour(image, x)[0] < 20 for x in (0.01, 0.5, 0.99))
    pairs = picture_film(done.plan, done.path, done.duration_s, tmp_path / "drawn", cover_ms=None).files[2]
    with Image.open(pairs) as both:
        red, _, blue = both.convert("RGB").split()
        edges = ImageChops.subtract(red, blue).point(lambda value: 255 * (value > 100)).getbbox()
    assert edges is None


def test_a_matroska_says_what_it_hides() -> None:
    crops = bytes.fromhex("54aa8102 54bb8104 54cc811d 54dd8106")
    picture = bytes.fromhex("e0") + bytes([0x80 | len(crops)]) + crops
    tracks = bytes.fromhex("ae") + bytes([0x80 | len(picture)]) + picture
    void = bytes.fromhex("ec83000000")
    head = bytes.fromhex("1a45dfa380 18538067 01ffffffffffffff") + void + bytes.fromhex("1654ae6b")
    assert crop(head + bytes([0x80 | len(tracks)]) + tracks) == (29, 4, 6, 2)
    assert crop(head) == (0, 0, 0, 0)


def test_what_is_clear_becomes_black(make_film: MakeFilm, tmp_path: Path) -> None:
    film = make_film(
        "clear.mov",
        *("-c:v", "qtrle"),
        picture="color=c=red:size=720x720:rate=25",
        filters="format=argb,colorchannelmixer=aa=0",
        tone=None,
    )
    done = rendered(film, tmp_path / "out.mp4")
    assert max(colour(pictures(done.path)[5][1])) < 12


def test_a_cover_that_is_a_track_like_any_other_is_not_the_film(make_film: MakeFilm, tmp_path: Path) -> None:
    film, both = make_film("small.mkv", "-c:v", "mpeg4", tone=None), tmp_path / "both.mkv"
    cover = ("-f", "lavfi", "-i", "color=s=1200x1200:d=0.04", "-c:v:1", "mjpeg")
    ffmpeg("-i", str(film), *cover, "-map", "0:v", "-map", "1:v", "-c:v:0", "copy", str(both))
    assert inspect(both).picture == inspect(film).picture


def test_odd_names_are_only_names(kept: Path, tmp_path: Path) -> None:
    for name in ("-i.mp4", "a:b.mp4", "pipe|x.mov", "%d 'é\".mp4", f"{'日' * 80}.mp4"):
        film = tmp_path / name
        film.write_bytes(kept.read_bytes())
        assert as_it_is(proved(decide([film], QUICK))).path == film
        assert rendered(film, tmp_path / f"out{name}").plan.kind is PlanKind.KEEP


DRUMS = "anoisesrc=color=pink:amplitude=0.3:seed=1:sample_rate=48000"
BEATEN = ("-af", "volume='0.2+0.8*lt(mod(t,1),0.1)':eval=frame,aformat=channel_layouts=stereo")
SURROUND = ("-af", "pan=5.1|FL=c0|FR=c0|FC=c0|LFE=0.2*c0|BL=0.5*c0|BR=0.5*c0")


@pytest.mark.parametrize(
    ("name", "tone", "options", "word"),
    [
        ("quiet.mp4", "sine=1000:sample_rate=48000", AAC, "loudness -21.1 → -14.0 LUFS"),
        ("drums.mov", DRUMS, (*BEATEN, "-c:a", "pcm_s16le"), "loudness -34.2 → -14.0 LUFS, its peaks held down"),
        ("surround.mkv", DRUMS, (*SURROUND, "-c:a", "flac"), "loudness -16.3 → -14.0 LUFS"),
    ],
)
def test_loudness_is_brought_to_the_wanted_one_and_then_left(
    make_film: MakeFilm, tmp_path: Path, name: str, tone: str, options: tuple[str, ...], word: str
) -> None:
    film = make_film(name, *H264, *options, *CLEAN, tone=tone)
    done = rendered(film, tmp_path / "out.mp4", Profile(loudness=-14.0))
    assert done.plan.kind is PlanKind.AUDIO
    assert [reason for reason in done.reasons if "loudness" in reason] == [word]
    listen = ["-map", "0:a", "-af", "ebur128=peak=true", "-f", "null", "-"]
    said = subprocess.run(
        [program(), "-nostdin", "-i", str(done.path), *listen], capture_output=True, text=True, check=True
    ).stderr
    assert float(said.rpartition("I:")[2].split()[0]) == pytest.approx(-14.0, abs=0.5)
    assert float(said.rpartition("Peak:")[2].split()[0]) <= -1.0
    again = decide([done.path], Profile(loudness=-14.0))
    assert (again.kind, "stays at -14" in again.reasons[-1]) == (PlanKind.KEEP, True)


@pytest.mark.parametrize(
    ("tone", "kind", "word"),
    [
        ("anullsrc=sample_rate=48000", PlanKind.KEEP, "the sound is silence, and stays so"),
        ("sine=1000:sample_rate=48000", PlanKind.AUDIO, "-14.0 LUFS"),
        ("aevalsrc='0.003*sin(880*PI*t)+0.9*lt(mod(t,0.5),0.002)':s=48000", PlanKind.AUDIO, "would have to be crushed"),
    ],
)
def test_the_plan_says_what_becomes_of_the_loudness(make_film: MakeFilm, tone: str, kind: PlanKind, word: str) -> None:
    plan = decide([make_film("said.mp4", *H264, *AAC, *CLEAN, tone=tone)], Profile(loudness=-14.0))
    assert (plan.kind, [reason for reason in plan.reasons if word in reason]) == (kind, [plan.reasons[-1]])


def damaged(film: Path, out: Path) -> Path:
    """A hole of noise in the middle of the pictures."""
    data = bytearray(film.read_bytes())
    for at in range(len(data) // 2, len(data) // 2 + 20_000, 7):
        data[at] ^= 0x5A
    out.write_bytes(data)
    return out


def test_damage_is_refused_and_salvaged_on_request(make_film: MakeFilm, tmp_path: Path) -> None:
    film = make_film("large.mov", "-c:v", "mpeg4", "-q:v", "2", tone=None, picture="testsrc2=size=720x1280:rate=30")
    broken = damaged(film, tmp_path / "broken.mov")
    out = tmp_path / "out.mp4"
    with pytest.raises(Refused) as caught:
        render(decide([broken], QUICK), out)
    assert caught.value.code == "media_damaged"
    assert caught.value.item == "broken.mov"
    assert not out.exists()
    done = render(decide([broken], Profile(preset="ultrafast", salvage=True)), out)
    assert any("salvaged" in reason for reason in done.reasons)


def test_a_hanging_ffmpeg_is_ended_by_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "STALL_S", 0.3)
    monkeypatch.setattr(runner, "GRACE_S", 0.2)
    deaf = tmp_path / "deaf"
    deaf.write_text("#!/bin/sh\ntrap '' TERM\nwhile true; do echo out_time_us=5; echo total_size=0; sleep 0.05; done\n")
    deaf.chmod(0o755)
    began = time.monotonic()
    with pytest.raises(Refused) as caught:
        run([str(deaf)], item="x.jxl", seconds=1)
    assert caught.value.code == "media_hangs"
    assert time.monotonic() - began < 5


def test_ffmpeg_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import sys
        from airdate.media.programs.ffmpeg import program
        from airdate.media.programs.runner import run
        endless = ["-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2", "-f", "mpegts", "-y", sys.argv[1]]
        run([program(), *endless], item="x", seconds=1, on_progress=lambda part: print("goes", flush=True))
    """)
    grown = tmp_path / "grown.ts"
    with subprocess.Popen([sys.executable, "-c", script, str(grown)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        os.kill(parent.pid, signal.SIGKILL)
    users = [
        process.name
        for process in Path("/proc").iterdir()
        if process.name.isdigit() and str(grown).encode() in _command_line(process)
    ]
    deadline = time.monotonic() + 3
    while users and time.monotonic() < deadline:
        users = [name for name in users if str(grown).encode() in _command_line(Path("/proc") / name)]
    assert users == []


def _command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def test_a_slideshow_shows_each_photo_and_fades_between(tmp_path: Path) -> None:
    paths = []
    for number, shade in enumerate([(200, 30, 30), (30, 160, 30), (30, 30, 200)]):
        paths.append(tmp_path / f"{number}.png")
        Image.new("RGB", (600, 400), shade).save(paths[-1])
    parts: list[float] = []
    plan = decide(paths, Profile(width=540, height=960, preset="ultrafast"))
    done = render(plan, tmp_path / "show.mp4", on_progress=parts.append)
    assert form_faults(done.output) == []
    seen = pictures(done.path)
    assert len(seen) == 240
    assert parts == sorted(parts)
    assert near(colour(seen[30][1]), (200, 30, 30))
    assert near(colour(seen[82][1]), (120, 92, 30), by=14)  # 7/30 s into a fade of 15 frames
    assert near(colour(seen[120][1]), (30, 160, 30))
    assert near(colour(seen[239][1]), (30, 30, 200))
    assert near(colour(seen[30][1], 0.5, 0.05), (200, 30, 30))


def test_a_damaged_photo_in_the_middle_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    good, bad, out = tmp_path / "good.jpg", tmp_path / "bad.jpg", tmp_path / "out.mp4"
    Image.effect_noise((900, 900), 60).convert("RGB").save(good)
    bad.write_bytes(good.read_bytes()[:-30_000])
    with pytest.raises(AirdateError) as caught:
        render(decide([good, bad], Profile(width=360, height=640)), out)
    assert (caught.value.code, caught.value.item) == ("photo_damaged", "bad.jpg")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bad.jpg", "good.jpg"]


def test_photos_are_upright_opaque_and_srgb(tmp_path: Path) -> None:
    deep, grey, heic, cmyk = (tmp_path / name for name in ("deep.png", "grey.tif", "turned.heic", "print.jpg"))
    Image.new("I;16", (40, 40), 0x8000).save(deep)
    Image.new("LA", (40, 40), (0, 0)).save(grey.with_suffix(".png"))
    Image.new("CMYK", (40, 40), (0, 255, 255, 0)).save(cmyk)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (300, 200), (10, 120, 30)).save(heic, format="HEIF", exif=exif)
    assert near(colour(read_photo(deep, "deep", frame=(100, 100))), (128, 128, 128))
    assert colour(read_photo(grey.with_suffix(".png"), "grey", frame=(100, 100))) == (255, 255, 255)
    assert near(colour(read_photo(cmyk, "cmyk", frame=(100, 100))), (254, 0, 0), by=30)
    assert read_photo(heic, "heic", frame=(300, 300)).size in ((200, 300), (300, 200))
    plan = decide([heic], QUICK)
    assert plan.inputs[0].photo is not None
    assert (plan.inputs[0].photo.width, plan.inputs[0].photo.height) == read_photo(heic, "h", frame=(300, 300)).size


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.png"
    Image.new("1", (64, 64)).save(bomb)
    data = bytearray(bomb.read_bytes())
    data[16:24] = struct.pack(">II", 30_000, 30_000)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    bomb.write_bytes(data)
    refusal = decide([bomb], QUICK).refusal
    assert refusal is not None
    assert refusal.code == "photo_too_large"


@pytest.mark.parametrize(
    ("fps", "rate"),
    [(29.97003, Fraction(30000, 1001)), (23.976, Fraction(24000, 1001)), (24.0, Fraction(24)), (27.5, Fraction(55, 2))],
)
def test_measured_rates_become_exact(fps: float, rate: Fraction) -> None:
    assert exact_rate(fps) == rate


@pytest.mark.parametrize("framing", [Framing.BLUR, Framing.PAD, Framing.CROP])
def test_framing_fills_the_frame(make_film: MakeFilm, tmp_path: Path, framing: Framing) -> None:
    film = make_film("wide.mp4", *H264, *CLEAN, picture="color=c=0xB04020:size=640x360:rate=25", tone=None)
    profile = Profile(framing=framing, width=360, height=640, preset="ultrafast")
    done = rendered(film, tmp_path / "out.mp4", profile)
    image = pictures(done.path)[5][1]
    assert image.size == (360, 640)
    assert near(colour(image), (0xB0, 0x40, 0x20))
    assert near(colour(image, 0.5, 0.05), (0, 0, 0) if framing is Framing.PAD else (0xB0, 0x40, 0x20))


def test_untagged_picture_with_other_sound_is_tagged_on_the_way(make_film: MakeFilm, tmp_path: Path) -> None:
    picture = "testsrc2=size=720x1280:rate=30"
    film = make_film("untagged.mov", *H264, "-c:a", "pcm_s16le", picture=picture, filters="format=yuv420p")
    done = rendered(film, tmp_path / "out.mp4")
    assert done.plan.kind is PlanKind.AUDIO


@pytest.mark.parametrize("name", ["a.flv", "a.ts", "a.mkv", "a.avi", "fragmented.mp4"])
def test_the_length_of_the_picture_is_found_where_it_is_not_told(make_film: MakeFilm, name: str) -> None:
    fragments = ("-movflags", "+frag_keyframe+empty_moov") if name.endswith("mp4") else ()
    sound = ("-c:a", "aac") if name != "a.avi" else ("-c:a", "mp2")
    film = make_film(name, *H264, *sound, *fragments)
    assert decide([film], QUICK).inputs[0].duration_s == pytest.approx(3.2, abs=0.04)


def test_a_small_film_that_grows_beyond_measure_is_damaged(make_film: MakeFilm, tmp_path: Path) -> None:
    """Its decoder would hold a dozen pictures of a hundred megabytes."""
    parts = [
        make_film(f"{wide}.h264", *H264, picture=f"color=navy:size={wide}:rate=10", tone=None, seconds=seconds)
        for wide, seconds in (("640x360", 3.2), ("8192x8192", 0.2))
    ]
    film = tmp_path / "growing.h264"
    film.write_bytes(b"".join(part.read_bytes() for part in parts))
    ffmpeg("-r", "10", "-i", str(film), "-c", "copy", str(tmp_path / "growing.mkv"))
    plan = decide([tmp_path / "growing.mkv"], QUICK)
    assert plan.refusal is None
    with pytest.raises(Refused, match="Picture size 8192x8192") as refused:
        render(plan, tmp_path / "out.mp4")
    assert refused.value.code == "media_damaged"
