"""Pictures of a photo post: the least work that makes each one what TikTok takes, and the bad one by its name."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from PIL import Image, ImageCms

from airdate.errors import Refused
from airdate.media.photos.post import Fitted, fit
from airdate.media.photos.stripping import stripped_jpeg, stripped_webp

pytestmark = pytest.mark.e2e

pillow_heif.register_heif_opener()

PLACE = "a street and a number"


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    return Image.effect_noise((width, height), 60).convert(mode)


def see_through() -> Image.Image:
    picture = noise(300, 300, "RGBA")
    picture.putalpha(90)
    return picture


def tags(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[0x010E], found[0x0112] = PLACE, orientation
    return found


def one(path: Path) -> Fitted:
    (fitted,) = fit([path], [path.name], path.parent / "out")
    return fitted


def shown(fitted: Fitted) -> Image.Image:
    with Image.open(fitted.path) as image:
        image.load()
        return image


@pytest.mark.parametrize(("name", "options"), [("a.jpg", {"quality": 90}), ("a.webp", {}), ("a.jpg", {"icc": True})])
def test_what_is_right_already_goes_out_byte_for_byte(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    path = tmp_path / name
    if options.pop("icc", False):
        options["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    noise(1080, 1350).save(path, **options)
    fitted = one(path)
    assert fitted.path.read_bytes() == path.read_bytes()
    assert fitted.reasons == ("as it is, byte for byte",)
    assert fitted.path.suffix == path.suffix


@pytest.mark.parametrize("name", ["a.jpg", "a.webp"])
def test_place_and_camera_leave_and_no_pixel_changes(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    noise(900, 900).save(path, exif=tags(1), comment=b"by somebody", xmp=b"<x>somewhere</x>")
    fitted = one(path)
    assert PLACE.encode() not in fitted.path.read_bytes()
    assert len(fitted.path.read_bytes()) < path.stat().st_size
    assert "metadata taken out" in fitted.reasons[0]
    with Image.open(path) as image:
        assert shown(fitted).tobytes() == image.tobytes()


def test_what_phones_write_behind_the_picture_leaves_too(tmp_path: Path) -> None:
    path = tmp_path / "motion.jpg"
    noise(500, 500).save(path)
    plain = path.read_bytes()
    path.write_bytes(plain + b"\0\0\0\x18ftypmp42" + bytes(5000))
    assert one(path).path.read_bytes() == plain


@pytest.mark.parametrize(
    ("size", "becomes"),
    [
        ((1086, 1448), (1080, 1440)),
        ((1254, 1254), (1080, 1080)),
        ((941, 1672), (941, 1672)),
        ((1080, 1920), (1080, 1920)),
        ((1920, 1080), (1920, 1080)),
        ((1000, 3000), (640, 1920)),
        ((4000, 3000), (1440, 1080)),
        ((30, 20), (30, 20)),
    ],
)
def test_sides_fit_and_nothing_is_enlarged(tmp_path: Path, size: tuple[int, int], becomes: tuple[int, int]) -> None:
    path = tmp_path / "a.jpg"
    noise(*size).save(path)
    fitted = one(path)
    assert shown(fitted).size == becomes
    assert (fitted.path.read_bytes() == path.read_bytes()) is (size == becomes)


@pytest.mark.parametrize(
    ("orientation", "corner"),
    [(2, (1, 0)), (3, (1, 1)), (4, (0, 1)), (5, (0, 0)), (6, (1, 0)), (7, (1, 1)), (8, (0, 1))],
)
def test_a_picture_that_is_turned_by_a_tag_is_turned_itself(
    tmp_path: Path, orientation: int, corner: tuple[int, int]
) -> None:
    path = tmp_path / "a.jpg"
    picture = Image.new("RGB", (400, 300), "white")
    picture.paste("red", (0, 0, 200, 150))
    picture.save(path, exif=tags(orientation), quality=95)
    upright = shown(one(path))
    assert upright.size == ((300, 400) if orientation >= 5 else (400, 300))
    assert not upright.getexif()
    red = {
        (column, row)
        for column in (0, 1)
        for row in (0, 1)
        if upright.getpixel((10 + column * (upright.width - 20), 10 + row * (upright.height - 20)))[1] < 60  # type: ignore[index]
    }
    assert red == {corner}


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("a.png", lambda path: noise(300, 300).save(path), "PNG → JPEG"),
        ("a.heic", lambda path: noise(300, 300).save(path), "HEIF → JPEG"),
        ("a.tiff", lambda path: noise(300, 300, "CMYK").save(path), "TIFF → JPEG"),
        ("a.jpg", lambda path: noise(300, 300, "CMYK").save(path), "sRGB"),
        ("a.jpg", lambda path: noise(300, 300).save(path, progressive=True), "progressive → baseline"),
        ("a.webp", lambda path: see_through().save(path, lossless=True), "transparent → over white"),
        (
            "a.webp",
            lambda path: noise(300, 300).save(path, save_all=True, append_images=[noise(300, 300)]),
            "its first picture",
        ),
    ],
)
def test_everything_else_becomes_baseline_srgb_jpeg(
    tmp_path: Path, name: str, make: Callable[[Path], None], reason: str
) -> None:
    path = tmp_path / name
    make(path)
    fitted = one(path)
    image = shown(fitted)
    assert (image.format, image.mode, fitted.path.suffix) == ("JPEG", "RGB", ".jpg")
    assert not image.info.get("progressive")
    assert "icc_profile" not in image.info
    assert reason in " ".join(fitted.reasons)


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_a_profile_is_tried_whatever_its_name(tmp_path: Path, suffix: str) -> None:
    """Level 55 of light is sRGB's 128; the profile's name is sRGB's all the same."""
    path = tmp_path / f"a.{suffix}"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    curve = b"para\0\0\0\0\0\3\0\0" + (round(2.4 * 65536)).to_bytes(4)
    linear = profile.replace(curve, b"para\0\0\0\0\0\0\0\0" + (65536).to_bytes(4))
    assert linear != profile
    Image.new("RGB", (300, 300), (55, 55, 55)).save(path, quality=95, icc_profile=linear)
    fitted = one(path)
    assert any("sRGB" in reason for reason in fitted.reasons)
    assert shown(fitted).getpixel((150, 150)) == pytest.approx((128, 128, 128), abs=3)


