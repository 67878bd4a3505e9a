"""Which part of a picture people look at: where its edges are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from PIL import Image, ImageFilter

from airdate.media.reading.opening import guarded, opened

LOOKED_AT = 160
"""Pixels of the longer side at which edges are counted; more finds the same window."""

MOST_PICTURES = 40
"""Key pictures of a film that are looked at: decoding all would cost thirty times as much."""


def busiest_window(pictures: Sequence[Image.Image], size: tuple[int, int]) -> tuple[int, int]:
    """Left and top of the window of this size with the most edges in all pictures, which have one size."""
    width, height = pictures[0].size
    columns = _best(_edges(pictures, upright=False), size[0] / width)
    rows = _best(_edges(pictures, upright=True), size[1] / height)
    return round(columns * (width - size[0])), round(rows * (height - size[1]))


def _edges(pictures: Sequence[Image.Image], *, upright: bool) -> list[float]:
    """How many edges each column has, or each row."""
    sums = [0.0] * LOOKED_AT
    for picture in pictures:
        small = picture.convert("L").resize((LOOKED_AT, LOOKED_AT), Image.Resampling.BOX)
        found = small.filter(ImageFilter.FIND_EDGES).crop((1, 1, LOOKED_AT - 1, LOOKED_AT - 1))
        line = found.resize((1, LOOKED_AT) if upright else (LOOKED_AT, 1), Image.Resampling.BOX)
        sums = [total + value for total, value in zip(sums, line.tobytes(), strict=True)]
    return sums


def _best(sums: Sequence[float], part: float) -> float:
    """Where the window of this part of the whole begins, 0.0 to 1.0 of its way; the middle where all is even."""
    length = max(1, min(len(sums), round(part * len(sums))))
    way = len(sums) - length
    if way == 0:
        return 0.0
    running = list(accumulate(sums, initial=0.0))
    energy = [running[at + length] - running[at] for at in range(way + 1)]
    most = max(energy)
    best = [at for at, found in enumerate(energy) if found >= 0.99 * most]
    return min(best, key=lambda at: abs(at - way / 2)) / way


def look(path: str, index: int, shown: tuple[int, int], size: tuple[int, int]) -> Iterator[dict[str, Any]]:
    """In a child: says `left` and `top` of the busiest window of a film's key pictures.

    Args:
        index: of the stream.
        shown: size the pictures are scaled to, as a player shows them.
        size: of the window.
    """
    with opened(Path(path)) as container:
        video = guarded(next(stream for stream in container.streams.video if stream.index == index))
        video.codec_context.skip_frame = "NONKEY"
        pictures = []
        for frame in container.decode(video):
            picture: Image.Image = frame.to_image(  # type: ignore[no-untyped-call]
                width=LOOKED_AT, height=LOOKED_AT
            )
            pictures.append(picture.rotate(frame.rotation, expand=True) if frame.rotation else picture)
            if len(pictures) == MOST_PICTURES:
                break
    if not pictures:
        yield {"left": (shown[0] - size[0]) // 2, "top": (shown[1] - size[1]) // 2}
        return
    part = (round(LOOKED_AT * size[0] / shown[0]), round(LOOKED_AT * size[1] / shown[1]))
    left, top = busiest_window(pictures, part)
    room = (max(1, LOOKED_AT - part[0]), max(1, LOOKED_AT - part[1]))
    yield {
        "left": round(left / room[0] * (shown[0] - size[0])),
        "top": round(top / room[1] * (shown[1] - size[1])),
    }
