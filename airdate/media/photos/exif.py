"""What a photo's EXIF says, and what stands before a JPEG's pixels. Decodes nothing. Runs in child processes only."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.JpegImagePlugin import MARKER

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

MOST_STEPS = 100_000
"""Segments, and bytes of junk between them, before a JPEG's pixels; cameras write tens of the first, and thousands of
the others at most. Pillow takes 2 µs for each, which makes minutes of the millions that a file can hold."""

_ORIENTATION = 0x0112
_PLACES = ("exif", "Raw profile type exif")

_APP1, _SCAN = 0xE1, 0xDA
_EXIF = b"Exif\0\0"


@dataclass(frozen=True, slots=True)
class Way:
    """What lies before the pixels of a JPEG.

    Attributes:
        steps: segments, and bytes of junk between them.
        exif: bytes of each piece of EXIF.
    """

    steps: int
    exif: tuple[int, ...]


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


def way_to_pixels(path: Path) -> Way:
    """The way that Pillow goes to the pixels of a JPEG; none in anything else. Nothing on it is read.

    It is followed for `MOST_STEPS` and one more.
    """
    pieces: list[int] = []
    steps = 0
    with path.open("rb") as file:
        if file.read(3) != b"\xff\xd8\xff":
            return Way(0, ())
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            at = 2
            while at + 4 <= len(data) and steps <= MOST_STEPS:
                steps += 1
                mark = data[at + 1]
                if data[at] != 0xFF or mark == 0xFF:  # junk, and bytes that fill
                    at += 1
                    continue
                _, _, reads = MARKER.get(0xFF00 | mark, ("", "", None))
                if mark == _SCAN or (mark and 0xFF00 | mark not in MARKER):
                    break
                length = max(2, int.from_bytes(data[at + 2 : at + 4])) if reads else 0
                if mark == _APP1 and data[at + 4 : at + 10] == _EXIF:
                    pieces.append(length)
                at += 2 + length
    return Way(steps, tuple(pieces))
