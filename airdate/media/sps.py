"""Whether an H.264 film can hold interlaced pictures at all, from its header: one picture tells the rest then."""

from __future__ import annotations

_WITH_CHROMA = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)
"""Profiles that name their colour format (ITU-T H.264, 7.3.2.1.1)."""


def is_progressive(extradata: bytes) -> bool:
    """Whether the header of an MP4's H.264 track rules fields out; False where it does not say so plainly.

    Args:
        extradata: an `avcC` record (ISO 14496-15, 5.3.3.1).
    """
    if len(extradata) < 9 or extradata[0] != 1 or extradata[5] & 31 != 1:
        return False
    length = int.from_bytes(extradata[6:8])
    bits = _Bits(extradata[9 : 8 + length].replace(b"\0\0\3", b"\0\0"))
    try:
        return _has_only_frames(bits)
    except ValueError:
        return False


def _has_only_frames(bits: _Bits) -> bool:
    profile = bits.take(8)
    bits.take(16)
    bits.number()
    if profile in _WITH_CHROMA:
        if bits.number() == 3:
            bits.take(1)
        bits.number()
        bits.number()
        bits.take(1)
        if bits.take(1):  # lists of scaling factors, which no phone writes, are not followed
            return False
    bits.number()
    order = bits.number()
    if order == 0:
        bits.number()
    elif order == 1:
        return False  # a table of offsets likewise
    bits.number()
    bits.take(1)
    bits.number()
    bits.number()
    return bits.take(1) == 1


class _Bits:
    """Reads a header bit by bit; raises `ValueError` behind its end."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data), 8 * len(data)

    def take(self, count: int) -> int:
        """A number of so many bits."""
        self._left -= count
        if self._left < 0:
            raise ValueError("the header ends too soon")
        return self._value >> self._left & ((1 << count) - 1)

    def number(self) -> int:
        """A number in Exp-Golomb code (ITU-T H.264, 9.1)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)
