"""A picture without what is not the picture: place, camera and author leave, and no pixel is encoded anew.

Pure bytes in, bytes out. What cannot be followed to its end gives None, and is then encoded anew.
"""

from __future__ import annotations

import struct

_START, _END, _SCAN, _BASELINE = 0xD8, 0xD9, 0xDA, 0xC0
_TABLES = (0xC4, 0xDB, 0xDD)
"""Huffman tables, quantisation tables, restart interval: a baseline picture needs no other segments."""

_RESTARTS = range(0xD0, 0xD8)
_JFIF, _ICC, _ADOBE = b"JFIF\0", b"ICC_PROFILE\0", b"Adobe"
"""Of the application segments these say how the pixels are meant; all others say who, where and with what."""

_WEBP_PICTURES = (b"VP8 ", b"VP8L")


def stripped_jpeg(data: bytes, *, with_profile: bool) -> bytes | None:
    """A baseline JPEG with the segments that its picture needs, and nothing after its end.

    Args:
        with_profile: keep its colour profile.

    Returns:
        None for a JPEG that is not baseline, or does not keep to the format.
    """
    if data[:2] != bytes((0xFF, _START)):
        return None
    kept, at = [data[:2]], 2
    while at + 4 <= len(data):
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        end = at + 2 + length
        if data[at] != 0xFF or length < 2 or end > len(data):
            return None
        if marker == _SCAN:
            scans = _scans_end(data, end)
            return b"".join((*kept, data[at:scans])) if scans is not None else None
        segment = data[at:end]
        if marker in _TABLES or marker == _BASELINE:
            kept.append(segment)
        elif 0xE0 <= marker <= 0xEF or marker == 0xFE:
            if _is_about_pixels(marker, segment[4:], with_profile=with_profile):
                kept.append(segment)
        else:
            return None
        at = end
    return None


def _is_about_pixels(marker: int, body: bytes, *, with_profile: bool) -> bool:
    if marker == 0xE2:
        return with_profile and body.startswith(_ICC)
    return (marker == 0xE0 and body.startswith(_JFIF)) or (marker == 0xEE and body.startswith(_ADOBE))


def _scans_end(data: bytes, at: int) -> int | None:
    """Where the picture ends, from inside its first scan; phones append films and second pictures behind it."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        marker = data[at + 1]
        if marker == _END:
            return at + 2
        if marker == 0 or marker in _RESTARTS:
            at += 2
        elif marker == 0xFF:
            at += 1
        elif marker in _TABLES or marker == _SCAN:
            at += 2 + int.from_bytes(data[at + 2 : at + 4])
        else:
            return None
    return None


def stripped_webp(data: bytes) -> bytes | None:
    """A still WebP reduced to its one picture, without profile and metadata.

    Returns:
        None for one that moves, has a separate alpha plane, or does not keep to the format.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    pictures, at = [], 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + size + size % 2
        if end > len(data) + 1 or name in (b"ANIM", b"ANMF", b"ALPH"):
            return None
        if name in _WEBP_PICTURES:
            pictures.append(data[at : at + 8 + size] + b"\0" * (size % 2))
        at = end
    if len(pictures) != 1:
        return None
    return b"RIFF" + struct.pack("<I", 4 + len(pictures[0])) + b"WEBP" + pictures[0]
