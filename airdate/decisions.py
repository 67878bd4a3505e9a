"""What a person decides about a post: try it again, say what became of it, move it, hold it, call it off, let it go.

Each is one transaction that also takes the post from whoever works on it: the lease's number grows, so that worker's
next write fails before it sends anything more, and what was begun at TikTok is closed. A film on its way stops before
its last byte, or the decision came too late and says so.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from airdate import pulling
from airdate.calendar.plan import HELD_BY_PERSON, is_held_by_person
from airdate.engine import Engine
from airdate.errors import AirdateError, NeedsPerson
from airdate.following.pace import watch_of
from airdate.ledger import accounts, posts
from airdate.ledger.posts import Post
from airdate.ledger.schema import posts as table
from airdate.ledger.schema import submissions
from airdate.ledger.transitions import SETTLED, is_unsent, move_post, move_submission, note
from airdate.outcome import error_record
from airdate.post import PostState as P
from airdate.post import SubmissionState as S
from airdate.post import Transfer

AHEAD = (P.PLANNED, P.PREPARING, P.READY)
STOPPABLE = (*AHEAD, P.PUBLISHING, P.HELD)
CANCELLABLE = (*STOPPABLE, P.MISSED)
MOVABLE = (*AHEAD, P.HELD, P.MISSED)
RETRYABLE = (P.FAILED, P.CANCELLED, P.HELD, P.MISSED)

_STOP_FIRST = "nothing, it goes on by itself; `airdate calendar hold` and `cancel` stop it before its last byte"
_IS_OUT = "nothing: it is out; to post the film again on purpose, publish it with a new --key"
_RETRY = "`airdate posts retry` brings it back"

NEXT = {
    P.PLANNED: _STOP_FIRST,
    P.PREPARING: _STOP_FIRST,
    P.READY: _STOP_FIRST,
    P.PUBLISHING: _STOP_FIRST,
    P.PROCESSING: "wait for TikTok's answer with `airdate posts follow`; if it never comes, `airdate posts resolve`",
    P.PUBLISHED: _IS_OUT,
    P.DELIVERED: _IS_OUT,
    P.HELD: "`airdate calendar release` lets it go on",
    P.MISSED: "`airdate calendar move` gives it another slot, `airdate posts retry` sends it now",
    P.FAILED: _RETRY,
    P.CANCELLED: _RETRY,
}
"""What a person can do with a post of each state instead of what was asked."""


def retry(engine: Engine, name: str, *, who: str) -> Post:
    """Bring a post back that has ended, or that the engine had held; it goes out however late it is by now.

    Args:
        name: the post's id or key.
        who: the operating system's user, for the event.

    Raises:
        NeedsPerson: it is not one of those, or something that was sent could still go live.
    """
    now = engine.ledger.now()
    with engine.ledger.write() as connection:
        post = posts.find(connection, name)
        if is_held_by_person(post):
            raise _refused(post, "retried", "a post that a person holds is released, not retried")
        _allow(post, RETRYABLE, "retried")
        _check_settled(connection, post)
        _take(connection, post, P.PLANNED, who, "tried again", now, rendition=None, **_afresh(post, now, is_late=True))
    return posts.get(engine.ledger, post.id)


def resolve_published(engine: Engine, name: str, *, tiktok_post_id: str | None, who: str, why: str) -> Post:
    """Say that a post which TikTok does not tell about is live.

    Raises:
        NeedsPerson: TikTok is not what it waits for.
    """
    now = engine.ledger.now()
    with engine.ledger.write() as connection:
        post = posts.find(connection, name)
        _allow(post, (P.PROCESSING,), "resolved")
        scopes = accounts.scopes_of(connection, post.account)
        _settle(connection, post, S.COMPLETE, now)
        ids = [tiktok_post_id] if tiktok_post_id else list(post.tiktok_post_ids)
        facts: dict[str, Any] = {"error": None, "unconfirmed": False, "tiktok_post_ids": ids}
        if ids or post.publish_id:
            # Watched on as if TikTok had told it: for its id, then for a take-down.
            facts |= {"watched_until": watch_of(post.options, ids, scopes, now), "look_at": None}
        _take(connection, post, P.PUBLISHED, who, why, now, **facts)
    return posts.get(engine.ledger, post.id)


def resolve_not_published(engine: Engine, name: str, *, who: str, why: str) -> Post:
    """Say that a post which TikTok does not tell about never went live; it is `failed`, and may be retried.

    Raises:
        NeedsPerson: TikTok is not what it waits for.
    """
    now = engine.ledger.now()
    with engine.ledger.write() as connection:
        post = posts.find(connection, name)
        _allow(post, (P.PROCESSING,), "resolved")
        error = NeedsPerson(
            "resolved_not_published",
            f"{who} found that it was not published: {why}",
            item=post.id,
            rule="TikTok did not tell, so a person looked at the creator's account",
            fix="send it again with `airdate posts retry`, or leave it",
        )
        _settle(connection, post, S.FAILED, now, fail_reason=error.code)
        _take(connection, post, P.FAILED, who, error.message, now, error=error_record(error), unconfirmed=False)
    return posts.get(engine.ledger, post.id)


def move(engine: Engine, name: str, slot: datetime, *, who: str) -> Post:
    """Give a post of which nothing was sent another slot; a held or missed one is planned again by it.

    Raises:
        NeedsPerson: it is on its way, or has ended.
    """
    now = engine.ledger.now()
    with engine.ledger.write() as connection:
        post = posts.find(connection, name)
        _allow(post, MOVABLE, "moved")
        _stop(connection, post, now)
        why = f"moved to {slot.isoformat()}"
        _take(connection, post, P.PLANNED, who, why, now, slot=slot, **_afresh(post, now))
    return posts.get(engine.ledger, post.id)


def hold(engine: Engine, name: str, *, who: str, why: str) -> Post:
    """Stop a post until a person releases it.

    Raises:
        NeedsPerson: it has ended, or its last byte is on its way.
    """
    now = engine.ledger.now()
    with engine.ledger.write() as connection:
        post = posts.find(connection, name)
        _allow(post, STOPPABLE, "held")
        _stop(connection, post, now)
        error = NeedsPerson(
            HELD_BY_PERSON,
            f"{who} holds it: {why}",
            item=post.id,
            rule="what a person holds, only a person's release lets go on",
            fix="let it go on with `airdate calendar release`, or call it off with `airdate calendar cancel`",
        )
        _take(connection, post, P.HELD, who, why, now, error=error_record(error))
    return posts.get(engine.ledger, post.id)


def cancel(engine: Engine, name: str, *, who: str, why: str) -> Post:
    """Call a post off. A photo post that TikTok is fetching is cancelled there, if it is not too late.

    Raises:
        NeedsPerson: it has ended, or its last byte is on its way.
    """
    now = engine.ledger.now()
    with engine.ledger.read() as connection:
        known = posts.find(connection, name)
    if pulling.is_cancellable(engine, known):
        return pulling.cancel(engine, known, who=who, why=why)
    with engine.ledger.write() as connection:
        post = posts.find(connection, name)
        _allow(post, CANCELLABLE, "cancelled")
        _stop(connection, post, now)
        error = NeedsPerson(
            "post_cancelled",
            f"{who} cancelled it: {why}",
            item=post.id,
            rule="what was called off comes back only by a person's word",
            fix="nothing, or bring it back with `airdate posts retry`",
        )
        _take(connection, post, P.CANCELLED, who, why, now, error=error_record(error))
    return posts.get(engine.ledger, post.id)


def release(engine: Engine, name: str, *, who: str) -> Post:
    """Let a held post go on; one that was held for its lateness goes out however late it is by now.

    Raises:
        NeedsPerson: nobody holds it.
    """
    now = engine.ledger.now()
    with engine.ledger.write() as connection:
        post = posts.find(connection, name)
        _allow(post, (P.HELD,), "released")
        _stop(connection, post, now)
        is_late = (post.error or {}).get("code") == "too_late"
        _take(connection, post, P.PLANNED, who, "released", now, **_afresh(post, now, is_late=is_late))
    return posts.get(engine.ledger, post.id)


def _allow(post: Post, states: tuple[P, ...], done: str) -> None:
    if post.state not in states:
        raise _refused(post, done, f"only a post that is {' or '.join(states)} can be {done}")


def _refused(post: Post, done: str, rule: str) -> AirdateError:
    return NeedsPerson(
        f"post_{post.state}",
        f"the post is {post.state}, so it cannot be {done}",
        item=post.id,
        rule=rule,
        fix=NEXT[post.state],
    )


def _unsettled(connection: Connection, post: Post) -> list[tuple[int, S, Transfer]]:
    rows = connection.execute(
        select(submissions.c.id, submissions.c.state, submissions.c.transfer)
        .where(submissions.c.post_id == post.id)
        .order_by(submissions.c.id)
    )
    return [(row.id, S(row.state), Transfer(row.transfer)) for row in rows if S(row.state) not in SETTLED]


def _check_settled(connection: Connection, post: Post) -> None:
    for number, state, _ in _unsettled(connection, post):
        raise NeedsPerson(
            "submission_open",
            f"submission {number} of the post is {state}, so it could still go live",
            item=post.id,
            rule="a new submission only when every earlier one is failed or abandoned",
            fix="look at it with `airdate posts show`",
        )


def _stop(connection: Connection, post: Post, now: datetime) -> None:
    """Close what was begun at TikTok; the rest of its bytes never comes, because the upload URL is thrown away."""
    for number, state, transfer in _unsettled(connection, post):
        if not is_unsent(transfer, state):
            sent = "its last bytes are" if transfer is Transfer.UPLOAD else "the word to fetch its pictures is"
            raise NeedsPerson(
                "cannot_be_stopped",
                f"{sent} on the way or there (its submission is {state}), so it can no longer be stopped",
                item=post.id,
                rule="a post can be stopped until its last bytes are sent, or TikTok is asked to fetch it",
                fix="wait for TikTok's answer with `airdate posts follow`; delete it in TikTok's app if it must go",
            )
        move_submission(connection, number, S.ABANDONED, now=now, upload_url=None)


def _settle(connection: Connection, post: Post, to: S, now: datetime, **values: Any) -> None:
    for number, _, _ in _unsettled(connection, post):
        move_submission(connection, number, to, now=now, upload_url=None, **values)


def _afresh(post: Post, now: datetime, *, is_late: bool = False) -> dict[str, Any]:
    """What every way back to `planned` clears.

    Args:
        is_late: whoever decided knows that the slot has passed, so its lateness holds the post no more.
    """
    fresh: dict[str, Any] = {"error": None, "not_before": None, "turn": post.turn + 1}
    if is_late and post.slot is not None and post.slot <= now:
        fresh["late_minutes"] = None
    return fresh


def _take(connection: Connection, post: Post, to: P, who: str, why: str, now: datetime, **values: Any) -> None:
    """Move the post away from any worker, with an event even where its state stays."""
    fence: dict[str, Any] = {"lease_owner": None, "lease_until": None, "lease_epoch": table.c.lease_epoch + 1}
    move_post(connection, post.id, to, who=who, why=why, now=now, **fence, **values)
    if to is post.state:
        note(connection, post.id, post.state, to, who=who, why=why, now=now)
