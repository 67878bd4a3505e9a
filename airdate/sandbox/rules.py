"""TikTok's rules for what an init may say: how a film is cut into chunks, and what a caption may hold."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MAX_BYTES = 4_000_000_000
"""4 GB, read as decimal (TikTok, Media Transfer Guide)."""

MAX_CHUNKS = 1000
"""TikTok, Media Transfer Guide."""

CONTENT_TYPES = ("video/mp4", "video/quicktime", "video/webm")
"""TikTok, Media Transfer Guide."""

MAX_PHOTOS = 35
"""TikTok, Photo Post reference."""

CAPTION_UNITS = 2200
"""Longest title of a video in UTF-16 code units (TikTok, Direct Post reference)."""

PHOTO_TITLE_UNITS, PHOTO_DESCRIPTION_UNITS = 90, 4000
"""Longest texts of a photo post in UTF-16 code units (TikTok, Photo Post reference)."""

BAD_CHUNK = "The chunk size is invalid"
BAD_COUNT = "The total chunk count is invalid"
BAD_SIZE = "The video size is invalid"
"""TikTok's words; the third is ours in the same tone, for nobody wrote the real one down."""


class Profile(StrEnum):
    """How the chunk rules are read.

    `strict` is what the real server did to everyone who met it; the other two are its pages, word for word, with a
    megabyte of 10^6 or of 2^20 bytes.
    """

    STRICT = "strict"
    DOCS_DECIMAL = "docs-decimal"
    DOCS_BINARY = "docs-binary"


@dataclass(frozen=True, slots=True)
class _Bounds:
    smallest: int
    largest: int
    largest_last: int


_BOUNDS = {
    Profile.STRICT: _Bounds(5_242_880, 64_000_000, 128_000_000),
    Profile.DOCS_DECIMAL: _Bounds(5_000_000, 64_000_000, 128_000_000),
    Profile.DOCS_BINARY: _Bounds(5 * 2**20, 64 * 2**20, 128 * 2**20),
}
"""Bytes. Strict takes of each limit the reading under which nothing that it takes can be refused."""


@dataclass(frozen=True, slots=True)
class Chunks:
    """A film of `size` bytes in `count` chunks of `chunk` bytes, the last of which also takes the remainder."""

    size: int
    chunk: int
    count: int

    def refusal(self, profile: Profile) -> str | None:
        """TikTok's words when these numbers break a rule, else None. The count is looked at first, as TikTok does."""
        bounds = _BOUNDS[profile]
        if not 0 < self.size <= MAX_BYTES:
            return BAD_SIZE
        if self.chunk <= 0:
            return BAD_CHUNK
        if self.count != self.size // self.chunk or not 1 <= self.count <= MAX_CHUNKS:
            return BAD_COUNT
        if self.count == 1:
            must_be_whole = profile is Profile.STRICT or self.size < bounds.smallest
            fits = self.size <= bounds.largest and (self.chunk == self.size or not must_be_whole)
            big_enough = self.chunk >= bounds.smallest or self.chunk == self.size
            return None if fits and big_enough else BAD_CHUNK
        last = self.size - (self.count - 1) * self.chunk
        if not bounds.smallest <= self.chunk <= bounds.largest or last > bounds.largest_last:
            return BAD_CHUNK
        return None

    def range_from(self, first: int) -> tuple[int, int] | None:
        """First and last byte of the chunk that begins at `first`; None when none begins there."""
        index, off = divmod(first, self.chunk)
        if off or not 0 <= index < self.count:
            return None
        return first, self.size - 1 if index == self.count - 1 else first + self.chunk - 1


@dataclass(frozen=True, slots=True)
class PostInfo:
    """What `post_info` of one kind of post may hold.

    Attributes:
        kinds: its fields and their types.
        units: the longest texts, in UTF-16 code units.
        refused: fields of the other kind, which this one has no form of.
    """

    kinds: dict[str, type]
    units: dict[str, int]
    refused: tuple[str, ...] = ()

    def takes(self, value: object) -> bool:
        """Whether it is an object whose known fields have their types and whose texts are texts, and not too long."""
        if not isinstance(value, dict) or not value or set(value) & set(self.refused):
            return False
        if not all(_has_type(value[name], kind) for name, kind in self.kinds.items() if name in value):
            return False
        try:
            return all(utf16_units(value.get(name, "")) <= units for name, units in self.units.items())
        except UnicodeEncodeError:
            return False  # half of an emoji is no text

    def unknown(self, info: dict[str, Any]) -> list[str]:
        """Fields that TikTok does not have; it ignores them without a word, which is how typing errors survive."""
        return sorted(set(info) - set(self.kinds))


VIDEO_INFO = PostInfo(
    {
        "title": str,
        "privacy_level": str,
        "disable_duet": bool,
        "disable_stitch": bool,
        "disable_comment": bool,
        "brand_content_toggle": bool,
        "brand_organic_toggle": bool,
        "is_aigc": bool,
        "video_cover_timestamp_ms": int,
    },
    {"title": CAPTION_UNITS},
)
"""TikTok, Direct Post reference."""

PHOTO_INFO = PostInfo(
    {
        "title": str,
        "description": str,
        "privacy_level": str,
        "disable_comment": bool,
        "auto_add_music": bool,
        "brand_content_toggle": bool,
        "brand_organic_toggle": bool,
    },
    {"title": PHOTO_TITLE_UNITS, "description": PHOTO_DESCRIPTION_UNITS},
    refused=("is_aigc", "disable_duet", "disable_stitch"),
)
"""TikTok, Photo Post reference. What it has no form of, TikTok may drop; a label that is dropped is worse than a no."""

DRAFT_TEXTS = ("title", "description")
"""All that a photo draft takes of `post_info` (TikTok, Photo Post reference)."""


def utf16_units(text: str) -> int:
    """How TikTok counts a caption; an emoji counts two."""
    return len(text.encode("utf-16-le")) // 2


def _has_type(value: object, kind: type) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
