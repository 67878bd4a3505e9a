"""The switches that stop publishing: a person's freeze, and incidents of TikTok's own making. One row each.

A switch is read in the very transaction that writes the mark it guards, and thrown under a lock that waits for those:
so once `freeze` has returned, whatever was sent is to be seen in the ledger, and nothing more will be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, text, update

from airdate.errors import WaitUntil, Who
from airdate.ledger import posts
from airdate.ledger.database import Ledger
from airdate.ledger.schema import switches
from airdate.ledger.transitions import move_post, note
from airdate.post import PostState

FREEZE = "freeze"

INCIDENT = "incident:"
"""What the name of an incident's switch begins with; TikTok's code follows."""

FROZEN = "frozen"
"""The error code of a post that waits for the end of the freeze."""

TOLD = "told"
"""Among a switch's facts: the end of the pause that people were told of."""

LOOK_AGAIN = timedelta(minutes=15)
"""When a frozen post is looked at again if nobody unfreezes; nobody knows how long a freeze lasts."""

AT_WORK = (PostState.PLANNED, PostState.PREPARING, PostState.READY, PostState.PUBLISHING)


class Frozen(WaitUntil):
    """Somebody froze all publishing. The post waits, and goes on by itself when it is unfrozen."""

    exit_code = 4
    default_who = Who.OPERATOR


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch that is on.

    Attributes:
        until: when it ends by itself; None when a person must end it.
        facts: what an incident is known by: accounts, log ids, the post that goes first.
    """

    name: str
    since: datetime
    until: datetime | None
    who: str
    why: str
    facts: dict[str, Any]


def listed(ledger: Ledger) -> list[Switch]:
    """All switches that are on, the oldest first."""
    with ledger.read() as connection:
        return found(connection)


def found(connection: Connection, *, hold: bool = False) -> list[Switch]:
    """All switches that are on, inside a transaction.

    Args:
        hold: whoever throws a switch has to wait until this transaction has ended.
    """
    query = select(switches).order_by(switches.c.since, switches.c.name)
    return [_switch(row) for row in connection.execute(query.with_for_update() if hold else query)]


def frozen(ledger: Ledger) -> Switch | None:
    """The freeze, if somebody froze."""
    return next((switch for switch in listed(ledger) if switch.name == FREEZE), None)


def freeze(ledger: Ledger, *, who: str, why: str) -> Switch:
    """Freeze all publishing; a freeze that stands keeps its author and its reason."""
    with ledger.write() as connection:
        throw(connection)
        known = {switch.name: switch for switch in found(connection)}
        if FREEZE in known:
            return known[FREEZE]
        switch = Switch(FREEZE, ledger.now(), None, who, why, {})
        turn_on(connection, switch)
        return switch


def unfreeze(ledger: Ledger, *, who: str) -> tuple[Switch | None, list[str]]:
    """End the freeze, and bring back what waited for that.

    Returns:
        The freeze, None when nothing was frozen; and the ids of the posts that go on.
    """
    with ledger.write() as connection:
        known = {switch.name: switch for switch in found(connection, hold=True)}
        turn_off(connection, FREEZE)
    back = let_go(ledger, FROZEN, who=who, why="publishing is unfrozen")
    return known.get(FREEZE), back


def untold(ledger: Ledger) -> list[Switch]:
    """The switches of which people were not told since they were thrown, or since an incident's pause was prolonged."""
    return [switch for switch in listed(ledger) if switch.facts.get(TOLD) != str(switch.until)]


def mark_told(ledger: Ledger, switch: Switch) -> None:
    """Remember that people were told of a switch as it stood then."""
    with ledger.write() as connection:
        for fresh in found(connection, hold=True):
            if fresh.name == switch.name:
                change(connection, fresh.name, facts=fresh.facts | {TOLD: str(switch.until)})


def let_go(ledger: Ledger, code: str, *, who: str, why: str) -> list[str]:
    """Bring back the posts that wait with this error code, each for a new turn; their ids."""
    waiting = [post for post in posts.listed(ledger, states=AT_WORK) if (post.error or {}).get("code") == code]
    back = []
    for post in waiting:
        with ledger.write() as connection:
            now, fresh = ledger.now(), posts.find(connection, post.id)
            if fresh.state not in AT_WORK or (fresh.error or {}).get("code") != code:
                continue
            again = {"error": None, "not_before": None, "turn": fresh.turn + 1}
            move_post(connection, post.id, fresh.state, who=who, why=why, now=now, **again)
            note(connection, post.id, fresh.state, fresh.state, who=who, why=why, now=now)
            back.append(post.id)
    return back


def check_frozen(known: Sequence[Switch], now: datetime, item: str) -> None:
    """Raise `Frozen` when the freeze is among the switches; `item` is the post that it stops."""
    for switch in known:
        if switch.name == FREEZE:
            raise Frozen(
                FROZEN,
                f"{switch.who} froze all publishing at {switch.since:%Y-%m-%d %H:%M:%S} UTC: {switch.why}",
                item=item,
                rule="nothing is sent while publishing is frozen",
                fix="the post waits; `airdate unfreeze` lets all go on",
                not_before=now + LOOK_AGAIN,
            )


def throw(connection: Connection) -> None:
    """Wait for the transactions that have looked at the switches, and keep others from looking until this one ends."""
    if connection.dialect.name == "postgresql":
        # A row that is not there cannot be locked; `found(hold=True)` locks the table too, and this conflicts with it.
        connection.execute(text("LOCK TABLE switches IN EXCLUSIVE MODE"))


def turn_on(connection: Connection, switch: Switch) -> None:
    """Write a switch that is not on yet."""
    facts = {name: getattr(switch, name) for name in Switch.__slots__}
    connection.execute(insert(switches).values(**facts))


def change(connection: Connection, name: str, **values: object) -> None:
    """Change a switch that is on."""
    connection.execute(update(switches).where(switches.c.name == name).values(**values))


def turn_off(connection: Connection, name: str) -> None:
    """Take a switch away, if it is on."""
    connection.execute(delete(switches).where(switches.c.name == name))


def _switch(row: Row[Any]) -> Switch:
    return Switch(**{name: getattr(row, name) for name in Switch.__slots__})
