"""Titles: a photo's own caption, written onto it in a font of the brand.

Off unless asked for: TikTok's audit forbids promotional text that is burnt into what an app posts. Runs in child
processes only.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from airdate.errors import Refused
from airdate.media.slides.fonts import loaded

MOST_LINES = 4

LETTER = 1 / 20
"""Height of a letter, as a part of the frame's shorter side."""

MARGIN = 1 / 12
BOTTOM = 0.72
"""Where a title ends, as a part of the frame's height: below it TikTok writes the caption, and shows its buttons."""

SHADE = (0, 0, 0, 150)
"""The band behind a title, so that it is read over a bright picture."""

_JOINER = "\u200d"
"""Between two emoji that are shown as one."""


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
