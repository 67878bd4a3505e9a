"""The child's side of finding a cover: which picture of a film's beginning is the clearest."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any

from PIL import Image, ImageFilter, ImageStat

from airdate.media.reading.opening import guarded, opened

MOST_PICTURES = 24
"""Key pictures that are looked at; films of ours have one each two seconds, others up to one each frame."""

SMALL = 240
"""Pixels of the side at which sharpness is measured: blur that is not seen in a list does not count."""


def look(path: str, seconds: float) -> Iterator[dict[str, Any]]:
    """Says `ms`, where the clearest key picture of the first `seconds` is."""
    with opened(Path(path)) as container:
        video = guarded(container.streams.video[0])
        video.codec_context.skip_frame = "NONKEY"
        start_s = float((video.start_time or 0) * (video.time_base or 0))
        best, best_s = -1.0, 0.0
        for number, frame in enumerate(container.decode(video)):
            at_s = (frame.time or 0.0) - start_s
            if number == MOST_PICTURES or at_s > seconds:
                break
            picture: Image.Image = frame.to_image(width=SMALL, height=SMALL)  # type: ignore[no-untyped-call]
            if (score := clearness(picture)) > best:
                best, best_s = score, at_s
    yield {"ms": ceil(max(0.0, best_s) * 1000)}


def clearness(picture: Image.Image) -> float:
    """How sharp a picture is and how much contrast it has; 0 for one colour, such as the black of a fade."""
    grey = picture.convert("L")
    edges = grey.filter(ImageFilter.FIND_EDGES).crop((1, 1, grey.width - 1, grey.height - 1))
    return ImageStat.Stat(edges).mean[0] * ImageStat.Stat(grey).stddev[0]
