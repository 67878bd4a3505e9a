"""The child's side of pictures for people: the cover, the contact sheet and the comparison are drawn here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from av.error import FFmpegError
from PIL import Image, ImageDraw, ImageFont

from airdate.errors import Refused
from airdate.media.pictures.glances import Film, Glance, glanced

COVER_BOX = (640, 640)
SHEET_WIDTH = 900
COLUMNS_UPRIGHT, COLUMNS_WIDE = 6, 4
TILE_HEIGHT = 300
"""The most; a film that is far higher than wide would make a sheet as long as a street."""

FEWEST_KEYS = 6
"""A film with fewer key pictures is shown at as many instants between them, which costs more."""

MOST_BETWEEN = 90
"""Pictures that are decoded for one of those."""

PAIR_BOX = (380, 340)
QUALITY = 80
GAP = 8
LINE = 18
"""Pixels of a line of text."""

GROUND, INK = (24, 24, 26), (235, 235, 235)

Tile = tuple[Image.Image, str]


def draw(
    folder: str,
    film: dict[str, Any] | None = None,
    cover_s: float = 0.0,
    sheet_s: Sequence[float] = (),
    photos: Sequence[dict[str, str]] = (),
    cover_photo: int = 0,
    before: dict[str, Any] | None = None,
    pairs: Sequence[dict[str, Any]] = (),
    labels: tuple[str, str] = ("", ""),
) -> Iterator[dict[str, Any]]:
    """Draw what can be drawn; says `made` or `lost` with `why` of each file, and of the cover `at_s`.

    Args:
        folder: where the files go.
        film: the rendition, for `airdate.media.pictures.glances.glanced`; None if it is the photos.
        sheet_s: the instants of the sheet, in seconds.
        photos: `path` and `name` of each picture of a photo post.
        cover_photo: which of them stands for it, from 0.
        before: the original film, likewise; None if the originals are photos or are not compared.
        pairs: what is compared: `at_s`, and for a slideshow `path` and `name` of the photo.
        labels: what stands over the originals and over the rendition.
    """
    out = Path(folder)
    drawings: dict[str, Callable[[Path], dict[str, Any]]]
    if film is None:
        drawings = {
            "cover.jpg": partial(_photo_cover, photos[cover_photo]),
            "sheet.jpg": partial(_photo_sheet, photos),
        }
    else:
        drawings = {"cover.jpg": partial(_cover, film, cover_s), "sheet.jpg": partial(_sheet, film, sheet_s)}
        if pairs:
            drawings["before-after.jpg"] = partial(_comparison, film, before, pairs, labels)
    for name, drawing in drawings.items():
        try:
            yield {"made": name, **drawing(out / name)}
        except (FFmpegError, Refused, ValueError, LookupError, ArithmeticError) as failed:
            yield {"lost": name, "why": failed.message if isinstance(failed, Refused) else type(failed).__name__}


def _cover(film: dict[str, Any], at_s: float, out: Path) -> dict[str, Any]:
    with glanced(film, COVER_BOX) as rendition:
        glance = _seen(rendition.at(at_s), at_s)
    _save(glance.image, out)
    return {"at_s": glance.at_s}


def _sheet(film: dict[str, Any], instants: Sequence[float], out: Path) -> dict[str, Any]:
    with glanced(film, (SHEET_WIDTH, TILE_HEIGHT)) as rendition:
        unlike = _unlike(rendition.near(at_s) for at_s in instants)
        if len(unlike) < FEWEST_KEYS:
            unlike = _unlike(
                rendition.at(at_s, most=MOST_BETWEEN) for at_s in instants[:: len(instants) // FEWEST_KEYS]
            )
    if not unlike:
        raise LookupError
    _save(_grid([(glance.image, f"{glance.at_s:.2f} s") for glance in unlike.values()]), out)
    return {}


def _comparison(
    film: dict[str, Any],
    before: dict[str, Any] | None,
    pairs: Sequence[dict[str, Any]],
    labels: tuple[str, str],
    out: Path,
) -> dict[str, Any]:
    """Originals left, the rendition right. A film is compared where the original has key pictures, which cost least."""
    with glanced(film, PAIR_BOX) as rendition:
        if before is None:
            rows = [_photo_pair(pair, rendition) for pair in pairs]
        else:
            with glanced(before, PAIR_BOX) as original:
                unlike = _unlike(original.near(pair["at_s"]) for pair in pairs)
            rows = [
                (left.image, _seen(rendition.nearest(at_s), at_s).image, f"{at_s:.2f} s")
                for at_s, left in unlike.items()
            ]
    if not rows:
        raise LookupError
    _save(_table(rows, labels), out)
    return {}


def _photo_pair(pair: dict[str, Any], rendition: Film) -> tuple[Image.Image, Image.Image, str]:
    right = _seen(rendition.at(pair["at_s"]), pair["at_s"])
    return _photo(pair, PAIR_BOX), right.image, f"{right.at_s:.2f} s"


def _photo_cover(photo: dict[str, str], out: Path) -> dict[str, Any]:
    _save(_photo(photo, COVER_BOX), out)
    return {}


def _photo_sheet(photos: Sequence[dict[str, str]], out: Path) -> dict[str, Any]:
    _save(_grid([(_photo(photo, (280, 280)), str(number)) for number, photo in enumerate(photos, 1)]), out)
    return {}


def _photo(photo: dict[str, Any], box: tuple[int, int]) -> Image.Image:
    from airdate.media.photos.photo import read_photo  # noqa: PLC0415  (a film does not need what reads photos)

    return read_photo(Path(photo["path"]), photo["name"], frame=box)


def _unlike(glances: Iterable[Glance | None]) -> dict[float, Glance]:
    return {glance.at_s: glance for glance in glances if glance is not None}


def _seen(glance: Glance | None, at_s: float) -> Glance:
    if glance is None:
        raise LookupError(f"no picture at {at_s}")
    return glance


def _grid(tiles: Sequence[Tile]) -> Image.Image:
    """Pictures in rows, with a line of text under each."""
    first = tiles[0][0]
    most = COLUMNS_UPRIGHT if first.height > first.width else COLUMNS_WIDE
    columns = min(most, len(tiles))
    width = (SHEET_WIDTH - GAP) // most - GAP
    shown = [(_shrunk(image, (width, TILE_HEIGHT)), text) for image, text in tiles]
    height = max(image.height for image, _ in shown) + LINE
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * (width + GAP) + GAP, rows * (height + GAP) + GAP), GROUND)
    for number, (image, text) in enumerate(shown):
        left, top = GAP + number % columns * (width + GAP), GAP + number // columns * (height + GAP)
        sheet.paste(image, (left + (width - image.width) // 2, top))
        _write(sheet, text, (left + width // 2, top + height - LINE // 2))
    return sheet


def _table(rows: Sequence[tuple[Image.Image, Image.Image, str]], labels: tuple[str, str]) -> Image.Image:
    """Two columns with a head, and a line of text under each row."""
    width = PAIR_BOX[0]
    heights = [max(left.height, right.height) + LINE for left, right, _ in rows]
    table = Image.new("RGB", (2 * width + 3 * GAP, LINE + GAP + sum(heights) + GAP * len(rows)), GROUND)
    centres = (GAP + width // 2, 2 * GAP + width + width // 2)
    for label, centre in zip(labels, centres, strict=True):
        _write(table, label, (centre, LINE // 2 + 2))
    top = LINE + GAP
    for (left, right, text), height in zip(rows, heights, strict=True):
        for image, centre in zip((left, right), centres, strict=True):
            table.paste(image, (centre - image.width // 2, top))
        _write(table, text, (table.width // 2, top + height - LINE // 2))
        top += height + GAP
    return table


def _shrunk(image: Image.Image, box: tuple[int, int]) -> Image.Image:
    image.thumbnail(box, Image.Resampling.LANCZOS)
    return image


def _write(onto: Image.Image, text: str, middle: tuple[int, int]) -> None:
    ImageDraw.Draw(onto).text(middle, text, fill=INK, font=ImageFont.load_default(13), anchor="mm")


def _save(image: Image.Image, out: Path) -> None:
    image.save(out, "JPEG", quality=QUALITY, optimize=True)
