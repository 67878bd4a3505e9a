"""Photos as DAMs hold them: upright, in the right colours, bounded in memory, and damaged ones known."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from airdate.errors import Refused
from airdate.media.photos import photo as photos
from airdate.media.photos.photo import read_facts, read_photo
from airdate.media.prepare import decide, inspect
from airdate.media.profile import Profile
from airdate.media.reading.reader import read

LEFT, RIGHT = (200, 40, 40), (40, 60, 200)


def halves(width: int = 80, height: int = 40) -> Image.Image:
    picture = Image.new("RGB", (width, height), LEFT)
    picture.paste(RIGHT, (width // 2, 0, width, height))
    return picture


def is_near(found: Any, wanted: tuple[int, ...], by: int = 4) -> bool:
    return all(abs(one - other) <= by for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize(
    ("name", "orientation", "turn"),
    [
        ("a.tif", 6, Image.Transpose.ROTATE_90),
        ("a.png", 6, Image.Transpose.ROTATE_90),
        ("a.jpg", 7, Image.Transpose.TRANSVERSE),
        ("a.jpg", 9, None),
    ],
)
def test_a_photo_is_shown_upright(tmp_path: Path, name: str, orientation: int, turn: Image.Transpose | None) -> None:
    tags = Image.Exif()
    tags[0x0112] = orientation
    (halves().transpose(turn) if turn is not None else halves()).save(tmp_path / name, exif=tags)
    facts = read_facts(tmp_path / name, name)
    assert facts is not None
    assert (facts["width"], facts["height"]) == (80, 40)
    shown = read_photo(tmp_path / name, name, frame=(80, 80))
    assert shown.size == (80, 40)
    assert is_near(shown.getpixel((10, 20)), LEFT)
    assert is_near(shown.getpixel((70, 20)), RIGHT)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_a_bare_tiff_that_lies_on_its_side_is_not_torn(tmp_path: Path, mode: str, orientation: int) -> None:
    path = tmp_path / "a.tif"
    lying = halves().transpose(_UNTURN[orientation])
    deep = Image.fromarray(np.asarray(lying.convert("L")).astype(np.uint16) * 257)
    stored = {"I;16": deep, "P": lying.quantize(4)}.get(mode) or lying.convert(mode)
    stored.save(path, tiffinfo={274: orientation})
    picture = read_photo(path, "a.tif", frame=(80, 80))
    left, right = (picture.crop(box).getcolors() for box in ((0, 0, 40, 40), (40, 0, 80, 40)))
    assert picture.size == (80, 40)
    assert (len(left or []), len(right or [])) == (1, 1)
    assert mode in ("L", "I;16") or is_near(picture.getpixel((10, 20)), LEFT)


_UNTURN = {
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def planar_tiff(colour: tuple[int, ...], side: int, photometric: int) -> bytes:
    """A bare TIFF of 16 bits in which each colour has a plane of its own (TIFF 6.0, PlanarConfiguration 2)."""
    plane, parts = side * side * 2, len(colour)
    tags = [(256, 3, 1, side), (257, 3, 1, side), (258, 3, parts, 300), (259, 3, 1, 1), (262, 3, 1, photometric)]
    tags += [(273, 4, parts, 320), (277, 3, 1, parts), (278, 3, 1, side), (279, 4, parts, 340), (284, 3, 1, 2)]
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    depths = struct.pack(f"<{parts}H", *[16] * parts)
    offsets = struct.pack(f"<{parts}I", *(400 + plane * number for number in range(parts)))
    sizes = struct.pack(f"<{parts}I", *[plane] * parts)
    facts = head.ljust(300, b"\0") + depths.ljust(20, b"\0") + offsets.ljust(20, b"\0") + sizes.ljust(60, b"\0")
    return facts + b"".join(struct.pack("<H", level * 257) * side * side for level in colour)


def test_planes_of_sixteen_bits_are_read_and_cut_off_ones_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for levels, photometric in (((200, 60, 50), 2), ((55, 195, 205, 0), 5)):
        data = planar_tiff(levels, 40, photometric)
        path.write_bytes(data)
        assert is_near(read_photo(path, "a.tif", frame=(40, 40)).getpixel((20, 20)), (200, 60, 50), 1)
        path.write_bytes(data[:-100])
        with pytest.raises(Refused) as caught:
            read_photo(path, "a.tif", frame=(40, 40))
        assert caught.value.code == "photo_damaged"


def test_more_exif_than_any_camera_writes_is_refused_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow copies all it has for each further piece: 48 MB take it 12 s, and so do many small pieces."""
    path, out = tmp_path / "a.jpg", BytesIO()
    halves().save(out, "JPEG")
    data = out.getvalue()
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("it was opened"))
    for size, count in ((60_000, 80), (100, 1000)):
        piece = b"\xff\xe1" + struct.pack(">H", size + 8) + b"Exif\0\0" + bytes(size)
        path.write_bytes(data[:2] + b"\xff" + piece * count + data[2:])
        with pytest.raises(Refused, match="bytes of EXIF") as caught:
            read_facts(path, "a.jpg")
        assert caught.value.code == "photo_damaged"


