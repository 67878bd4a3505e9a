"""WebP and AVIF that take their own libraries too much memory: by FFmpeg, which makes them small from its own planes.

Pillow holds up to four copies of every pixel, in full colour. Opaque ones only; of what moves it is Pillow that finds
the first picture. Runs in child processes only.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageFile

from airdate.media.photos.codes import read_head, read_properties
from airdate.media.profile import MAX_PHOTO_PIXELS
from airdate.media.reading.opening import opened

if TYPE_CHECKING:
    from av import VideoFrame

MOST_PIXELS = 16_000_000
"""What is left of it: more than any frame shows."""

_BYTES_LEFT = 3
"""Memory of a pixel that is left, while what was decoded is still there."""

_WEBP = {b"VP8 ": 2.0, b"VP8L": 4.5}
"""Memory of a pixel, lossy and lossless; measured are 1.6 and 4.1."""

_COPIES = 2
"""Of an AVIF's planes; the second, where there is one, is of those without film grain."""

_MATRICES = (1, 2, 5, 6, 7, 9)
"""That FFmpeg turns into colours (ITU-T H.273, table 4). 2 says nothing, and is taken for 6, as AVIF's libraries do."""


def memory(image: ImageFile.ImageFile, path: Path) -> int | None:
    """Bytes that decoding takes, by the header; None if it is not decoded this way."""
    if image.mode not in ("RGB", "L") or getattr(image, "is_animated", False):
        return None
    each = {"WEBP": _of_webp, "AVIF": _of_avif}[image.format or ""](read_head(path))
    if each is None:
        return None
    return int(image.width * image.height * each) + _BYTES_LEFT * MOST_PIXELS + path.stat().st_size


def _of_webp(head: bytes) -> float | None:
    """By its chunks (RFC 9649): before the picture stands at most its profile."""
    at = 12
    while at + 8 <= len(head):
        if (name := head[at : at + 4]) in _WEBP:
            return _WEBP[name]
        length = int.from_bytes(head[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
    return None


def _of_avif(head: bytes) -> float | None:
    """By the box `av1C` (AV1-ISOBMFF, 2.3.3), which the picture itself lacks if it is put together of tiles."""
    body = next((body for name, body in read_properties(head) if name == b"av1C" and len(body) >= 4), None)
    if body is None:
        return None
    is_deep, is_grey, is_narrow, is_low = (bool(body[2] & bit) for bit in (0x40, 0x10, 0x08, 0x04))
    colours = 0.0 if is_grey else 2 / ((1 + is_narrow) * (1 + is_low))
    return _COPIES * (1 + colours) * (1 + is_deep)


def decode(image: ImageFile.ImageFile, path: Path) -> Image.Image:
    """The picture, made small.

    Raises:
        OSError: it cannot be decoded to its end, or its colours are stored in a way that nothing here turns rightly.
    """
    from av.error import FFmpegError  # noqa: PLC0415  (0.2 s and 20 MB that hardly a photo needs)

    try:
        small = _decoded_webp(path) if image.format == "WEBP" else _decoded_avif(path, image.size)
    except FFmpegError as failed:
        raise OSError(str(failed)) from failed
    return Image.fromarray(small.to_ndarray())


def _decoded_webp(path: Path) -> VideoFrame:
    import av  # noqa: PLC0415

    data = path.read_bytes()
    if 8 + int.from_bytes(data[4:8], "little") > len(data):  # FFmpeg shows grey for what is cut off
        raise OSError("the end is missing")
    context = av.CodecContext.create("webp", "r")
    context.thread_count = 1
    return _shrunk(next(iter([*context.decode(av.Packet(data)), *context.decode(None)]), None))


def _decoded_avif(path: Path, size: tuple[int, int]) -> VideoFrame:
    with opened(path, max_pixels=str(MAX_PHOTO_PIXELS), threads="1") as container:
        video = next((s for s in container.streams.video if (s.width, s.height) == size), None)
        if video is None:
            raise OSError("no picture in it")
        video.codec_context.options = {"max_pixels": str(MAX_PHOTO_PIXELS)}
        video.codec_context.thread_count = 1
        return _shrunk(next(container.decode(video), None))


def _shrunk(frame: VideoFrame | None) -> VideoFrame:
    if frame is None or frame.is_corrupt:
        raise OSError("not all of its picture is there")
    if not frame.format.name.startswith(("gbr", "argb")) and int(frame.colorspace) not in _MATRICES:
        raise OSError("its colours are stored in a rare way")
    factor = min(1.0, (MOST_PIXELS / (frame.width * frame.height)) ** 0.5)
    width, height = (max(1, round(side * factor)) for side in (frame.width, frame.height))
    return frame.reformat(width, height, "rgb24", interpolation="AREA")
