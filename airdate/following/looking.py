"""One look at a post: the question that its state allows, and what follows from the answer."""

from __future__ import annotations

import logging
from datetime import timedelta

from airdate.engine import Engine
from airdate.errors import AirdateError, NeedsPerson, OutcomeUnknown, WaitUntil, Who
from airdate.following.pace import LIST_SCOPE, is_overdue, may_get_ids
from airdate.following.searching import search
from airdate.following.settling import ASK_PERSON, FOLLOWED, ask_person, forgotten, overdue, settle
from airdate.following.taking_down import query
from airdate.ledger import looks, posts, submissions
from airdate.ledger.posts import Post
from airdate.post import PostState, SubmissionState
from airdate.tiktok.session import Session
from airdate.tiktok.tokens import Stopped

log = logging.getLogger(__name__)

PATIENCE_S = 5.0
"""How long a question that others wait behind may wait for a TikTok that has a fault."""

FOREIGN_ID = "token_not_authorized_for_specified_publish_id"
"""TikTok's word for: the account under this name is another creator's by now."""


def look(engine: Engine, post: Post) -> Post:
    """Ask about a post; if TikTok cannot be asked, it stays as it is."""
    try:
        with Session(engine.settings, engine.ledger, post.account, engine.pause) as session:
            return ask(engine, session, post)
    except AirdateError as failed:
        log.warning("could not ask about %s: %s", post.id, failed)
        return post


def look_now(engine: Engine, post: Post, *, told: bool = False) -> Post:
    """Ask about a post at once, waiting for nothing; if that cannot be, the next round of the sweep asks first.

    Args:
        told: TikTok says by itself that the post is gone.
    """
    if post.state not in FOLLOWED:
        return post
    try:
        pause = Patience(engine, post.account)
        with Session(engine.settings, engine.ledger, post.account, pause, spare=0) as session:
            return ask(engine, session, post, told=told)
    except AirdateError as failed:
        log.warning("could not ask about %s at once: %s", post.id, failed)
        looks.put(engine.ledger, post.id, None)
        return post


class Patience:
    """A pause for those that must not wait long for a TikTok that has a fault."""

    def __init__(self, engine: Engine, account: str, seconds: float = PATIENCE_S) -> None:
        self._engine = engine
        self._account = account
        self._left = seconds

    def __call__(self, seconds: float) -> None:
        """Wait, as long as there is patience left.

        Raises:
            WaitUntil: there is not.
        """
        self._left -= seconds
        if self._left < 0:
            raise WaitUntil(
                "asked_later",
                "TikTok has a fault, and this question does not wait for it",
                item=self._account,
                fix="nothing: it is asked again in a later round",
                not_before=self._engine.ledger.now() + timedelta(seconds=seconds),
            )
        self._engine.pause(seconds)


def ask(engine: Engine, session: Session, post: Post, *, told: bool = False) -> Post:
    """One question to TikTok about a post, and what follows from the answer.

    Args:
        told: TikTok says by itself that the post is gone.

    Raises:
        AirdateError: TikTok cannot be asked now.
    """
    if wants_status(post):
        post = ask_status(engine, session, post)
    if is_there_question(post) and LIST_SCOPE in session.account.scopes:
        (post,) = query(engine, session, [post], told=told)
    return post


def wants_status(post: Post) -> bool:
    """Whether TikTok's status can still tell something about the post."""
    return post.state in FOLLOWED and (
        post.state is not PostState.PUBLISHED or may_get_ids(post.options, post.tiktok_post_ids)
    )


def is_there_question(post: Post) -> bool:
    """Whether it can be asked if the post is there still."""
    return post.state is PostState.PUBLISHED and bool(post.tiktok_post_ids) and post.taken_down_at is None


def ask_status(engine: Engine, session: Session, post: Post) -> Post:
    """Ask for the status of the post's newest submission; one without a publish id is searched for."""
    known = submissions.of_post(engine.ledger, post.id)
    if not known:
        return post
    submission = known[-1]
    if submission.publish_id is None:
        if submission.state is SubmissionState.UNKNOWN and post.state is PostState.PROCESSING:
            return search(engine, session, post, submission)
        return post
    try:
        status = session.status(submission.publish_id)
    except OutcomeUnknown as unknown:
        return forgotten(engine, post, submission, unknown)
    except NeedsPerson as refused:
        if refused.code != FOREIGN_ID:
            raise
        foreign = OutcomeUnknown(
            refused.code, refused.message, item=post.id, fix=refused.fix, who=Who.OPERATOR, log_id=refused.log_id
        )
        return ask_person(engine, post, submission, foreign)
    return settle(engine, post, submission, status, scopes=session.account.scopes)


def mark_stopped(engine: Engine, post_id: str, stopped: Stopped) -> None:
    """Ask a person about a post in processing whose account is stopped, so that nobody can ask TikTok."""
    post, known = posts.get(engine.ledger, post_id), submissions.of_post(engine.ledger, post_id)
    if post.state is not PostState.PROCESSING or not known:
        return
    error = OutcomeUnknown(
        "account_stopped",
        f"TikTok cannot be asked about it, because {post.account} is stopped ({stopped.code}: {stopped.message})",
        item=post.id,
        rule="only the creator's own consent lets us ask",
        fix=f"{stopped.fix}; or {ASK_PERSON}",
        who=Who.OPERATOR,
    )
    ask_person(engine, post, known[-1], error, unconfirmed=post.unconfirmed)


def mark_overdue(engine: Engine, post_id: str) -> None:
    """Ask a person about a post that TikTok has not decided in days, even if TikTok cannot be asked."""
    post, known = posts.get(engine.ledger, post_id), submissions.of_post(engine.ledger, post_id)
    if post.state is not PostState.PROCESSING or post.error is not None or not known:
        return
    if is_overdue(known[-1].asked_at, engine.ledger.now()):
        ask_person(engine, post, known[-1], overdue(post))
