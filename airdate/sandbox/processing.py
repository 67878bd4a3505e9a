"""What happens after the last byte: the media are looked at in a thread, and a status follows from it and the clock."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from airdate.sandbox import film, photos
from airdate.sandbox.posts import Post, Pull
from airdate.sandbox.state import State

EXAMINED_WITHIN_S = 10.0
"""Who asks when processing is over by the clock waits this long for the media to be looked at."""


def begin(state: State, post: Post) -> None:
    """The last byte is in."""
    state.received(post)
    examine(state, post)


def examine(state: State, post: Post) -> None:
    """Begin to look at what came."""
    state.examining.begin(post.publish_id, _examine(state, post))


async def settled(state: State, post: Post) -> None:
    """Wait until the media were looked at, if they are all there, but not for long."""
    await state.examining.wait(post.publish_id, EXAMINED_WITHIN_S)


async def _examine(state: State, post: Post) -> None:
    with suppress(FileNotFoundError):  # the sandbox was reset meanwhile
        if isinstance(post.media, Pull) and post.media.photos:
            post.found = await asyncio.to_thread(photos.examine, post.media.paths)
        else:
            longest = state.creators[post.creator].max_video_post_duration_sec if post.direct else film.LONGEST_S
            cover = max(0, post.info.get("video_cover_timestamp_ms", 0))
            post.found = await asyncio.to_thread(film.examine, post.media.path, longest_s=longest, cover_ms=cover)
        state.posts.save(post.publish_id)
