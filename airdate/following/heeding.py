"""What TikTok tells by itself: an event makes us look at once, and decides as good as nothing alone.

An event may come twice, late, or before the one it follows; nothing here sends anything or lets anything be sent that
TikTok's own status did not say.
"""

from __future__ import annotations

import logging
from datetime import datetime

from sqlalchemy import select, update

from airdate.engine import Engine
from airdate.errors import NeedsPerson, Who
from airdate.following.looking import look_now
from airdate.following.pace import LIST_SCOPE, TAKE_DOWN_WATCH
from airdate.following.settling import WATCHER, add_ids, begun
from airdate.following.taking_down import public_again, taken_down
from airdate.ledger import accounts, posts, submissions
from airdate.ledger.accounts import REVOKED
from airdate.ledger.posts import Post
from airdate.ledger.schema import accounts as accounts_table
from airdate.ledger.submissions import Submission
from airdate.ledger.transitions import SETTLED, note
from airdate.post import PostState
from airdate.tiktok.webhooks import Event, Kind

log = logging.getLogger(__name__)

ABOUT_A_POST = (Kind.FAILED, Kind.COMPLETE, Kind.INBOX_DELIVERED, Kind.PUBLIC, Kind.NO_LONGER_PUBLIC)

_ASK = "TikTok is asked for the post's status at once; that answer counts, the event does not"

DEEDS = {
    Kind.FAILED: (Who.NOBODY, _ASK, "the failed post names who must act: see the fail reasons above"),
    Kind.COMPLETE: (Who.NOBODY, _ASK, None),
    Kind.INBOX_DELIVERED: (Who.CREATOR, _ASK, "have the creator finish the draft in TikTok's app"),
    Kind.PUBLIC: (Who.NOBODY, f"{_ASK}; the public post's id is kept", None),
    Kind.NO_LONGER_PUBLIC: (
        Who.CONTENT,
        "the post is looked for where the creator granted video.list, else TikTok's word is taken: taken down",
        "ask the creator whether it was deleted or made private; if TikTok removed it, the reason is in their app",
    ),
    Kind.AUTHORIZATION_REMOVED: (
        Who.CREATOR,
        "the account is stopped, code authorization_removed, unless it has a newer consent",
        "let the creator consent again: `airdate account connect` with the account's name",
    ),
}
"""Who must act on an event, what is done about it, and what is left to do (TikTok, Webhook Events)."""

REMOVALS = {
    "1": (Who.CREATOR, "the creator disconnected the app"),
    "2": (Who.CREATOR, "the creator's TikTok account was deleted"),
    "3": (Who.CREATOR, "the creator's age in TikTok changed, which ends the consent"),
    "4": (Who.CREATOR, "TikTok banned the creator's account"),
    "5": (Who.OPERATOR, "the app's developer revoked the consent"),
}
"""Who must act, and what happened, by TikTok's `reason` (TikTok, Webhook Events: authorization.removed)."""


def heed(engine: Engine, event: Event) -> Post | None:
    """Do what an event that is TikTok's asks for; the post it was about, if it is one of ours.

    Raises:
        Transient: the ledger does not answer.
    """
    if event.kind == Kind.AUTHORIZATION_REMOVED:
        _removed(engine, event)
        return None
    submission = _ours(engine, event) if event.kind in ABOUT_A_POST else None
    if submission is None:
        log.info("TikTok's event %.60s is about nothing of ours, and is ignored", event.kind)
        return None
    post = posts.get(engine.ledger, submission.post_id)
    if event.kind not in (Kind.PUBLIC, Kind.NO_LONGER_PUBLIC):
        return look_now(engine, post)
    # The status is asked first: it may decide the post, and tell the id itself.
    look_now(engine, post)
    post = _with_id(engine, submission, event)
    return _public(engine, post, event) if event.kind == Kind.PUBLIC else _gone(engine, post, event)


