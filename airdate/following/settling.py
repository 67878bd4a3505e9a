"""What an answer of TikTok makes of a post: one transaction, in which the post must still be what was asked about.

Two may ask at once, and an answer may be late: meanwhile the post was decided, or sent anew. Such an answer changes
nothing.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from airdate import brake
from airdate.engine import Engine
from airdate.errors import AirdateError, NeedsPerson, OutcomeUnknown, Who
from airdate.following.pace import DRAFT_WATCH, OVERDUE, is_overdue, next_look, watch_of
from airdate.ledger import accounts, caps, posts, submissions
from airdate.ledger.looks import WATCHABLE
from airdate.ledger.posts import Post
from airdate.ledger.submissions import Submission
from airdate.ledger.transitions import SETTLED, move_post, move_submission, note
from airdate.outcome import error_record
from airdate.post import Mode, PostState, SubmissionState
from airdate.tiktok.answers import PublishStatus
from airdate.tiktok.chunks import has_all
from airdate.tiktok.codes import failure_for

log = logging.getLogger(__name__)

RESEND_REASONS = ("internal", "video_pull_failed", "photo_pull_failed")
"""Fail reasons after which TikTok's own documents allow a new init."""

MAX_RESENDS = 2

WATCHER = "follow"

FOLLOWED = (PostState.PROCESSING, *WATCHABLE)

ASK_PERSON = "look at the creator's account, then say what you found with `airdate posts resolve`"


class Settling:
    """One transaction on a post and its newest submission, as they are now.

    Attributes:
        post: the post, its row locked.
        submission: its newest submission.
    """

    def __init__(self, connection: Connection, post: Post, submission: Submission, now: datetime) -> None:
        self.connection = connection
        self.post = post
        self.submission = submission
        self.now = now

    def move(self, to: PostState, why: str, **values: Any) -> None:
        """Move the post and store `values`."""
        move_post(self.connection, self.post.id, to, who=WATCHER, why=why, now=self.now, **values)
        self.post = posts.find(self.connection, self.post.id)

    def store(self, **values: Any) -> None:
        """Store `values` without a move or an event."""
        self.move(self.post.state, "", **values)

    def tell(self, why: str) -> None:
        """Leave a line in the post's story."""
        note(self.connection, self.post.id, self.post.state, self.post.state, who=WATCHER, why=why, now=self.now)

    def end(self, to: SubmissionState, log_id: str | None, **values: Any) -> None:
        """Settle the submission, unless it is; TikTok's log id is kept."""
        if self.submission.state is to:
            return
        if log_id and log_id not in self.submission.log_ids:
            values["log_ids"] = [*self.submission.log_ids, log_id]
        move_submission(self.connection, self.submission.id, to, now=self.now, **values)


def begun(connection: Connection, post: Post, submission: Submission, now: datetime) -> Settling | None:
    """The post as it is now, if the answer still is about it."""
    fresh = posts.find(connection, post.id)
    newest = submissions.newest(connection, post.id)
    if newest is None or newest.id != submission.id or fresh.state not in FOLLOWED:
        return None
    return Settling(connection, fresh, newest, now)


def settle(
    engine: Engine, post: Post, submission: Submission, status: PublishStatus, *, scopes: tuple[str, ...] = ()
) -> Post:
    """Write TikTok's answer about a submission into the ledger; one that decides nothing moves nothing.

    Args:
        scopes: what the creator granted, by which a take-down can be noticed or not.
    """
    has_failed = False
    with engine.ledger.write() as connection:
        now = engine.ledger.now()
        if (settling := begun(connection, post, submission, now)) is not None:
            is_open = settling.submission.state not in (*SETTLED, SubmissionState.COMPLETE)
            has_failed = is_open and status.status == "FAILED"
            _settle(settling, status, scopes)
    if has_failed:
        # One post's failure may tell about all: a cap that is reached, a fault of TikTok's.
        failure = failure_for(status.fail_reason, log_id=status.log_id)
        brake.heard(engine.ledger, post.account, failure, processing=True)
        caps.learn(engine.ledger, accounts.get(engine.ledger, post.account), failure.code)
    return posts.get(engine.ledger, post.id)


def ask_person(
    engine: Engine, post: Post, submission: Submission, error: AirdateError, *, unconfirmed: bool = True
) -> Post:
    """TikTok cannot tell what became of a post in processing: it stays that, unconfirmed, and asks for a person.

    Args:
        error: why; told once as long as it stays the same.
        unconfirmed: TikTok may not even have all of it.
    """
    with engine.ledger.write() as connection:
        now = engine.ledger.now()
        settling = begun(connection, post, submission, now)
        if settling is not None and settling.post.state is PostState.PROCESSING:
            _ask_person(settling, error, unconfirmed=unconfirmed)
    return posts.get(engine.ledger, post.id)


def forgotten(engine: Engine, post: Post, submission: Submission, error: OutcomeUnknown) -> Post:
    """TikTok does not know the publish id any more: a person is asked about an open post; a watched one is let go."""
    if post.state is PostState.PROCESSING:
        return ask_person(engine, post, submission, error)
    with engine.ledger.write() as connection:
        settling = begun(connection, post, submission, engine.ledger.now())
        if settling is not None and settling.post.state in WATCHABLE:
            settling.store(watched_until=None)
            settling.tell(f"TikTok does not keep its publish id any more ({error.code}); it is watched no longer")
    return posts.get(engine.ledger, post.id)


