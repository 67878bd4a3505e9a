"""What a rendition should be, and the limits it must keep; each limit names the rule it mirrors."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal, get_args

from airdate.errors import WrongUsage

MIN_SECONDS = 3.0
"""TikTok documents no shortest film; vendors report 1 s and 3 s, so 3 s passes everywhere."""

MAX_SECONDS = 600.0
"""Longest film through the API (TikTok, Media Transfer Guide); a creator's own limit may be lower."""

SECONDS_SLACK = 0.05
"""A film may last so much longer than its limit: containers round its length to frames and its sound to packets."""

MIN_FPS, MAX_FPS = 23.0, 60.0
"""TikTok, Media Transfer Guide. A hair above 60 is refused; 23.976 passes."""

MIN_SIDE, MAX_SIDE = 360, 4096
"""Pixels, both sides (TikTok, Media Transfer Guide)."""

MAX_BYTES = 4_000_000_000
"""4 GB, read as decimal (TikTok, Media Transfer Guide)."""

MAX_PHOTO_PIXELS = 210_000_000
MAX_PHOTO_BYTES = 200_000_000
"""The largest photos phones make; a larger header is an attack or a mistake."""

MAX_PHOTO_MEMORY = 520_000_000
"""Bytes that decoding one photo may take, judged by its header: 700 MB without what the programs take, which is 120 MB,
and what the photo becomes."""

BLUR_WIDTH = 72
"""A background is blurred at this width and scaled up: eight times cheaper than at full size, and looks the same."""

REFERENCE_WHITE = 203
"""Nits of white in HDR (ITU-R BT.2408): what becomes white in SDR."""

MAX_PHOTOS = 35
"""TikTok's limit for photo posts, kept for slideshows too: longer ones tire people before they tire us."""

MAX_CRF = 51
"""The worst that x264 makes; 0 is the best."""

MIN_KBPS, MAX_KBPS = 500, 240_000
"""Below the first a phone's screen shows blocks; the second is what level 5.2 allows (ITU-T H.264, table A-1)."""

MAX_CROSSFADE_S = 5.0
"""A photo that is still going over into the next after this long is not seen at all; 0 cuts."""

MIN_PHOTO_S, MAX_PHOTO_S = 1.0, 60.0
"""Below the first a photo is a flicker; ten photos of the second already make the longest film TikTok takes."""

MIN_LUFS, MAX_LUFS = -30.0, -8.0
"""Quieter is not heard on a phone; louder cannot be without clipping."""


Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]
"""x264's, from the fastest to the one that makes the smallest files."""


class Framing(StrEnum):
    """What happens where the picture's shape and the frame's differ."""

    KEEP = "keep"
    BLUR = "blur"
    PAD = "pad"
    CROP = "crop"
    SMART = "smart"


class Duration(StrEnum):
    """What happens to a film that is longer than TikTok takes, or than its creator may post. None is ever split."""

    REFUSE = "refuse"
    TRIM = "trim"


class Cover(StrEnum):
    """Which picture stands for a film whose post names none; `first` leaves it to TikTok, which takes the first."""

    FIRST = "first"
    MIDDLE = "middle"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Profile:
    """How renditions are made.

    Attributes:
        width: of slideshows and framed films, in pixels.
        height: likewise.
        fps: frames a second of slideshows.
        framing: of films; slideshows blur unless `pad`, `crop` or `smart` is asked for.
        safe_zones: fit the picture into the part of the frame that TikTok's buttons and texts leave free; a film
            whose framing is `keep` is blurred then, as slideshows are.
        duration: what happens to a film that is too long.
        cover: which picture is the cover.
        crf: x264's quality; at 20 noisy handheld film came out at VMAF 91 without reaching the cap.
        preset: x264's speed.
        maxrate_kbps: cap of the encoded picture's rate; noisy handheld film takes 36 Mb/s without one.
        seconds_per_photo: how long each photo is shown, its cross-fades included.
        crossfade_s: length of a cross-fade.
        ken_burns: let the photos of a slideshow move slowly.
        music: sound of a slideshow, looped or cut to its length.
        on_beat: let the photos of a slideshow change on the music's beat, where it has one.
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
    safe_zones: bool = False
    duration: Duration = Duration.REFUSE
    cover: Cover = Cover.FIRST
    crf: int = 19
    preset: Preset = "veryfast"
    maxrate_kbps: int = 16_000
    seconds_per_photo: float = 3.0
    crossfade_s: float = 0.5
    ken_burns: bool = False
    music: Path | None = None
    on_beat: bool = False
    titles: Path | None = None
    loudness: float | None = None
    keep_matrix: bool = False
    salvage: bool = False

    def __post_init__(self) -> None:
        """Raise `WrongUsage` where a value is outside its bounds, or two wishes exclude each other."""
        for name, (least, most) in BOUNDS.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise _wrong(name, value, f"{least:g} to {most:g}")
        for name in ("width", "height"):
            if getattr(self, name) % 2:
                raise _wrong(name, getattr(self, name), "even, because colours are stored for pairs of pixels")
        if self.preset not in get_args(Preset):
            raise _wrong("preset", self.preset, f"one of {', '.join(get_args(Preset))}")
        if self.safe_zones and self.framing in (Framing.CROP, Framing.SMART):
            raise WrongUsage(
                "safe_zones_cropped",
                f"framing {self.framing} fills the whole frame, so that nothing keeps clear of TikTok's buttons",
                item="safe_zones",
                rule="safe zones go with framing keep, blur or pad",
                fix="leave safe zones or the crop out",
            )

    @property
    def film_framing(self) -> Framing:
        """What films get: keeping clear of the buttons takes a frame larger than the picture."""
        return Framing.BLUR if self.safe_zones and self.framing is Framing.KEEP else self.framing


BOUNDS: dict[str, tuple[float, float]] = {
    "width": (MIN_SIDE, MAX_SIDE),
    "height": (MIN_SIDE, MAX_SIDE),
    "fps": (MIN_FPS, MAX_FPS),
    "crf": (0, MAX_CRF),
    "maxrate_kbps": (MIN_KBPS, MAX_KBPS),
    "seconds_per_photo": (MIN_PHOTO_S, MAX_PHOTO_S),
    "crossfade_s": (0, MAX_CROSSFADE_S),
    "loudness": (MIN_LUFS, MAX_LUFS),
}
"""Least and most of each number of a profile."""


def _wrong(name: str, value: object, rule: str) -> WrongUsage:
    return WrongUsage(
        "profile_invalid",
        f"{name} is {value}",
        item=name,
        rule=rule,
        fix=f"give another {name}, or leave it out for {Profile.__dataclass_fields__[name].default}",
    )


PROFILES = {
    "standard": Profile(),
    "fast": Profile(name="fast", crf=21, preset="superfast", maxrate_kbps=20_000),
    "quality": Profile(name="quality", crf=18, preset="faster"),
}
"""By the names that `--profile` takes."""
