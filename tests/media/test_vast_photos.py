"""WebP and AVIF that Pillow has no room for are decoded in less, with the same colours, or refused by their header."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.WebPImagePlugin import WebPImageFile

from airdate.errors import Refused
from airdate.media.photos import photo as photos
from airdate.media.photos import vast
from airdate.media.photos.photo import read_facts, read_photo

COLOUR, OTHER = (200, 60, 50), (40, 60, 200)
GREEN, GREEN_IN_P3 = (60, 170, 70), (93, 168, 83)
"""One colour, in sRGB and in Display P3."""


@pytest.fixture(autouse=True)
def no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow has no room for anything, and what is left of a photo is small."""
    monkeypatch.setattr(photos, "_BYTES_A_PIXEL", dict.fromkeys(photos._BYTES_A_PIXEL, 10**9))
    monkeypatch.setattr(vast, "MOST_PIXELS", 5_000)
    for kind in (WebPImageFile, AvifImageFile):
        monkeypatch.setattr(kind, "load", lambda _: pytest.fail("Pillow decoded it"))


def halves() -> Image.Image:
    picture = Image.new("RGB", (320, 160), COLOUR)
    picture.paste(OTHER, (160, 0, 320, 160))
    return picture


def is_near(found: Any, wanted: tuple[int, ...], by: int = 4) -> bool:
    return all(abs(one - other) <= by for one, other in zip(found, wanted, strict=True))


def shown(path: Path, size: tuple[int, int] = (80, 40)) -> Image.Image:
    assert read_facts(path, path.name) is not None
    picture = read_photo(path, path.name, frame=(80, 80))
    assert picture.size == size
    return picture


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.webp", {"quality": 90}),
        ("a.webp", {"lossless": True}),
        ("a.webp", {"quality": 90, "icc_profile": bytes(3001)}),
        ("a.avif", {"quality": 90}),
        ("a.avif", {"quality": 90, "subsampling": "4:4:4"}),
        ("a.avif", {"quality": 90, "range": "limited"}),
    ],
)
def test_colours_are_right(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    path = tmp_path / name
    halves().save(path, **options)
    assert is_near(shown(path).getpixel((15, 20)), COLOUR)
    assert is_near(shown(path).getpixel((65, 20)), OTHER)


@pytest.mark.parametrize("depth", [8, 10, 12])
def test_avif_of_any_depth_and_grey(tmp_path: Path, depth: int) -> None:
    path = tmp_path / "a.avif"
    for levels in ((50, 60, 200), (128, 128, 128)):
        kind, factor = (np.uint8, 1) if depth == 8 else (np.uint16, 2 ** (depth - 8))
        pixels = np.tile(np.array(levels, kind) * kind(factor), (160, 320, 1))
        assert cv2.imwrite(str(path), pixels, [cv2.IMWRITE_AVIF_DEPTH, depth, cv2.IMWRITE_AVIF_QUALITY, 90])
        assert is_near(shown(path).getpixel((15, 20)), levels[::-1])
    assert cv2.imwrite(str(path), np.full((160, 320), 200, np.uint8))
    assert is_near(shown(path).getpixel((15, 20)), (200, 200, 200))


def test_code_points_and_turns_are_heeded(tmp_path: Path) -> None:
    path, out, tags = tmp_path / "a.photo", BytesIO(), Image.Exif()
    Image.new("RGB", (320, 160), GREEN_IN_P3).save(out, "AVIF", quality=98, subsampling="4:4:4")
    path.write_bytes(out.getvalue().replace(b"nclx\0\1\0\x0d", b"nclx\0\x0c\0\x0d"))
    assert is_near(shown(path).getpixel((40, 20)), GREEN)
    tags[0x0112] = 6
    for kind in ("WEBP", "AVIF"):
        halves().transpose(Image.Transpose.ROTATE_90).save(path, kind, exif=tags, quality=90)
        assert is_near(shown(path).getpixel((15, 20)), COLOUR)


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
@pytest.mark.parametrize("left", [0.5, 0.99])
def test_what_is_cut_off_is_refused(tmp_path: Path, kind: str, left: float) -> None:
    path, out = tmp_path / "a.photo", BytesIO()
    Image.effect_noise((320, 160), 60).convert("RGB").save(out, kind)
    path.write_bytes(out.getvalue()[: int(len(out.getvalue()) * left)])
    with pytest.raises(Refused) as caught:
        read_photo(path, "a.photo", frame=(80, 80))
    assert caught.value.code == "photo_damaged"


@pytest.mark.parametrize(
    ("kind", "options", "each"),
    [
        ("WEBP", {}, 2),
        ("WEBP", {"lossless": True}, 4.5),
        ("AVIF", {}, 3),
        ("AVIF", {"subsampling": "4:2:2"}, 4),
        ("AVIF", {"subsampling": "4:4:4"}, 6),
        ("AVIF", {"subsampling": "4:0:0"}, 2),
    ],
)
def test_its_memory_is_counted_by_its_header(tmp_path: Path, kind: str, options: dict[str, Any], each: float) -> None:
    path = tmp_path / "a.photo"
    halves().save(path, kind, **options)
    with Image.open(path) as image:
        found = vast.memory(image, path)
    assert found == int(320 * 160 * each) + 3 * 5_000 + path.stat().st_size


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_what_is_transparent_or_moves_is_left_to_pillow_and_refused(tmp_path: Path, kind: str) -> None:
    path, clear = tmp_path / "a.photo", halves().convert("RGBA")
    clear.putalpha(90)
    for picture, options in (
        (clear, {}),
        (halves(), {"save_all": True, "append_images": [Image.new("RGB", clear.size)]}),
    ):
        picture.save(path, kind, **options)
        with pytest.raises(Refused) as caught:
            read_facts(path, "a.photo")
        assert caught.value.code == "photo_too_large"
