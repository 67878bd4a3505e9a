"""When TikTok is asked about a post again: appointments in the ledger, which any process may keep, each once.

Open are the posts in `processing`; watched are those delivered or published whose `watched_until` lies ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from airdate.ledger.database import Ledger
from airdate.ledger.schema import posts
from airdate.post import PostState

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""The appointment of a post that only a person asks about."""

WATCHABLE = (PostState.DELIVERED, PostState.PUBLISHED)


@dataclass(frozen=True, slots=True)
class Appointment:
    """A post that is due to be looked at.

    Attributes:
        at: since when; None for one that has not been looked at in its present state.
    """

    post_id: str
    at: datetime | None


def accounts_due(ledger: Ledger) -> list[str]:
    """The accounts that have a post to look at now, the one whose post has waited longest first."""
    waited = func.min(func.coalesce(posts.c.look_at, posts.c.updated_at))
    query = select(posts.c.account).where(_is_due(ledger.now())).group_by(posts.c.account).order_by(waited)
    with ledger.read() as connection:
        return list(connection.execute(query).scalars())


def due(ledger: Ledger, account: str, *, most: int) -> list[Appointment]:
    """The posts of an account to look at now: those never looked at, then the one that has waited longest."""
    query = (
        select(posts.c.id, posts.c.look_at)
        .where(posts.c.account == account, _is_due(ledger.now()))
        .order_by(posts.c.look_at.asc().nulls_first(), posts.c.created_at, posts.c.id)
        .limit(most)
    )
    with ledger.read() as connection:
        return [Appointment(row.id, row.look_at) for row in connection.execute(query)]


def count_due(ledger: Ledger) -> int:
    """How many posts wait to be looked at now."""
    return _count(ledger, _is_due(ledger.now()))


def count_open(ledger: Ledger) -> int:
    """How many posts TikTok has not decided."""
    return _count(ledger, posts.c.state == PostState.PROCESSING.value)


def keep(ledger: Ledger, appointment: Appointment, again: datetime) -> bool:
    """Make the next appointment before looking; False when somebody else keeps this one.

    Whoever dies while looking has only put the post off, and no two ask about one post at a time.
    """
    with ledger.write(durable=False) as connection:
        done = connection.execute(
            update(posts)
            .where(posts.c.id == appointment.post_id, posts.c.look_at.is_not_distinct_from(appointment.at))
            .values(look_at=again)
        )
        return done.rowcount == 1


def put(ledger: Ledger, post_id: str, at: datetime | None) -> None:
    """Have the post looked at at that instant; None is at once."""
    with ledger.write(durable=False) as connection:
        connection.execute(update(posts).where(posts.c.id == post_id).values(look_at=at))


def recall(ledger: Ledger) -> None:
    """Have every open post looked at now, those that have waited longest first; a person asks."""
    now = ledger.now()
    early = (posts.c.state == PostState.PROCESSING.value, posts.c.look_at > now)
    with ledger.write(durable=False) as connection:
        connection.execute(update(posts).where(*early).values(look_at=now))


def _count(ledger: Ledger, which: ColumnElement[bool]) -> int:
    with ledger.read() as connection:
        return int(connection.execute(select(func.count()).select_from(posts).where(which)).scalar_one())


def _is_due(now: datetime) -> ColumnElement[bool]:
    is_open = posts.c.state == PostState.PROCESSING.value
    is_watched = and_(posts.c.state.in_([state.value for state in WATCHABLE]), posts.c.watched_until > now)
    return and_(or_(is_open, is_watched), or_(posts.c.look_at.is_(None), posts.c.look_at <= now))
