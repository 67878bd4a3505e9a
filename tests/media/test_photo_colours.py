"""Photos in other colours than sRGB come out as sRGB, whichever way their file says so; measured, not believed."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from airdate.errors import Refused
from airdate.media.photos.photo import read_facts, read_photo

pillow_heif.register_heif_opener()

GREEN, GREEN_IN_P3 = (60, 170, 70), (93, 168, 83)
"""One colour, in sRGB and in Display P3."""

CICP_P3, CICP_PQ, CICP_HLG = bytes((12, 13, 0, 1)), bytes((9, 16, 0, 1)), bytes((9, 18, 0, 1))
TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
"""From sRGB's primaries (ITU-R BT.2087)."""


def shown(path: Path) -> Any:
    """The colour in the middle of a photo of one colour."""
    assert read_facts(path, path.name) is not None
    picture = read_photo(path, path.name, frame=(40, 40))
    return picture.getpixel((picture.width // 2, picture.height // 2))


def is_near(found: Any, wanted: tuple[int, ...], by: int = 4) -> bool:
    return all(abs(one - other) <= by for one, other in zip(found, wanted, strict=True))


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(rows: bytes, depth: int, kind: int, *chunks: bytes, size: tuple[int, int] = (8, 8)) -> bytes:
    """A PNG of a kind (0 grey, 2 colours, 4 grey with transparency); all its rows are the same bytes."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, kind, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress((b"\0" + rows) * size[1]))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + pixels + chunk(b"IEND", b"")


def grey_profile(gamma: float) -> bytes:
    """A minimal profile of grey (ICC.1)."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(part * 65536) for part in (0.9642, 1, 0.8249)))
    table = struct.pack(">I4sII4sII", 2, b"wtpt", 156, len(white), b"kTRC", 156 + len(white), len(curve))
    head = struct.pack(
        ">I4sI4s4s4s12x4s", 156 + len(white) + len(curve), b"lcms", 2 << 24, b"mntr", b"GRAY", b"XYZ ", b"acsp"
    )
    return head.ljust(68, b"\0") + white[8:] + bytes(48) + table + white + curve


def linear_profile() -> bytes:
    """SRGB's own profile, name and all, with light in place of its curve."""
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    curve = b"para\0\0\0\0\0\3\0\0" + struct.pack(">i", round(2.4 * 65536))
    assert plain.count(curve) == 1
    return plain.replace(curve, b"para\0\0\0\0\0\0\0\0" + struct.pack(">i", 65536))


def pq(colour: tuple[int, ...]) -> tuple[int, ...]:
    """Levels of PQ in BT.2020 of a colour in sRGB, white at 203 nits (SMPTE ST 2084)."""
    power = (TO_2020 @ light(colour) * 203 / 10_000).clip(0, 1) ** 0.1593017578125
    return tuple(np.rint(255 * ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375).astype(int))


def light(colour: tuple[int, ...]) -> Any:
    values = np.array(colour) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("colour", [(128, 128, 128), (200, 60, 50), (50, 70, 190), (24, 24, 24)])
@pytest.mark.parametrize("suffix", ["png", "heic"])
def test_hdr_is_toned_down_and_its_colours_stay(tmp_path: Path, suffix: str, colour: tuple[int, ...]) -> None:
    path = tmp_path / f"a.{suffix}"
    save_pq(path, pq(colour))
    assert is_near(shown(path), colour, 6)


def save_pq(path: Path, levels: tuple[int, ...]) -> None:
    if path.suffix == ".png":
        path.write_bytes(png(bytes(levels) * 8, 8, 2, chunk(b"cICP", CICP_PQ)))
        return
    codes = {"color_primaries": 9, "transfer_characteristics": 16, "matrix_coefficients": 9, "full_range_flag": 1}
    Image.new("RGB", (64, 64), levels).save(path, format="HEIF", quality=98, chroma=444, **codes)


def test_the_white_of_hdr_is_about_white_and_highlights_are_still_told_apart(tmp_path: Path) -> None:
    path, found = tmp_path / "a.png", []
    for level in (pq((255, 255, 255))[0], 165, 192, 255):  # 203, 410, 1000 and 10,000 nits
        save_pq(path, (level, level, level))
        found.append(shown(path)[1])
    assert found == sorted(set(found))
    assert (found[0] >= 240, found[-1]) == (True, 255)


def test_hlg_is_shown_as_bright_as_on_its_screen(tmp_path: Path) -> None:
    """Three quarters of its signal are white, and a half is a quarter of that light (ITU-R BT.2408)."""
    for level, wanted in ((191, 246), (128, 137), (0, 0)):
        path = tmp_path / "a.png"
        path.write_bytes(png(bytes((level,)) * 24, 8, 2, chunk(b"cICP", CICP_HLG)))
        assert is_near(shown(path), (wanted, wanted, wanted))


def test_deep_grey_of_hdr_is_toned_down_too(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(bytes(pq((128, 128, 128))[:1] * 2) * 8, 16, 0, chunk(b"cICP", CICP_PQ)))
    assert is_near(shown(path), (128, 128, 128))


@pytest.mark.parametrize("depth", [8, 16])
def test_display_p3_by_code_points_of_a_png_counts_before_its_profile(tmp_path: Path, depth: int) -> None:
    path = tmp_path / "a.png"
    row = b"".join(bytes((level,)) * (depth // 8) for level in GREEN_IN_P3) * 8
    profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(linear_profile()))
    path.write_bytes(png(row, depth, 2, chunk(b"cICP", CICP_P3), profile))
    assert is_near(shown(path), GREEN)


def test_display_p3_by_the_primaries_of_an_old_png(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    gamma = chunk(b"gAMA", struct.pack(">I", 45_455))
    for places, wanted in (
        ((31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000), GREEN),
        ((31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000), GREEN_IN_P3),
        ((31270, 32900, 0, 0, 0, 0, 0, 0), GREEN_IN_P3),
    ):
        path.write_bytes(png(bytes(GREEN_IN_P3) * 8, 8, 2, gamma, chunk(b"cHRM", struct.pack(">8I", *places))))
        assert is_near(shown(path), wanted)


def test_display_p3_by_code_points_of_a_heic(tmp_path: Path) -> None:
    path = tmp_path / "a.heic"
    codes = {"color_primaries": 12, "transfer_characteristics": 13, "matrix_coefficients": 6, "full_range_flag": 1}
    Image.new("RGB", (64, 64), GREEN_IN_P3).save(path, format="HEIF", quality=98, chroma=444, **codes)
    assert is_near(shown(path), GREEN)


def test_display_p3_by_code_points_of_an_avif(tmp_path: Path) -> None:
    """Code points that belong to another picture of the file, such as a gain map, say nothing about this one."""
    path, out = tmp_path / "a.avif", BytesIO()
    Image.new("RGB", (64, 64), GREEN_IN_P3).save(out, "AVIF", quality=98, subsampling="4:4:4")
    data = out.getvalue()
    assert data.count(b"nclx\0\1\0\x0d") == 1
    data = data.replace(b"nclx\0\1\0\x0d", b"nclx\0\x0c\0\x0d")
    path.write_bytes(data)
    assert is_near(shown(path), GREEN)
    places = data.index(b"\1\2\x83\4", data.index(b"ipma"))  # the fourth of the properties is the code points
    path.write_bytes(data[: places + 3] + b"\0" + data[places + 4 :])
    assert is_near(shown(path), GREEN_IN_P3)


@pytest.mark.parametrize("kind", ["grey", "transparent", "key", "webp"])
def test_a_profile_of_grey_is_heeded_whatever_libraries_make_of_grey(tmp_path: Path, kind: str) -> None:
    """Of gamma 1.8, where level 109 is sRGB's 128."""
    profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(grey_profile(1.8)))
    path = tmp_path / "a.photo"
    if kind == "webp":
        Image.new("L", (8, 8), 109).save(path, "WEBP", lossless=True, icc_profile=grey_profile(1.8))
    elif kind == "transparent":
        path.write_bytes(png(bytes((109, 109, 255, 255)) * 8, 16, 4, profile))
    else:
        key = chunk(b"tRNS", b"\0\1") if kind == "key" else b""
        path.write_bytes(png(bytes((109,)) * 8, 8, 0, profile, key))
    assert is_near(shown(path), (128, 128, 128), 1)


def test_a_profile_of_grey_says_nothing_about_colours(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(bytes(GREEN) * 8, 8, 2, chunk(b"iCCP", b"x\0\0" + zlib.compress(grey_profile(1.8)))))
    assert shown(path) == GREEN


@pytest.mark.parametrize("says", [chunk(b"gAMA", struct.pack(">I", 100_000)), "profile"])
def test_deep_grey_of_light_keeps_its_darks(tmp_path: Path, says: bytes | str) -> None:
    path = tmp_path / "a.png"
    if isinstance(says, str):
        says = chunk(b"iCCP", b"x\0\0" + zlib.compress(grey_profile(1.0)))
    for level in (1, 4, 12, 28, 128, 255):
        deep = round(float(light((level,))[0]) * 65_535)
        path.write_bytes(png(struct.pack(">H", deep) * 8, 16, 0, says))
        assert is_near(shown(path), (level, level, level), 0)


LINEAR = {
    "gamma": chunk(b"gAMA", struct.pack(">I", 100_000)),
    "code points": chunk(b"cICP", bytes((1, 8, 0, 1))),
    "profile": chunk(b"iCCP", b"x\0\0" + zlib.compress(linear_profile())),
    "profile of grey": chunk(b"iCCP", b"x\0\0" + zlib.compress(grey_profile(1.0))),
}


@pytest.mark.parametrize(
    ("kind", "says"),
    [*((kind, says) for kind in (2, 6) for says in list(LINEAR)[:3]), (4, "gamma"), (4, "profile of grey")],
)
def test_deep_colours_of_light_keep_their_darks(tmp_path: Path, kind: int, says: str) -> None:
    """Eight bits of light have nothing between sRGB's levels 0 and 13."""
    path, opaque = tmp_path / "a.png", () if kind == 2 else (65_535,)
    for colour in ((1, 4, 12), (28, 128, 255), (8, 0, 250)):
        wanted = colour if kind != 4 else colour[:1] * 3
        values = [round(float(level) * 65_535) for level in light(colour if kind != 4 else colour[:1])]
        row = struct.pack(f">{len(values) + len(opaque)}H", *values, *opaque) * 8
        path.write_bytes(png(row, 16, kind, LINEAR[says]))
        assert is_near(shown(path), wanted, 1)


def test_deep_colours_of_light_that_are_cut_off_or_too_large_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    data = png(bytes(range(250)) * 24, 16, 2, LINEAR["gamma"], size=(1000, 600))
    path.write_bytes(data[:-30])
    with pytest.raises(Refused) as caught:
        read_photo(path, "a.png", frame=(40, 40))
    assert caught.value.code == "photo_damaged"
    path.write_bytes(data)
    monkeypatch.setattr("airdate.media.photos.photo.MAX_PHOTO_MEMORY", 1000 * 600 * 9 + len(data) - 1)
    with pytest.raises(Refused, match="decoding it takes"):
        read_facts(path, "a.png")


def test_lab_has_the_colours_it_was_made_of(tmp_path: Path) -> None:
    path, blue = tmp_path / "a.tif", (50, 70, 190)
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    turned = ImageCms.profileToProfile(Image.new("RGB", (8, 8), blue), srgb, lab, outputMode="LAB")
    assert turned is not None
    turned.save(path)
    assert is_near(shown(path), blue, 3)


def jpeg2000(pixels: Any) -> bytes:
    return bytes(cv2.imencode(".jp2", pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])[1])


def test_deep_jpeg2000_has_its_white(tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    for colour in ((255, 255, 255), (200, 60, 50), (0, 0, 0)):
        path.write_bytes(jpeg2000(np.full((64, 64, 3), colour, np.uint16) * 257))
        assert is_near(shown(path), colour, 1)


def test_deep_jpeg2000_that_is_cut_off_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    data = jpeg2000(np.random.default_rng(1).integers(0, 65_535, (200, 200, 3)).astype(np.uint16))
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(Refused) as caught:
        read_photo(path, "a.jp2", frame=(40, 40))
    assert caught.value.code == "photo_damaged"


def test_the_profile_of_a_jpeg2000_is_heeded(tmp_path: Path) -> None:
    """Level 55 of light is sRGB's 128."""
    path, out = tmp_path / "a.jp2", BytesIO()
    Image.new("RGB", (64, 64), (55, 55, 55)).save(out, "JPEG2000")
    data = out.getvalue()
    colr, header = data.index(b"colr") - 4, data.index(b"jp2h") - 4
    body = b"colr\2\0\0" + linear_profile()
    longer = data[:colr] + struct.pack(">I", len(body) + 4) + body + data[colr + 15 :]
    length = int.from_bytes(data[header : header + 4]) + len(body) + 4 - 15
    path.write_bytes(longer[:header] + struct.pack(">I", length) + longer[header + 4 :])
    assert is_near(shown(path), (128, 128, 128), 2)
