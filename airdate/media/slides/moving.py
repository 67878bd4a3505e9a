"""How a photo moves: the part of its planes that is seen at an instant, cut at fractions of a pixel.

Whole pixels would shake visibly. OpenCV costs 225 megabytes of disk with numpy, and takes a third of Pillow's time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    import numpy as np

Planes = tuple[Image.Image, ...]
View = Callable[[float], Planes]
"""The frame at a nearness: 0.0 shows the whole picture, 0.1 leaves a tenth of each side out."""

ZOOM = 0.10
"""How much nearer a moving photo comes while it is shown, or farther it goes."""

OVERSIZE = 1 / (1 - ZOOM)
"""Moving photos are composed this much larger than the frame: the nearest view then has a pixel for each pixel. Larger
ones cost a third more work for each frame."""

SUBSAMPLED = (1, 2, 2)
"""By how much the planes of a 4:2:0 picture are smaller than the frame."""


def view_of(planes: Planes, size: tuple[int, int], aim: tuple[float, float]) -> View:
    """How to look at a picture from near.

    Args:
        planes: Y, U and V of the picture, larger than the frame.
        size: of the frame.
        aim: what is come nearer to: 0.0 the left or upper edge, 1.0 the other.
    """
    import cv2  # noqa: PLC0415  (what stands still does not need it)
    import numpy as np  # noqa: PLC0415

    sizes = [(size[0] // part, size[1] // part) for part in SUBSAMPLED]
    pictures = [np.asarray(plane) for plane in planes]
    cv2.setNumThreads(1)

    def view(near: float) -> Planes:
        return tuple(_seen(picture, size, near, aim) for picture, size in zip(pictures, sizes, strict=True))

    return view


def _seen(
    picture: np.ndarray[tuple[int, int], np.dtype[np.uint8]],
    size: tuple[int, int],
    near: float,
    aim: tuple[float, float],
) -> Image.Image:
    import cv2  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    (across, down), (height, width) = aim, picture.shape
    wide, high = width * (1 - near) / size[0], height * (1 - near) / size[1]
    # A pixel's place is its centre in OpenCV: half a pixel from its corner.
    matrix = np.array(
        [[wide, 0, width * near * across + wide / 2 - 0.5], [0, high, height * near * down + high / 2 - 0.5]]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return Image.fromarray(cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))
