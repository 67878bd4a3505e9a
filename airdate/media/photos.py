"""Photos: what they are, from their header, and how they are read upright, in sRGB, on an opaque ground.

Runs in child processes only: Pillow and libheif decode what strangers made.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from pillow_heif import register_heif_opener

from airdate.errors import Refused
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

_ORIENTATION = 0x0112
_BYTES_A_PIXEL = {"JPEG": 4, "MPO": 4, "HEIF": 8, "AVIF": 8, "WEBP": 8, "GIF": 5}
"""Memory of decoding, measured; what is not listed takes the picture once more while it is converted."""

_SRGB = ImageCms.createProfile("sRGB")


def read_facts(path: Path, name: str) -> dict[str, Any] | None:
    """The header of a photo; None if it is none, or moves.

    Raises:
        Refused: it is larger than any phone makes, or than can be decoded in bounded memory.
    """
    try:
        with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as image:
            warnings.simplefilter("ignore")
            if getattr(image, "n_frames", 1) > 1 and image.format in ("PNG", "GIF"):
                return None
            width, height = image.size
            if _orientation(image) >= 5:
                width, height = height, width
            found = image.format or "?"
            memory = _memory(image)
            caption = read_caption(image)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, LookupError, EOFError):
        return None
    size = path.stat().st_size
    if width * height > MAX_PHOTO_PIXELS or size > MAX_PHOTO_BYTES or memory > MAX_PHOTO_MEMORY:
        raise Refused(
            "photo_too_large",
            f"the photo has {width}×{height} pixels and {size:,} bytes, and needs {memory:,} bytes to decode",
            item=name,
            rule=f"at most {MAX_PHOTO_PIXELS:,} pixels, {MAX_PHOTO_BYTES:,} bytes, and {MAX_PHOTO_MEMORY:,} to decode",
            fix="export it smaller; 1920 pixels on the longer side are all that TikTok shows",
        )
    return {"format": found, "width": width, "height": height, "caption": caption}


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except (ValueError, TypeError, SyntaxError, OSError):
        return 1


def _memory(image: Image.Image) -> int:
    """Bytes that decoding takes. A JPEG is decoded smaller; a progressive one is held whole all the same."""
    pixels, kind = image.width * image.height, image.format or ""
    if kind in ("JPEG", "MPO"):
        return pixels * (6 if image.info.get("progressive") else 0) + pixels * 4 // (4 if pixels > 20_000_000 else 1)
    return pixels * _BYTES_A_PIXEL.get(kind, 4)


def read_photo(path: Path, name: str, *, frame: tuple[int, int], cover: bool = False) -> Image.Image:
    """A photo as people see it: upright, sRGB, opaque, and of the size it is needed in.

    Colour and rotation are worked out at that size, not at the camera's: a tenth of the work.

    Args:
        frame: width and height it shall fit into.
        cover: let it cover the frame instead, and stand over.

    Raises:
        Refused: it cannot be decoded to its end.
    """
    try:
        with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as image:
            warnings.simplefilter("ignore")
            room = (frame[1], frame[0]) if _orientation(image) >= 5 else frame
            factors = (room[0] / image.width, room[1] / image.height)
            factor = max(factors) if cover else min(factors)
            size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
            image.draft("RGB", size)
            image.load()
            picture = _eight_bit(image)
            if picture.size != size:
                resized = picture.resize(size, Image.Resampling.LANCZOS)
                resized.info = picture.info
                if _ORIENTATION in (exif := image.getexif()):
                    resized.getexif()[_ORIENTATION] = exif[_ORIENTATION]
                picture = resized
            return _opaque(_srgb(ImageOps.exif_transpose(picture)))
    except (OSError, SyntaxError, ValueError, LookupError, EOFError, ImageCms.PyCMSError) as failed:
        raise Refused(
            "photo_damaged",
            f"the photo cannot be read to its end: {type(failed).__name__}",
            item=name,
            rule="a photo is complete",
            fix="export or download it again",
        ) from None


def _eight_bit(image: Image.Image) -> Image.Image:
    """Sixteen-bit grey scaled down, which Pillow would clip to white; palettes and bits as full colour."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        scaled = image.convert("F").point(lambda value: value / 257)
        grey = scaled.convert("L")
        grey.info = image.info
        return grey
    if image.mode in ("P", "PA", "1"):
        return image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
    if image.mode in ("RGB", "L") and "transparency" in image.info:
        return image.convert("RGBA")
    return image


def _srgb(image: Image.Image) -> Image.Image:
    """The picture in sRGB; phones shoot Display P3, which looks dull when it is taken for sRGB."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return image
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    plain = image.convert("RGB") if alpha is not None else image
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


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        over = image.convert("RGBA")
        ground = Image.new("RGBA", over.size, (*GROUND, 255))
        return Image.alpha_composite(ground, over).convert("RGB")
    return image.convert("RGB")
