"""The short active watch over one post, right after its upload or when a person asks for it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from airdate.engine import Engine
from airdate.errors import OutcomeUnknown, Transient, WaitUntil
from airdate.following.looking import ask, look
from airdate.ledger import looks, posts
from airdate.ledger.posts import Post
from airdate.post import PostState
from airdate.tiktok.session import Session

log = logging.getLogger(__name__)

SLOWEST_POLL_S = 30.0
FASTEST_POLL_S = 2.0
POLL_GROWTH = 1.5
"""Polls of one post: the first after `AIRDATE_POLL_SECONDS`, then × 1.5 up to 30 s, never closer than 2 s."""


HEARD_WITHIN = timedelta(seconds=15)
"""The sweep takes a post over when its watcher has not asked for this long after it should have: it may be dead."""


@dataclass(frozen=True, slots=True)
class Watch:
    """How long to watch, in seconds, and what to tell after each answer."""

    budget_s: float
    told: Callable[[str], None] = lambda _: None


def follow(engine: Engine, post_id: str, watch: Watch | None = None) -> Post:
    """Ask TikTok until it has decided or the budget is used; the post then stays `processing`, resumable.

    The sweep leaves the post alone meanwhile. One that is delivered or published is looked at once.

    Raises:
        NeedsPerson: the account cannot be asked about (consent, origin); the post itself may still go live.
    """
    watch = watch or Watch(engine.settings.poll_budget_seconds)
    post = posts.get(engine.ledger, post_id)
    if post.state is not PostState.PROCESSING:
        return look(engine, post) if post.state in looks.WATCHABLE else post
    end = engine.ledger.now() + timedelta(seconds=watch.budget_s)
    wait = engine.settings.poll_seconds
    with Session(engine.settings, engine.ledger, post.account, engine.pause) as session:
        while post.state is PostState.PROCESSING and (left := (end - engine.ledger.now()).total_seconds()) > 0:
            patience = timedelta(seconds=min(wait, left))
            looks.put(engine.ledger, post.id, min(engine.ledger.now() + patience + HEARD_WITHIN, end))
            engine.pause(patience.total_seconds())
            try:
                post = ask(engine, session, post)
            except (Transient, WaitUntil, OutcomeUnknown) as failed:
                log.warning("could not ask about %s: %s", post.id, failed)
            watch.told(post.state.value)
            wait = next_wait(wait)
    return post


def next_wait(wait: float) -> float:
    """Seconds to the poll after the one that was waited for this long."""
    return min(max(wait * POLL_GROWTH, FASTEST_POLL_S), SLOWEST_POLL_S)
