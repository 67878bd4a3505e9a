"""TIFFs of more bits than Pillow reads: their headers by Pillow, which is told of them, and their colours by OpenCV.

Not taken: floats of 16 bits; LAB of 16, which nothing here reads with all its bits; and BigTIFF whose high bytes come
first, for whose sign Pillow 13 looks at the wrong byte. Runs in child processes only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile
from PIL.TiffImagePlugin import II, MM, OPEN_INFO, TiffImageFile

from airdate.media.photos.deep import Deep

_GREY, _COLOURS = 1, 2
_WHOLE, _FLOAT = (1,), (3,)
_UNUSED, _TRANSPARENT = 0, 2
"""What may stand behind a pixel's colours (TIFF 6.0, ExtraSamples). Colours into which transparency was multiplied, 1,
are left to Pillow or refused."""

_PHOTOMETRIC, _BITS, _PLANES, _FORMAT, _EXTRA = 262, 258, 284, 339, 338
_BEYOND_PILLOW = ((_WHOLE, 32), (_FLOAT, 32), (_FLOAT, 64))
"""Formats and bits of colours."""

_COPIES = 2
"""That OpenCV holds of what it decodes."""

for _order in (II, MM):
    for _format, _bits in _BEYOND_PILLOW:
        OPEN_INFO[_order, _COLOURS, _format, 1, (_bits,) * 3, ()] = ("RGB", "RGB")
        OPEN_INFO[_order, _COLOURS, _format, 1, (_bits,) * 4, (_UNUSED,)] = ("RGB", "RGBX")
        for _extra in ((), (_TRANSPARENT,)):
            OPEN_INFO[_order, _COLOURS, _format, 1, (_bits,) * 4, _extra] = ("RGBA", "RGBA")
    # Two numbers of sixteen bits are four bytes to Pillow, and libtiff has turned them as this machine has them.
    OPEN_INFO[_order, _GREY, _WHOLE, 1, (16, 16), (_TRANSPARENT,)] = ("RGBA", "RGBA")
    OPEN_INFO[_order, _GREY, _WHOLE, 1, (32,), ()] = ("I", "I;32N")
    OPEN_INFO[_order, _GREY, _FLOAT, 1, (64,), ()] = ("F", "F;64NF")


def look(image: ImageFile.ImageFile) -> Deep | None:
    """How it is read, if it has deep colours, or deep grey with transparency."""
    if not isinstance(image, TiffImageFile) or image.mode not in ("RGB", "RGBA"):
        return None
    bits, photometric = image.tag_v2.get(_BITS, (8,))[0], image.tag_v2.get(_PHOTOMETRIC)
    if photometric == _GREY:
        return Deep("LA", (0, 1), 6, True, _read_grey)
    is_multiplied = image.mode == "RGBA" and _TRANSPARENT not in image.tag_v2.get(_EXTRA, ())
    if photometric != _COLOURS or bits < 16 or (bits == 16 and (is_multiplied or _has_planes(image))):
        return None
    order = (2, 1, 0, 3)[: len(image.mode)]
    return Deep(image.mode, order, _COPIES * len(image.tag_v2[_BITS]) * bits // 8, bits > 16, _read_colours)


def is_unsigned(image: ImageFile.ImageFile) -> bool:
    """Whether it is grey of 32 bits, the highest of which Pillow takes for a sign."""
    if not isinstance(image, TiffImageFile) or image.mode != "I":
        return False
    return image.tag_v2.get(_BITS) == (32,) and image.tag_v2.get(_FORMAT, _WHOLE) == _WHOLE


def _has_planes(image: TiffImageFile) -> bool:
    return bool(image.tag_v2.get(_PLANES, 1) != 1)


def _read_colours(path: Path, image: ImageFile.ImageFile) -> NDArray[Any]:
    """By OpenCV: blue, green, red and what stands behind them, upright."""
    import cv2  # noqa: PLC0415  (0.2 s and 20 MB that hardly a photo needs)

    if isinstance(image, TiffImageFile) and _has_planes(image):
        raise OSError("each colour has a plane of its own, which OpenCV mixes up")
    cv2.setNumThreads(1)
    found: NDArray[Any] | None = cv2.imdecode(np.memmap(path, np.uint8, "r"), cv2.IMREAD_UNCHANGED)
    if found is None:
        raise OSError("no picture in it, or not all of it")
    return found


def _read_grey(path: Path, image: ImageFile.ImageFile) -> NDArray[Any]:  # noqa: ARG001  (as every reader)
    if isinstance(image, TiffImageFile) and _has_planes(image):
        raise OSError("grey and transparency have a plane each, which Pillow mixes up")
    image.load()
    return np.asarray(image).view(np.uint16)
