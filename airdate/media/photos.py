"""Reading photos: judged by their header first, then upright, opaque, sRGB, at the size that is needed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pillow_heif
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from airdate.errors import Refused
from airdate.media.profile import MAX_PHOTO_BYTES, MAX_PHOTO_PIXELS

Image.init()
pillow_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = MAX_PHOTO_PIXELS

READ_AS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "BMP", "GIF", "JPEG2000")
"""Formats that Pillow may try; its others hold drawings, scripts or things no camera makes."""

BACKGROUND = (255, 255, 255)
"""What is seen through a transparent photo."""

_ORIENTATION = 0x0112
_LYING = (5, 6, 7, 8)
_DEEP_GREY = ("I", "I;16", "I;16B", "I;16L", "I;16N")


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo's header.

    Attributes:
        format: Pillow's name of it.
        width: as shown, in pixels.
        height: likewise.
        frames: more than one in an animation or a burst.
    """

    format: str
    width: int
    height: int
    frames: int


def read_header(path: Path, name: str) -> Photo | None:
    """The header of a photo, or None for a file that is none.

    Raises:
        Refused: it is larger than a photo may be, or too damaged for its own header.
    """
    try:
        with Image.open(path, formats=READ_AS) as image:
            width, height = image.size
            lying = image.getexif().get(_ORIENTATION) in _LYING and image.format not in ("HEIF", "AVIF")
            photo = Photo(
                format=image.format or "",
                width=height if lying else width,
                height=width if lying else height,
                frames=getattr(image, "n_frames", 1),
            )
    except UnidentifiedImageError:
        return None
    except Image.DecompressionBombError:
        raise _too_large(name, f"its header names more than {2 * MAX_PHOTO_PIXELS:,} pixels") from None
    except (OSError, ValueError, SyntaxError, EOFError, RuntimeError) as failed:
        raise _damaged(name, failed) from None
    if photo.width * photo.height > MAX_PHOTO_PIXELS:
        raise _too_large(name, f"it has {photo.width}×{photo.height} pixels")
    if path.stat().st_size > MAX_PHOTO_BYTES:
        raise _too_large(name, f"it has {path.stat().st_size:,} bytes")
    return photo


def read_photo(path: Path, name: str, *, within: int) -> Image.Image:
    """The first picture of a photo: upright, RGB in sRGB, opaque, its longer side at most about `within` pixels.

    Raises:
        Refused: it is too large, or damaged.
    """
    if read_header(path, name) is None:
        raise _damaged(name, ValueError("it is no photo"))
    with _reading(name), Image.open(path, formats=READ_AS) as image:
        # A JPEG is decoded at an eighth to a half of its size for a fraction of the time; others ignore it.
        image.draft("RGB", (within, within))
        image.load()
        if max(image.size) > within:
            image.thumbnail((within, within), Image.Resampling.LANCZOS, reducing_gap=2.0)
        return _opaque(_standard_colour(_eight_bit(ImageOps.exif_transpose(image))))


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, SyntaxError, EOFError, RuntimeError, MemoryError, Image.DecompressionBombError) as bad:
        raise _damaged(name, bad) from None


def _eight_bit(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey by hand: Pillow's own conversion clips it to white."""
    if image.mode not in _DEEP_GREY:
        return image
    profile = image.info.get("icc_profile")
    image = image.convert("I").point(lambda value: value / 257).convert("L")
    image.info["icc_profile"] = profile
    return image


def _standard_colour(image: Image.Image) -> Image.Image:
    """Follow the ICC profile into sRGB: phones write Display P3, which looks pale when it is ignored."""
    profile = image.info.get("icc_profile")
    if image.mode in ("P", "PA", "1", "LA", "La"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return image
    target = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        converted = ImageCms.profileToProfile(
            image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode=target
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image  # a broken profile is no reason to lose the photo: sRGB is what it most likely is
    return converted or image


def _opaque(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    clear = image.convert("RGBA")
    ground = Image.new("RGB", clear.size, BACKGROUND)
    ground.paste(clear, mask=clear.getchannel("A"))
    return ground


def _too_large(name: str, why: str) -> Refused:
    return Refused(
        "photo_too_large",
        f"the photo is too large to open: {why}",
        item=name,
        rule=f"at most {MAX_PHOTO_PIXELS:,} pixels and {MAX_PHOTO_BYTES:,} bytes",
        fix="export it smaller; 1080×1920 is all that is shown",
    )


def _damaged(name: str, why: BaseException) -> Refused:
    return Refused(
        "photo_damaged",
        f"the photo cannot be read to its end: {type(why).__name__}",
        item=name,
        rule="a photo that decodes whole",
        fix="export it again, or leave it out",
    )
