"""Colours of sixteen bits that hold light, of which Pillow keeps eight: sRGB's level 4 is 80 of 65,535, and becomes 0.

Runs in child processes only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

_RAW = {"RGB;16B": "RGB", "RGBA;16B": "RGBA", "LA;16B": "LA"}
"""How Pillow calls sixteen bits in a PNG: what it has of them."""

_BYTES = {"RGB": 9, "RGBA": 12, "LA": 6}
"""Memory of a pixel, measured: what is decoded and what becomes of it. The file is held beside them."""

_ROWS = 256
"""Worked out at once; a whole photo would take another copy of itself."""


def is_deep(image: ImageFile.ImageFile) -> bool:
    """Whether a PNG has sixteen bits of its colours, or of grey with transparency; grey alone Pillow keeps whole."""
    return image.format == "PNG" and _bands(image) is not None and "transparency" not in image.info


def is_deep_grey(image: ImageFile.ImageFile) -> bool:
    """Whether that is grey with transparency."""
    return _bands(image) == "LA"


def decode(path: Path, image: ImageFile.ImageFile, levels: NDArray[np.uint8]) -> Image.Image:
    """A deep picture in eight bits.

    Args:
        levels: of sRGB, for each of the 65,536 of a colour.

    Raises:
        OSError: it cannot be decoded to its end.
    """
    bands = _bands(image) or ""
    return _in_levels(_decoded(path, len(bands)), len(bands.removesuffix("A")), levels)


def memory(path: Path, image: ImageFile.ImageFile) -> int:
    """Bytes that decoding takes."""
    return image.width * image.height * _BYTES[_bands(image) or "RGBA"] + path.stat().st_size


def _bands(image: ImageFile.ImageFile) -> str | None:
    return _RAW.get(str(image.tile[0].args)) if image.tile else None


def _decoded(path: Path, bands: int) -> NDArray[Any]:
    """By FFmpeg, which alone holds no second copy, and checks the sums: rows, columns and bands of big-endian numbers.

    OpenCV would take twice the memory.
    """
    import av  # noqa: PLC0415  (0.2 s and 20 MB that hardly a photo needs)

    context = av.CodecContext.create("png", "r")
    context.thread_count = 1
    try:
        frames = [*context.decode(av.Packet(path.read_bytes())), *context.decode(None)]
    except av.FFmpegError as failed:
        raise OSError(str(failed)) from failed
    if not frames:
        raise OSError("no picture in it")
    frame = frames[0]
    plane = np.frombuffer(frame.planes[0], dtype=np.dtype(">u2"))  # type: ignore[call-overload]
    rows: NDArray[Any] = plane.reshape(frame.height, -1)[:, : frame.width * bands]
    return rows.reshape(frame.height, frame.width, bands)


def _in_levels(deep: NDArray[Any], colours: int, levels: NDArray[np.uint8]) -> Image.Image:
    shown = np.empty(deep.shape, np.uint8)
    for top in range(0, len(deep), _ROWS):
        rows = deep[top : top + _ROWS]
        shown[top : top + _ROWS, :, :colours] = levels[rows[..., :colours]]
        shown[top : top + _ROWS, :, colours:] = rows[..., colours:] >> 8
    del deep, rows  # Pillow takes a third copy
    return Image.fromarray(shown)
