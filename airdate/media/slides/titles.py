"""Titles: a photo's own caption, read from its metadata, and written onto it in a font of the brand.

Off unless asked for: TikTok's audit forbids promotional text that is burnt into what an app posts. Runs in child
processes only.
"""

from __future__ import annotations

import re
import unicodedata
import xml.etree.ElementTree as ET
from pathlib import Path

from PIL import Image, ImageDraw, ImageFile, ImageFont
from PIL.IptcImagePlugin import getiptcinfo

from airdate.errors import Refused
from airdate.media.photos.exif import read_tag
from airdate.media.slides.fonts import loaded

LONGEST = 200
"""Characters of a title; more cannot be read in the seconds that a photo stands."""

MOST_LINES = 4

LETTER = 1 / 20
"""Height of a letter, as a part of the frame's shorter side."""

MARGIN = 1 / 12
BOTTOM = 0.72
"""Where a title ends, as a part of the frame's height: below it TikTok writes the caption, and shows its buttons."""

SHADE = (0, 0, 0, 150)
"""The band behind a title, so that it is read over a bright picture."""

_CONTROL = re.compile(r"[\0-\x1f\x7f-\x9f]")
"""No letters; cameras fill the rest of a caption with zeros."""

_JOINER = "\u200d"
"""Between two emoji that are shown as one."""

_IMAGE_DESCRIPTION = 0x010E
_MAKE, _MODEL = 0x010F, 0x0110
_OF_A_CAMERA = re.compile(
    r".*digital camera|sony dsc|samsung camera pictures|exif_jpeg_picture|dcim\\.*|default|untitled", re.IGNORECASE
)
"""What cameras write where a person's words belong."""

_IPTC_CAPTION = (2, 120)
_DESCRIPTION = "{http://purl.org/dc/elements/1.1/}description"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_LONGEST_XMP = 1_000_000


def read_caption(image: ImageFile.ImageFile) -> str | None:
    """The caption in a photo's metadata: XMP's description, else IPTC's caption, else EXIF's; None if there is none."""
    for found in (_from_xmp(image), _from_iptc(image), _from_exif(image)):
        text = " ".join(_CONTROL.sub(" ", found or "").split())
        if text and not _is_of_a_camera(image, text):
            return text[:LONGEST]
    return None


def _is_of_a_camera(image: Image.Image, text: str) -> bool:
    return bool(_OF_A_CAMERA.fullmatch(text)) or text in (read_tag(image, _MAKE), read_tag(image, _MODEL))


def _from_xmp(image: Image.Image) -> str | None:
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    packet = packet.encode() if isinstance(packet, str) else bytes(packet)
    if not 0 < len(packet) <= _LONGEST_XMP or b"<!DOCTYPE" in packet or b"<!ENTITY" in packet:
        return None
    try:
        root = ET.fromstring(packet.strip(b"\0 \n"))  # noqa: S314  (no entities, and a child of bounded memory)
    except ET.ParseError:
        return None
    texts = {
        item.get(_LANGUAGE, "x-default"): item.text
        for description in root.iter(_DESCRIPTION)
        for item in description.iter()
        if item.text and item.text.strip()
    }
    return texts.get("x-default") or next(iter(texts.values()), None)


def _from_iptc(image: ImageFile.ImageFile) -> str | None:
    try:
        found = (getiptcinfo(image) or {}).get(_IPTC_CAPTION)
    except (SyntaxError, ValueError, LookupError, OSError):
        return None
    return _read(found) if isinstance(found, bytes) else None


def _from_exif(image: Image.Image) -> str | None:
    found = read_tag(image, _IMAGE_DESCRIPTION)
    return _read(found.encode("latin-1", "replace")) if isinstance(found, str) else None


def _read(text: bytes) -> str:
    """UTF-8, as editors write it, or Latin-1, as which Pillow reads it and old cameras wrote it."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def write_title(picture: Image.Image, title: str, font: Path, name: str) -> Image.Image:
    """The picture with a title above the part of the frame that TikTok covers.

    Raises:
        Refused: the font cannot be read, or lacks a letter of the title.
    """
    letters = loaded(font, round(min(picture.size) * LETTER))
    if lacking := sorted({letter for letter in title if not _has(letters, letter)}):
        raise Refused(
            "title_unreadable",
            f"the font {font.name} has no letter for {' '.join(lacking[:8])}, which the photo's caption needs",
            item=name,
            rule="a title is shown whole",
            fix="give a font that has these letters, alter the photo's caption, or leave titles off",
        )
    lines = _wrapped(title, letters, picture.width * (1 - 2 * MARGIN))
    draw = ImageDraw.Draw(picture, "RGBA")
    height = round(letters.size * 1.3)
    bottom = round(picture.height * BOTTOM)
    top = bottom - height * len(lines)
    pad = height // 3
    widest = max(draw.textlength(line, letters) for line in lines)
    middle = picture.width / 2
    draw.rounded_rectangle(
        (middle - widest / 2 - pad, top - pad, middle + widest / 2 + pad, bottom + pad), radius=pad, fill=SHADE
    )
    for number, line in enumerate(lines):
        draw.text((middle, top + height * (number + 0.5)), line, (255, 255, 255, 255), letters, anchor="mm")
    return picture


def _has(letters: ImageFont.FreeTypeFont, letter: str) -> bool:
    """Whether the font draws the letter itself, not the box that stands for every letter it lacks."""
    return letter.isspace() or bytes(letters.getmask(letter)) != bytes(letters.getmask("\U0010ffff"))


def _wrapped(title: str, letters: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """The title in lines that fit; what does not fit into the last one ends in an ellipsis of dots."""
    lines = [""]
    for word in title.split():
        longer = f"{lines[-1]} {word}".strip()
        if letters.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines += _pieces(word, letters, width)
    lines = [line for line in lines if line]
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], f"{lines[MOST_LINES - 1]} ..."]
    return [_shortened(line, letters, width) for line in lines]


def _pieces(word: str, letters: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """A word in pieces that fit: Thai, Chinese and Japanese are written without spaces.

    A word that fits is one piece. Where words end inside a sentence only a dictionary knows.
    """
    pieces = [""]
    for letter in word:
        if pieces[-1] and not _clings(pieces[-1], letter) and letters.getlength(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _clings(before: str, letter: str) -> bool:
    """Whether a letter stands with the one before it: an accent, a Thai vowel above it, a part of an emoji."""
    return unicodedata.category(letter).startswith("M") or _JOINER in (before[-1], letter)


def _shortened(line: str, letters: ImageFont.FreeTypeFont, width: float) -> str:
    if letters.getlength(line) <= width:
        return line
    return next(
        (cut for end in range(len(line), 0, -1) if letters.getlength(cut := f"{line[:end].rstrip()}...") <= width),
        line[:1],
    )