def test_a_jpeg_of_countless_segments_is_refused_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow takes 11 s for five million, and twice as long for a post of photos."""
    path, out = tmp_path / "a.jpg", BytesIO()
    halves().save(out, "JPEG")
    data = out.getvalue()
    pieces = (b"\xff\xe0\0\2", b"\xff\xe0\0\0", b"\xff\xd0", b"\xff\xff", b"\xff\0", b"xx")
    for piece in pieces:
        path.write_bytes(data[:2] + b"\xff\xe0\0\2" + piece * 40_000 + data[2:])
        assert read_facts(path, "a.jpg") is not None, piece
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("it was opened"))
    for piece in pieces:
        path.write_bytes(data[:2] + b"\xff\xe0\0\2" + piece * 100_001 + data[2:])
        with pytest.raises(Refused, match="stand before its picture") as caught:
            read_facts(path, "a.jpg")
        assert caught.value.code == "photo_damaged"


def test_a_strip_that_covers_a_frame_is_cut_before_it_is_enlarged(tmp_path: Path) -> None:
    path = tmp_path / "strip.png"
    halves(1, 10_000).save(path)
    shown = read_photo(path, "strip.png", frame=(54, 96), cover=True)
    assert shown.size == (54, 4 * 96)
    assert is_near(shown.getpixel((27, 200)), RIGHT)


def test_junk_where_tags_should_be_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "junk.jpg"
    halves().save(path, exif=b"Exif\0\0" + bytes(range(256)) * 2)
    data = path.read_bytes()
    piece = b"\xff\xe1" + struct.pack(">H", 60_008) + b"Exif\0\0" + b"II*\0\x08\0\0\0" + b"\xff" * 59_992
    for number, hostile in enumerate((data, data[:2] + piece * 50 + data[2:])):
        path.write_bytes(hostile)
        assert read_facts(path, "junk.jpg") is not None, number
        assert read_photo(path, "junk.jpg", frame=(80, 80)).size == (80, 40)


def with_chunk(data: bytes, name: bytes, body: bytes) -> bytes:
    """A PNG with one more chunk after its header."""
    return data[:33] + piece(name, body) + data[33:]


def piece(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(picture: Image.Image) -> bytes:
    out = BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def test_pixels_behind_a_broken_checksum_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    data = png(Image.effect_noise((200, 200), 60))
    path.write_bytes(data[:20_000] + bytes(8) + data[20_008:])
    assert read_facts(path, "broken.png") is not None
    with pytest.raises(Refused) as caught:
        read_photo(path, "broken.png", frame=(100, 100))
    assert caught.value.code == "photo_damaged"


def test_no_pixel_is_decoded_before_the_size_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred megapixels of nothing take 600 KB on the disk and 900 MB in memory."""
    path = tmp_path / "bomb.png"
    path.write_bytes(png(halves()))
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("it was decoded"))
    assert read_facts(path, "bomb.png") is not None
    monkeypatch.setattr(photos, "MAX_PHOTO_MEMORY", 80 * 40 * 4 - 1)
    with pytest.raises(Refused) as caught:
        read_facts(path, "bomb.png")
    assert caught.value.code == "photo_too_large"


@pytest.mark.parametrize(("kind", "each"), [("WEBP", 17), ("AVIF", 14), ("HEIF", 10)])
def test_formats_whose_libraries_hold_copies_take_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, each: int
) -> None:
    path = tmp_path / "a.photo"
    halves().save(path, format=kind)
    monkeypatch.setattr(photos, "MAX_PHOTO_MEMORY", 80 * 40 * each)
    assert read_facts(path, "a.photo") is not None
    monkeypatch.setattr(photos, "MAX_PHOTO_MEMORY", 80 * 40 * each - 1)
    with pytest.raises(Refused, match="decoding it takes"):
        read_facts(path, "a.photo")


@pytest.mark.parametrize(
    ("kind", "side", "is_taken"), [(2, 11_400, True), (2, 11_500, False), (6, 8_000, True), (6, 8_100, False)]
)
def test_the_largest_that_the_programs_have_room_beside(tmp_path: Path, kind: int, side: int, is_taken: bool) -> None:
    """Of 145 megapixels in full colour the whole command took 745 MB; of 130 it takes 690 at most."""
    path = tmp_path / "large.png"
    head = piece(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, kind, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + piece(b"IDAT", b"") + piece(b"IEND", b""))
    if is_taken:
        assert read_facts(path, "large.png") is not None
    else:
        with pytest.raises(Refused, match="decoding it takes"):
            read_facts(path, "large.png")


def test_one_value_over_white_does_not_make_the_rest_black(tmp_path: Path) -> None:
    path = tmp_path / "grey.tif"
    picture = Image.new("F", (40, 40), 200 / 255)
    picture.putpixel((0, 0), 1.05)
    picture.save(path)
    shown = read_photo(path, "grey.tif", frame=(40, 40))
    assert is_near(shown.getpixel((30, 30)), (200, 200, 200), 1)
    assert shown.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(("depth", "key", "other"), [(16, 33_000, 20_000), (4, 8, 5), (2, 2, 1)])
