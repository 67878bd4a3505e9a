"""The ledger: its database and key, its clock, the switches, what waits for a person, and what was left behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import select, text

from airdate import brake
from airdate.doctor.check import Check, guarded, right, wrong
from airdate.errors import Who
from airdate.ledger import Ledger, accounts, grants, posts, switches
from airdate.ledger.posts import Post
from airdate.ledger.schema import posts as table
from airdate.ledger.vault import Vault
from airdate.post import PostState
from airdate.settings import Settings

MOST_SKEW = timedelta(seconds=5)
"""Leases live 30 s and are judged by each host's clock."""

MOST_NAMED = 5
"""Posts that one line names; `airdate posts list` has them all."""


def key(settings: Settings) -> Check:
    """Whether there is a key, before the database is asked."""

    def look() -> Check:
        Vault.open(settings)
        return right("secret key", "it is a Fernet key")

    return guarded("secret key", look)


def look(ledger: Ledger) -> list[Check]:
    """All of it; the ledger is open, so its database answers and its schema is current."""
    kind = "SQLite in the home" if ledger.is_sqlite else "PostgreSQL"
    return [
        right("database", f"{kind} answers, and its schema is current"),
        guarded("secret key fits", lambda: _key_fits(ledger)),
        guarded("database clock", lambda: _clock(ledger)),
        guarded("freeze", lambda: _freeze(ledger)),
        guarded("incidents", lambda: _incidents(ledger)),
        guarded("posts that wait", lambda: _waiting(ledger)),
        guarded("kept grants", lambda: _kept(ledger)),
        guarded("leases", lambda: _leases(ledger)),
    ]


def _key_fits(ledger: Ledger) -> Check:
    known = accounts.listed(ledger)
    for account in known:
        accounts.secrets(ledger, account.name)
    said = f"it opens the secrets of {len(known)} accounts" if known else "nothing is sealed with it yet"
    return right("secret key fits", said)


def _clock(ledger: Ledger) -> Check:
    name = "database clock"
    if ledger.is_sqlite:
        return right(name, "the database has this machine's clock")
    before = ledger.now()
    with ledger.read() as connection:
        there: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    skew = there.astimezone(UTC) - (before + (ledger.now() - before) / 2)
    said = f"the database's clock is {skew.total_seconds():+.1f} s from this machine's"
    if abs(skew) > MOST_SKEW:
        return wrong(name, said, "let NTP set the clock of every host")
    return right(name, said)


def _freeze(ledger: Ledger) -> Check:
    switch = switches.frozen(ledger)
    if switch is None:
        return right("freeze", "publishing is not frozen")
    said = f"{switch.who} froze all publishing at {switch.since:%Y-%m-%d %H:%M} UTC: {switch.why}"
    return wrong("freeze", said, "`airdate unfreeze` when the reason is gone")


def _incidents(ledger: Ledger) -> Check:
    found = brake.incidents(ledger)
    if not found:
        return right("incidents", "TikTok has none that reaches several creators")
    said = "; ".join(f"{each.code} for {', '.join(each.accounts)} until {each.until:%H:%M} UTC" for each in found)
    return wrong("incidents", said, "nothing: publishing goes on by itself when TikTok has recovered", Who.TIKTOK)


def _waiting(ledger: Ledger) -> Check:
    name = "posts that wait"
    held = posts.listed(ledger, states=(PostState.HELD,))
    lost = [post for post in posts.listed(ledger, states=(PostState.PROCESSING,)) if _needs_person(post)]
    if not held and not lost:
        return right(name, "no post waits for a person")
    named = [f"{post.id} ({(post.error or {}).get('code', 'held')})" for post in [*held, *lost]]
    more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    return wrong(
        name,
        f"{', '.join(named[:MOST_NAMED])}{more} wait for a person",
        "`airdate posts show ID` says why; then `airdate calendar release`, `airdate posts retry` or "
        "`airdate posts resolve`",
    )


def _needs_person(post: Post) -> bool:
    return (post.error or {}).get("who") not in (None, Who.NOBODY.value, Who.TIKTOK.value)


def _kept(ledger: Ledger) -> Check:
    names = grants.kept_names(ledger)
    if not names:
        return right("kept grants", "what TikTok granted is all in the ledger")
    return wrong(
        "kept grants",
        f"the ledger was away when TikTok granted tokens to {', '.join(names)}; they are kept in the home",
        f"`airdate account refresh {names[0]}`; a running `airdate up` does it within the hour",
    )


def _leases(ledger: Ledger) -> Check:
    name = "leases"
    query = select(table.c.id).where(
        table.c.state.in_([PostState.PREPARING.value, PostState.PUBLISHING.value]),
        table.c.lease_owner.is_not(None),
        table.c.lease_until < ledger.now(),
    )
    with ledger.read() as connection:
        stale = list(connection.execute(query.order_by(table.c.id)).scalars())
    if not stale:
        return right(name, "no worker has left a post behind")
    return wrong(
        name,
        f"a worker left behind: {', '.join(stale[:MOST_NAMED])}",
        "a running `airdate up` brings them back within a minute; else publish with the same key again",
    )
