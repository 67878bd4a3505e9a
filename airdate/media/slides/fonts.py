"""The font that titles are written in: loaded, and proved before any work is done for them.

Runs in child processes only: FreeType reads what strangers made.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import ImageFont

from airdate.errors import Refused

_TABLED = (b"\0\1\0\0", b"true", b"typ1", b"OTTO")
"""First bytes of TrueType and OpenType."""

_COLLECTION, _PACKED = b"ttcf", (b"wOFF", b"wOF2")
_ASCII = "".join(map(chr, range(0x20, 0x7F)))


def prove(font: str) -> Iterator[dict[str, Any]]:
    """Load a font and draw with it; says nothing but that it is right.

    Raises:
        Refused: it is none, cut off or damaged.
    """
    loaded(Path(font), 40)
    yield {}


def loaded(path: Path, size: int) -> ImageFont.FreeTypeFont:
    """A font in a size, in pixels.

    Raises:
        Refused: as `prove`.
    """
    try:
        letters = ImageFont.truetype(str(path), size)
        letters.getmask(_ASCII)  # some damage shows no earlier
        is_whole = path.stat().st_size >= _end(path)
    except (OSError, ValueError, struct.error):
        is_whole = False
    if not is_whole:
        raise Refused(
            "font_unreadable",
            "it is no font that can be read",
            item=path.name,
            rule="titles are written in a TrueType or OpenType font",
            fix="give a .ttf or .otf file",
        )
    return letters


def _end(path: Path) -> int:
    """Where a font's last table ends; of what is cut off FreeType draws some letters as nothing, and says no word."""
    with path.open("rb") as file:
        head = file.read(16)
        if head.startswith(_PACKED):
            return int(struct.unpack_from(">I", head, 8)[0])
        start = struct.unpack_from(">I", head, 12)[0] if head.startswith(_COLLECTION) else 0
        file.seek(start)
        head = file.read(12)
        if not head.startswith(_TABLED):
            return 0
        tables = file.read(16 * struct.unpack_from(">H", head, 4)[0])
    return max((offset + length for _, offset, length in struct.iter_unpack(">8sII", tables)), default=0)
