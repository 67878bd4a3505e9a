"""PNGs of sixteen bits a colour, read whole. Runs in child processes only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

from airdate.media.photos.deep import Deep

_BANDS = {"RGB;16B": "RGB", "RGBA;16B": "RGBA", "LA;16B": "LA"}
"""By what Pillow calls them."""

_BYTES = {"RGB": 9, "RGBA": 12, "LA": 6}


def look(image: ImageFile.ImageFile) -> Deep | None:
    """How it is read, if it has sixteen bits of its colours, or of grey with transparency."""
    if image.format != "PNG" or not image.tile or "transparency" in image.info:
        return None
    bands = _BANDS.get(str(image.tile[0].args))
    return Deep(bands, tuple(range(len(bands))), _BYTES[bands], False, _read) if bands else None


def _read(path: Path, image: ImageFile.ImageFile) -> NDArray[Any]:
    """By FFmpeg, which holds one copy, and checks the sums; OpenCV takes twice the memory."""
    import av  # noqa: PLC0415  (0.2 s and 20 MB that hardly a photo needs)

    context = av.CodecContext.create("png", "r")
    context.thread_count = 1
    try:
        frames = [*context.decode(av.Packet(path.read_bytes())), *context.decode(None)]
    except av.FFmpegError as failed:
        raise OSError(str(failed)) from failed
    if not frames:
        raise OSError("no picture in it")
    plane = np.frombuffer(frames[0].planes[0], dtype=np.dtype(">u2"))  # type: ignore[call-overload]
    rows: NDArray[Any] = plane.reshape(image.height, -1)
    bands = len(_BANDS[str(image.tile[0].args)])
    return rows[:, : image.width * bands].reshape(image.height, image.width, bands)
