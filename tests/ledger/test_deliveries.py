"""Deliveries are remembered long enough to be told from new ones, and not for ever."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from airdate.ledger import Ledger, deliveries
from airdate.ledger.deliveries import KEPT
from airdate.ledger.schema import deliveries as table


def test_what_was_worked_off_is_forgotten_after_its_time_and_what_waits_never(ledger: Ledger) -> None:
    for name in ("old", "old-waits", "young"):
        deliveries.accept(ledger, "approvals", name, b"{}")
    found = {each.id: each for each in deliveries.waiting(ledger, "approvals")}
    for name in ("old", "young"):
        deliveries.relayed(ledger, found[name], post_id="p_1")
    ago = ledger.now() - KEPT - timedelta(seconds=1)
    with ledger.write() as connection:
        connection.execute(update(table).where(table.c.id.in_(["old", "old-waits"])).values(received_at=ago))
    assert deliveries.forget(ledger) == 1
    assert not deliveries.accept(ledger, "approvals", "young", b"{}")
    assert [each.id for each in deliveries.waiting(ledger, "approvals")] == ["old-waits"]
    assert deliveries.accept(ledger, "approvals", "old", b"{}")
