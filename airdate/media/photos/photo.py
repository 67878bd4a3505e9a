"""Photos: what they are, from their header, and how they are read upright, in sRGB, on an opaque ground.

Runs in child processes only: Pillow and libheif decode what strangers made.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageFile, TiffImagePlugin, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile
from pillow_heif import register_heif_opener

from airdate.errors import Refused
from airdate.media.photos import deep_png, deep_tiff, jpeg2000, vast
from airdate.media.photos.captions import read_caption
from airdate.media.photos.colour import Colours, in_srgb, levels_of_deep, read_colours
from airdate.media.photos.deep import Deep
from airdate.media.photos.exif import LYING, MOST_STEPS, TURNS, orientation, way_to_pixels
from airdate.media.profile import MAX_PHOTO_BYTES, MAX_PHOTO_MEMORY, MAX_PHOTO_PIXELS

Image.init()
register_heif_opener()
Image.MAX_IMAGE_PIXELS = None  # our own limit is checked from the header, by name and number
# Pillow's own reader of TIFF tears what lies on its side, and takes the bytes of 16-bit planes for pixels.
TiffImagePlugin.READ_LIBTIFF = True

_WANTED = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "BMP", "GIF", "JPEG2000")
FORMATS = tuple(name for name in _WANTED if name in Image.OPEN)
"""Those of them that this build of Pillow reads."""

_MOVING = ("PNG", "GIF", "WEBP", "AVIF")
"""Formats whose further pictures are the next moments; those of JPEG, HEIC and TIFF are thumbnails, maps and pages."""

GROUND = (255, 255, 255)
"""What shows through transparent parts."""

_KIND, _REDUCED = 254, 1
"""A TIFF's tag, and its value for a smaller copy of a picture that lies elsewhere in the file."""

MIN_PREVIEW = 1080
"""Pixels on the longer side of a raw file's preview. Phones and most cameras keep one that fills a screen, which is
taken; some keep a thumbnail alone where we find it."""

_BYTES_A_PIXEL = {"HEIF": 10, "AVIF": 14, "WEBP": 17, "JPEG2000": 20}
"""Memory of decoding, measured, of formats whose libraries hold a copy of their own."""

_BYTES_DEEP = 29
"""Of JPEG 2000 of more than eight bits, which is decoded twice."""

_BYTES_OF_MODE = {"1": 2, "L": 1, "P": 5, "I": 12, "I;16": 6, "I;16B": 6, "LA": 8, "PA": 9, "RGBA": 8}
"""Of all others, by what Pillow makes of them: the picture, and what it becomes for resizing. Else it is 4."""

_SPREAD = {"L;2": 85, "L;4": 17}
"""By how much Pillow multiplies grey of a few bits; a single bit it spreads everywhere."""

_BYTES_TRANSPARENT = 12
"""Where one colour stands for transparency."""

MOST_EXIF, MOST_PIECES = 4_000_000, 100
"""Bytes of a JPEG's EXIF, and pieces it comes in. Cameras write one of 65,533; Pillow copies all that it has for each
further piece, which takes 12 s for 48 MB."""

REDUCING_GAP = 2.0
"""A photo that is more than four times as large is first reduced to at least twice the size it is needed in: resized at
once it takes a tenth more memory."""

MOST_OVER = 4
"""How many frames a covering photo may reach over; of a strip of one pixel by ten thousand it would be thousands."""


def read_facts(path: Path, name: str) -> dict[str, Any] | None:
    """The header of a photo; None if it is none, or moves.

    Raises:
        Refused: it is larger than any phone makes, or than can be decoded in bounded memory; or raw; or it carries
            more than any camera writes before its picture.
    """
    try:
        _check_way(path, name)
        with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as image:
            warnings.simplefilter("ignore")
            is_moving = image.format in _MOVING and bool(getattr(image, "is_animated", False))
            if is_moving and image.format in ("PNG", "GIF"):
                return None
            width, height = image.size
            _check_size(image, path, name)
            if (
                isinstance(image, TiffImageFile)
                and image.tag_v2.get(_KIND) == _REDUCED
                and max(image.size) < MIN_PREVIEW
            ):
                raise raw_photo(name, f", and its preview has {width}×{height} pixels")
            if orientation(image) in LYING:
                width, height = height, width
            shown = {"width": width, "height": height, "caption": read_caption(image)}
            return {"format": image.format or "?", "is_moving": is_moving, **shown}
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