def test_the_same_pictures_come_out_the_same(tmp_path: Path) -> None:
    paths = [tmp_path / "a.png", tmp_path / "b.jpg"]
    noise(1500, 1500).save(paths[0])
    noise(300, 300).save(paths[1])
    names = [path.name for path in paths]
    first, second = (fit(paths, names, tmp_path / folder) for folder in ("one", "two"))
    assert [each.sha256 for each in first] == [each.sha256 for each in second]
    assert [path.name for path in sorted((tmp_path / "one").iterdir())] == sorted(each.path.name for each in first)


def refused(paths: list[Path]) -> Refused:
    with pytest.raises(Refused) as caught:
        fit(paths, [path.name for path in paths], paths[0].parent / "out")
    return caught.value


def test_a_bad_picture_is_named_with_its_place(tmp_path: Path) -> None:
    good, cut, text = tmp_path / "good.jpg", tmp_path / "cut.jpg", tmp_path / "text.jpg"
    noise(600, 600).save(good)
    cut.write_bytes(good.read_bytes()[:-20_000])
    text.write_text("this is no photo")
    damaged = refused([good, cut])
    assert (damaged.code, damaged.item) == ("photo_damaged", "cut.jpg")
    assert damaged.message.startswith("photo 2 of 2: ")
    assert (refused([text, good]).code, refused([text, good]).item) == ("photo_post_film", "text.jpg")


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.png"
    out = BytesIO()
    Image.new("1", (16, 16)).save(out, "PNG")
    data = bytearray(out.getvalue())
    data[16:24] = (60_000).to_bytes(4) * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4)
    bomb.write_bytes(data)
    refusal = refused([bomb])
    assert refusal.code == "photo_too_large"
    assert "60000×60000" in refusal.message


def test_thirty_six_photos_are_one_too_many(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    noise(50, 50).save(path)
    refusal = refused([path] * 36)
    assert (refusal.code, refusal.fix) == ("photos_too_many", "leave out 1 of them")


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP", b"RIFF\xff\xff\xff\xffWEBPVP8 \xff"]
)
def test_what_is_cut_in_the_middle_is_not_stripped(data: bytes) -> None:
    assert stripped_jpeg(data, with_profile=True) is None
    assert stripped_webp(data) is None


def test_no_beginning_of_a_jpeg_is_taken_for_a_whole_one() -> None:
    out = BytesIO()
    noise(40, 40).save(out, "JPEG", exif=tags(1))
    data = out.getvalue()
    assert all(stripped_jpeg(data[:end], with_profile=False) is None for end in range(len(data)))
    assert stripped_jpeg(data, with_profile=False) is not None
