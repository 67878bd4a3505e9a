"""What happens after the last byte: the film is looked at in a thread, and a status follows from it and the clock."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from airdate.sandbox import film
from airdate.sandbox.posts import Post
from airdate.sandbox.state import State

EXAMINED_WITHIN_S = 10.0
"""Who asks when processing is over by the clock waits this long for the film to be looked at."""


def begin(state: State, post: Post) -> None:
    """The last byte is in."""
    state.received(post)
    post.examining = asyncio.create_task(_examine(state, post), name=f"examine {post.publish_id}")


async def settled(post: Post) -> None:
    """Wait until the film was looked at, if it is all there, but not for long."""
    if post.examining is not None:
        await asyncio.wait({post.examining}, timeout=EXAMINED_WITHIN_S)


async def _examine(state: State, post: Post) -> None:
    longest = state.creators[post.creator].max_video_post_duration_sec if post.direct else film.LONGEST_S
    cover = post.info.get("video_cover_timestamp_ms", 0)
    with suppress(FileNotFoundError):  # the sandbox was reset meanwhile
        post.film = await asyncio.to_thread(film.examine, post.upload.path, longest_s=longest, cover_ms=max(0, cover))
