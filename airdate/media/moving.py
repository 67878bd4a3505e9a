"""How a photo moves: the part of its planes that is seen at an instant, cut at fractions of a pixel.

Whole pixels would shake visibly. OpenCV is used where it is installed (`pip install 'airdate[motion]'`): it
takes a third of Pillow's time, and 225 megabytes of disk with numpy, which is why it is not there by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec

from PIL import Image

Planes = tuple[Image.Image, ...]
View = Callable[[float], Planes]
"""The frame at a nearness: 0.0 shows the whole picture, 0.1 leaves a tenth of each side out."""

SUBSAMPLED = (1, 2, 2)
"""By how much the planes of a 4:2:0 picture are smaller than the frame."""


def view_of(planes: Planes, size: tuple[int, int], aim: tuple[float, float]) -> View:
    """How to look at a picture from near.

    Args:
        planes: Y, U and V of the picture, larger than the frame.
        size: of the frame.
        aim: what is come nearer to: 0.0 the left or upper edge, 1.0 the other.
    """
    sizes = [(size[0] // part, size[1] // part) for part in SUBSAMPLED]
    return (_by_opencv if find_spec("cv2") else _by_pillow)(planes, sizes, aim)


def _by_pillow(planes: Planes, sizes: Sequence[tuple[int, int]], aim: tuple[float, float]) -> View:
    across, down = aim

    def view(near: float) -> Planes:
        return tuple(
            plane.resize(
                size,
                Image.Resampling.BILINEAR,
                box=(
                    plane.width * near * across,
                    plane.height * near * down,
                    plane.width * (1 - near * (1 - across)),
                    plane.height * (1 - near * (1 - down)),
                ),
            )
            for plane, size in zip(planes, sizes, strict=True)
        )

    return view


def _by_opencv(planes: Planes, sizes: Sequence[tuple[int, int]], aim: tuple[float, float]) -> View:
    import cv2  # noqa: PLC0415  (it need not be there)
    import numpy as np  # noqa: PLC0415

    across, down = aim
    pictures = [np.asarray(plane) for plane in planes]

    def seen(
        picture: np.ndarray[tuple[int, int], np.dtype[np.uint8]], size: tuple[int, int], near: float
    ) -> Image.Image:
        height, width = picture.shape
        wide, high = width * (1 - near) / size[0], height * (1 - near) / size[1]
        # A pixel's place is its centre in OpenCV, its corner in Pillow's boxes: half a pixel between them.
        matrix = np.array(
            [[wide, 0, width * near * across + wide / 2 - 0.5], [0, high, height * near * down + high / 2 - 0.5]]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return Image.fromarray(cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))

    def view(near: float) -> Planes:
        return tuple(seen(picture, size, near) for picture, size in zip(pictures, sizes, strict=True))

    cv2.setNumThreads(1)
    return view
