"""Deliveries of webhooks: stored before they are answered, worked off afterwards, once however often they come."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from airdate.errors import NeedsPerson
from airdate.ledger.database import Ledger
from airdate.ledger.schema import deliveries

log = logging.getLogger(__name__)


KEPT = timedelta(days=30)
"""A delivery that was worked off is kept so long to be told from a new one; senders try for days, not for weeks. What
brand and legal need of it, who approved what and when, is the post's consent, which stays."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery that still has to be worked off.

    Attributes:
        body: the raw bytes that were signed.
    """

    id: str
    source: str
    body: bytes


def accept(ledger: Ledger, source: str, delivery_id: str, body: bytes) -> bool:
    """Store a delivery; False when it was here before."""
    try:
        with ledger.write() as connection:
            connection.execute(
                insert(deliveries).values(
                    id=delivery_id,
                    source=source,
                    received_at=ledger.now(),
                    body=ledger.vault.seal(body.decode("utf-8")),
                )
            )
    except IntegrityError:
        return False
    return True


def waiting(ledger: Ledger, source: str) -> list[Delivery]:
    """Deliveries of a source that were stored and not worked off yet, oldest first.

    One that was sealed with another key is passed over and goes on waiting: the right key may come back.
    """
    is_waiting = (deliveries.c.source == source, deliveries.c.relayed_at.is_(None))
    with ledger.read() as connection:
        rows = connection.execute(select(deliveries).where(*is_waiting).order_by(deliveries.c.received_at)).all()
    found = []
    for row in rows:
        try:
            found.append(Delivery(row.id, row.source, ledger.vault.read(row.body).encode()))
        except NeedsPerson as sealed:
            log.error("delivery %s cannot be opened: %s", row.id, sealed)
    return found


def relayed(
    ledger: Ledger, delivery: Delivery, *, post_id: str | None = None, error: dict[str, Any] | None = None
) -> None:
    """Remember what a delivery became: a post, or an error that a person can read."""
    with ledger.write() as connection:
        connection.execute(
            update(deliveries)
            .where(deliveries.c.id == delivery.id, deliveries.c.source == delivery.source)
            .values(relayed_at=ledger.now(), post_id=post_id, error=error)
        )


def forget(ledger: Ledger) -> int:
    """Delete what was worked off and came more than 30 days ago; returns how many."""
    is_over = (deliveries.c.relayed_at.is_not(None), deliveries.c.received_at < ledger.now() - KEPT)
    with ledger.write(durable=False) as connection:
        return connection.execute(delete(deliveries).where(*is_over)).rowcount
