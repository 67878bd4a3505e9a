"""A photo's own caption is found, and written onto it where TikTok covers nothing."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageFont

from airdate.errors import Refused
from airdate.media.photos.captions import LONGEST, read_caption
from airdate.media.slides.fonts import prove
from airdate.media.slides.titles import BOTTOM, MOST_LINES, _wrapped, write_title

XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description><rdf:Alt>'
    '<rdf:li xml:lang="fr">Le soir</rdf:li><rdf:li xml:lang="x-default">The\n evening</rdf:li>'
    "</rdf:Alt></dc:description></rdf:Description></rdf:RDF></x:xmpmeta>"
)


@pytest.fixture
def font(tmp_path: Path) -> Path:
    """Pillow's own font as a file: it has the letters of ASCII and no others."""
    held = ImageFont.load_default(20)
    assert isinstance(held, ImageFont.FreeTypeFont)
    assert isinstance(held.path, io.BytesIO)
    path = tmp_path / "brand.ttf"
    path.write_bytes(held.path.getvalue())
    return path


def caption_of(**saved: object) -> str | None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", **saved)
    with Image.open(file) as image:
        return read_caption(image)


def iptc(text: bytes) -> bytes:
    """The Photoshop block of a JPEG with an IPTC caption."""
    record = b"\x1c\x02\x78" + len(text).to_bytes(2, "big") + text
    block = b"8BIM\x04\x04\0\0" + len(record).to_bytes(4, "big") + record + b"\0" * (len(record) % 2)
    data = b"Photoshop 3.0\0" + block
    return b"\xff\xed" + (len(data) + 2).to_bytes(2, "big") + data


def test_the_caption_is_xmp_before_iptc_before_exif() -> None:
    exif = Image.Exif()
    exif[0x010E] = "from exif"
    both = {"exif": exif, "extra": iptc(b"from iptc")}
    assert caption_of(**both, xmp=XMP.encode()) == "The evening"
    assert caption_of(**both) == "from iptc"
    assert caption_of(exif=exif) == "from exif"
    assert caption_of() is None


@pytest.mark.parametrize(
    "words", ["OLYMPUS DIGITAL CAMERA         ", "SONY DSC", "DCIM\\100GOPRO\\GOPR0042.JPG", "LG-H815"]
)
def test_what_a_camera_writes_of_itself_is_no_caption(words: str) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x0110] = words, "LG-H815"
    assert caption_of(exif=exif) is None
    assert caption_of(exif=exif, extra=iptc(b"Our digital cameras")) == "Our digital cameras"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_letters_beyond_ascii_are_read_as_they_were_written(encoding: str) -> None:
    assert caption_of(extra=iptc("Gänse".encode(encoding))) == "Gänse"
    written = "Gänse".encode(encoding).ljust(8, b"\0")
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0e\x01\x02\0\x08\0\0\0\x1a\0\0\0\0\0\0\0" + written
    assert caption_of(exif=exif) == "Gänse"


@pytest.mark.parametrize(
    "packet",
    [b"<x", b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + XMP.encode(), XMP.replace("The\n evening", " ").encode()[:300]],
)
def test_metadata_that_are_broken_or_hostile_say_nothing(packet: bytes) -> None:
    assert caption_of(xmp=packet) is None


def test_a_novel_is_cut() -> None:
    exif = Image.Exif()
    exif[0x010E] = "word " * 400
    found = caption_of(exif=exif)
    assert found is not None
    assert len(found) == LONGEST


def test_a_title_stands_above_what_tiktok_covers(font: Path) -> None:
    grey = Image.new("RGB", (540, 960), (128, 128, 128))
    titled = write_title(grey.copy(), "Open until nine, and on Sundays until noon", font, "a.jpg")
    box = ImageChops.difference(grey, titled).getbbox()
    assert box is not None
    left, top, right, bottom = box
    assert (left > 0, top > 480, right < 540, bottom < 960 * (BOTTOM + 0.03)) == (True, True, True, True)
    assert abs((left + right) / 2 - 270) <= 2
    assert titled.getextrema()[0] == (pytest.approx(53, abs=3), 255), "white letters on a darker band"


def test_a_long_title_keeps_to_its_lines(font: Path) -> None:
    grey = Image.new("RGB", (540, 960), (128, 128, 128))
    box = ImageChops.difference(grey, write_title(grey.copy(), "word " * 40, font, "a.jpg")).getbbox()
    assert box is not None
    assert box[3] - box[1] < 960 * 0.2


def test_words_without_spaces_are_broken_and_not_cut(font: Path) -> None:
    """As Thai and Chinese are written; an accent stays with its letter."""
    letters = ImageFont.truetype(str(font), 27)
    for title in ("abcdefghijklmnop" * 5, "short " + "n\u0303" * 40):
        lines = _wrapped(title, letters, 450)
        assert "".join(lines).replace(" ", "") == title.replace(" ", "")
        assert 1 < len(lines) <= MOST_LINES
        assert not any(line.startswith("\u0303") for line in lines)
        assert all(letters.getlength(line) <= 450 for line in lines)
    assert len(_wrapped("a" * 400, letters, 450)) == MOST_LINES
    assert _wrapped("a" * 400, letters, 450)[-1].endswith("...")


def test_a_letter_the_font_lacks_is_named(font: Path) -> None:
    with pytest.raises(Refused, match="ф") as refused:
        write_title(Image.new("RGB", (90, 160)), "кофе", font, "a.jpg")
    assert (refused.value.code, refused.value.item) == ("title_unreadable", "a.jpg")


def collected(font: bytes) -> bytes:
    """A collection of this font alone; its tables are where they are in the file."""
    tables = int.from_bytes(font[4:6], "big")
    moved = b"".join(
        font[at : at + 8]
        + (int.from_bytes(font[at + 8 : at + 12], "big") + 16).to_bytes(4, "big")
        + font[at + 12 : at + 16]
        for at in range(12, 12 + 16 * tables, 16)
    )
    return b"ttcf\0\1\0\0\0\0\0\1\0\0\0\x10" + font[:12] + moved + font[12 + 16 * tables :]


@pytest.mark.parametrize("is_collection", [False, True])
def test_a_font_that_is_cut_off_is_not_taken_for_one_without_these_letters(font: Path, is_collection: bool) -> None:
    """FreeType opens it and draws nothing for what is missing."""
    whole = collected(font.read_bytes()) if is_collection else font.read_bytes()
    font.write_bytes(whole)
    assert list(prove(str(font))) == [{}]
    for left in (100, len(whole) // 3, len(whole) - 100):
        font.write_bytes(whole[:left])
        with pytest.raises(Refused) as refused:
            list(prove(str(font)))
        assert refused.value.code == "font_unreadable"


def test_a_font_whose_letters_are_damaged(font: Path) -> None:
    data = bytearray(font.read_bytes())
    at = next(at for at in range(12, len(data), 16) if data[at : at + 4] == b"glyf")
    offset, length = (int.from_bytes(data[at + part : at + part + 4], "big") for part in (8, 12))
    data[offset : offset + length] = b"\1" * length
    font.write_bytes(data)
    with pytest.raises(Refused) as refused:
        list(prove(str(font)))
    assert refused.value.code == "font_unreadable"


def test_a_file_that_is_no_font(tmp_path: Path) -> None:
    path = tmp_path / "notes.ttf"
    path.write_text("hello")
    with pytest.raises(Refused) as refused:
        write_title(Image.new("RGB", (90, 160)), "hello", path, "a.jpg")
    assert (refused.value.code, refused.value.item) == ("font_unreadable", "notes.ttf")
