"""Which state may follow which, for posts and submissions; every move is one compare-and-set and one event."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, insert, select, update

from airdate.errors import NeedsPerson, Transient
from airdate.ledger.schema import events, posts, submissions
from airdate.post import PostState as P
from airdate.post import SubmissionState as S
from airdate.post import Transfer

POST_MOVES: dict[P, frozenset[P]] = {
    P.PLANNED: frozenset({P.PREPARING, P.HELD, P.CANCELLED, P.MISSED, P.FAILED}),
    P.PREPARING: frozenset({P.READY, P.PLANNED, P.HELD, P.CANCELLED, P.MISSED, P.FAILED}),
    P.READY: frozenset({P.PUBLISHING, P.PREPARING, P.PLANNED, P.HELD, P.CANCELLED, P.MISSED, P.FAILED}),
    P.PUBLISHING: frozenset({P.PROCESSING, P.READY, P.HELD, P.CANCELLED, P.FAILED}),
    P.PROCESSING: frozenset({P.PUBLISHED, P.DELIVERED, P.FAILED, P.PUBLISHING}),
    P.DELIVERED: frozenset({P.PUBLISHED, P.FAILED}),
    P.HELD: frozenset({P.PLANNED, P.CANCELLED}),
    P.MISSED: frozenset({P.PLANNED, P.CANCELLED}),
    P.FAILED: frozenset({P.PLANNED}),
    P.CANCELLED: frozenset({P.PLANNED}),
    P.PUBLISHED: frozenset(),
}
"""From `failed` and `cancelled` only a person's word (`posts retry`) leads back."""

SUBMISSION_MOVES: dict[S, frozenset[S]] = {
    S.INTENDED: frozenset({S.ASKED, S.ABANDONED}),
    S.ASKED: frozenset({S.OPEN, S.ACCEPTED, S.FAILED, S.ABANDONED, S.UNKNOWN}),
    S.OPEN: frozenset({S.COMMITTING, S.ACCEPTED, S.COMPLETE, S.FAILED, S.ABANDONED}),
    S.COMMITTING: frozenset({S.ACCEPTED, S.COMPLETE, S.FAILED, S.ABANDONED}),
    S.ACCEPTED: frozenset({S.COMPLETE, S.FAILED}),
    S.UNKNOWN: frozenset({S.ACCEPTED, S.COMPLETE, S.FAILED, S.ABANDONED}),
    S.COMPLETE: frozenset(),
    S.FAILED: frozenset(),
    S.ABANDONED: frozenset(),
}

SETTLED = frozenset({S.FAILED, S.ABANDONED})
"""Only when every earlier submission of a post is settled may it have a new one: no two could both go live."""

UNSENT = frozenset({S.INTENDED, S.ASKED, S.OPEN})
"""Before the commit mark nothing can go live: without its last bytes TikTok has no film."""


def is_unsent(transfer: Transfer, state: S) -> bool:
    """Whether a submission in this state can still be kept from going live by doing nothing more for it.

    A pull that was asked for may be live already, answer or no answer: TikTok needs nothing more from us.
    """
    return state in UNSENT if transfer is Transfer.UPLOAD else state is S.INTENDED


class LeaseLost(Transient):
    """Another worker holds the post now; this one must not write or send anything more for it."""

    def __init__(self, post_id: str) -> None:
        super().__init__(
            "lease_lost",
            "another worker took this post over, so this one stopped",
            item=post_id,
            fix="nothing: the other worker goes on",
        )


def move_post(
    connection: Connection,
    post_id: str,
    to: P,
    *,
    who: str,
    why: str,
    now: datetime,
    epoch: int | None = None,
    **values: Any,
) -> None:
    """Move a post, store `values` with it, and leave an event.

    Args:
        epoch: the writer's lease; None for writers without one (a person, the calendar).

    Raises:
        LeaseLost: the epoch is no longer the ledger's.
        NeedsPerson: the move is not allowed from the state the post is in.
    """
    row = connection.execute(select(posts.c.state, posts.c.lease_epoch).where(posts.c.id == post_id)).one()
    was = P(row.state)
    if epoch is not None and row.lease_epoch != epoch:
        raise LeaseLost(post_id)
    if to is not was and to not in POST_MOVES[was]:
        raise NeedsPerson(
            "move_not_allowed",
            f"a post that is {was} cannot become {to}",
            item=post_id,
            rule=f"from {was} a post may become {', '.join(sorted(POST_MOVES[was])) or 'nothing else'}",
            fix="look at it with `airdate posts show`",
        )
    if to is not was:
        # What was to be looked at in the old state is another question than in the new one.
        values = {"look_at": None, **values}
    same = [posts.c.id == post_id, posts.c.state == was.value]
    if epoch is not None:
        same.append(posts.c.lease_epoch == epoch)
    done = connection.execute(update(posts).where(and_(*same)).values(state=to.value, updated_at=now, **values))
    if done.rowcount != 1:
        raise LeaseLost(post_id)
    if to is not was:
        note(connection, post_id, was, to, who=who, why=why, now=now)


def note(connection: Connection, post_id: str, was: P | None, to: P, *, who: str, why: str, now: datetime) -> None:
    """Leave an event row: who, when, from, to, why."""
    connection.execute(
        insert(events).values(
            post_id=post_id, at=now, who=who, from_state=was.value if was else None, to_state=to.value, why=why
        )
    )


def move_submission(connection: Connection, submission_id: int, to: S, *, now: datetime, **values: Any) -> None:
    """Move a submission by compare-and-set and store `values` with it.

    Raises:
        NeedsPerson: the move is not allowed: a bug, or somebody changed the ledger by hand.
    """
    was = S(connection.execute(select(submissions.c.state).where(submissions.c.id == submission_id)).scalar_one())
    if to is not was and to not in SUBMISSION_MOVES[was]:
        raise NeedsPerson(
            "move_not_allowed",
            f"a submission that is {was} cannot become {to}",
            item=f"submission {submission_id}",
            fix="look at the post with `airdate posts show` and report this",
        )
    connection.execute(
        update(submissions)
        .where(submissions.c.id == submission_id, submissions.c.state == was.value)
        .values(state=to.value, updated_at=now, **values)
    )
