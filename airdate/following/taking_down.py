"""Whether a published post is there still, and what is written down when it is not.

A post that is public no more stays `published`, for it went out; since when it is gone stands beside that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from airdate.engine import Engine
from airdate.following.pace import SECOND_LOOK, next_look
from airdate.following.settling import WATCHER
from airdate.ledger import posts
from airdate.ledger.posts import Post
from airdate.ledger.transitions import move_post, note
from airdate.post import PostState
from airdate.tiktok.client import VIDEOS_A_CALL
from airdate.tiktok.session import Session

PLAIN_REASON = "TikTok no longer lists it: it was taken down, deleted or made private"


def query(engine: Engine, session: Session, asked: Sequence[Post], *, told: bool = False) -> list[Post]:
    """Ask which of the published posts are there still; one is believed to be gone when it was missed an hour ago too.

    Args:
        told: TikTok says by itself that they are gone, so that one look is enough.

    Raises:
        AirdateError: TikTok cannot be asked now.
    """
    ids = [name for post in asked for name in post.tiktok_post_ids]
    there: set[str] = set()
    for first in range(0, len(ids), VIDEOS_A_CALL):
        page = session.video_query(ids[first : first + VIDEOS_A_CALL])
        there |= {video.id for video in page.videos}
    return [
        _seen(engine, post) if there & set(post.tiktok_post_ids) else _missed(engine, post, told=told) for post in asked
    ]


def taken_down(engine: Engine, post_id: str, why: str, at: datetime) -> Post:
    """Write down that a published post is public no more, once, and watch it no longer."""
    with engine.ledger.write() as connection:
        post = posts.find(connection, post_id)
        if post.state is PostState.PUBLISHED and post.taken_down_at is None:
            facts = {"taken_down_at": at, "watched_until": None, "missing_since": None}
            _note(connection, post, f"taken down: {why}", engine.ledger.now(), **facts)
    return posts.get(engine.ledger, post_id)


def public_again(engine: Engine, post_id: str, at: datetime) -> Post:
    """Write down that a post that was gone is public again, unless it was found gone after that."""
    with engine.ledger.write() as connection:
        post = posts.find(connection, post_id)
        if post.taken_down_at is not None and at > post.taken_down_at:
            _note(connection, post, "public again", engine.ledger.now(), taken_down_at=None)
    return posts.get(engine.ledger, post_id)


def _seen(engine: Engine, post: Post) -> Post:
    if post.missing_since is None:
        return post
    posts.store(engine.ledger, post.id, missing_since=None)
    return posts.get(engine.ledger, post.id)


def _missed(engine: Engine, post: Post, *, told: bool) -> Post:
    now = engine.ledger.now()
    if post.missing_since is not None:
        # A person may ask twice within a minute, and get the same fault of TikTok's twice.
        is_believed = told or now - post.missing_since >= SECOND_LOOK
        return taken_down(engine, post.id, PLAIN_REASON, post.missing_since) if is_believed else post
    posts.store(engine.ledger, post.id, missing_since=now)
    missed = posts.get(engine.ledger, post.id)
    posts.store(engine.ledger, post.id, look_at=next_look(missed, None, now))
    return missed


def _note(connection: Any, post: Post, why: str, now: datetime, **values: Any) -> None:
    move_post(connection, post.id, post.state, who=WATCHER, why=why, now=now, **values)
    note(connection, post.id, post.state, post.state, who=WATCHER, why=why, now=now)
