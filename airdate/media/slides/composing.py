"""One photo in the frame: whole over a blurred copy of itself or over black, or cut to fill; with its title."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PIL import Image, ImageFilter

from airdate.media.film.focus import busiest_window
from airdate.media.film.safe_zones import fitted, free_box, whole_box
from airdate.media.photos.photo import decoding_bytes, read_photo
from airdate.media.profile import BLUR_WIDTH
from airdate.media.slides.moving import OVERSIZE
from airdate.media.slides.slide import Look, Slide
from airdate.media.slides.titles import write_title

LARGE_BYTES = 150_000_000
"""Of memory to decode a photo: beside the encoder, which takes 350 MB, more would pass 700 MB in all."""

BLUR_RADIUS = 3


Drawing = Callable[[], Image.Image]


def drawings(slides: Sequence[Slide], look: Look, folder: Path) -> list[Drawing]:
    """How each photo is had as its scene needs it; those that take much memory are drawn now, and kept on the disk.

    To be called before anything else takes memory, such as an encoder.

    Args:
        folder: has room for them; what is kept there has no name, and is gone with this process.

    Raises:
        Refused: one of those cannot be read to its end.
    """
    return [
        _kept(drawn(slide, look), folder)
        if decoding_bytes(Path(slide.path)) > LARGE_BYTES
        else partial(drawn, slide, look)
        for slide in slides
    ]


def _kept(picture: Image.Image, folder: Path) -> Drawing:
    file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (it lives as long as what reads it)
    file.write(picture.tobytes())
    size = picture.size

    def again() -> Image.Image:
        file.seek(0)
        return Image.frombytes("RGB", size, file.read())

    return again


def drawn(slide: Slide, look: Look) -> Image.Image:
    """A photo as its scene needs it: composed, larger if it will move, and with its title.

    Raises:
        Refused: it cannot be read to its end.
    """
    width, height = look.frame
    size = (_even(width * OVERSIZE), _even(height * OVERSIZE)) if look.moving else (width, height)
    picture = compose(slide, size, look)
    return write_title(picture, slide.title, Path(look.font), slide.name) if slide.title else picture


def _even(side: float) -> int:
    return round(side / 2) * 2


def compose(slide: Slide, size: tuple[int, int], look: Look) -> Image.Image:
    """A photo in a frame of a size. Raises as `drawn`."""
    path, name, framing = Path(slide.path), slide.name, look.framing
    if framing in ("crop", "smart"):
        photo = read_photo(path, name, frame=size, cover=True)
        left, top = (photo.width - size[0]) // 2, (photo.height - size[1]) // 2
        if framing == "smart":
            left, top = busiest_window([photo], size)
        return photo.crop((left, top, left + size[0], top + size[1]))
    box = free_box(size) if look.safe else whole_box(size)
    front = read_photo(path, name, frame=(box[2], box[3]))
    if front.size == size:
        return front
    ground = Image.new("RGB", size)
    if framing != "pad":
        small = (BLUR_WIDTH, round(BLUR_WIDTH * size[1] / size[0]))
        ground = _covering(front, small).filter(ImageFilter.GaussianBlur(BLUR_RADIUS))
        ground = ground.resize(size, Image.Resampling.BICUBIC)
    left, top, _, _ = fitted(front.size, box)
    ground.paste(front, (left, top))
    return ground


def _covering(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    factor = min(picture.width / size[0], picture.height / size[1])
    width, height = size[0] * factor, size[1] * factor
    left, top = (picture.width - width) / 2, (picture.height - height) / 2
    return picture.resize(size, Image.Resampling.BOX, box=(left, top, left + width, top + height))
