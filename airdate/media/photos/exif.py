"""What a photo's EXIF says, read without decoding a pixel. Runs in child processes only."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Any

from PIL import Image

LONGEST = 65_535
"""Bytes, as much as a JPEG holds in one piece. Junk of megabytes keeps Pillow busy for minutes."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What each orientation takes; any other number says nothing."""

LYING = (5, 6, 7, 8)
"""Orientations that exchange width and height."""

_ORIENTATION = 0x0112
_PLACES = ("exif", "Raw profile type exif")

_APP1, _SCAN = 0xE1, 0xDA
_EXIF = b"Exif\0\0"


def read_tag(image: Image.Image, tag: int) -> Any:
    """A tag in a photo's header; None where there is none, it is broken, or there is more than a camera writes.

    Pillow would decode a whole PNG to look for them behind its pixels, and swallow what is wrong with those.
    """
    found = [image.info[place] for place in _PLACES if image.info.get(place)]
    if any(len(tags) > LONGEST for tags in found) or (image.format == "PNG" and not found):
        return None
    try:
        return image.getexif().get(tag)
    except (ValueError, TypeError, SyntaxError, LookupError, OSError, struct.error):
        return None


def orientation(image: Image.Image) -> int:
    """How a photo lies: 1 is upright. A TIFF always is: Pillow turns it while it decodes it."""
    found = None if image.format == "TIFF" else read_tag(image, _ORIENTATION)
    return found if isinstance(found, int) else 1


def exif_pieces(path: Path) -> list[int]:
    """Bytes of each piece of EXIF before the pixels of a JPEG; none of anything else. Nothing of it is read."""
    pieces: list[int] = []
    with path.open("rb") as file:
        if file.read(3) != b"\xff\xd8\xff":
            return pieces
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            at = 2
            while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != _SCAN:
                if data[at + 1] == 0xFF:  # bytes that fill
                    at += 1
                    continue
                length = int.from_bytes(data[at + 2 : at + 4])
                if data[at + 1] == _APP1 and data[at + 4 : at + 10] == _EXIF:
                    pieces.append(length)
                at += 2 + length
    return pieces
