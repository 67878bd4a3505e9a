"""The gates before a post goes out: the freeze, the incidents, the caps of the day. All are rows of the ledger.

They are asked twice: in `check`, where waiting costs nothing yet, and again in the transaction that writes down what
is about to be asked of TikTok, so that nothing comes between the answer and the mark. The freeze is asked a third
time at the mark after which a post can no longer be stopped.

Who waits is never failed: it keeps its reason, and goes on by itself when the gate opens.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from airdate import brake
from airdate.ledger import Ledger, accounts, caps, switches
from airdate.ledger.posts import Post
from airdate.ledger.schema import events
from airdate.ledger.submissions import Gate
from airdate.ledger.switches import Frozen, Switch
from airdate.post import PostState

__all__ = ["Frozen", "at_begin", "at_mark", "pass_gates", "sentence", "stops", "tend"]


def pass_gates(ledger: Ledger, post: Post) -> None:
    """Let the post go on if something new may be sent for it now.

    Raises:
        Frozen: somebody froze publishing.
        WaitUntil: TikTok has an incident, or a cap of the day is reached.
        NeedsPerson: the creator has too many open drafts.
    """
    account = accounts.get(ledger, post.account)
    with ledger.read() as connection:
        now, known = ledger.now(), switches.found(connection)
        switches.check_frozen(known, now, post.id)
        brake.check(connection, known, post.id, now)
        caps.check(connection, account, post.options.mode, now, mended_at=_brought_back(connection, post.id))


def at_begin(ledger: Ledger, post: Post) -> Gate:
    """The same gates for the transaction in which a submission begins; it holds what it counts until that ends."""
    account = accounts.get(ledger, post.account)

    def gate(connection: Connection) -> None:
        now, known = ledger.now(), switches.found(connection, hold=True)
        switches.check_frozen(known, now, post.id)
        caps.hold(connection, account)
        caps.check(connection, account, post.options.mode, now, mended_at=_brought_back(connection, post.id))
        brake.check(connection, known, post.id, now, begins=True)

    return gate


def at_mark(ledger: Ledger, post: Post) -> Gate:
    """The freeze alone, for the transaction with the mark after which a post can no longer be stopped."""

    def gate(connection: Connection) -> None:
        switches.check_frozen(switches.found(connection, hold=True), ledger.now(), post.id)

    return gate


def tend(ledger: Ledger) -> None:
    """Bring back what waits for a gate that is open by now: the clock's part, for what no other process saw to."""
    brake.tend(ledger)
    known = {switch.name for switch in switches.listed(ledger)}
    if switches.FREEZE not in known:
        switches.let_go(ledger, switches.FROZEN, who="clock", why="publishing is not frozen any more")
    if not any(name.startswith(switches.INCIDENT) for name in known):
        switches.let_go(ledger, brake.WAITING, who="clock", why="TikTok's incident is over")


def stops(ledger: Ledger) -> list[str]:
    """What keeps posts of all accounts waiting now, a sentence each; empty when publishing is free."""
    return [sentence(switch) for switch in switches.listed(ledger)]


def sentence(switch: Switch) -> str:
    """What a switch that is on stops, and why."""
    if switch.name == switches.FREEZE:
        return f"{switch.who} froze all publishing at {switch.since:%Y-%m-%d %H:%M} UTC: {switch.why}"
    incident = brake.incident_of(switch)
    ids = ", ".join(incident.log_ids[-3:]) or "none"
    return (
        f"publishing pauses until {incident.until:%Y-%m-%d %H:%M} UTC: TikTok fails with {incident.code} for "
        f"{', '.join(incident.accounts)} since {incident.since:%H:%M} UTC (log ids {ids})"
    )


def _brought_back(connection: Connection, post_id: str) -> datetime | None:
    """When a person last brought the post back, which says that the cause is mended; None if nobody did."""
    planned = (
        select(events.c.at)
        .where(
            events.c.post_id == post_id,
            events.c.from_state.is_not(None),
            events.c.from_state != PostState.PLANNED.value,
            events.c.to_state == PostState.PLANNED.value,
        )
        .order_by(events.c.id.desc())
        .limit(1)
    )
    return connection.execute(planned).scalar_one_or_none()
