"""How long a post is followed, and how often it is looked at: pure rules, by its state and its age.

Looks come the slower the longer TikTok takes, so that a thousand old posts leave room for a new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from airdate.ledger.looks import NEVER
from airdate.ledger.posts import Post
from airdate.post import Mode, Options, PostState, Privacy

GROWTH = 0.5
"""The next look comes after this part of the age, so that each wait is half as long again as the one before."""

OPEN_PACE = (timedelta(seconds=30), timedelta(minutes=15))
DRAFT_PACE = (timedelta(minutes=5), timedelta(hours=6))
ID_PACE = (timedelta(seconds=30), timedelta(hours=1))
"""The shortest and the longest wait between two looks: TikTok decides; a creator posts the draft; the id comes."""

OVERDUE = timedelta(hours=72)
"""TikTok decides in minutes, sometimes in hours; after this a person is asked (TikTok, Get Post Status: no promise)."""

OVERDUE_PACE = timedelta(hours=1)

OPEN_END = timedelta(days=30)
"""A post that TikTok has not decided by then is asked about only when a person asks."""

DRAFT_WATCH = timedelta(days=30)
ID_WATCH = timedelta(hours=24)
"""For some accounts TikTok never tells the id of a public post; the post is live without it all the same."""

TAKE_DOWN_WATCH = timedelta(days=30)
TAKE_DOWN_PACE = timedelta(days=1)
SECOND_LOOK = timedelta(hours=1)
"""One answer without the post may be TikTok's fault; the look that is believed comes after this."""

LIST_SCOPE = "video.list"
"""Without it nobody may ask whether a post is there still (TikTok, Display API)."""


def next_look(post: Post, sent_at: datetime | None, now: datetime) -> datetime:
    """When the post is looked at after this look.

    Args:
        sent_at: when its submission was asked for.
    """
    match post.state:
        case PostState.PROCESSING:
            return _open(post, now - (sent_at or now), now)
        case PostState.DELIVERED:
            return now + _grown(DRAFT_PACE, _watched_for(post, DRAFT_WATCH, now))
        case _ if post.tiktok_post_ids:
            return now + (SECOND_LOOK if post.missing_since else TAKE_DOWN_PACE)
        case _:
            return now + _grown(ID_PACE, _watched_for(post, ID_WATCH, now))


def watch_of(options: Options, ids: Sequence[str], scopes: Sequence[str], now: datetime) -> datetime | None:
    """Until when a post that TikTok published at `now` is watched: for its id, then for a take-down."""
    if ids and LIST_SCOPE in scopes:
        return now + TAKE_DOWN_WATCH
    return now + ID_WATCH if may_get_ids(options, ids) else None


def may_get_ids(options: Options, ids: Sequence[str]) -> bool:
    """Whether TikTok may still tell an id. Only public posts have one; the creator may post a draft several times."""
    return options.mode is Mode.INBOX or (options.privacy is Privacy.PUBLIC and not ids)


def is_overdue(sent_at: datetime | None, now: datetime) -> bool:
    """Whether TikTok has had more time than it ever needed."""
    return sent_at is not None and now - sent_at > OVERDUE


def _open(post: Post, age: timedelta, now: datetime) -> datetime:
    if age > OPEN_END:
        return NEVER
    # A lost pull has an error and no publish id; it may be listed in a minute, so it is searched for at the usual pace.
    is_forgotten = post.error is not None and post.publish_id is not None
    if is_forgotten or age > OVERDUE:
        return now + OVERDUE_PACE
    return now + _grown(OPEN_PACE, age)


def _watched_for(post: Post, watch: timedelta, now: datetime) -> timedelta:
    return watch - (post.watched_until - now) if post.watched_until is not None else timedelta(0)


def _grown(pace: tuple[timedelta, timedelta], age: timedelta) -> timedelta:
    shortest, longest = pace
    return min(max(shortest, age * GROWTH), longest)
