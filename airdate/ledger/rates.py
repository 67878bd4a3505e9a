"""TikTok's per-minute limits as ledger rows, shared by all workers: work waits its turn instead of hitting 429.

A subject (one creator's user token) has as many slots per call as TikTok allows in a minute. To make a call is to
take a free slot by one UPDATE; the slot is free again a minute after the answer came. That is an exact sliding
window: no minute, wherever it begins, holds more calls than slots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects import postgresql, sqlite

from airdate.ledger.database import Ledger
from airdate.ledger.schema import rate_slots

LIMITS = {"init": 6, "creator_info": 20, "status": 30}
"""Calls a minute per user access token (TikTok, API reference). Other calls have no documented limit."""

WINDOW = timedelta(seconds=60)
LONGEST_CALL = timedelta(seconds=60)
"""Until the answer is here a slot counts as used for the window and the longest a call may take, so that a call
whose process died is counted too."""


@contextmanager
def slot(ledger: Ledger, subject: str, call: str, pause: Callable[[float], None]) -> Iterator[None]:
    """Hold one of the subject's slots for `call` during an HTTP attempt, after waiting for it if need be."""
    if call not in LIMITS:
        yield
        return
    _provide(ledger, subject, call)
    while (taken := _take(ledger, subject, call)) is None:
        pause(max(0.05, _seconds_until_free(ledger, subject, call)))
    try:
        yield
    finally:
        with ledger.write(durable=False) as connection:
            connection.execute(
                update(rate_slots)
                .where(*_mine(subject, call), rate_slots.c.number == taken)
                .values(free_at=ledger.now() + WINDOW)
            )


def wait(ledger: Ledger, subject: str, call: str, pause: Callable[[float], None]) -> None:
    """Wait until a slot is free, without taking it: so that what must be fresh at the call is fetched just before."""
    _provide(ledger, subject, call)
    while (seconds := _seconds_until_free(ledger, subject, call)) > 0:
        pause(seconds)


def _mine(subject: str, call: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return rate_slots.c.subject == subject, rate_slots.c.call == call


def _provide(ledger: Ledger, subject: str, call: str) -> None:
    """Make the subject's rows, once."""
    with ledger.read() as connection:
        if connection.execute(select(rate_slots.c.number).where(*_mine(subject, call)).limit(1)).first():
            return
    insert = sqlite.insert if ledger.is_sqlite else postgresql.insert
    rows = [
        {"subject": subject, "call": call, "number": number, "free_at": ledger.now()} for number in range(LIMITS[call])
    ]
    with ledger.write() as connection:
        connection.execute(insert(rate_slots).values(rows).on_conflict_do_nothing())


def _take(ledger: Ledger, subject: str, call: str) -> int | None:
    now = ledger.now()
    free = (
        select(rate_slots.c.number)
        .where(*_mine(subject, call), rate_slots.c.free_at <= now)
        .order_by(rate_slots.c.free_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    with ledger.write(durable=False) as connection:
        return connection.execute(
            update(rate_slots)
            .where(*_mine(subject, call), rate_slots.c.number == free)
            .values(free_at=now + WINDOW + LONGEST_CALL)
            .returning(rate_slots.c.number)
        ).scalar_one_or_none()


def _seconds_until_free(ledger: Ledger, subject: str, call: str) -> float:
    with ledger.read() as connection:
        earliest = connection.execute(
            select(rate_slots.c.free_at).where(*_mine(subject, call)).order_by(rate_slots.c.free_at).limit(1)
        ).scalar_one()
    return float((earliest - ledger.now()).total_seconds())
