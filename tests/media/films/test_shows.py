"""Slideshows, music, movement and the window people look at; and damage that no decoder complains about."""

from __future__ import annotations

import io
import itertools
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from airdate.errors import Refused
from airdate.media.clauses import END_GAP_S
from airdate.media.film.focus import busiest_window
from airdate.media.prepare import decide, proved, render
from airdate.media.profile import Framing, Profile
from airdate.media.verify import form_faults
from airdate.post import PlanKind

from .conftest import AAC, CLEAN, H264, MakeFilm, ffmpeg

pytestmark = pytest.mark.e2e

SMALL = Profile(width=360, height=640, preset="ultrafast")


def photos_in(folder: Path, count: int) -> list[Path]:
    paths = []
    for number in range(count):
        paths.append(folder / f"{number}.jpg")
        picture = Image.effect_noise((400, 300), 40 + number).convert("RGB")
        picture.save(paths[-1])
    return paths


@pytest.mark.parametrize(("count", "each"), [(1, 3.0), (2, 1.7), (3, 1.0), (4, 2.1)])
def test_repeated_groups_make_every_frame_once_at_even_distances(tmp_path: Path, count: int, each: float) -> None:
    paths = photos_in(tmp_path, count)
    plan = decide(paths, Profile(width=360, height=640, preset="ultrafast", seconds_per_photo=each))
    done = render(plan, tmp_path / "show.mp4")
    assert form_faults(done.output) == []
    with av.open(str(done.path)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == round(plan.seconds * 30)
    assert {later.pts - sooner.pts for sooner, later in itertools.pairwise(frames)} == {512}
    assert not any(frame.is_corrupt for frame in frames)


def test_moving_photos_move_steadily(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    photo = Image.new("RGB", (720, 1280), (20, 20, 20))
    ImageDraw.Draw(photo).rectangle((500, 200, 719, 1000), fill=(240, 240, 240))
    photo.save(path)
    done = render(
        decide([path], Profile(width=360, height=640, preset="ultrafast", ken_burns=True)), tmp_path / "m.mp4"
    )
    assert form_faults(done.output) == []
    with av.open(str(done.path)) as container:
        rows = [frame.to_image().convert("L").crop((0, 320, 360, 321)).tobytes() for frame in container.decode(video=0)]
    edges = [next(x for x, value in enumerate(row) if value > 120) for row in rows]
    assert edges[0] - edges[-1] >= 4, "the right side, where there is something to see, comes nearer"
    assert all(0 <= sooner - later <= 1 for sooner, later in itertools.pairwise(edges))


def test_each_photo_bears_its_own_caption(tmp_path: Path) -> None:
    font = tmp_path / "brand.ttf"
    held = ImageFont.load_default(20)
    assert isinstance(held, ImageFont.FreeTypeFont)
    assert isinstance(held.path, io.BytesIO)
    font.write_bytes(held.path.getvalue())
    exif = Image.Exif()
    exif[0x010E] = "Open until nine"
    paths = [tmp_path / "told.jpg", tmp_path / "untold.jpg"]
    for path, kept in zip(paths, (exif, Image.Exif()), strict=True):
        Image.new("RGB", (360, 640), (128, 128, 128)).save(path, exif=kept)
    plan = decide(paths, replace(SMALL, titles=font))
    assert any("1 of the 2 photos have a caption" in reason for reason in plan.reasons)
    done = render(plan, tmp_path / "show.mp4")
    with av.open(str(done.path)) as container:
        brightest = [frame.to_image().convert("L").getextrema()[1] for frame in container.decode(video=0)]
    assert (brightest[0] > 220, brightest[-1] < 140) == (True, True)


@pytest.mark.parametrize("name", ["song.mp3", "song.m4a", "song.opus"])
def test_music_goes_round_without_a_hole(tmp_path: Path, name: str) -> None:
    """Its coder puts silence in front of what it codes, which must not be heard each time."""
    music, out = tmp_path / name, tmp_path / "out.mp4"
    ffmpeg("-f", "lavfi", "-i", "sine=480:duration=1", str(music))
    profile = Profile(width=360, height=640, preset="ultrafast", music=music, seconds_per_photo=6)
    Image.new("RGB", (360, 640), "teal").save(tmp_path / "a.png")
    render(decide([tmp_path / "a.png"], profile), out)
    with av.open(str(out)) as film:
        plain = av.AudioResampler("s16", "mono", 48_000)
        pieces = [piece.to_ndarray()[0] for frame in film.decode(audio=0) for piece in plain.resample(frame)]
    heard = np.concatenate(pieces).astype(float)[48_000 : 5 * 48_000]
    loudness = np.sqrt((heard.reshape(-1, 480) ** 2).mean(axis=1))
    assert loudness.min() > 0.8 * np.median(loudness)


@pytest.mark.parametrize("content", [b"a text", b"", None])
def test_what_cannot_be_played_is_named_before_photos_are_made_a_film(tmp_path: Path, content: bytes | None) -> None:
    music = tmp_path / "song.mp3"
    Image.new("RGB", (360, 640), "teal").save(tmp_path / "a.png")
    music.write_bytes((tmp_path / "a.png").read_bytes() if content is None else content)
    done: list[float] = []
    plan = decide([tmp_path / "a.png"], Profile(width=360, height=640, music=music))
    with pytest.raises(Refused) as refused:
        render(plan, tmp_path / "out.mp4", on_progress=done.append)
    assert (refused.value.code, refused.value.item) == ("music_unreadable", "song.mp3")
    assert done == []
    assert {path.name for path in tmp_path.iterdir()} == {"song.mp3", "a.png"}


def test_music_is_looped_faded_and_ends_with_the_film(tmp_path: Path) -> None:
    music = tmp_path / "song.mp3"
    ffmpeg("-f", "lavfi", "-i", "sine=330:duration=1.3", str(music))
    profile = Profile(width=360, height=640, preset="ultrafast", music=music, loudness=-16.0)
    done = render(decide(photos_in(tmp_path, 2), profile), tmp_path / "show.mp4")
    assert form_faults(done.output) == []
    assert re.fullmatch(r"music: loudness -\d+\.\d → -16\.0 LUFS", done.reasons[-1])
    assert done.output.sound is not None
    assert done.output.sound.end_s == pytest.approx(done.duration_s, abs=0.05)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.jpg", "1.jpg", "show.mp4", "song.mp3"]


def test_the_busy_part_is_kept(make_film: MakeFilm, tmp_path: Path) -> None:
    wide = Image.new("L", (320, 180), 128)
    wide.paste(Image.effect_noise((60, 180), 90), (230, 0))
    left, top = busiest_window([wide], (101, 180))
    assert (left <= 230, left + 101 >= 290, top) == (True, True, 0)
    film = make_film(
        "busy.mp4",
        *(*H264, *CLEAN),
        picture="color=c=gray:size=1280x720:rate=25",
        filters="drawgrid=w=8:h=8:c=white:t=2,drawbox=x=0:y=0:w=900:h=720:c=gray:t=fill,format=yuv420p",
        tone=None,
    )
    profile = Profile(width=360, height=640, preset="ultrafast", framing=Framing.SMART)
    done = render(decide([film], profile), tmp_path / "out.mp4")
    with av.open(str(done.path)) as container:
        row = next(container.decode(video=0)).to_image().convert("L").crop((0, 320, 360, 321)).tobytes()
    assert sum(value > 200 for value in row) > 200


def test_a_hole_of_zeros_in_a_kept_film_is_found(kept: Path, tmp_path: Path) -> None:
    film = tmp_path / "hole.mp4"
    data = bytearray(kept.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    film.write_bytes(data)
    plan = decide([film], SMALL)
    assert plan.kind is PlanKind.KEEP
    with pytest.raises(Exception, match=r"hole\.mp4") as caught:
        proved(plan)
    assert getattr(caught.value, "code", None) == "media_damaged"
    done = render(decide([film], Profile(preset="ultrafast", salvage=True)), tmp_path / "out.mp4")
    assert done.plan.kind is PlanKind.ENCODE
    assert film.read_bytes() == data, "a kept film is linked, and nothing must be written through the link"


@pytest.mark.parametrize("name", ["cut.mkv", "cut.avi", "cut.mp4"])
def test_a_film_without_its_end_is_refused_and_salvaged(make_film: MakeFilm, tmp_path: Path, name: str) -> None:
    sound = ("-c:a", "mp3") if name == "cut.avi" else AAC
    whole = make_film(f"whole{name}", *H264, *sound, *CLEAN, seconds=8)
    film = tmp_path / name
    film.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.8)])
    refusal = decide([film], SMALL).refusal
    assert refusal is not None
    assert (refusal.code, refusal.item) == ("media_truncated", name)
    done = render(decide([film], Profile(preset="ultrafast", salvage=True)), tmp_path / "out.mp4")
    assert 3 < done.duration_s < 8
    assert done.output.sound is not None
    assert done.output.sound.end_s == pytest.approx(done.duration_s, abs=END_GAP_S)
    assert any("missing" in reason for reason in done.reasons)


def test_what_is_left_of_a_film_may_be_too_short(make_film: MakeFilm, tmp_path: Path) -> None:
    whole = make_film("long.mp4", *H264, *AAC, *CLEAN, seconds=8)
    film = tmp_path / "cut.mp4"
    film.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.3)])
    plan = decide([film], Profile(preset="ultrafast", salvage=True))
    with pytest.raises(Refused, match="what decodes of the film lasts") as refused:
        render(plan, tmp_path / "out.mp4")
    assert refused.value.code == "media_too_short"
    assert [left.name for left in tmp_path.iterdir()] == ["cut.mp4"]


def test_decoders_are_not_loaded_into_the_calling_process(kept: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from airdate.media.prepare import as_it_is, decide, proved;"
        "from airdate.media.profile import Profile;"
        f"as_it_is(proved(decide([Path({str(kept)!r})], Profile())));"
        "print([n for n in ('av', 'PIL') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
