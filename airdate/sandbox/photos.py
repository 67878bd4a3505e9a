"""What TikTok looks at in the photos it pulled: their format, by their bytes and not by their names, and their size."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

FORMATS = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "WEBP": "image/webp"}
"""TikTok, Media Transfer Guide; a PNG is none of them. MPO is Pillow's word for a JPEG with a second picture in it."""

LARGEST_BYTES = 20_000_000
"""20 MB each, read as decimal (TikTok, Media Transfer Guide)."""

LONGEST_SIDE, LONGEST_SHORT_SIDE = 1920, 1080
"""The guide says 1080p; 941×1672 passed and 1086×1448 did not (fact sheet, section 13)."""

_UNREADABLE = (OSError, SyntaxError, ValueError)
"""All that Pillow raises at a file that is none of its own, or is cut off."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One photo as it was pulled.

    Attributes:
        sha256: of every byte.
        kind: its media type; None when it is no photo TikTok knows.
    """

    sha256: str
    size: int
    kind: str | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Album:
    """The photos of a post, in order.

    Attributes:
        fail_reason: TikTok's word for what is wrong; one bad photo fails them all, and the word does not tell which.
        why: the same for people, with the photo and the number.
    """

    pictures: tuple[Picture, ...]
    fail_reason: str | None = None
    why: str | None = None


def examine(paths: Sequence[Path]) -> Album:
    """Hash the photos and judge them as TikTok does after a pull."""
    seen = [_look(path) for path in paths]
    judged = [(number, verdict) for number, (_, verdict) in enumerate(seen, 1) if verdict]
    pictures = tuple(picture for picture, _ in seen)
    if not judged:
        return Album(pictures)
    number, (reason, why) = judged[0]
    return Album(pictures, reason, f"photo {number} of {len(seen)} {why}")


def _look(path: Path) -> tuple[Picture, tuple[str, str] | None]:
    """A photo, and the reason and the words when it is refused."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    size = path.stat().st_size
    try:
        with Image.open(path) as image:
            kind, (width, height) = FORMATS.get(image.format or ""), image.size
            seen = Picture(sha256, size, kind, width, height)
            if kind is None:
                return seen, ("file_format_check_failed", f"is {image.format}")
            if verdict := _judge(seen):
                return seen, verdict
            image.load()
            return seen, None
    except Image.DecompressionBombError:
        return Picture(sha256, size), ("picture_size_check_failed", "has too many pixels to be opened")
    except _UNREADABLE as failed:
        return Picture(sha256, size), ("file_format_check_failed", f"cannot be read: {type(failed).__name__}")


def _judge(seen: Picture) -> tuple[str, str] | None:
    if seen.size > LARGEST_BYTES:
        return "picture_size_check_failed", f"has more than {LARGEST_BYTES} bytes"
    short, long = sorted((seen.width or 0, seen.height or 0))
    if short > LONGEST_SHORT_SIDE or long > LONGEST_SIDE:
        return (
            "picture_size_check_failed",
            f"is {seen.width}×{seen.height}, more than {LONGEST_SHORT_SIDE}×{LONGEST_SIDE}",
        )
    return None
