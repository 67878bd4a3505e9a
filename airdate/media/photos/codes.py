"""What a photo's file says of its colours where Pillow does not tell: the code points of ITU-T H.273.

Runs in child processes only.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import ImageFile

SRGB, BT2020, DISPLAY_P3 = 1, 9, 12
"""Primaries (ITU-T H.273, table 2); BT.709 has those of sRGB."""

LINEAR, PQ, HLG = 8, 16, 18
"""Curves (ITU-T H.273, table 3)."""

_UNKNOWN = 2
_HEAD = 1_000_000
"""Bytes of a file that are looked at."""

_SIGNATURE = 8
"""Bytes of a PNG before its first chunk."""


@dataclass(frozen=True, slots=True)
class Codes:
    """Primaries and curve of a picture, as code points of ITU-T H.273."""

    primaries: int
    curve: int

    @property
    def is_hdr(self) -> bool:
        """Whether white is not the brightest there is."""
        return self.curve in (PQ, HLG)


def read_codes(image: ImageFile.ImageFile, path: Path) -> Codes | None:
    """The code points of a PNG, HEIC or AVIF; None if it has none, or they say nothing."""
    found: Codes | None = None
    if image.format == "PNG":
        found = _of_png(read_head(path))
    elif image.format == "AVIF":
        found = _of_avif(read_head(path))
    elif said := image.info.get("nclx_profile"):
        found = Codes(said["color_primaries"], said["transfer_characteristics"])
    return None if found == Codes(_UNKNOWN, _UNKNOWN) else found


def read_head(path: Path) -> bytes:
    """The beginning of a file, in which everything stands that says how to read its picture."""
    with path.open("rb") as file:
        return file.read(_HEAD)


def each_box(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and body of each box; of the last one as much as there is."""
    at = 0
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        body = at + 8
        if length == 1:
            length, body = int.from_bytes(data[body : body + 8]), body + 8
        elif length == 0:
            length = len(data) - at
        if length < body - at:
            return
        yield name, data[body : at + length]
        at += length


def _of_png(data: bytes) -> Codes | None:
    """Of the chunk `cICP` (PNG 3, 11.3.2.6), which stands before the pixels."""
    at = _SIGNATURE
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if name == b"cICP" and length == 4 and len(data) >= at + 10:
            return Codes(data[at + 8], data[at + 9])
        if name == b"IDAT":
            return None
        at += 12 + length
    return None


def _of_avif(data: bytes) -> Codes | None:
    """Of the box `colr` that belongs to the picture itself; one with a gain map has another of its brighter version."""
    for name, body in read_properties(data):
        if name == b"colr" and body[:4] == b"nclx" and len(body) >= 8:
            return Codes(*struct.unpack_from(">HH", body, 4))
    return None


def read_properties(data: bytes) -> list[tuple[bytes, bytes]]:
    """Name and body of each property of the main picture of an AVIF (ISO 23008-12, 9.3); none where they are broken.

    Args:
        data: the beginning of the file.
    """
    meta = dict(each_box(next((body for name, body in each_box(data) if name == b"meta"), b"")[4:]))
    parts = list(each_box(meta.get(b"iprp", b"")))
    properties = list(each_box(next((body for name, body in parts if name == b"ipco"), b"")))
    owned = next((body for name, body in parts if name == b"ipma"), b"")
    try:
        places = _places(owned, _main_item(meta.get(b"pitm", b"")))
    except (IndexError, struct.error):
        return []
    return [properties[place - 1] for place in places if 0 < place <= len(properties)]


def _main_item(pitm: bytes) -> int:
    return int.from_bytes(pitm[4:6] if pitm[:1] == b"\0" else pitm[4:8])


def _places(ipma: bytes, wanted: int) -> list[int]:
    """Places of an item's properties, counted from 1 (ISO 23008-12, 9.3.1); the highest bit says something else."""
    version, is_long = ipma[0], ipma[3] & 1
    at = 8
    for _ in range(int.from_bytes(ipma[4:8])):
        item = int.from_bytes(ipma[at : at + (4 if version else 2)])
        at += 4 if version else 2
        count, at = ipma[at], at + 1
        if item == wanted:
            form, rest = (">%dH", 0x7FFF) if is_long else (">%dB", 0x7F)
            return [place & rest for place in struct.unpack_from(form % count, ipma, at)]
        at += count * (2 if is_long else 1)
    return []
