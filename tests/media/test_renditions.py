"""What comes out is measured: form, rate, length, colour, frames; and nothing half written is left."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import threading
from array import array
from dataclasses import replace
from pathlib import Path

import av
import pytest
from PIL import Image

from airdate.errors import AirdateError, Refused, Transient
from airdate.media.demo import make_demo_photos, make_demo_video
from airdate.media.normalize import listened, normalize
from airdate.media.photos.photo import read_photo
from airdate.media.prepare import Prepared, as_it_is, decide, proved, render
from airdate.media.profile import Cover, Duration, Framing, Profile
from airdate.media.programs.ffmpeg import program
from airdate.media.programs.runner import Cancelled
from airdate.media.verify import form_faults, verify
from airdate.post import PlanKind

from .conftest import AAC, CLEAN, H264, TAGS, MakeFilm

pytestmark = pytest.mark.e2e


def rendered(path: Path, out: Path, profile: Profile | None = None) -> Prepared:
    done = render(decide([path], profile or Profile()), out)
    assert form_faults(done.output) == []
    assert done.sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
    assert [file.name for file in out.parent.iterdir() if file.name.endswith(".part")] == []
    return done


def picture_sums(path: Path) -> list[str]:
    """A checksum of each decoded picture."""
    command = [program(), "-v", "error", "-i", str(path), "-map", "0:v:0", "-f", "framemd5", "-"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return [line.rsplit(",", 1)[1].strip() for line in done.stdout.splitlines() if not line.startswith("#")]


def colour_at(path: Path, seconds: float, x: float, y: float) -> tuple[int, ...]:
    """The colour a player shows at a relative place."""
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.video[0]):
            if frame.time is not None and frame.time >= seconds:
                image = frame.to_image(dst_colorspace="ITU709")
                found = image.getpixel((int(x * image.width), int(y * image.height)))
                return tuple(found) if isinstance(found, tuple) else (int(found or 0),)
    raise AssertionError("no such moment")


def test_a_kept_film_is_neither_moved_nor_changed(kept_film: Path, tmp_path: Path) -> None:
    plan = decide([kept_film], Profile())
    assert as_it_is(proved(plan)).path == kept_film
    out = tmp_path / "out.mp4"
    done = render(plan, out)
    assert out.read_bytes() == kept_film.read_bytes()
    assert done.plan.kind is PlanKind.KEEP


def test_a_disk_that_fills_while_a_kept_film_is_copied_is_named(
    kept_film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_disk(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    def fills(source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("fcntl.ioctl", other_disk)
    monkeypatch.setattr("os.link", other_disk)
    monkeypatch.setattr("shutil.copyfile", fills)
    with pytest.raises(Transient) as full:
        render(decide([kept_film], Profile()), tmp_path / "out" / "film.mp4")
    assert (full.value.code, list((tmp_path / "out").iterdir())) == ("disk_full", [])


@pytest.mark.parametrize("name", ["copied.mov", "copied.mkv", "copied.ts"])
def test_a_copy_shows_the_same_pictures(make_film: MakeFilm, tmp_path: Path, name: str) -> None:
    film = make_film(name, *H264, *AAC)
    done = rendered(film, tmp_path / "out.mp4")
    assert done.plan.kind is PlanKind.REMUX
    assert picture_sums(film) == picture_sums(done.path)


def test_tags_are_written_into_a_copy(make_film: MakeFilm, tmp_path: Path) -> None:
    film = make_film("tagless.mp4", *H264, *AAC, *CLEAN, filters="format=yuv420p")
    done = rendered(film, tmp_path / "out.mp4")
    assert done.output.picture is not None
    assert (done.output.picture.matrix, done.output.picture.range) == ("bt709", "tv")
    assert picture_sums(film) == picture_sums(done.path)


def test_only_the_sound_is_made_anew(make_film: MakeFilm, tmp_path: Path) -> None:
    film = make_film("pcm51.mov", *H264, "-c:a", "pcm_s16le", "-ac", "6", "-ar", "44100", *CLEAN)
    done = rendered(film, tmp_path / "out.mp4")
    assert done.plan.kind is PlanKind.AUDIO
    assert done.output.sound is not None
    assert (done.output.sound.codec, done.output.sound.channels, done.output.sound.rate) == ("aac", 2, 48000)
    assert picture_sums(film) == picture_sums(done.path)


@pytest.mark.parametrize(
    ("rate", "expected"), [("12", 30.0), ("24000/1001", 24000 / 1001), ("25", 25.0), ("50", 50.0), ("120", 60.0)]
)
def test_rates_are_kept_or_made_legal(make_film: MakeFilm, tmp_path: Path, rate: str, expected: float) -> None:
    film = make_film(
        f"rate{rate.replace('/', '_')}.mov",
        "-c:v",
        "mpeg4",
        "-q:v",
        "5",
        rate=rate,
        size="720x720",
        sound=False,
        seconds=3,
    )
    done = rendered(film, tmp_path / "out.mp4")
    assert done.output.picture is not None
    assert done.output.picture.fps == pytest.approx(expected, rel=1e-4)
    assert len(picture_sums(done.path)) == pytest.approx(3 * expected, abs=1)


@pytest.mark.parametrize(("matrix", "level"), [("bt601", "tv"), ("bt709", "tv"), ("bt601", "pc")])
def test_colours_stay_what_they_were(make_film: MakeFilm, tmp_path: Path, matrix: str, level: str) -> None:
    name = {"bt601": "smpte170m", "bt709": "bt709"}[matrix]
    bars = (
        f"drawbox=c=0xC02020:t=fill,format=gbrp,scale=out_color_matrix={matrix}:out_range={level},format=yuv444p,"
        f"setparams=range={level}:colorspace={name}:color_primaries={name}:color_trc={name}"
    )
    film = make_film(f"bars{matrix}{level}.mkv", "-c:v", "ffv1", filters=bars, sound=False, seconds=3, size="720x720")
    done = rendered(film, tmp_path / "out.mp4")
    shown = colour_at(done.path, 1.0, 0.5, 0.5)
    assert all(abs(got - meant) <= 4 for got, meant in zip(shown, (0xC0, 0x20, 0x20), strict=True)), shown


REORDERED = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-b_strategy", "2", "-x264-params", "open-gop=1"]


@pytest.mark.parametrize("name", ["reordered.mp4", "reordered.ts"])
def test_an_end_is_cut_off_a_copy_without_a_gap(make_film: MakeFilm, tmp_path: Path, name: str) -> None:
    film = make_film(name, *REORDERED, *AAC, seconds=6)
    plan = decide([film], Profile(duration=Duration.TRIM), max_seconds=4)
    done = render(plan, tmp_path / "out.mp4")
    assert form_faults(done.output) == []
    assert done.plan.kind is PlanKind.AUDIO
    assert 3.5 < done.duration_s <= 4.01
    kept = picture_sums(done.path)
    assert len(kept) == round(done.duration_s * 30)
    assert kept == picture_sums(film)[: len(kept)]


def test_pictures_that_say_only_when_they_are_decoded_are_copied_in_that_order_only(
    make_film: MakeFilm, tmp_path: Path
) -> None:
    done = rendered(make_film("reordered.avi", *REORDERED, *AAC), tmp_path / "out.mp4")
    assert (done.plan.kind, len(picture_sums(done.path))) == (PlanKind.ENCODE, 120)
    plain = make_film("plain.avi", *H264, *AAC, seconds=6)
    done = render(decide([plain], Profile(duration=Duration.TRIM), max_seconds=4), tmp_path / "out.mp4")
    assert (done.plan.kind, form_faults(done.output)) == (PlanKind.AUDIO, [])
    assert done.output.sound is not None
    assert done.duration_s == pytest.approx(4, abs=0.05)


def test_an_end_is_cut_off_an_encode_and_fades(make_film: MakeFilm, tmp_path: Path) -> None:
    film = make_film("long15.mkv", "-c:v", "mpeg4", "-c:a", "pcm_s16le", rate="15", seconds=6)
    done = render(decide([film], Profile(duration=Duration.TRIM), max_seconds=4), tmp_path / "out.mp4")
    assert form_faults(done.output) == []
    assert done.plan.kind is PlanKind.ENCODE
    assert (done.duration_s, len(picture_sums(done.path))) == (pytest.approx(4), 120)
    assert loudest(done.path, 3.3, 3.4) > 4 * loudest(done.path, 3.92, 4.0)


def loudest(path: Path, begin: float, end: float) -> float:
    """The largest sample of a part of the sound."""
    with av.open(str(path)) as container:
        frames = container.decode(audio=0)
        heard = (array("f", bytes(frame.planes[0])) for frame in frames if begin <= (frame.time or 0.0) < end)
        return max(abs(sample) for samples in heard for sample in samples)


def test_the_clearest_picture_is_the_cover(make_film: MakeFilm, tmp_path: Path) -> None:
    blurred = f"{TAGS},boxblur=20:enable='lt(t,2)'"
    film = make_film("focus.mp4", *H264, *AAC, *CLEAN, "-g", "30", filters=blurred)
    done = render(decide([film], Profile(cover=Cover.AUTO)), tmp_path / "out.mp4")
    assert done.plan.kind is PlanKind.KEEP
    assert done.cover_ms in (2000, 3000)
    assert done.reasons[-1].startswith(f"cover: the picture at {done.cover_ms / 1000:.2f} s, the clearest")
    middle = render(decide([film], Profile(cover=Cover.MIDDLE)), tmp_path / "out.mp4")
    assert middle.cover_ms == 2000


@pytest.mark.parametrize("framing", [Framing.BLUR, Framing.PAD, Framing.CROP])
def test_framing_fills_the_frame_and_stretches_nothing(make_film: MakeFilm, tmp_path: Path, framing: Framing) -> None:
    film = make_film("wide.mp4", *H264, *CLEAN, size="1280x720", sound=False, seconds=3)
    done = rendered(film, tmp_path / "out.mp4", Profile(framing=framing))
    assert done.output.picture is not None
    assert done.output.picture.shown == (1080, 1920)
    if framing is Framing.PAD:
        assert max(colour_at(done.path, 1.0, 0.5, 0.05)) < 20


def test_the_demo_film_becomes_what_tiktok_takes(tmp_path: Path) -> None:
    parts: list[float] = []
    plan = decide([make_demo_video(tmp_path / "demo.mov")], Profile())
    done = render(plan, tmp_path / "out.mp4", on_progress=parts.append)
    assert done.plan.kind is PlanKind.ENCODE
    assert form_faults(done.output) == []
    assert parts == sorted(parts)


def test_photos_are_shown_in_order_for_their_time(tmp_path: Path) -> None:
    paths = []
    for number, colour in enumerate([(200, 30, 30), (30, 160, 30), (30, 30, 200)]):
        paths.append(tmp_path / f"{number}.png")
        Image.new("RGB", (600, 800), colour).save(paths[-1])
    done = render(decide(paths, Profile(width=540, height=960)), tmp_path / "show.mp4")
    assert form_faults(done.output) == []
    assert done.duration_s == pytest.approx(8.0, abs=0.04)
    assert len(picture_sums(done.path)) == 240
    for seconds, colour in ((1.0, (200, 30, 30)), (3.9, (30, 160, 30)), (7.0, (30, 30, 200))):
        shown = colour_at(done.path, seconds, 0.5, 0.5)
        assert all(abs(got - meant) <= 4 for got, meant in zip(shown, colour, strict=True)), shown


def test_demo_photos_are_four_shapes(tmp_path: Path) -> None:
    assert len({Image.open(path).size for path in make_demo_photos(tmp_path)}) == 4


def test_a_photo_is_read_upright_and_opaque(tmp_path: Path) -> None:
    turned, clear = tmp_path / "turned.jpg", tmp_path / "clear.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (300, 200), (10, 20, 30)).save(turned, exif=exif)
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(clear)
    assert read_photo(turned, "turned.jpg", frame=(400, 600)).size == (400, 600)
    assert read_photo(clear, "clear.png", frame=(50, 50)).getpixel((5, 5)) == (255, 255, 255)


def test_a_damaged_photo_is_named(tmp_path: Path) -> None:
    path = tmp_path / "damaged.jpg"
    Image.effect_noise((800, 800), 50).convert("RGB").save(path)
    path.write_bytes(path.read_bytes()[:-20000])
    with pytest.raises(Refused, match=r"damaged\.jpg") as caught:
        render(decide([path], Profile()), tmp_path / "out.mp4")
    assert caught.value.code == "photo_damaged"
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("kind", [PlanKind.KEEP, PlanKind.ENCODE])
def test_a_proof_can_be_cancelled(kept_film: Path, kind: PlanKind) -> None:
    plan, cancel = decide([kept_film], Profile()), threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        verify(replace(plan, kind=kind), plan.inputs[0], cancel=cancel)


def test_listening_can_be_cancelled(kept_film: Path, tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    plan = replace(decide([kept_film], Profile()), kind=PlanKind.AUDIO, profile=Profile(loudness=-14.0))
    with pytest.raises(Cancelled):
        listened(plan, plan.seconds, cancel)
    with pytest.raises(Cancelled):
        normalize(plan, tmp_path / "out.mp4", on_progress=None, cancel=cancel)
    assert not (tmp_path / "out.mp4").exists()


def test_a_cancelled_job_leaves_nothing(make_film: MakeFilm, tmp_path: Path) -> None:
    film = make_film("tocancel.mov", "-c:v", "mpeg4", "-q:v", "3", seconds=10, sound=False)
    out, cancel = tmp_path / "out.mp4", threading.Event()
    out.write_bytes(b"what was there before")
    with pytest.raises(AirdateError) as caught:
        render(decide([film], Profile()), out, on_progress=lambda _: cancel.set(), cancel=cancel)
    assert caught.value.code == "cancelled"
    assert [file.name for file in tmp_path.iterdir()] == ["out.mp4"]
    assert out.read_bytes() == b"what was there before"