def _ours(engine: Engine, event: Event) -> Submission | None:
    """The submission that the event is about, if the app and the creator are those of its account."""
    submission = submissions.by_publish_id(engine.ledger, event.publish_id) if event.publish_id else None
    if submission is None:
        return None
    account = accounts.get(engine.ledger, posts.get(engine.ledger, submission.post_id).account)
    is_theirs = account.client_key == event.client_key and event.open_id in (None, account.open_id)
    return submission if is_theirs else None


def _with_id(engine: Engine, submission: Submission, event: Event) -> Post:
    """Keep the id of the public post, if the submission is the one by which the post went out."""
    account = accounts.get(engine.ledger, posts.get(engine.ledger, submission.post_id).account)
    with engine.ledger.write() as connection:
        now = engine.ledger.now()
        post = posts.find(connection, submission.post_id)
        settling = begun(connection, post, submission, now)
        if settling is not None and settling.submission.state not in SETTLED:
            if event.post_id and event.post_id not in post.tiktok_post_ids:
                add_ids(settling, [event.post_id], account.scopes)
        elif event.kind == Kind.PUBLIC:
            why = f"TikTok says that {submission.publish_id} is public as post {event.post_id}, though it was given up"
            note(connection, post.id, post.state, post.state, who=WATCHER, why=why, now=now)
            log.error("%s: %s", post.id, why)
    return posts.get(engine.ledger, submission.post_id)


def _public(engine: Engine, post: Post, event: Event) -> Post:
    return public_again(engine, post.id, _when(engine, event))


def _gone(engine: Engine, post: Post, event: Event) -> Post:
    """Take TikTok's word, or look a second time where that is allowed: events come in any order."""
    if post.state is not PostState.PUBLISHED or post.taken_down_at is not None:
        return post
    if event.post_id not in post.tiktok_post_ids:
        return post
    at = _when(engine, event)
    if LIST_SCOPE in accounts.get(engine.ledger, post.account).scopes:
        posts.store(engine.ledger, post.id, missing_since=at, watched_until=at + TAKE_DOWN_WATCH)
        return look_now(engine, posts.get(engine.ledger, post.id), told=True)
    if len(post.tiktok_post_ids) > 1:
        with engine.ledger.write() as connection:
            why = f"TikTok says that post {event.post_id} is public no more; of the others it says nothing"
            note(connection, post.id, post.state, post.state, who=WATCHER, why=why, now=engine.ledger.now())
        return post
    return taken_down(engine, post.id, "TikTok says that it is public no more", at)


def _when(engine: Engine, event: Event) -> datetime:
    now = engine.ledger.now()
    return min(event.created_at or now, now)


def _removed(engine: Engine, event: Event) -> None:
    """Block the creator's accounts under this app, unless they got a new consent since."""
    who, what = REMOVALS.get(event.reason or "", (Who.CREATOR, "the creator's consent ended, TikTok does not say why"))
    table, at = accounts_table.c, _when(engine, event)
    mine = (table.client_key == event.client_key, table.open_id == event.open_id)
    columns = (table.name, table.access_issued_at, table.created_at, table.blocked)
    with engine.ledger.write() as connection:
        for row in connection.execute(select(*columns).where(*mine)).all():
            if (row.blocked or {}).get("code") == REVOKED:
                continue  # TikTok tells of what was done here
            if max(row.access_issued_at or row.created_at, row.created_at) > at:
                log.warning("%s has a newer consent than the one TikTok says is removed", row.name)
                continue
            error = NeedsPerson(
                "authorization_removed",
                f"{what}, so TikTok takes nothing more for this account",
                item=row.name,
                rule=f"TikTok, webhook authorization.removed, reason {event.reason or 'unknown'}",
                fix=f"let the creator consent again: `airdate account connect {row.name} …`",
                who=who,
            )
            connection.execute(update(accounts_table).where(table.name == row.name).values(blocked=error.as_dict()))
            log.warning("%s", error)
