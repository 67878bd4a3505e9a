"""What is decided for real files: nothing, a copy, or an encode, and what is refused by name and number."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

from airdate.media.prepare import decide, render
from airdate.media.profile import MAX_BYTES, Profile
from airdate.media.programs.ffmpeg import program
from airdate.post import PlanKind

from .conftest import AAC, CLEAN, H264, MakeFilm

pytestmark = pytest.mark.e2e


def kind_of(path: Path) -> PlanKind:
    return decide([path], Profile()).kind


def refusal_of(*paths: Path) -> str | None:
    refusal = decide(paths, Profile()).refusal
    assert refusal is not None
    assert refusal.item
    assert refusal.rule
    assert refusal.fix
    return refusal.code


def pad(path: Path, size: int) -> None:
    """Pad a film with a trailing `free` box; the file is sparse, so that four gigabytes cost nothing."""
    room = size - path.stat().st_size
    with path.open("ab") as file:
        short = struct.pack(">I4s", room, b"free") if room < 2**32 else struct.pack(">I4sQ", 1, b"free", room)
        file.write(short)
        file.truncate(size)


def test_a_film_that_needs_nothing_is_kept(kept_film: Path) -> None:
    assert kind_of(kept_film) is PlanKind.KEEP


@pytest.mark.parametrize("size", [4_999_999, 70_000_000, MAX_BYTES])
def test_padding_changes_nothing(kept_film: Path, tmp_path: Path, size: int) -> None:
    film = tmp_path / "padded.mp4"
    film.write_bytes(kept_film.read_bytes())
    pad(film, size)
    assert kind_of(film) is PlanKind.KEEP


def test_the_index_last_means_a_copy(make_film: MakeFilm) -> None:
    assert kind_of(make_film("slow.mp4", *H264, *AAC, "-map_metadata", "-1")) is PlanKind.REMUX


def test_another_container_means_a_copy(make_film: MakeFilm) -> None:
    assert kind_of(make_film("plain.mov", *H264, *AAC)) is PlanKind.REMUX
    assert kind_of(make_film("plain.mkv", *H264, *AAC)) is PlanKind.REMUX


def test_a_place_in_the_metadata_is_taken_out(make_film: MakeFilm) -> None:
    where = ["-metadata", "location=+48.2+16.3/", "-metadata", "title=holiday"]
    assert kind_of(make_film("placed.mp4", *H264, *AAC, "-movflags", "+faststart", *where)) is PlanKind.REMUX


def test_missing_colour_tags_are_written_without_an_encode(make_film: MakeFilm) -> None:
    film = make_film("untagged.mp4", *H264, *AAC, *CLEAN, filters="format=yuv420p")
    assert kind_of(film) is PlanKind.FILTER


def test_other_sound_means_only_the_sound(make_film: MakeFilm) -> None:
    assert kind_of(make_film("pcm.mov", *H264, "-c:a", "pcm_s16le", *CLEAN)) is PlanKind.AUDIO


@pytest.mark.parametrize(
    ("name", "options", "made", "word"),
    [
        ("hevc.mp4", ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", *AAC], {}, "hevc"),
        ("slowrate.mp4", [*H264, *AAC, *CLEAN], {"rate": "15"}, "15.00"),
        ("fast.mp4", [*H264, *AAC, *CLEAN], {"rate": "120", "size": "360x640"}, "120.00"),
        ("small.mp4", [*H264, *AAC, *CLEAN], {"size": "320x240"}, "320×240"),
        ("wide.mp4", [*H264, *AAC, *CLEAN, "-aspect", "2:1"], {}, "true shape"),
        ("tenbit.mp4", [*H264, "-pix_fmt", "yuv420p10le", *AAC, *CLEAN], {}, "8-bit"),
    ],
)
def test_what_cannot_be_copied_is_encoded_and_says_why(
    make_film: MakeFilm, name: str, options: list[str], made: dict[str, str], word: str
) -> None:
    plan = decide([make_film(name, *options, **made)], Profile())
    assert plan.kind is PlanKind.ENCODE
    assert any(word in reason for reason in plan.reasons), plan.reasons


def test_a_turned_film_is_turned_in_the_picture(kept_film: Path, tmp_path: Path) -> None:
    film = tmp_path / "turned.mp4"
    turn = [get_ffmpeg_exe(), "-v", "error", "-display_rotation", "90", "-i", str(kept_film), "-c", "copy", str(film)]
    subprocess.run(turn, check=True, stdin=subprocess.DEVNULL)
    assert kind_of(film) is PlanKind.ENCODE


def test_refusals_name_everything(make_film: MakeFilm, kept_film: Path, tmp_path: Path) -> None:
    empty, text, cut = tmp_path / "empty.mp4", tmp_path / "text.mp4", tmp_path / "cut.mp4"
    empty.touch()
    text.write_text("this is no film\n" * 100)
    cut.write_bytes(kept_film.read_bytes()[:-5000])
    assert refusal_of(empty) == "media_empty"
    assert refusal_of(text) == "media_unreadable"
    assert refusal_of(cut) == "media_truncated"
    assert refusal_of(make_film("short.mp4", seconds=0.5)) == "media_too_short"
    four, long = make_film("four.mp4", size="360x640"), tmp_path / "long.mp4"
    again = [program(), "-v", "error", "-stream_loop", "150", "-i", str(four), "-c", "copy", str(long)]
    subprocess.run(again, check=True, stdin=subprocess.DEVNULL)
    assert refusal_of(long) == "media_too_long"


def test_films_and_photos_are_not_mixed(kept_film: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (800, 600)).save(photo)
    assert refusal_of(kept_film, photo) == "media_mixed"
    assert refusal_of(kept_film, kept_film) == "media_mixed"


def test_a_playlist_in_disguise_reaches_no_other_file(kept_film: Path, tmp_path: Path) -> None:
    disguised = tmp_path / "film.mp4"
    disguised.write_text(f"ffconcat version 1.0\nfile '{kept_film}'\n")
    assert refusal_of(disguised) == "media_unreadable"


@pytest.mark.parametrize(("count", "each"), [(1, 3.0), (2, 3.0), (10, 3.0), (35, 3.0)])
def test_photos_become_a_film(tmp_path: Path, count: int, each: float) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (64, 64)).save(photo)
    plan = decide([photo] * count, Profile())
    assert plan.kind is PlanKind.SLIDESHOW
    assert plan.seconds_per_photo == each


def test_a_set_that_does_not_fit_is_shortened_or_refused(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (64, 64)).save(photo)
    plan = decide([photo] * 20, Profile(), max_seconds=30)
    assert plan.seconds_per_photo == pytest.approx((30 + 19 * 0.5) / 20, abs=1 / 30)
    assert refusal_of(*[photo] * 36) == "photos_too_many"
    refusal = decide([photo] * 35, Profile(), max_seconds=15).refusal
    assert refusal is not None
    assert refusal.code == "photos_too_many_for_limit"


@pytest.mark.parametrize("name", ["we:ird.mp4", "%03d.jpg", "-x.mp4", "pipe|x", "film 100 %.mp4", "ünïcode.bin"])
def test_a_name_is_only_a_name(make_film: MakeFilm, tmp_path: Path, name: str) -> None:
    film = tmp_path / name
    film.write_bytes(make_film("slow2.mp4", *H264, *AAC, "-map_metadata", "-1").read_bytes())
    assert render(decide([film], Profile()), tmp_path / "out").plan.kind is PlanKind.REMUX
