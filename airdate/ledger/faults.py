"""Faults of TikTok's own making, by account: what tells an incident at TikTok from the trouble of one creator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select

from airdate.ledger.schema import accounts, faults

KEPT = timedelta(days=7)
"""How long faults are kept, for people to look at."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        creator: the account's `rate_subject`: two names of one creator are one.
        account: the account's name.
        code: TikTok's word, or ours where it had none.
    """

    at: datetime
    creator: str
    account: str
    code: str
    log_id: str | None


def add(connection: Connection, *, account: str, code: str, log_id: str | None, at: datetime) -> None:
    """Write a fault down; those that are too old go."""
    connection.execute(delete(faults).where(faults.c.at < at - KEPT))
    said = log_id[:100] if log_id else None
    connection.execute(insert(faults).values(at=at, account=account, code=code[:200], log_id=said))


def since(connection: Connection, start: datetime, code: str) -> list[Fault]:
    """The faults with this code from `start` on, oldest first."""
    query = (
        select(faults, accounts.c.client_key, accounts.c.open_id)
        .join(accounts, accounts.c.name == faults.c.account)
        .where(faults.c.at >= start, faults.c.code == code[:200])
        .order_by(faults.c.id)
    )
    return [
        Fault(row.at, f"{row.client_key}:{row.open_id}", row.account, row.code, row.log_id)
        for row in connection.execute(query)
    ]
