"""JPEG 2000, of which Pillow does not tell the profile, and makes black what is white in more than eight bits.

Pillow 13 brings (65535 + 128) >> 8 to 256, which is 0 in a byte. Runs in child processes only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from airdate.media.photos.codes import each_box, read_head

FORMATS = {"RGB": "rgb24", "RGBA": "rgba"}
"""What FFmpeg calls the modes in which it decodes deep colours."""

_STREAM = b"\xff\x4f\xff\x51"
"""The beginning of the picture itself, inside a box or without any."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the head of a JPEG 2000 says.

    Attributes:
        profile: its ICC profile.
        bits: of its deepest component.
    """

    profile: bytes | None
    bits: int


def read_jpeg2000(path: Path) -> Head:
    """The profile and the depth (ISO 15444-1, annexes I.5.3.3 and A.5.1)."""
    head = read_head(path)
    boxes = list(each_box(head))
    header = next((body for name, body in boxes if name == b"jp2h"), b"")
    # Method 2 is a restricted profile and 3 any; a byte each says the method, the precedence and how near it is.
    profiles = [body[3:] for name, body in each_box(header) if name == b"colr" and body[:1] in (b"\2", b"\3")]
    stream = next((body for name, body in boxes if name == b"jp2c"), head)
    parts = int.from_bytes(stream[40:42]) if stream.startswith(_STREAM) else 0
    depths = [(depth & 0x7F) + 1 for depth in stream[42 : 42 + 3 * parts : 3]]
    return Head(next(iter(profiles), None), max(depths, default=8))


def is_deep(image: Image.Image, path: Path) -> bool:
    """Whether Pillow would spoil it; grey alone it reads as deep as it is."""
    return image.format == "JPEG2000" and len(image.getbands()) > 1 and read_jpeg2000(path).bits > 8


def decode(path: Path, mode: str) -> Image.Image:
    """A deep picture in eight bits, by FFmpeg's decoder, which shows grey for what is cut off: let Pillow find that.

    Args:
        mode: one of `FORMATS`.

    Raises:
        OSError: it cannot be decoded.
    """
    import av  # noqa: PLC0415  (0.2 s and 20 MB that hardly a photo needs)

    context = av.CodecContext.create("jpeg2000", "r")
    try:
        frames = [*context.decode(av.Packet(path.read_bytes())), *context.decode(None)]
    except av.FFmpegError as failed:
        raise OSError(str(failed)) from failed
    if not frames:
        raise OSError("no picture in it")
    return Image.fromarray(frames[0].reformat(format=FORMATS[mode]).to_ndarray())