def test_grey_that_stands_for_transparency_is_white(tmp_path: Path, depth: int, key: int, other: int) -> None:
    path = tmp_path / "key.png"
    for value, wanted in ((key, 255), (other, round(other / (2**depth - 1) * 255))):
        row = b"\0" + int("".join(f"{value:0{depth}b}" for _ in range(8)), 2).to_bytes(depth)
        head = b"\x89PNG\r\n\x1a\n" + piece(b"IHDR", struct.pack(">IIBBBBB", 8, 8, depth, 0, 0, 0, 0))
        rest = piece(b"tRNS", struct.pack(">H", key)) + piece(b"IDAT", zlib.compress(row * 8)) + piece(b"IEND", b"")
        path.write_bytes(head + rest)
        assert is_near(read_photo(path, "key.png", frame=(8, 8)).getpixel((4, 4)), (wanted, wanted, wanted), 1)


@pytest.mark.parametrize(("mode", "value"), [("I;16", 200 * 257), ("F", 200 / 255), ("F", 200 * 257.0), ("L", 200)])
def test_deep_grey_is_as_bright_as_it_was(tmp_path: Path, mode: str, value: float) -> None:
    path = tmp_path / "grey.tif"
    picture = Image.new(mode, (40, 40), value)
    picture.putpixel((0, 0), 0)
    picture.save(path)
    assert is_near(read_photo(path, "grey.tif", frame=(80, 80)).getpixel((60, 60)), (200, 200, 200), 1)


def test_a_png_of_another_gamma_is_brought_to_srgb(tmp_path: Path) -> None:
    """Half the light of white is 127 in a linear picture, 173 in one of gamma 1.8, and 188 in sRGB."""
    for gamma, value in ((100_000, 127), (55_556, 173), (45_455, 188)):
        path = tmp_path / "gamma.png"
        path.write_bytes(with_chunk(png(Image.new("RGB", (8, 8), (value, 0, 255))), b"gAMA", struct.pack(">I", gamma)))
        shown = read_photo(path, "gamma.png", frame=(8, 8))
        assert is_near(shown.getpixel((4, 4)), (188, 0, 255), 1)


@pytest.mark.parametrize(("side", "is_taken"), [(256, False), (1616, True)])
def test_of_a_raw_file_only_a_preview_that_fills_a_screen_is_taken(tmp_path: Path, side: int, is_taken: bool) -> None:
    path = tmp_path / "a.dng"
    halves(side, side // 2).save(path, format="TIFF", tiffinfo={254: 1, 50706: b"\1\4\0\0"})
    assert (refused(path) is None) is is_taken
    assert is_taken or refused(path) == "photo_raw"


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom\0\0\0\x08moov", "photo_raw"),
        (b"II\x1a\0\0\0HEAPCCDR\2\0\1\0", "photo_raw"),
        (b"\xff\xd8\xff\xe1\x10\0Exif\0\0II*\0", "media_unreadable"),
        (b"\0\0\0\x18ftypavif\0\0\0\0avifmif1\0\0\0\x08meta", "media_unreadable"),
    ],
)
def test_what_is_no_picture_to_post_is_refused_as_a_photo(tmp_path: Path, head: bytes, code: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(head)
    assert refused(path) == code


def refused(path: Path) -> str | None:
    refusal = decide([path], Profile()).refusal
    assert refusal is None or "JPEG" in (refusal.fix or "")
    return refusal.code if refusal is not None else None


def test_a_heic_that_was_cut_off_is_refused_before_it_shows_grey(tmp_path: Path) -> None:
    path = tmp_path / "a.heic"
    halves(640, 480).save(path, format="HEIF")
    assert refused(path) is None
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Refused, match="boxes reach past its end") as caught:
        inspect(path)
    assert caught.value.code == "photo_damaged"


def test_what_moves_shows_its_first_picture_and_the_plan_says_so(tmp_path: Path) -> None:
    moving, still = tmp_path / "a.webp", tmp_path / "b.png"
    halves().save(moving, save_all=True, append_images=[Image.new("RGB", (80, 40), RIGHT)], duration=500)
    halves().save(still)
    plan = decide([moving, still], Profile())
    assert "moving photos (1 of 2) → the first picture of each" in plan.reasons
    assert is_near(read_photo(moving, "a.webp", frame=(80, 80)).getpixel((10, 20)), LEFT)


@pytest.mark.parametrize("name", ["a.webp", "a.heic", "a.avif", "a.tif"])
def test_a_photo_of_gigabytes_is_refused_unread(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / name
    halves().save(path)
    with path.open("r+b") as file:
        file.truncate(3_000_000_000)
    monkeypatch.setattr("airdate.media.photos.photo.Image.open", lambda *_args, **_more: pytest.fail("it was opened"))
    with pytest.raises(Refused) as refused:
        next(read([str(path)], [name]))
    assert (refused.value.code, "3,000,000,000 bytes" in refused.value.message) == ("photo_too_large", True)
