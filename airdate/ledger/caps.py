"""TikTok's limits of a day, counted from the ledger: a creator's posts, a creator's open drafts, an app's creators.

What TikTok documents as a number is kept: five drafts, five creators of an app it has not audited. Of a creator's
posts it says "about 15", and other apps share them; so 15 is planned with, and a post is stopped only by what a
refusal has taught. Until then TikTok is asked, which costs no attempt: creator_info, asked before each post anyway,
says when there is no more room.

What counts is every submission of the last 24 hours that was not refused or abandoned, under whatever name its
creator was added. A worker checks and writes its own submission in one transaction that holds the cap's row, so two
that see the last free place cannot both take it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Row, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from airdate.errors import NeedsPerson, WaitUntil, Who
from airdate.ledger.accounts import Account
from airdate.ledger.database import Ledger
from airdate.ledger.schema import accounts, caps, posts, submissions
from airdate.ledger.transitions import SETTLED
from airdate.post import Mode, SubmissionState

WINDOW = timedelta(hours=24)
"""All three are counted over 24 hours that slide (TikTok, Content Sharing Guidelines)."""

DEFAULT_POSTS = 15
"""A creator's posts by all apps together: "about 15", says TikTok, and that it varies (Content Sharing Guidelines).
To plan with; it stops nothing, because it would stop what TikTok takes from a creator with a larger cap."""

DRAFTS = 5
"""Drafts of a creator that are neither posted nor discarded (TikTok, Upload reference)."""

UNAUDITED_CREATORS = 5
"""Creators by whom an app that TikTok has not audited may post (TikTok, Content Sharing Guidelines)."""

FEWEST_LEARNED = 5
"""A refusal at fewer posts of ours than this says that other apps have used the cap up, not that it is so small."""

FORGOTTEN = timedelta(days=7)
"""How long a learned number holds. TikTok raises caps without a word; once a week one refusal finds that out."""

POSTS_WORD = "spam_risk_too_many_posts"
CREATORS_WORD = "reached_active_user_cap"
"""TikTok's words for a cap that is reached."""


@dataclass(frozen=True, slots=True)
class CapUse:
    """What a creator has used of the caps.

    Attributes:
        posts: direct posts of the last 24 hours.
        size: how many of them TikTok allows, as far as is known; what it has taken it allows.
        full_until: when the next one may go out; None when nothing is known against one now.
        drafts: drafts of the last 24 hours that are not finished, of `DRAFTS`.
    """

    posts: int
    size: int
    full_until: datetime | None
    drafts: int


@dataclass(frozen=True, slots=True)
class _Use:
    """One submission that counts."""

    open_id: str
    mode: Mode
    state: SubmissionState
    at: datetime


def use_of(ledger: Ledger, account: Account) -> CapUse:
    """What the account's creator has used, by now."""
    with ledger.read() as connection:
        return _use(connection, account, ledger.now())


def _use(connection: Connection, account: Account, now: datetime) -> CapUse:
    mine = [each for each in _uses(connection, account, now) if each.open_id == account.open_id]
    sent = sorted(each.at for each in mine if each.mode is Mode.DIRECT)
    row = _row(connection, account.rate_subject, "posts")
    learned = _size(row, now)
    size = learned or max(DEFAULT_POSTS, len(sent))
    return CapUse(len(sent), size, _full_until(row, sent, learned, now), len(_open_drafts(mine)))


def hold(connection: Connection, account: Account) -> None:
    """Hold the caps of the account until the transaction ends, against all others who would count as well."""
    for subject, cap in ((account.client_key, "creators"), (account.rate_subject, "posts")):
        insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        connection.execute(insert(caps).values(subject=subject, cap=cap).on_conflict_do_nothing())
        _row(connection, subject, cap, hold=True)


def check(
    connection: Connection, account: Account, mode: Mode, now: datetime, *, mended_at: datetime | None = None
) -> None:
    """Let one more submission pass, or say when it may.

    Args:
        mended_at: when a person brought the post back, which says that the creator has finished the older drafts.

    Raises:
        WaitUntil: a cap of the day is reached.
        NeedsPerson: the creator has five open drafts.
    """
    if mode is Mode.INBOX:
        _check_drafts(connection, account, now, mended_at)
    else:
        _check_posts(connection, account, now)
        _check_creators(connection, account, now)


def _check_posts(connection: Connection, account: Account, now: datetime) -> None:
    use = _use(connection, account, now)
    if use.full_until is None:
        return
    said = f"the creator has {use.posts} posts by Airdate in the last 24 hours"
    if use.posts < use.size:
        said = f"TikTok refused the creator's last post ({POSTS_WORD}); {said}"
    raise WaitUntil(
        "posts_cap_full",
        f"{said}; the next may go out at {use.full_until:%Y-%m-%d %H:%M} UTC",
        item=account.name,
        rule=f"TikTok, Content Sharing Guidelines: about {DEFAULT_POSTS} posts per creator and 24 hours over all apps; "
        f"{use.size} are planned with",
        fix="nothing: it goes out by itself, under its lateness policy",
        not_before=use.full_until,
    )


