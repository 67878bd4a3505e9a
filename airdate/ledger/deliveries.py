"""Approval deliveries: stored before they are answered, relayed to a run afterwards, once however often they come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from airdate.ledger.database import Ledger
from airdate.ledger.schema import deliveries


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of an approval that still has to become a run.

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


def waiting(ledger: Ledger) -> list[Delivery]:
    """Deliveries that were stored and not relayed yet, oldest first."""
    with ledger.read() as connection:
        rows = connection.execute(
            select(deliveries).where(deliveries.c.relayed_at.is_(None)).order_by(deliveries.c.received_at)
        ).all()
    return [Delivery(row.id, row.source, ledger.vault.unseal(row.body).encode()) for row in rows]


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