def overdue(post: Post) -> OutcomeUnknown:
    """The error of a post that TikTok has not decided in time."""
    return OutcomeUnknown(
        "undecided",
        f"TikTok has not decided within {OVERDUE.total_seconds() / 3600:.0f} hours",
        item=post.id,
        rule="TikTok promises no time; nearly all are decided within hours",
        fix=ASK_PERSON,
        who=Who.OPERATOR,
    )


def _settle(settling: Settling, status: PublishStatus, scopes: tuple[str, ...]) -> None:
    post, submission = settling.post, settling.submission
    if status.status == "PUBLISH_COMPLETE":
        _published(settling, status, scopes)
    elif post.state is PostState.PUBLISHED:
        log.warning("%s is published, and TikTok now says %s; nothing is changed", post.id, status.status)
    elif status.status == "FAILED":
        _failed(settling, status)
    elif post.state is PostState.PROCESSING:
        if status.status == "SEND_TO_USER_INBOX" and submission.mode is Mode.INBOX:
            until = settling.now + DRAFT_WATCH
            _arrived(settling, PostState.DELIVERED, "the draft is in the creator's inbox", watched_until=until)
        elif _is_lapsed(settling, status):
            _lapsed(settling, status)
        else:
            _undecided(settling)


def _arrived(settling: Settling, to: PostState, why: str, **values: Any) -> None:
    settling.move(to, why, unconfirmed=False, error=None, **values)
    settling.store(look_at=next_look(settling.post, settling.submission.asked_at, settling.now))


def _published(settling: Settling, status: PublishStatus, scopes: tuple[str, ...]) -> None:
    post = settling.post
    ids = list(dict.fromkeys([*post.tiktok_post_ids, *status.post_ids]))
    settling.end(SubmissionState.COMPLETE, status.log_id)
    if post.state is not PostState.PUBLISHED:
        until = watch_of(post.options, ids, scopes, settling.now)
        _arrived(settling, PostState.PUBLISHED, "TikTok published it", tiktok_post_ids=ids, watched_until=until)
    elif new := [name for name in ids if name not in post.tiktok_post_ids]:
        add_ids(settling, new, scopes)


def add_ids(settling: Settling, new: list[str], scopes: tuple[str, ...]) -> None:
    """Keep the ids under which a post is public, and watch it from now on for a take-down if that can be noticed."""
    post, ids = settling.post, [*settling.post.tiktok_post_ids, *new]
    is_out = post.state is PostState.PUBLISHED
    until = watch_of(post.options, ids, scopes, settling.now) if is_out else post.watched_until
    settling.store(tiktok_post_ids=ids, watched_until=until)
    settling.tell(f"public as TikTok post {', '.join(new)}")


def _failed(settling: Settling, status: PublishStatus) -> None:
    post, reason = settling.post, status.fail_reason or "unknown"
    failed = [submission.fail_reason for submission in submissions.of(settling.connection, post.id)]
    resends = sum(each in RESEND_REASONS for each in failed)
    # A draft that was delivered is the creator's; what becomes of it there is not ours to send again.
    again = post.state is PostState.PROCESSING and reason in RESEND_REASONS and resends < MAX_RESENDS
    failure = failure_for(reason, log_id=status.log_id)
    failure.item = post.id
    settling.end(SubmissionState.FAILED, status.log_id, fail_reason=reason)
    settling.move(
        PostState.PUBLISHING if again else PostState.FAILED,
        f"TikTok failed it: {reason}" + ("; it may be sent once more" if again else ""),
        unconfirmed=False,
        error=None if again else error_record(failure),
    )


def _is_lapsed(settling: Settling, status: PublishStatus) -> bool:
    """Whether bytes are missing that can never arrive, because the upload URL is dead.

    What TikTok acknowledged whole may still go live, whatever it counts later: it stays undecided.
    """
    sent, until, size = status.uploaded_bytes, settling.submission.url_dead_at, settling.submission.film_size
    is_short = sent is not None and not has_all(sent, size) and settling.submission.acknowledged < size
    return is_short and until is not None and settling.now > until


def _lapsed(settling: Settling, status: PublishStatus) -> None:
    error = NeedsPerson(
        "upload_lapsed",
        f"TikTok has {status.uploaded_bytes} of {settling.submission.film_size} bytes, and the hour of the upload is "
        "over",
        item=settling.post.id,
        rule="TikTok, Media Transfer Guide: an upload URL lives an hour; nothing is posted before the last byte",
        fix="nothing went out; send it again with `airdate posts retry`",
        log_id=status.log_id,
    )
    settling.end(SubmissionState.FAILED, status.log_id, fail_reason=error.code)
    settling.move(PostState.FAILED, error.message, unconfirmed=False, error=error_record(error))


def _undecided(settling: Settling) -> None:
    """TikTok knows it and has not decided."""
    post = settling.post
    if is_overdue(settling.submission.asked_at, settling.now):
        _ask_person(settling, overdue(post))
    elif post.error is not None:
        settling.store(error=None)
        settling.tell("TikTok tells about it again")


def _ask_person(settling: Settling, error: AirdateError, *, unconfirmed: bool = True) -> None:
    known = settling.post.error or {}
    if (known.get("code"), known.get("message")) == (error.code, error.message):
        return
    settling.store(unconfirmed=unconfirmed, error=error_record(error))
    settling.tell(f"{error.code}: {error.message}; a person is asked")
