"""Pictures for people: they show the very frames they name, upright and in their colours, and never stop a post."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from consenting import add_creator
from PIL import Image

from airdate import previews, steps
from airdate.engine import Engine
from airdate.intake import command_consent, intake
from airdate.ledger import posts
from airdate.media.pictures.drawing import COLUMNS_WIDE, GAP, LINE, PAIR_BOX, SHEET_WIDTH
from airdate.media.pictures.sheets import Pictures, picture_film, picture_photos
from airdate.media.prepare import Prepared, decide, render
from airdate.media.profile import Profile
from airdate.media.programs.ffmpeg import program
from airdate.post import Mode, Options, PlanKind, PostState, Privacy
from airdate.sandbox.running import RunningSandbox
from airdate.settings import Settings

pytestmark = pytest.mark.e2e

MakeFilm = Callable[..., Path]
Colour = tuple[int, int, int]

COLOURS: tuple[Colour, ...] = ((200, 40, 40), (40, 180, 60), (50, 60, 200), (220, 200, 40))
"""One for each second of the film of colours."""

SLACK = 8
"""Of 255; a JPEG's colours and those of yuv420p are not exact."""


def encoded(folder: Path, *output: str, size: str = "640x360", name: str = "colours.mp4") -> Path:
    """A film of one second of each colour."""
    each = [f"color={'0x{:02x}{:02x}{:02x}'.format(*colour)}:size={size}:rate=30:duration=1" for colour in COLOURS]
    inputs = [option for source in each for option in ("-f", "lavfi", "-i", f"{source},format=rgb24")]
    tagged = (
        f"concat=n={len(each)},scale=out_color_matrix=bt709:out_range=tv,"
        "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
    )
    path = folder / name
    subprocess.run(
        [program(), "-v", "error", "-y", *inputs, "-filter_complex", tagged, *output, str(path)],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def original(folder: Path) -> Path:
    """Ten bits, so that it has to be encoded; a key picture each half second."""
    return encoded(folder, "-c:v", "libx264", "-preset", "ultrafast", "-g", "15", "-pix_fmt", "yuv422p10le")


@pytest.fixture(scope="module")
def rendition(folder: Path, original: Path) -> Prepared:
    return render(decide([original], Profile()), folder / "rendition.mp4")


@pytest.fixture(scope="module")
def pictures(folder: Path, rendition: Prepared) -> Pictures:
    return pictured(rendition, folder / "drawn", cover_ms=2500)


def pictured(made: Prepared, folder: Path, cover_ms: int | None = None) -> Pictures:
    return picture_film(made.plan, made.path, made.duration_s, folder, cover_ms=cover_ms)


def near(found: object, wanted: Colour) -> bool:
    return isinstance(found, tuple) and all(abs(a - b) <= SLACK for a, b in zip(found, wanted, strict=True))


def shown(path: Path, x: float, y: float) -> object:
    """The colour at a place of a picture, its sides counted from 0.0 to 1.0."""
    with Image.open(path) as image:
        return image.convert("RGB").getpixel((int(x * image.width), int(y * image.height)))


def test_the_cover_is_the_picture_at_its_time(pictures: Pictures) -> None:
    cover = pictures.files[0]

    assert cover.name == "cover.jpg"
    with Image.open(cover) as image:
        assert image.size == (640, 360)
    assert near(shown(cover, 0.5, 0.5), COLOURS[2])
    assert "2.50 s, as named" in pictures.words[0]


@pytest.mark.parametrize(("cover_ms", "second"), [(1000, 1), (1999, 1), (9000, 3)])
def test_the_cover_is_exact_to_the_frame(rendition: Prepared, tmp_path: Path, cover_ms: int, second: int) -> None:
    drawn = pictured(rendition, tmp_path, cover_ms)

    assert near(shown(drawn.files[0], 0.5, 0.5), COLOURS[second])


def test_without_a_named_cover_the_first_picture_is_shown_and_said_so(rendition: Prepared, tmp_path: Path) -> None:
    assert "0.00 s, the first, which TikTok takes" in pictured(rendition, tmp_path).words[0]


def test_the_sheet_shows_the_film_in_order(pictures: Pictures) -> None:
    sheet = pictures.files[1]

    with Image.open(sheet) as image:
        assert image.width <= SHEET_WIDTH
        tile = (SHEET_WIDTH - GAP) // COLUMNS_WIDE
        row = (image.height - GAP) // 2
        places = [(GAP + n % COLUMNS_WIDE * tile + 20, GAP + n // COLUMNS_WIDE * row + 20) for n in range(6)]
        seen = [image.convert("RGB").getpixel(place) for place in places]
    # Two key pictures are few, so six instants are shown: 0, 0.67, 1.33, 2, 2.67 and 3.33 s.
    assert all(near(found, COLOURS[second]) for found, second in zip(seen, (0, 0, 1, 2, 2, 3), strict=True))


def test_before_and_after_show_the_same_instants(pictures: Pictures) -> None:
    comparison = pictures.files[2]

    assert comparison.name == "before-after.jpg"
    with Image.open(comparison) as image:
        rows = (image.height - LINE - GAP) // 3
        for number in range(3):
            middle = LINE + GAP + number * rows + rows // 2 - LINE
            left, right = (image.getpixel((x, middle)) for x in (PAIR_BOX[0] // 2, image.width - PAIR_BOX[0] // 2))
            assert isinstance(left, tuple)
            assert near(right, left)  # type: ignore[arg-type]
            assert any(near(left, colour) for colour in COLOURS)


def test_they_are_small(pictures: Pictures) -> None:
    assert sum(path.stat().st_size for path in pictures.files) < 150_000


def test_an_original_that_a_tag_turns_stands_upright_on_both_sides(folder: Path, make_film: MakeFilm) -> None:
    flat = make_film("flat.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv422p", size="640x480")
    turned = folder / "turned.mp4"
    subprocess.run(
        [program(), "-v", "error", "-y", "-display_rotation", "90", "-i", flat, "-c", "copy", turned],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    made = render(decide([turned], Profile()), folder / "upright.mp4")

    with Image.open(pictured(made, folder / "turned").files[2]) as image:
        left = image.crop((GAP, LINE + GAP, GAP + PAIR_BOX[0], LINE + GAP + PAIR_BOX[1]))
        right = image.crop((2 * GAP + PAIR_BOX[0], LINE + GAP, 2 * GAP + 2 * PAIR_BOX[0], LINE + GAP + PAIR_BOX[1]))
        small = [half.resize((16, 16), Image.Resampling.BOX).tobytes() for half in (left, right)]
    assert max(abs(a - b) for a, b in zip(*small, strict=True)) <= 3 * SLACK
    assert len(set(small[0])) > 20  # there is something to compare


def test_a_light_picture_of_hdr_is_neither_grey_nor_burnt_out(folder: Path) -> None:
    hdr = folder / "hdr.mp4"
    tags = "setparams=range=tv:color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc,format=yuv420p10le"
    grey = "lutyuv=y=572:u=512:v=512"
    subprocess.run(
        [
            *[program(), "-v", "error", "-y", "-f", "lavfi", "-i", "color=gray:size=360x640:rate=30:duration=3"],
            *["-vf", f"format=yuv420p10le,{grey},{tags}", "-c:v", "libx264", "-preset", "ultrafast", str(hdr)],
        ],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    made = render(decide([hdr], Profile()), folder / "sdr.mp4")

    with Image.open(pictured(made, folder / "hdr").files[2]) as image:
        left, right = (image.getpixel((x, LINE + GAP + 170)) for x in (PAIR_BOX[0] // 2, 600))
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert max(abs(a - b) for a, b in zip(left, right, strict=True)) <= 30


def test_a_slideshow_shows_each_photo_beside_its_moment(folder: Path) -> None:
    photos = []
    for number, colour in enumerate(COLOURS[:3]):
        photos.append(folder / f"{number}.jpg")
        Image.new("RGB", (800, 1200), colour).save(photos[-1], quality=95)
    made = render(decide(photos, Profile()), folder / "slideshow.mp4")

    drawn = pictured(made, folder / "slideshow")

    assert made.plan.kind is PlanKind.SLIDESHOW
    with Image.open(drawn.files[2]) as image:
        rows = (image.height - LINE - GAP) / 3
        for number, colour in enumerate(COLOURS[:3]):
            middle = round(LINE + GAP + (number + 0.4) * rows)
            assert near(image.getpixel((PAIR_BOX[0] // 2, middle)), colour)
            assert near(image.getpixel((image.width - PAIR_BOX[0] // 2, middle)), colour)


def test_a_photo_post_has_its_cover_and_its_sheet(folder: Path) -> None:
    photos = []
    for number, colour in enumerate(COLOURS):
        photos.append(folder / f"photo-{number}.jpg")
        Image.new("RGB", (300, 400), colour).save(photos[-1], quality=95)

    drawn = picture_photos(photos, folder / "photos", cover=2)

    assert [path.name for path in drawn.files] == ["cover.jpg", "sheet.jpg"]
    assert near(shown(drawn.files[0], 0.5, 0.5), COLOURS[2])
    assert drawn.words == ("cover.jpg: photo 3 of 4",)


def test_what_cannot_be_drawn_is_said_and_stops_nothing(rendition: Prepared, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film")

    drawn = picture_film(rendition.plan, broken, 4.0, tmp_path / "drawn", cover_ms=None)

    assert drawn.files == ()
    assert len(drawn.words) == 3
    assert all("not made" in word for word in drawn.words)
    in_the_way = picture_film(rendition.plan, rendition.path, 4.0, broken, cover_ms=None)
    assert in_the_way.files == ()
    assert "not made" in in_the_way.words[0]


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    with RunningSandbox() as sandbox:
        chosen = settings.model_copy(update={"tiktok_api_url": sandbox.addresses.api})
        with Engine.open(chosen) as opened:
            add_creator(opened.ledger, sandbox)
            yield opened


def test_the_steps_draw_them_once_and_the_report_shows_them(
    engine: Engine, original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Options(mode=Mode.DIRECT, privacy=Privacy.SELF_ONLY, cover_ms=1500)
    consent = command_consent(engine.ledger.now())
    taken = intake(engine, sources=[str(original)], account="demo", options=options, consent=consent, origin="command")
    post = steps.record(engine, taken, who="test")
    with steps.hold(engine, post.id) as lease:
        originals = steps.fetch(engine, lease)
        first = steps.prepare(engine, lease, originals)
        made_at = [path.stat().st_mtime_ns for path in previews.found(first.pictures).files]
        again = steps.prepare(engine, lease, originals)
    drawn = previews.found(again.pictures)

    assert [path.stat().st_mtime_ns for path in drawn.files] == made_at
    assert near(shown(drawn.files[0], 0.5, 0.5), COLOURS[1])
    facts = steps.report(engine, post.id).facts()
    assert facts["pictures"] == [str(path) for path in drawn.files]
    assert len(facts["pictures"]) == 3
    json.dumps(facts)
    assert previews.markdown(drawn).count("](data:image/jpeg;base64,") == 3

    def broken(*_: object, **__: object) -> Pictures:
        raise RuntimeError("somebody's bug")

    monkeypatch.setattr(previews, "picture_film", broken)
    for path in drawn.files:
        path.unlink()
    with steps.hold(engine, post.id) as lease:
        bare = steps.prepare(engine, lease, originals)
    assert bare.pictures is None
    assert posts.get(engine.ledger, post.id).state is PostState.PREPARING
    assert steps.report(engine, post.id).facts()["pictures"] is None
