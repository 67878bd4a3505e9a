"""What the head of a Matroska or WebM file says and PyAV does not tell: its size, DRM, Dolby Vision and crop."""

from __future__ import annotations

from collections.abc import Iterator

from airdate.media.reading.tracks import WHOLE, Crop

_FILE, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_TO_THE_PICTURE = (_SEGMENT, b"\x16\x54\xae\x6b", b"\xae", b"\xe0")
"""Segment, Tracks, TrackEntry, Video (RFC 9559)."""

_TO_THE_KEY = (*_TO_THE_PICTURE[:3], b"\x6d\x80", b"\x62\x40", b"\x50\x35")
"""Of a track: ContentEncodings, ContentEncoding, ContentEncryption."""

_CROPS = (b"\x54\xcc", b"\x54\xbb", b"\x54\xdd", b"\x54\xaa")
"""PixelCropLeft, Top, Right and Bottom."""


def promised_size(head: bytes) -> int:
    """The size a file says it has, in bytes; 0 if it is no Matroska, or does not say."""
    at = head.find(_SEGMENT)
    if head[:4] != _FILE or at < 0 or at + 12 > len(head) or not head[at + 4]:
        return 0
    width, length = _length(head, at + 4)
    return 0 if length is None else at + 4 + width + length


def dolby_vision(head: bytes) -> int | None:
    """The profile in a Dolby Vision record of a track."""
    for kind in (b"dvcC", b"dvvC"):
        at = head.find(kind)
        record = head.find(b"\x41\xed", at, at + 32) if at >= 0 else -1
        if record >= 0 and record + 6 < len(head):
            return head[record + 5] >> 1
    return None


def is_encrypted(head: bytes) -> bool:
    """Whether a track needs a key."""
    return head[:4] == _FILE and any(True for _ in _nested(head, _TO_THE_KEY))


def crop(head: bytes) -> Crop:
    """How much the first picture hides at its edges."""
    if head[:4] != _FILE:
        return WHOLE
    body = next(_nested(head, _TO_THE_PICTURE), b"")
    said = dict(_elements(body))
    left, top, right, bottom = (int.from_bytes(said.get(name, b"")) for name in _CROPS)
    return left, top, right, bottom


def _nested(body: bytes, names: tuple[bytes, ...]) -> Iterator[bytes]:
    """The bodies of the elements below a way of names."""
    for name, inner in _elements(body):
        if name == names[0]:
            yield from _nested(inner, names[1:]) if names[1:] else (inner,)


def _elements(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and body of each element, of the last one as much as is there."""
    at = 0
    while at + 1 < len(body) and body[at]:
        name = body[at : at + 9 - body[at].bit_length()]
        at += len(name)
        if at >= len(body) or not body[at]:
            return
        width, length = _length(body, at)
        at += width
        end = len(body) if length is None else at + length
        yield name, body[at:end]
        at = end


def _length(body: bytes, at: int) -> tuple[int, int | None]:
    """How many bytes a length takes, and the length; None for one that is not known."""
    width = 9 - body[at].bit_length()
    most = (1 << 7 * width) - 1
    value = int.from_bytes(body[at : at + width]) & most
    return width, None if value == most else value
