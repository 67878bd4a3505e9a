"""TikTok's per-minute limits as ledger rows, shared by all workers: work waits its turn instead of hitting 429.

A subject (one creator's user token) has as many slots per call as TikTok allows in a minute. To make a call is to
take a free slot by one UPDATE; the slot is free again a minute after the answer came. That is an exact sliding
window: no minute, wherever it begins, holds more calls than slots.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from airdate.errors import Transient, WaitUntil
from airdate.ledger.database import Ledger
from airdate.ledger.schema import rate_slots

_log = logging.getLogger(__name__)

LIMITS = {"init": 6, "creator_info": 20, "status": 30, "video": 60}
"""Calls a minute per user access token (TikTok, API reference). Other calls have no documented limit.

TikTok allows 600 of `video` (video/list and video/query together); a tenth is plenty and keeps the table small.
"""

FULL = "rate_window_full"
"""The error code of what waits for a later minute."""

WORTH_TELLING_S = 1.0

WINDOW = timedelta(seconds=60)
LONGEST_CALL = timedelta(seconds=60)
"""Until the answer is here a slot counts as used for the window and the longest a call may take, so that a call
whose process died is counted too."""


@contextmanager
def slot(
    ledger: Ledger, subject: str, call: str, pause: Callable[[float], None], *, spare: int | None = None
) -> Iterator[None]:
    """Hold one of the subject's slots for `call` during an HTTP attempt, after waiting for it if need be.

    Args:
        spare: slots that are left to others; with it nothing is waited for.

    Raises:
        WaitUntil: with `spare`, when no more slots than that are free.
    """
    if call not in LIMITS:
        yield
        return
    _provide(ledger, subject, call)
    if spare is not None and count_free(ledger, subject, call) <= min(spare, LIMITS[call] - 1):
        raise _full(ledger, call)
    while (taken := _take(ledger, subject, call)) is None:
        if spare is not None:
            raise _full(ledger, call)
        _pause(call, max(0.05, _seconds_until_free(ledger, subject, call)), pause)
    try:
        yield
    finally:
        _give_back(ledger, subject, call, taken)


def count_free(ledger: Ledger, subject: str, call: str) -> int:
    """How many of the subject's slots for `call` are free now."""
    _provide(ledger, subject, call)
    free = (*_mine(subject, call), rate_slots.c.free_at <= ledger.now())
    with ledger.read() as connection:
        return int(connection.execute(select(func.count()).select_from(rate_slots).where(*free)).scalar_one())


def _full(ledger: Ledger, call: str) -> WaitUntil:
    return WaitUntil(
        FULL,
        f"this minute's calls of {call} are used up, but for those left to others",
        rule=f"at most {LIMITS[call]} a minute per account",
        fix="nothing: it is asked in a later minute",
        not_before=ledger.now() + WINDOW,
    )


def wait(
    ledger: Ledger, subject: str, call: str, pause: Callable[[float], None], *, longest_s: float = math.inf
) -> None:
    """Wait until a slot is free, without taking it: so that what must be fresh at the call is fetched just before.

    Args:
        longest_s: seconds to wait in place; a worker that waits holds up other accounts.

    Raises:
        WaitUntil: it would take longer.
    """
    _provide(ledger, subject, call)
    began = ledger.now()
    while (seconds := _seconds_until_free(ledger, subject, call)) > 0:
        # A slot in use counts as used for the longest a call may take; nearly all take a second.
        seconds = min(seconds, WINDOW.total_seconds())
        if (ledger.now() - began).total_seconds() + seconds > longest_s:
            until = ledger.now() + timedelta(seconds=seconds)
            raise WaitUntil(
                FULL,
                f"{_said(call)} are used up until {until:%H:%M:%S} UTC",
                rule=f"TikTok, API reference: at most {LIMITS[call]} a minute per account",
                fix="nothing: it goes on by itself",
                not_before=until,
            )
        _pause(call, seconds, pause)


def _pause(call: str, seconds: float, pause: Callable[[float], None]) -> None:
    if seconds >= WORTH_TELLING_S:
        _log.info("waiting %.0f s for TikTok's rate limit: %s are used up", seconds, _said(call))
    pause(seconds)


def _said(call: str) -> str:
    return f"the account's {LIMITS[call]} {call} calls a minute"


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


def _give_back(ledger: Ledger, subject: str, call: str, taken: int) -> None:
    """Have the slot free in a minute.

    A ledger that is away costs another minute, no more: an error here would take the place of TikTok's answer, and a
    photo post that was made would be believed not to be.
    """
    try:
        with ledger.write(durable=False) as connection:
            connection.execute(
                update(rate_slots)
                .where(*_mine(subject, call), rate_slots.c.number == taken)
                .values(free_at=ledger.now() + WINDOW)
            )
    except Transient as away:
        _log.warning("a slot for %s stays taken for another minute: %s", call, away)


def _seconds_until_free(ledger: Ledger, subject: str, call: str) -> float:
    with ledger.read() as connection:
        earliest = connection.execute(
            select(rate_slots.c.free_at).where(*_mine(subject, call)).order_by(rate_slots.c.free_at).limit(1)
        ).scalar_one()
    return float((earliest - ledger.now()).total_seconds())
