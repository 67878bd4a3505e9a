"""What a file is by its first bytes. Servers say `video/mp4` over a login page; the bytes do not.

Only "is this film or picture at all" is answered here, and with which suffix; whether it can be used is for probing.
"""

from __future__ import annotations

from dataclasses import dataclass

SNIFF_BYTES = 1024
"""Enough for three packets of an MPEG transport stream and for Matroska's document type."""

_ISO_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
"""First boxes of MP4 and QuickTime; films older than `ftyp` begin with one of the others (QuickTime File Format)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A media type and the suffix its files go by."""

    content_type: str
    suffix: str


_BRANDS = {
    b"qt  ": Kind("video/quicktime", ".mov"),
    b"heic": Kind("image/heic", ".heic"),
    b"heix": Kind("image/heic", ".heic"),
    b"mif1": Kind("image/heif", ".heif"),
    b"avif": Kind("image/avif", ".avif"),
}

_STARTS = (
    (b"\xff\xd8\xff", Kind("image/jpeg", ".jpg")),
    (b"\x89PNG\r\n\x1a\n", Kind("image/png", ".png")),
    (b"GIF87a", Kind("image/gif", ".gif")),
    (b"GIF89a", Kind("image/gif", ".gif")),
    (b"II*\x00", Kind("image/tiff", ".tif")),
    (b"MM\x00*", Kind("image/tiff", ".tif")),
    (b"FLV\x01", Kind("video/x-flv", ".flv")),
    (b"OggS", Kind("video/ogg", ".ogv")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Kind("video/x-ms-asf", ".wmv")),
    (b"\x06\x0e\x2b\x34", Kind("application/mxf", ".mxf")),
    (b"\x00\x00\x01\xba", Kind("video/mpeg", ".mpg")),
    (b"\x00\x00\x01\xb3", Kind("video/mpeg", ".mpg")),
)

_RIFF = {b"AVI ": Kind("video/x-msvideo", ".avi"), b"WEBP": Kind("image/webp", ".webp")}


def sniff(head: bytes) -> Kind | None:
    """The kind of media that begins with `head` (up to `SNIFF_BYTES`), or None if it is none that we know."""
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head[4:8] in _ISO_BOXES:
        return _iso(head)
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return Kind("video/webm", ".webm") if b"webm" in head[:64] else Kind("video/x-matroska", ".mkv")
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return Kind("image/bmp", ".bmp")
    return _transport_stream(head)


def _iso(head: bytes) -> Kind:
    if head[4:8] != b"ftyp":
        return _BRANDS[b"qt  "]
    return _BRANDS.get(head[8:12], Kind("video/mp4", ".mp4"))


def _transport_stream(head: bytes) -> Kind | None:
    # Packets begin with 0x47: every 188 bytes, on discs behind a time stamp of 4 (ISO/IEC 13818-1; Blu-ray's M2TS).
    for first, step in ((0, 188), (4, 192)):
        marks = head[first : first + 2 * step + 1 : step]
        if marks == b"\x47\x47\x47":
            return Kind("video/mp2t", ".ts")
    return None
