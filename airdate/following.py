"""After the upload TikTok decides, in seconds or in hours; we ask until it has, and never send again meanwhile.

A failed check never makes a post failed: what TikTok last said stays, and the post is asked about later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from airdate.engine import Engine
from airdate.errors import AirdateError, NeedsPerson, OutcomeUnknown, Transient, WaitUntil
from airdate.ledger import posts, submissions
from airdate.ledger.posts import Post
from airdate.ledger.submissions import Submission
from airdate.ledger.transitions import move_post, move_submission
from airdate.outcome import error_record
from airdate.post import Mode, PostState, SubmissionState
from airdate.tiktok.answers import PublishStatus
from airdate.tiktok.codes import failure_for
from airdate.tiktok.session import Session

log = logging.getLogger(__name__)

SLOWEST_POLL_S = 30.0
FASTEST_POLL_S = 2.0
POLL_GROWTH = 1.5
"""Polls of one post: the first after `AIRDATE_POLL_SECONDS`, then × 1.5 up to 30 s, never closer than 2 s."""

RESEND_REASONS = ("internal", "video_pull_failed", "photo_pull_failed")
"""Fail reasons after which TikTok's own documents allow a new init."""

MAX_RESENDS = 2

WATCHER = "follow"


@dataclass(frozen=True, slots=True)
class Watch:
    """How long to watch, in seconds, and what to tell after each answer."""

    budget_s: float
    told: Callable[[str], None] = lambda _: None


def follow(engine: Engine, post_id: str, watch: Watch | None = None) -> Post:
    """Ask TikTok until it has decided or the budget is used; the post then stays `processing`, resumable.

    Raises:
        NeedsPerson: the account cannot be asked about (consent, origin); the post itself may still go live.
    """
    watch = watch or Watch(engine.settings.poll_budget_seconds)
    post = posts.get(engine.ledger, post_id)
    if post.state is not PostState.PROCESSING:
        return post
    end = engine.ledger.now() + timedelta(seconds=watch.budget_s)
    wait = engine.settings.poll_seconds
    with Session(engine.settings, engine.ledger, post.account, engine.pause) as session:
        while not _is_decided(post) and (left := (end - engine.ledger.now()).total_seconds()) > 0:
            engine.pause(min(wait, max(left, 0.0)))
            try:
                post = ask(engine, session, post)
            except (Transient, WaitUntil, OutcomeUnknown) as failed:
                log.warning("could not ask about %s: %s", post.id, failed)
            watch.told(post.state.value)
            wait = min(max(wait * POLL_GROWTH, FASTEST_POLL_S), SLOWEST_POLL_S)
    return post


def sweep(engine: Engine) -> list[Post]:
    """Ask once about every post in processing, of all accounts; one that cannot be asked about stops no other."""
    return [look(engine, post) for post in posts.listed(engine.ledger, states=[PostState.PROCESSING])]


def look(engine: Engine, post: Post) -> Post:
    """Ask once about a post in processing; if TikTok cannot be asked, it stays as it is."""
    try:
        with Session(engine.settings, engine.ledger, post.account, engine.pause) as session:
            return ask(engine, session, post)
    except AirdateError as failed:
        log.warning("could not ask about %s: %s", post.id, failed)
        return post


def ask(engine: Engine, session: Session, post: Post) -> Post:
    """One question to TikTok about a post's newest submission, and what follows from the answer."""
    submission = submissions.of_post(engine.ledger, post.id)[-1]
    if submission.publish_id is None:
        return post
    return settle(engine, post, submission, session.status(submission.publish_id))


def settle(engine: Engine, post: Post, submission: Submission, status: PublishStatus) -> Post:
    """Write TikTok's answer into the ledger; an answer that decides nothing changes nothing."""
    if status.status == "PUBLISH_COMPLETE":
        return _published(engine, post, submission, status)
    if status.status == "SEND_TO_USER_INBOX" and submission.mode is Mode.INBOX:
        return posts.move(
            engine.ledger,
            post.id,
            PostState.DELIVERED,
            who=WATCHER,
            why="the draft is in the creator's inbox",
            unconfirmed=False,
        )
    if status.status == "FAILED":
        return _failed(engine, post, submission, status)
    if _is_lapsed(engine, submission, status):
        return _lapsed(engine, post, submission, status)
    return post


def _is_lapsed(engine: Engine, submission: Submission, status: PublishStatus) -> bool:
    """Whether bytes are missing that can never arrive, because the upload URL is dead."""
    sent, until = status.uploaded_bytes, submission.url_expires_at
    return sent is not None and sent < submission.film_size - 1 and until is not None and engine.ledger.now() > until


def _lapsed(engine: Engine, post: Post, submission: Submission, status: PublishStatus) -> Post:
    now = engine.ledger.now()
    error = NeedsPerson(
        "upload_lapsed",
        f"TikTok has {status.uploaded_bytes} of {submission.film_size} bytes, and the hour of the upload is over",
        item=post.id,
        rule="TikTok, Media Transfer Guide: an upload URL lives an hour; nothing is posted before the last byte",
        fix="nothing went out; send it again with `airdate posts retry`",
        log_id=status.log_id,
    )
    with engine.ledger.write() as connection:
        move_submission(
            connection,
            submission.id,
            SubmissionState.FAILED,
            now=now,
            fail_reason=error.code,
            **_log(submission, status),
        )
        move_post(
            connection,
            post.id,
            PostState.FAILED,
            who=WATCHER,
            why=error.message,
            now=now,
            unconfirmed=False,
            error=error_record(error),
        )
    return posts.get(engine.ledger, post.id)


def _published(engine: Engine, post: Post, submission: Submission, status: PublishStatus) -> Post:
    now = engine.ledger.now()
    ids = list(status.post_ids or post.tiktok_post_ids)
    with engine.ledger.write() as connection:
        if submission.state is not SubmissionState.COMPLETE:
            move_submission(connection, submission.id, SubmissionState.COMPLETE, now=now, **_log(submission, status))
        move_post(
            connection,
            post.id,
            PostState.PUBLISHED,
            who=WATCHER,
            why="TikTok published it",
            now=now,
            unconfirmed=False,
            tiktok_post_ids=ids,
            error=None,
        )
    return posts.get(engine.ledger, post.id)


def _failed(engine: Engine, post: Post, submission: Submission, status: PublishStatus) -> Post:
    now = engine.ledger.now()
    reason = status.fail_reason or "unknown"
    resends = sum(s.fail_reason in RESEND_REASONS for s in submissions.of_post(engine.ledger, post.id))
    again = reason in RESEND_REASONS and resends < MAX_RESENDS
    error = failure_for(reason, log_id=status.log_id)
    with engine.ledger.write() as connection:
        move_submission(
            connection,
            submission.id,
            SubmissionState.FAILED,
            now=now,
            fail_reason=reason,
            **_log(submission, status),
        )
        move_post(
            connection,
            post.id,
            PostState.PUBLISHING if again else PostState.FAILED,
            who=WATCHER,
            why=f"TikTok failed it: {reason}" + ("; it may be sent once more" if again else ""),
            now=now,
            unconfirmed=False,
            error=None if again else error_record(error),
        )
    return posts.get(engine.ledger, post.id)


def _log(submission: Submission, status: PublishStatus) -> dict[str, list[str]]:
    if not status.log_id or status.log_id in submission.log_ids:
        return {}
    return {"log_ids": [*submission.log_ids, status.log_id]}


def _is_decided(post: Post) -> bool:
    return post.state is not PostState.PROCESSING
