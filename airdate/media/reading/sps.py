"""What the header of an H.264 film says of all its pictures: their size, and whether they can be interlaced at all."""

from __future__ import annotations

from dataclasses import dataclass

UNIT = 7
"""The type of the unit that is such a header (ITU-T H.264, 7.4.1)."""

_WITH_CHROMA = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)
"""Profiles that name their colour format (ITU-T H.264, 7.3.2.1.1)."""


@dataclass(frozen=True, slots=True)
class Header:
    """A sequence parameter set, as far as it is read.

    Attributes:
        width: coded, in blocks of 16 pixels, as is the height.
        is_progressive: it rules fields out.
    """

    width: int
    height: int
    is_progressive: bool

    def is_as_large_as(self, other: Header) -> bool:
        """Whether both have one size; that of a film that may have fields is told in blocks twice as high."""
        slack = 0 if self.is_progressive == other.is_progressive else 16
        return self.width == other.width and abs(self.height - other.height) <= slack


def first_header(extradata: bytes) -> Header | None:
    """The header of an MP4's H.264 track; None where it has another number of them, or does not say it plainly.

    Args:
        extradata: an `avcC` record (ISO 14496-15, 5.3.3.1).
    """
    if len(extradata) < 9 or extradata[0] != 1 or extradata[5] & 31 != 1:
        return None
    return read_header(extradata[8 : 8 + int.from_bytes(extradata[6:8])])


def read_header(unit: bytes) -> Header | None:
    """What a unit that is a header says; None where it does not say it plainly."""
    try:
        return _read(_Bits(unit[1:].replace(b"\0\0\3", b"\0\0")))
    except ValueError:
        return None


def _read(bits: _Bits) -> Header | None:
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
            return None
    bits.number()
    order = bits.number()
    if order == 0:
        bits.number()
    elif order == 1:
        return None  # a table of offsets likewise
    bits.number()
    bits.take(1)
    width, height = bits.number() + 1, bits.number() + 1
    is_progressive = bits.take(1) == 1
    return Header(width, height if is_progressive else 2 * height, is_progressive)


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
