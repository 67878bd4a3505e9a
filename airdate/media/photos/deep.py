"""Photos of more than eight bits a colour, of which Pillow keeps eight or none: read whole, and brought to eight.

Eight bits are enough but for values that are light: sRGB's level 4 is 80 of 65,535, and becomes 0. Grey alone Pillow
keeps whole. Runs in child processes only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

_ROWS = 256
"""Worked out at once; a whole photo would take another copy of itself."""


@dataclass(frozen=True, slots=True)
class Deep:
    """How a photo of deep colours is read.

    Attributes:
        bands: RGB, RGBA or LA.
        order: where each of them stands in what is read.
        bytes: memory of a pixel, measured: what is decoded and what becomes of it.
        is_beyond_pillow: Pillow does not read it, not even in eight bits.
        read: gives its rows, columns and bands, as whole numbers of 16 or 32 bits, or as floats of which white has 1.0.
            Raises `OSError` where it cannot be decoded to its end.
    """

    bands: str
    order: tuple[int, ...]
    bytes: int
    is_beyond_pillow: bool
    read: Callable[[Path, ImageFile.ImageFile], NDArray[Any]]

    @property
    def is_grey(self) -> bool:
        """Whether it has no colours, but transparency."""
        return self.bands == "LA"

    def memory(self, path: Path, image: ImageFile.ImageFile) -> int:
        """Bytes that decoding takes; the file is held too."""
        return image.width * image.height * self.bytes + path.stat().st_size

    def decode(self, path: Path, image: ImageFile.ImageFile, levels: NDArray[np.uint8]) -> Image.Image:
        """The picture in eight bits.

        Args:
            levels: of sRGB, for each of the 65,536 of a colour.

        Raises:
            OSError: it cannot be decoded to its end.
        """
        deep = self.read(path, image)
        shown = np.empty((*deep.shape[:2], len(self.order)), np.uint8)
        colours = len(self.bands.removesuffix("A"))
        for top in range(0, len(deep), _ROWS):
            rows = _of_sixteen_bits(deep[top : top + _ROWS, :, self.order])
            shown[top : top + _ROWS, :, :colours] = levels[rows[..., :colours]]
            shown[top : top + _ROWS, :, colours:] = rows[..., colours:] >> 8
        del deep  # Pillow takes a third copy
        return Image.fromarray(shown)


def _of_sixteen_bits(values: NDArray[Any]) -> NDArray[np.uint16]:
    """Whole numbers, of which white has 65,535. Light beyond white, which renderers keep, is white."""
    if values.dtype.kind == "f":
        values = np.nan_to_num(values).clip(0, 1) * 65_535 + 0.5
    elif values.dtype.itemsize == 4:
        values = values >> 16
    return values.astype(np.uint16)