def _check_way(path: Path, name: str) -> None:
    """Raise `Refused` before Pillow opens what it would be busy with for minutes."""
    way = way_to_pixels(path)
    if way.steps > MOST_STEPS:
        raise damaged_photo(name, f"more than {MOST_STEPS:,} segments or bytes of junk stand before its picture")
    if sum(way.exif) > MOST_EXIF or len(way.exif) > MOST_PIECES:
        raise damaged_photo(name, f"it carries {sum(way.exif):,} bytes of EXIF in {len(way.exif):,} pieces")


def _check_size(image: ImageFile.ImageFile, path: Path, name: str) -> None:
    """Raise `Refused` before anything that could decode a pixel of a picture that is too large."""
    size, memory = path.stat().st_size, _memory(image, path)
    if image.width * image.height > MAX_PHOTO_PIXELS or size > MAX_PHOTO_BYTES or memory > MAX_PHOTO_MEMORY:
        raise Refused(
            "photo_too_large",
            f"the photo has {image.width}×{image.height} pixels and {size:,} bytes, and decoding it takes {memory:,}",
            item=name,
            rule=f"at most {MAX_PHOTO_PIXELS:,} pixels, {MAX_PHOTO_BYTES:,} bytes, and {MAX_PHOTO_MEMORY:,} of memory",
            fix="export it smaller; 1920 pixels on the longer side are all that TikTok shows",
        )


def check_bytes(size: int, name: str) -> None:
    """Raise `Refused` before a library reads a file whole that is too large to be a photo."""
    if size > MAX_PHOTO_BYTES:
        raise Refused(
            "photo_too_large",
            f"the photo has {size:,} bytes",
            item=name,
            rule=f"at most {MAX_PHOTO_BYTES:,} bytes",
            fix="export it smaller; 1920 pixels on the longer side are all that TikTok shows",
        )


def decoding_bytes(path: Path) -> int:
    """Memory that decoding a photo takes, by its header; 0 where that cannot be read."""
    try:
        with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as image:
            warnings.simplefilter("ignore")
            return _memory(image, path)
    except (UnidentifiedImageError, OSError, RuntimeError, SyntaxError, ValueError, LookupError, EOFError):
        return 0


def _memory(image: ImageFile.ImageFile, path: Path) -> int:
    """Bytes that decoding takes. A JPEG is decoded smaller; a progressive one is held whole all the same."""
    pixels, kind = image.width * image.height, image.format or ""
    if isinstance(image, JpegImageFile):
        parts = [across * down for _, across, down, _ in image.layer]
        whole = 2 * sum(parts) / max(1, *parts) if image.info.get("progressive") else 0
        return int(pixels * (whole + 4 / (4 if pixels > 20_000_000 else 1)))
    if (found := _deep(image, read_colours(image, path))) is not None:
        return found.memory(path, image)
    if jpeg2000.is_deep(image, path):
        return pixels * _BYTES_DEEP
    if kind in _BYTES_A_PIXEL:
        return _vast(image, path) or pixels * _BYTES_A_PIXEL[kind]
    return pixels * (_BYTES_TRANSPARENT if "transparency" in image.info else _BYTES_OF_MODE.get(image.mode, 4))


