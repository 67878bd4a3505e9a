"""Photos: what they are, from their header, and how they are read upright, in sRGB, on an opaque ground.

Runs in child processes only: Pillow and libheif decode what strangers made.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any, cast

from PIL import Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile
from pillow_heif import register_heif_opener

from airdate.errors import Refused
from airdate.media.exif import LYING, TURNS, orientation
from airdate.media.profile import MAX_PHOTO_BYTES, MAX_PHOTO_MEMORY, MAX_PHOTO_PIXELS
from airdate.media.titles import read_caption

Image.init()
register_heif_opener()
Image.MAX_IMAGE_PIXELS = None  # our own limit is checked from the header, by name and number

_WANTED = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "BMP", "GIF", "JPEG2000")
FORMATS = tuple(name for name in _WANTED if name in Image.OPEN)
"""Those of them that this build of Pillow reads."""

GROUND = (255, 255, 255)
"""What shows through transparent parts."""

_PHOTOMETRIC, _MIN_IS_WHITE = 262, 0
"""A TIFF's tag, and its value for a negative."""

_KIND, _REDUCED = 254, 1
"""A TIFF's tag, and its value for a smaller copy of a picture that lies elsewhere in the file."""

MIN_PREVIEW = 1080
"""Pixels on the longer side of a raw file's preview. Phones and most cameras keep one that fills a screen, which is
taken; some keep a thumbnail alone where we find it."""

_PLAIN_GAMMA = 0.05
"""A PNG whose gamma is this near to sRGB's is taken for sRGB, as browsers do."""

_BYTES_A_PIXEL = {"HEIF": 8, "AVIF": 8, "WEBP": 8, "JPEG2000": 20}
"""Memory of decoding, measured, of formats whose libraries hold a copy of their own."""

_BYTES_OF_MODE = {"1": 2, "L": 1, "P": 5, "I;16": 6, "I;16B": 6, "LA": 8, "PA": 9, "RGBA": 8}
"""Of all others, by what Pillow makes of them: the picture, and what it becomes for resizing. Else it is 4."""

_BYTES_TRANSPARENT = 12
"""Where one colour stands for transparency."""

MOST_OVER = 4
"""How many frames a covering photo may reach over; of a strip of one pixel by ten thousand it would be thousands."""

_SRGB = ImageCms.createProfile("sRGB")


def read_facts(path: Path, name: str) -> dict[str, Any] | None:
    """The header of a photo; None if it is none, or moves.

    Raises:
        Refused: it is larger than any phone makes, or than can be decoded in bounded memory; or raw.
    """
    try:
        with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as image:
            warnings.simplefilter("ignore")
            if image.format in ("PNG", "GIF") and getattr(image, "n_frames", 1) > 1:
                return None
            width, height = image.size
            _check_size(image, path.stat().st_size, name)
            if (
                isinstance(image, TiffImageFile)
                and image.tag_v2.get(_KIND) == _REDUCED
                and max(image.size) < MIN_PREVIEW
            ):
                raise raw_photo(name, f", and its preview has {width}×{height} pixels")
            if orientation(image) in LYING:
                width, height = height, width
            return {"format": image.format or "?", "width": width, "height": height, "caption": read_caption(image)}
    except (UnidentifiedImageError, OSError, RuntimeError, SyntaxError, ValueError, LookupError, EOFError):
        return None


def damaged_photo(name: str, why: str) -> Refused:
    """The refusal of a photo of which a part is missing."""
    return Refused(
        "photo_damaged",
        f"the photo cannot be read to its end: {why}",
        item=name,
        rule="a photo is complete",
        fix="export or download it again",
    )


def raw_photo(name: str, what: str = "") -> Refused:
    """The refusal of what a camera's sensor saw, of which every program makes another picture."""
    return Refused(
        "photo_raw",
        f"this is a camera's raw file{what}",
        item=name,
        rule="a developed photo: JPEG, HEIC, PNG, WebP, AVIF or TIFF",
        fix="export it as JPEG from the program that develops it",
    )


def _check_size(image: ImageFile.ImageFile, size: int, name: str) -> None:
    """Raise `Refused` before anything that could decode a pixel of a picture that is too large."""
    memory = _memory(image)
    if image.width * image.height > MAX_PHOTO_PIXELS or size > MAX_PHOTO_BYTES or memory > MAX_PHOTO_MEMORY:
        raise Refused(
            "photo_too_large",
            f"the photo has {image.width}×{image.height} pixels and {size:,} bytes, and decoding it takes {memory:,}",
            item=name,
            rule=f"at most {MAX_PHOTO_PIXELS:,} pixels, {MAX_PHOTO_BYTES:,} bytes, and {MAX_PHOTO_MEMORY:,} of memory",
            fix="export it smaller; 1920 pixels on the longer side are all that TikTok shows",
        )


