"""What a rendition should be, and the limits it must keep; each limit names the rule it mirrors."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MIN_SECONDS = 3.0
"""The shortest film every account takes; TikTok documents none, the 3 s of its app are kept."""

MAX_SECONDS = 600.0
"""The longest film through the API (TikTok, Media Transfer Guide); a creator's own limit may be lower."""

SECONDS_SLACK = 0.05
"""A film of exactly the limit may measure a frame more."""

MIN_FPS = 23.0
MAX_FPS = 60.0
"""Frames a second (TikTok, Media Transfer Guide)."""

MIN_SIDE = 360
MAX_SIDE = 4096
"""Pixels a side (TikTok, Media Transfer Guide)."""

MAX_BYTES = 4_000_000_000
"""4 GB, read as decimal (TikTok, Media Transfer Guide)."""

MAX_PHOTOS = 35
"""Photos in one post (TikTok, Photo Post reference); a slideshow keeps to it too."""

MAX_PHOTO_PIXELS = 210_000_000
MAX_PHOTO_BYTES = 200_000_000
"""The largest photos that phones make; anything above is refused by its header, before a pixel is decoded."""


class Framing(StrEnum):
    """What fills the frame where the picture does not."""

    KEEP = "keep"
    BLUR = "blur"
    PAD = "pad"
    CROP = "crop"


@dataclass(frozen=True, slots=True)
class Profile:
    """How renditions are made.

    Attributes:
        width: of slideshows and of framed films, in pixels.
        height: likewise.
        fps: frames a second of slideshows.
        crf: x264's quality; 20 is about what survives TikTok's own encoding.
        preset: x264's speed.
        maxrate_kbps: cap on the picture's bit rate; without one a noisy clip takes 36 Mb/s.
        framing: of films; a slideshow takes `keep` as `blur`.
        loudness: integrated loudness to bring the sound to, in LUFS; None leaves it alone.
        seconds_per_photo: how long a photo is on, its cross-fade in included.
        crossfade_s: seconds of one cross-fade.
        salvage: convert damaged input with a warning instead of refusing it.
    """

    name: str = "standard"
    width: int = 1080
    height: int = 1920
    fps: int = 30
    crf: int = 20
    preset: str = "veryfast"
    maxrate_kbps: int = 16_000
    framing: Framing = Framing.KEEP
    loudness: float | None = None
    seconds_per_photo: float = 3.0
    crossfade_s: float = 0.5
    salvage: bool = False


PROFILES = {
    "standard": Profile(),
    "fast": Profile(name="fast", preset="superfast", crf=22),
    "quality": Profile(name="quality", preset="faster", crf=19),
}
"""By the name that `--profile` takes."""
