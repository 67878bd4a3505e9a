"""TIFFs of more bits than Pillow reads have their colours, whole and upright, or are refused."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ImageCms

from airdate.errors import Refused
from airdate.media.photos.photo import read_facts, read_photo

COLOUR = (200, 60, 50)
SIDE = 40
WHOLE, FLOAT = 1, 3
GREY, COLOURS = 1, 2


def flat(values: Any, kind: str) -> Any:
    """A picture of one colour, of values from 0.0 to 1.0."""
    white = 1 if kind[0] == "f" else float(np.iinfo(kind).max)
    return np.tile((np.array(values) * white).astype(kind), (SIDE, SIDE, 1))


def tiff(
    pixels: Any, *, order: str = "<", planes: int = 1, extra: int | None = None, turned: int = 1, profile: bytes = b""
) -> bytes:
    """A bare TIFF (TIFF 6.0); `order` says which byte of a number comes first."""
    height, width, parts = pixels.shape
    number = FLOAT if pixels.dtype.kind == "f" else WHOLE
    body = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    bits = pixels.dtype.itemsize * 8
    tags: list[tuple[int, str, tuple[Any, ...]]] = [(256, "I", (width,)), (257, "I", (height,))]
    tags += [(258, "H", (bits,) * parts), (259, "H", (1,)), (262, "H", (GREY if parts < 3 else COLOURS,))]
    tags += [(273, "I", (0,)), (274, "H", (turned,)), (277, "H", (parts,)), (278, "I", (height,))]
    tags += [(279, "I", (len(body),)), (284, "H", (planes,))]
    tags += [(338, "H", (extra,))] if extra is not None else []
    tags += [(339, "H", (number,) * parts)]
    tags += [(34675, "B", tuple(profile))] if profile else []
    at, entries, beside = 8 + 2 + 12 * len(tags) + 4, b"", b""
    end = at + sum(size for _, kind, values in tags if (size := struct.calcsize(f"{len(values)}{kind}")) > 4)
    for tag, kind, values in tags:
        data = struct.pack(f"{order}{len(values)}{kind}", *((end,) if tag == 273 else values))
        held = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack(f"{order}I", at + len(beside))
        beside += data if len(data) > 4 else b""
        entries += struct.pack(f"{order}HHI", tag, {"B": 7, "H": 3, "I": 4}[kind], len(values)) + held
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(tags))
    return head + entries + bytes(4) + beside + body


def shown(path: Path, at: tuple[int, int] = (SIDE // 2, SIDE // 2)) -> Any:
    assert read_facts(path, path.name) is not None
    return read_photo(path, path.name, frame=(SIDE, SIDE)).getpixel(at)


def is_near(found: Any, wanted: tuple[int, ...], by: int = 1) -> bool:
    return all(abs(one - other) <= by for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["f4", "f8", "u4"])
def test_colours_of_floats_and_of_32_bits(tmp_path: Path, kind: str, order: str) -> None:
    path = tmp_path / "a.tif"
    colour = tuple(level / 255 for level in COLOUR)
    path.write_bytes(tiff(flat(colour, kind), order=order))
    assert is_near(shown(path), COLOUR)
    for alpha, wanted in ((1, COLOUR), (0, (255, 255, 255))):
        path.write_bytes(tiff(flat((*colour, alpha), kind), order=order, extra=2))
        assert is_near(shown(path), wanted)


@pytest.mark.parametrize("order", ["<", ">"])
def test_grey_of_floats_and_of_32_bits(tmp_path: Path, order: str) -> None:
    """Of whole numbers of 32 bits the lighter half was black: the highest bit is no sign."""
    path = tmp_path / "a.tif"
    for kind in ("f8", "u4"):
        for level in (200, 60):
            path.write_bytes(tiff(flat((level / 255,), kind), order=order))
            assert is_near(shown(path), (level,) * 3)


@pytest.mark.parametrize("order", ["<", ">"])
def test_deep_grey_with_transparency(tmp_path: Path, order: str) -> None:
    path = tmp_path / "a.tif"
    for alpha, wanted in ((1, 200), (0, 255), (0.5, 228)):
        path.write_bytes(tiff(flat((200 / 255, alpha), "u2"), order=order, extra=2))
        assert is_near(shown(path), (wanted,) * 3)


def test_light_beyond_white_is_white_and_the_rest_stays(tmp_path: Path) -> None:
    path, pixels = tmp_path / "a.tif", flat((0.5, 0.5, 0.5), "f4")
    pixels[: SIDE // 2] = (40, np.nan, -1)
    path.write_bytes(tiff(pixels))
    assert shown(path, (20, 5)) == (255, 0, 0)
    assert is_near(shown(path, (20, 35)), (128, 128, 128))


@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_a_profile_of_linear_colours_keeps_their_darks(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.tif"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    linear = profile.replace(
        b"para\0\0\0\0\0\3\0\0" + struct.pack(">i", round(2.4 * 65536)),
        b"para\0\0\0\0\0\0\0\0" + struct.pack(">i", 65536),
    )
    assert linear != profile
    light = (4 / 255 / 12.92, 10 / 255 / 12.92, ((128 / 255 + 0.055) / 1.055) ** 2.4)
    path.write_bytes(tiff(flat(light, kind), profile=linear))
    assert is_near(shown(path), (4, 10, 128))


@pytest.mark.parametrize("turned", [1, 2, 3, 6, 8])
def test_deep_colours_that_lie_on_their_side_are_shown_upright(tmp_path: Path, turned: int) -> None:
    """The first row and column of the file lie where TIFF 6.0's Orientation says."""
    path, pixels = tmp_path / "a.tif", flat((0, 0, 1), "f4")[:20]
    pixels[:10, :20] = (1, 0, 0)
    path.write_bytes(tiff(pixels, turned=turned))
    picture = read_photo(path, "a.tif", frame=(40, 40))
    assert picture.size == ((20, 40) if turned in (6, 8) else (40, 20))
    across, down = {1: (0, 0), 2: (1, 0), 3: (1, 1), 6: (1, 0), 8: (0, 1)}[turned]
    for column in (0, 1):
        for row in (0, 1):
            place = (5 + column * (picture.width - 10), 4 + row * (picture.height - 9))
            assert picture.getpixel(place) == ((255, 0, 0) if (column, row) == (across, down) else (0, 0, 255))


def test_what_is_cut_off_or_in_planes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    colours, grey = flat((0.5, 0.2, 0.1), "f4"), flat((0.5, 1), "u2")
    for data in (
        tiff(colours)[:-100],
        tiff(colours, planes=2),
        tiff(grey, extra=2)[:-100],
        tiff(grey, extra=2, planes=2),
    ):
        path.write_bytes(data)
        with pytest.raises(Refused) as caught:
            read_photo(path, "a.tif", frame=(SIDE, SIDE))
        assert caught.value.code == "photo_damaged"


def test_memory_of_what_is_decoded_twice_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(data := tiff(flat((0.5, 0.2, 0.1), "f4")))
    monkeypatch.setattr("airdate.media.photos.photo.MAX_PHOTO_MEMORY", 24 * SIDE * SIDE + len(data) - 1)
    with pytest.raises(Refused) as caught:
        read_facts(path, "a.tif")
    assert caught.value.code == "photo_too_large"