def _vast(image: ImageFile.ImageFile, path: Path) -> int | None:
    """Bytes that decoding takes the other way, which is for what Pillow has no room for; None if it is not needed."""
    kind = image.format or ""
    if kind not in ("WEBP", "AVIF") or image.width * image.height * _BYTES_A_PIXEL[kind] <= MAX_PHOTO_MEMORY:
        return None
    return vast.memory(image, path)


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
            colours = read_colours(image, path)
            _spread_transparency(image)
            image.draft("RGB", size)
            if (found := _deep(image, colours)) is not None:
                levels, colours = levels_of_deep(colours, is_grey=found.is_grey)
                picture = found.decode(path, image, levels)
            else:
                picture = _decoded(image, path, name)
            if not picture.size == size == kept:
                box = _middle(picture.size, size, kept)
                picture = picture.resize(kept, Image.Resampling.LANCZOS, box, REDUCING_GAP)
            if lies in TURNS:
                picture = picture.transpose(TURNS[lies])
            return _opaque(in_srgb(picture, image, colours))
    except (OSError, RuntimeError, SyntaxError, ValueError, LookupError, EOFError, ImageCms.PyCMSError) as failed:
        raise damaged_photo(name, type(failed).__name__) from None


def _deep(image: ImageFile.ImageFile, colours: Colours) -> Deep | None:
    """How a photo of deep colours is read; None of one that Pillow reads well enough, in less memory."""
    found = deep_png.look(image) or deep_tiff.look(image)
    if found is None or found.is_beyond_pillow or colours.has_own_curve:
        return found
    return found if found.is_grey and colours.profile else None


def _decoded(image: ImageFile.ImageFile, path: Path, name: str) -> Image.Image:
    """The picture in a form that can be resized.

    Raises:
        Refused: it would come out wrong.
    """
    if _vast(image, path) is not None:
        return vast.decode(image, path)
    image.load()
    if not jpeg2000.is_deep(image, path):
        return _full_colour(image)
    if image.mode not in jpeg2000.FORMATS:
        raise damaged_photo(
            name, f"it is JPEG 2000 of more than eight bits in {image.mode}, which nothing here decodes rightly"
        )
    return jpeg2000.decode(path, image.mode)


def _middle(whole: tuple[int, int], size: tuple[int, int], kept: tuple[int, int]) -> tuple[float, float, float, float]:
    """The box of the whole picture that gives what is kept of a size in which all of it would be shown."""
    width, height = (whole[0] * kept[0] / size[0], whole[1] * kept[1] / size[1])
    left, top = (whole[0] - width) / 2, (whole[1] - height) / 2
    return left, top, left + width, top + height


def _full_colour(image: ImageFile.ImageFile) -> Image.Image:
    """Palettes as full colour and deep grey as numbers, which can be resized."""
    if image.mode.startswith("I"):
        return _deep_grey(image)
    if "transparency" in image.info or image.mode == "PA":
        return image.convert("RGBA")
    plain = {"P": "RGB", "1": "L"}.get(image.mode)
    return image.convert(plain) if plain else image


def _deep_grey(image: ImageFile.ImageFile) -> Image.Image:
    """As numbers, of which the one that stands for transparency becomes the ground."""
    if deep_tiff.is_unsigned(image):
        return Image.fromarray((np.asarray(image).view(np.uint32) >> 16).astype(np.float32))
    grey, see_through = image.convert("F"), image.info.get("transparency")
    if see_through is None:
        return grey
    numbers = np.array(grey)
    numbers[numbers == see_through] = 65_535
    return Image.fromarray(numbers)


def _spread_transparency(image: ImageFile.ImageFile) -> None:
    """Spread the grey that stands for transparency to eight bits, as Pillow does with every other grey."""
    if image.format == "PNG" and image.tile and isinstance(see_through := image.info.get("transparency"), int):
        image.info["transparency"] = see_through * _SPREAD.get(str(image.tile[0].args), 1)


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        over = image.convert("RGBA")
        ground = Image.new("RGBA", over.size, (*GROUND, 255))
        return Image.alpha_composite(ground, over).convert("RGB")
    return image.convert("RGB")
