"""What a rendition should be, and the limits it must keep; each limit names the rule it mirrors."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

MIN_SECONDS = 3.0
"""TikTok documents no shortest film; vendors report 1 s and 3 s, so 3 s passes everywhere."""

MAX_SECONDS = 600.0
"""Longest film through the API (TikTok, Media Transfer Guide); a creator's own limit may be lower."""

SECONDS_SLACK = 0.05
"""Containers round a film's length to its frames and its sound to packets."""

MIN_FPS, MAX_FPS = 23.0, 60.0
"""TikTok, Media Transfer Guide. A hair above 60 is refused; 23.976 passes."""

MIN_SIDE, MAX_SIDE = 360, 4096
"""Pixels, both sides (TikTok, Media Transfer Guide)."""

MAX_BYTES = 4_000_000_000
"""4 GB, read as decimal (TikTok, Media Transfer Guide)."""

MAX_PHOTO_PIXELS = 210_000_000
MAX_PHOTO_BYTES = 200_000_000
"""The largest photos phones make; a larger header is an attack or a mistake."""

MAX_PHOTO_MEMORY = 700_000_000
"""Bytes that decoding one photo may take, judged by its header."""

MAX_PHOTOS = 35
"""TikTok's limit for photo posts, kept for slideshows too: longer ones tire people before they tire us."""


class Framing(StrEnum):
    """What happens where the picture's shape and the frame's differ."""

    KEEP = "keep"
    BLUR = "blur"
    PAD = "pad"
    CROP = "crop"
    SMART = "smart"


@dataclass(frozen=True, slots=True)
class Profile:
    """How renditions are made.

    Attributes:
        width: of slideshows and framed films, in pixels.
        height: likewise.
        fps: frames a second of slideshows.
        framing: of films; slideshows blur unless `pad`, `crop` or `smart` is asked for.
        crf: x264's quality; 20 is more than TikTok keeps.
        preset: x264's speed.
        maxrate_kbps: cap of the encoded picture's rate; noisy handheld film takes 36 Mb/s without one.
        seconds_per_photo: how long each photo stands alone, its cross-fade included.
        crossfade_s: length of a cross-fade.
        ken_burns: let the photos of a slideshow move slowly.
        music: sound of a slideshow, looped or cut to its length.
        titles: font in which each photo of a slideshow has its own caption written onto it; None writes none.
        loudness: LUFS that sound is brought to; None leaves it as it is.
        keep_matrix: leave a film that is turned by a tag as it is; phones' players turn it.
        salvage: convert damaged input with a warning instead of refusing it.
    """

    name: str = "standard"
    width: int = 1080
    height: int = 1920
    fps: int = 30
    framing: Framing = Framing.KEEP
    crf: int = 20
    preset: str = "veryfast"
    maxrate_kbps: int = 16_000
    seconds_per_photo: float = 3.0
    crossfade_s: float = 0.5
    ken_burns: bool = False
    music: Path | None = None
    titles: Path | None = None
    loudness: float | None = None
    keep_matrix: bool = False
    salvage: bool = False


PROFILES = {
    "standard": Profile(),
    "fast": Profile(name="fast", crf=21, preset="superfast", maxrate_kbps=20_000),
    "quality": Profile(name="quality", crf=19, preset="faster"),
}
"""By the names that `--profile` takes."""