def _memory(image: ImageFile.ImageFile) -> int:
    """Bytes that decoding takes. A JPEG is decoded smaller; a progressive one is held whole all the same."""
    pixels, kind = image.width * image.height, image.format or ""
    if isinstance(image, JpegImageFile):
        parts = [across * down for _, across, down, _ in image.layer]
        whole = 2 * sum(parts) / max(1, *parts) if image.info.get("progressive") else 0
        return int(pixels * (whole + 4 / (4 if pixels > 20_000_000 else 1)))
    if kind in _BYTES_A_PIXEL:
        return pixels * _BYTES_A_PIXEL[kind]
    return pixels * (_BYTES_TRANSPARENT if "transparency" in image.info else _BYTES_OF_MODE.get(image.mode, 4))


def read_photo(path: Path, name: str, *, frame: tuple[int, int], cover: bool = False) -> Image.Image:
    """A photo as people see it: upright, sRGB, opaque, and of the size it is needed in.

    Colour and rotation are worked out at that size, not at the camera's: a tenth of the work.

    Args:
        frame: width and height it shall fit into.
        cover: let it cover the frame instead, and stand over, by its middle four frames at most.

    Raises:
        Refused: it cannot be decoded to its end.
    """
    try:
        with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as image:
            warnings.simplefilter("ignore")
            lies = orientation(image)
            room = (frame[1], frame[0]) if lies in LYING else frame
            factors = (room[0] / image.width, room[1] / image.height)
            factor = max(factors) if cover else min(factors)
            size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
            kept = (min(size[0], MOST_OVER * room[0]), min(size[1], MOST_OVER * room[1]))
            image.draft("RGB", size)
            image.load()
            picture = _full_colour(image)
            if not picture.size == size == kept:
                picture = picture.resize(kept, Image.Resampling.LANCZOS, _middle(picture.size, size, kept))
            if lies in TURNS:
                picture = picture.transpose(TURNS[lies])
            return _opaque(_srgb(_eight_bit(picture, image)))
    except (OSError, RuntimeError, SyntaxError, ValueError, LookupError, EOFError, ImageCms.PyCMSError) as failed:
        raise damaged_photo(name, type(failed).__name__) from None


def _middle(whole: tuple[int, int], size: tuple[int, int], kept: tuple[int, int]) -> tuple[float, float, float, float]:
    """The box of the whole picture that gives what is kept of a size in which all of it would be shown."""
    width, height = (whole[0] * kept[0] / size[0], whole[1] * kept[1] / size[1])
    left, top = (whole[0] - width) / 2, (whole[1] - height) / 2
    return left, top, left + width, top + height


def _full_colour(image: Image.Image) -> Image.Image:
    """Palettes as full colour and deep grey as numbers, which can be resized."""
    if image.mode.startswith("I"):
        return image.convert("F")
    if "transparency" in image.info or image.mode == "PA":
        return image.convert("RGBA")
    plain = {"P": "RGB", "1": "L"}.get(image.mode)
    return image.convert(plain) if plain else image


def _eight_bit(picture: Image.Image, original: Image.Image) -> Image.Image:
    """Deep grey scaled down, which Pillow would clip to white: of 0 to 65535, or of 0.0 to 1.0."""
    if picture.mode != "F":
        return picture
    is_unit = original.mode == "F" and cast("tuple[float, float]", original.getextrema())[1] <= 1
    unit = 255 if is_unit else 1 / 257
    grey = picture.point(lambda value: value * unit + 0.5).convert("L")
    return ImageOps.invert(grey) if _is_negative(original) else grey


def _is_negative(image: Image.Image) -> bool:
    """Whether a deep TIFF's zero is white; Pillow turns only those of eight bits round."""
    return isinstance(image, TiffImageFile) and image.tag_v2.get(_PHOTOMETRIC) == _MIN_IS_WHITE


def _srgb(image: Image.Image) -> Image.Image:
    """The picture in sRGB; phones shoot Display P3, which looks dull when it is taken for sRGB."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK", "L", "LA"):
        return _without_gamma(image)
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    plain = image.convert(image.mode.removesuffix("A")) if alpha is not None else image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        turned = ImageCms.profileToProfile(plain, source, _SRGB, outputMode="RGB")
    except (OSError, ImageCms.PyCMSError):
        return image  # a profile that is damaged or of another colour model says nothing about these pixels
    if turned is None:
        return image
    if alpha is not None:
        turned.putalpha(alpha)
    return turned


def _without_gamma(image: Image.Image) -> Image.Image:
    """A PNG whose values are of another gamma than sRGB's, as old editors wrote them, with sRGB's."""
    gamma = image.info.get("gamma")
    if not gamma or "srgb" in image.info or image.mode not in ("RGB", "RGBA", "L", "LA"):
        return image
    if not 0.1 <= gamma <= 10 or abs(gamma * 2.2 - 1) < _PLAIN_GAMMA:
        return image
    levels = [round(255 * _of_light((level / 255) ** (1 / gamma))) for level in range(256)]
    plain = list(range(256))
    return image.point([level for band in image.getbands() for level in (plain if band == "A" else levels)])


def _of_light(light: float) -> float:
    """SRGB's value, 0.0 to 1.0, of a linear one (IEC 61966-2-1)."""
    return light * 12.92 if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        over = image.convert("RGBA")
        ground = Image.new("RGBA", over.size, (*GROUND, 255))
        return Image.alpha_composite(ground, over).convert("RGB")
    return image.convert("RGB")
