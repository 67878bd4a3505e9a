"""Pictures that lie open for TikTok to fetch, and what TikTok answered when it was asked to fetch them.

A row is written before its file can be seen, so that no file is forgotten there: whatever dies, the row tells what
has to be taken away again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from airdate.ledger.database import Ledger
from airdate.ledger.schema import events, posts, pulls, submissions
from airdate.ledger.submissions import Submission, fence
from airdate.ledger.transitions import move_post, move_submission, note
from airdate.post import PostState as P
from airdate.post import SubmissionState as S

KEPT = timedelta(days=1)
"""How long after a post's end its pictures stay; TikTok fetches within an hour (TikTok, Media Transfer Guide)."""

NAMES_A_QUESTION = 500
"""SQLite takes a bounded number of values in one statement."""

FETCHED_FROM = (P.PUBLISHING, P.PROCESSING)
"""In these states TikTok may be fetching, or be asked to."""


@dataclass(frozen=True, slots=True)
class Pull:
    """One picture under the address that TikTok can reach.

    Attributes:
        name: of its file; random, because the pictures may not be public yet.
        position: its place in the post, from 0.
    """

    name: str
    post_id: str
    position: int
    sha256: str
    size: int
    made_at: datetime


def of_post(ledger: Ledger, post_id: str) -> list[Pull]:
    """The post's pictures that were not taken away, in their order, the newest last where a place has several."""
    query = select(pulls).where(pulls.c.post_id == post_id, pulls.c.removed_at.is_(None))
    with ledger.read() as connection:
        return [_pull(row) for row in connection.execute(query.order_by(pulls.c.position, pulls.c.made_at))]


def announce(ledger: Ledger, post_id: str, epoch: int, made: Sequence[Pull]) -> None:
    """Write down the names that are about to appear.

    Raises:
        LeaseLost: the epoch is no longer the ledger's.
    """
    with ledger.write() as connection:
        fence(connection, post_id, epoch)
        connection.execute(
            insert(pulls),
            [
                {
                    "name": each.name,
                    "post_id": post_id,
                    "position": each.position,
                    "sha256": each.sha256,
                    "size": each.size,
                    "made_at": each.made_at,
                }
                for each in made
            ],
        )


def outdated(ledger: Ledger) -> list[Pull]:
    """Pictures of posts to which nothing has happened for a day, and which TikTok is not fetching."""
    before = ledger.now() - KEPT
    last = select(func.max(events.c.at)).where(events.c.post_id == pulls.c.post_id).scalar_subquery()
    query = (
        select(pulls)
        .join(posts, posts.c.id == pulls.c.post_id)
        .where(
            pulls.c.removed_at.is_(None),
            pulls.c.made_at <= before,
            posts.c.state.not_in([state.value for state in FETCHED_FROM]),
            last <= before,
        )
    )
    with ledger.read() as connection:
        return [_pull(row) for row in connection.execute(query)]


def give_up(ledger: Ledger, pull: Pull) -> bool:
    """Mark a picture as taken away, before it is; False when its post is on its way again and needs it.

    The post's row is locked meanwhile: a worker that takes the post up again either finds this name gone and makes
    another, or has moved the post to `publishing` and keeps it.
    """
    with ledger.write() as connection:
        state = connection.execute(
            select(posts.c.state).where(posts.c.id == pull.post_id).with_for_update()
        ).scalar_one()
        if P(state) in FETCHED_FROM:
            return False
        connection.execute(update(pulls).where(pulls.c.name == pull.name).values(removed_at=ledger.now()))
        return True


def given_up(ledger: Ledger, names: Sequence[str]) -> set[str]:
    """Those of the names whose pictures may go."""
    with ledger.read() as connection:
        query = select(pulls.c.name).where(pulls.c.removed_at.is_not(None))
        return {
            name
            for start in range(0, len(names), NAMES_A_QUESTION)
            for name in connection.execute(
                query.where(pulls.c.name.in_(names[start : start + NAMES_A_QUESTION]))
            ).scalars()
        }


def accept(ledger: Ledger, submission: Submission, publish_id: str, *, log_id: str | None, who: str) -> None:
    """Keep TikTok's answer to a pull, whoever holds the post by now.

    It needs no lease: nothing is sent because of it, and an id that was thrown away would leave a post of which
    nobody can ask what became. If a person has decided meanwhile, the decision stands and the id is kept with it.
    """
    now = ledger.now()
    with ledger.write() as connection:
        was = connection.execute(
            select(posts.c.state).where(posts.c.id == submission.post_id).with_for_update()
        ).scalar_one()
        row = connection.execute(select(submissions).where(submissions.c.id == submission.id)).one()
        facts: dict[str, Any] = {"publish_id": publish_id}
        if log_id and log_id not in row.log_ids:
            facts["log_ids"] = [*row.log_ids, log_id]
        if S(row.state) not in (S.ASKED, S.UNKNOWN):
            connection.execute(update(submissions).where(submissions.c.id == submission.id).values(**facts))
            why = f"TikTok's answer came late: it did take the pictures, as {publish_id}"
            note(connection, submission.post_id, P(was), P(was), who=who, why=why, now=now)
            return
        move_submission(connection, submission.id, S.ACCEPTED, now=now, **facts)
        why = "TikTok fetches the pictures and decides"
        if P(was) in FETCHED_FROM:
            move_post(
                connection,
                submission.post_id,
                P.PROCESSING,
                who=who,
                why=why,
                now=now,
                unconfirmed=False,
                publish_id=publish_id,
                error=None,
                not_before=None,
            )
        if P(was) is P.PROCESSING:
            why = f"its answer came late: {why}"
            note(connection, submission.post_id, P.PROCESSING, P.PROCESSING, who=who, why=why, now=now)


def lose(ledger: Ledger, submission: Submission, epoch: int, *, why: str, error: dict[str, Any], who: str) -> None:
    """Park a pull that was asked for and never answered: nobody may ask again, and a person is told.

    Raises:
        LeaseLost: the epoch is no longer the ledger's.
    """
    now = ledger.now()
    with ledger.write() as connection:
        fence(connection, submission.post_id, epoch)
        state = connection.execute(select(submissions.c.state).where(submissions.c.id == submission.id)).scalar_one()
        if S(state) not in (S.ASKED, S.UNKNOWN):
            return  # the answer came meanwhile, from the worker that had asked
        move_submission(connection, submission.id, S.UNKNOWN, now=now)
        move_post(
            connection,
            submission.post_id,
            P.PROCESSING,
            who=who,
            why=why,
            now=now,
            epoch=epoch,
            unconfirmed=True,
            error=error,
            not_before=None,
        )


def _pull(row: Row[Any]) -> Pull:
    return Pull(**{name: getattr(row, name) for name in Pull.__slots__})
