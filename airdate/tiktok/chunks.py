"""How a film is cut into chunks: the one plan that is valid under every reading of TikTok's rules.

TikTok's page says "5 MB" and "64 MB" without saying which MB, gives a single-chunk rule it does not always apply, and
rounds the count down. This plan keeps clear of every limit in both readings.
"""

from __future__ import annotations

from dataclasses import dataclass

from airdate.errors import Refused
from airdate.settings import MAX_TIKTOK_BYTES

LARGEST_SINGLE = 64_000_000
"""A film up to this goes out whole, `chunk_size` equal to its size; a larger one in several chunks (TikTok, Media
Transfer Guide: 64 MB, here decimal, because the server refused 66,259,900 bytes in one)."""

SMALLEST_CHUNK = 5_242_880
"""No chunk of several may be smaller (TikTok, Media Transfer Guide: 5 MB, here binary, the stricter reading)."""

LARGEST_LAST = 128_000_000
"""The last chunk takes the remainder and may be this large (TikTok, Media Transfer Guide: 128 MB)."""

MOST_CHUNKS = 1000
"""TikTok, Media Transfer Guide."""

USUAL_CHUNK = 10_000_000
"""Our chunk is between this and 7/6 of it: small enough to re-send, far from both limits."""


def has_all(uploaded: int, size: int) -> bool:
    """Whether TikTok misses no byte of a film of `size` bytes when it says `uploaded`.

    It does not say whether its number counts bytes or names the last one. A film that is taken for short here would be
    given up and sent a second time, so either reading is enough.
    """
    return uploaded >= size or 0 < uploaded == size - 1


@dataclass(frozen=True, slots=True)
class ChunkPlan:
    """A film of `size` bytes in `count` chunks of `chunk_size`; the last one takes the remainder too."""

    size: int
    chunk_size: int
    count: int

    @classmethod
    def for_size(cls, size: int) -> ChunkPlan:
        """The plan for a film of `size` bytes.

        Raises:
            Refused: the film is empty or larger than TikTok takes.
        """
        if size <= 0:
            raise Refused("film_empty", "the film has no bytes", rule="at least 1 byte", fix="give another file")
        if size > MAX_TIKTOK_BYTES:
            raise Refused(
                "film_too_large",
                f"the film has {size:,} bytes",
                rule=f"TikTok, Media Transfer Guide: at most {MAX_TIKTOK_BYTES:,} bytes",
                fix="shorten it, or encode it at a lower rate",
            )
        if size <= LARGEST_SINGLE:
            return cls(size, size, 1)
        count = size // USUAL_CHUNK
        return cls(size, size // count, count)

    def range_of(self, index: int) -> tuple[int, int]:
        """First and last byte of a chunk, both inclusive."""
        if not 0 <= index < self.count:
            raise IndexError(f"chunk {index} of {self.count}")
        first = index * self.chunk_size
        return first, (self.size if index == self.count - 1 else first + self.chunk_size) - 1

    def chunk_at(self, offset: int) -> int:
        """The chunk that holds the byte at `offset`."""
        if not 0 <= offset < self.size:
            raise IndexError(f"byte {offset} of {self.size}")
        return min(offset // self.chunk_size, self.count - 1)

    def next_chunk(self, uploaded: int) -> int:
        """The chunk to send when TikTok has `uploaded` bytes; `count` when it has them all.

        Its number means the same whether it counts bytes or names the last one. From the middle of a chunk the whole
        chunk is sent again: TikTok's page knows no other way to resume.
        """
        if has_all(uploaded, self.size):
            return self.count
        return self.chunk_at(min(uploaded + 1, self.size - 1)) if uploaded > 0 else 0
