"""Photos: what they are, from their header, and how they are read upright, in sRGB, on an opaque ground."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from pillow_heif import register_heif_opener

from airdate.errors import Refused
from airdate.media.profile import MAX_PHOTO_BYTES, MAX_PHOTO_PIXELS

Image.init()
register_heif_opener()
Image.MAX_IMAGE_PIXELS = None  # our own limit is checked from the header, by name and number

FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "BMP")
GROUND = (255, 255, 255)
"""What shows through transparent parts."""

_SRGB = ImageCms.createProfile("sRGB")


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """What a photo's header says.

    Attributes:
        width: as shown, EXIF rotation applied.
    """

    format: str
    width: int
    height: int


def read_photo_facts(path: Path, name: str) -> PhotoFacts | None:
    """The header of a photo; None if it is none, or moves.

    Raises:
        Refused: it is larger than any camera makes.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            if getattr(image, "n_frames", 1) > 1 and image.format in ("WEBP", "PNG"):
                return None
            width, height = image.size
            if image.getexif().get(0x0112, 1) >= 5:
                width, height = height, width
            found = image.format or "?"
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return None
    size = path.stat().st_size
    if width * height > MAX_PHOTO_PIXELS or size > MAX_PHOTO_BYTES:
        raise Refused(
            "photo_too_large",
            f"the photo has {width}×{height} pixels and {size:,} bytes",
            item=name,
            rule=f"at most {MAX_PHOTO_PIXELS:,} pixels and {MAX_PHOTO_BYTES:,} bytes",
            fix="export it smaller; 1920 pixels on the longer side are all that TikTok shows",
        )
    return PhotoFacts(found, width, height)


def read_photo(path: Path, name: str, *, within: int) -> Image.Image:
    """A photo as people see it: upright, sRGB, opaque, decoded no larger than needed.

    Args:
        within: pixels; the longer side may be decoded smaller than it is, but not below this.

    Raises:
        Refused: it cannot be decoded to its end.
    """
    try:
        with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image.draft("RGB", (within, within))
            image.load()
            upright = ImageOps.exif_transpose(image)
            return _opaque(_srgb(upright))
    except (OSError, SyntaxError, ValueError, ImageCms.PyCMSError) as failed:
        raise Refused(
            "photo_damaged",
            f"the photo cannot be read to its end: {type(failed).__name__}",
            item=name,
            rule="a photo is complete",
            fix="export or download it again",
        ) from None


def _srgb(image: Image.Image) -> Image.Image:
    """The picture in sRGB; phones shoot Display P3, which looks dull when it is taken for sRGB."""
    if image.mode in ("I;16", "I;16B", "I;16L", "I"):
        image = image.point(lambda value: value / 256).convert("L")
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "RGBA", "CMYK", "L"):
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        alpha = image.getchannel("A") if image.mode == "RGBA" else None
        plain = image.convert("RGB") if image.mode == "RGBA" else image
        turned = ImageCms.profileToProfile(plain, source, _SRGB, outputMode="RGB")
        if turned is not None:
            image = turned
            if alpha is not None:
                image.putalpha(alpha)
    return image


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        over = image.convert("RGBA")
        ground = Image.new("RGBA", over.size, (*GROUND, 255))
        return Image.alpha_composite(ground, over).convert("RGB")
    return image.convert("RGB")