def _check_creators(connection: Connection, account: Account, now: datetime) -> None:
    last = _last_posts(_uses(connection, account, now))
    row = _row(connection, account.client_key, "creators")
    size = _size(row, now) or (None if account.audited else UNAUDITED_CREATORS)
    until = _full_until(row, sorted(last.values()), size, now)
    if until is None or account.open_id in last:
        return
    raise WaitUntil(
        "creators_cap_full",
        f"{len(last)} creators have posted by the app in the last 24 hours, and this one has not; it may at "
        f"{until:%Y-%m-%d %H:%M} UTC",
        item=account.name,
        rule=f"TikTok, Content Sharing Guidelines: {UNAUDITED_CREATORS} creators per 24 hours for an app it has not "
        f"audited, else what the audit allowed; {size or 'an unknown number'} here",
        fix="nothing: it goes out by itself, under its lateness policy",
        not_before=until,
    )


def _check_drafts(connection: Connection, account: Account, now: datetime, mended_at: datetime | None) -> None:
    mine = [each for each in _uses(connection, account, now) if each.open_id == account.open_id]
    waiting = [each for each in _open_drafts(mine) if mended_at is None or each.at >= mended_at]
    if len(waiting) < DRAFTS:
        return
    raise NeedsPerson(
        "drafts_full",
        f"{len(waiting)} drafts of the last 24 hours wait in the creator's inbox, and TikTok takes no more",
        item=account.name,
        rule=f"TikTok, Upload reference: at most {DRAFTS} unfinished drafts per creator in 24 hours",
        fix="have the creator post or discard drafts in TikTok's app, then `airdate posts retry`",
        who=Who.CREATOR,
    )


def learn(ledger: Ledger, account: Account, code: str) -> None:
    """Take note of TikTok's word that a cap is reached; other words teach nothing here."""
    if code not in (POSTS_WORD, CREATORS_WORD):
        return
    now = ledger.now()
    with ledger.write() as connection:
        hold(connection, account)
        uses = _uses(connection, account, now)
        if code == POSTS_WORD:
            own = sum(each.open_id == account.open_id and each.mode is Mode.DIRECT for each in uses)
            _lower(connection, account.rate_subject, "posts", own if own >= FEWEST_LEARNED else None, now)
        else:
            active = set(_last_posts(uses)) - {account.open_id}
            _lower(connection, account.client_key, "creators", len(active) or None, now)


def _lower(connection: Connection, subject: str, cap: str, seen: int | None, now: datetime) -> None:
    """The cap is reached: full for 24 hours from the first refusal, and its size is what was seen, if that is less."""
    row = _row(connection, subject, cap)
    known = _size(row, now)
    is_full = row is not None and row.full_until is not None and row.full_until > now
    values: dict[str, object] = {} if is_full else {"full_until": now + WINDOW}
    if seen is not None and (known is None or seen < known):
        values |= {"size": seen, "learned_at": now}
    if values:
        connection.execute(update(caps).where(caps.c.subject == subject, caps.c.cap == cap).values(**values))


def _uses(connection: Connection, account: Account, now: datetime) -> list[_Use]:
    """What the account's app has asked for in the window, by all its creators."""
    at = func.coalesce(submissions.c.asked_at, submissions.c.created_at)
    query = (
        select(accounts.c.open_id, submissions.c.mode, submissions.c.state, at.label("at"))
        .join(posts, posts.c.id == submissions.c.post_id)
        .join(accounts, accounts.c.name == posts.c.account)
        .where(accounts.c.client_key == account.client_key, at > now - WINDOW)
        .where(submissions.c.state.not_in([state.value for state in SETTLED]))
    )
    return [_Use(row.open_id, Mode(row.mode), SubmissionState(row.state), row.at) for row in connection.execute(query)]


def _last_posts(uses: Sequence[_Use]) -> dict[str, datetime]:
    """By creator, when they last posted."""
    last: dict[str, datetime] = {}
    for each in uses:
        if each.mode is Mode.DIRECT:
            last[each.open_id] = max(each.at, last.get(each.open_id, each.at))
    return last


def _open_drafts(uses: Sequence[_Use]) -> list[_Use]:
    return [each for each in uses if each.mode is Mode.INBOX and each.state is not SubmissionState.COMPLETE]


def _full_until(
    row: Row[tuple[object, ...]] | None, counted: Sequence[datetime], size: int | None, now: datetime
) -> datetime | None:
    """When there is room again: after TikTok's refusal, or when enough of what is counted has left the window."""
    refused: datetime | None = row.full_until if row is not None else None
    if refused is not None and refused > now:
        return refused
    if size is not None and len(counted) >= size:
        return counted[len(counted) - size] + WINDOW
    return None


def _size(row: Row[tuple[object, ...]] | None, now: datetime) -> int | None:
    """What TikTok's refusals taught, unless that was too long ago."""
    if row is None or row.learned_at is None or row.learned_at + FORGOTTEN <= now:
        return None
    size: int = row.size
    return size


def _row(connection: Connection, subject: str, cap: str, *, hold: bool = False) -> Row[tuple[object, ...]] | None:
    query = select(caps).where(caps.c.subject == subject, caps.c.cap == cap)
    return connection.execute(query.with_for_update() if hold else query).first()
