"""More posts of one creator within a day than TikTok takes: said when the calendar is made, not when the day comes."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from airdate.calendar.apply import origin_of
from airdate.calendar.reading import read
from airdate.engine import Engine
from airdate.ledger import accounts, caps, posts
from airdate.ledger.accounts import Account
from airdate.ledger.switches import AT_WORK
from airdate.post import Mode


def crowded(engine: Engine, path: Path) -> list[str]:
    """A sentence for each creator who has more direct posts within 24 hours than the cap, by this file and the rest.

    Args:
        path: a calendar file that can be applied.
    """
    sheet, now = read(path), engine.ledger.now()
    known = {account.name: account for account in accounts.listed(engine.ledger)}
    slots: dict[str, list[datetime]] = defaultdict(list)
    for row in sheet.rows:
        if row.slot >= now and (row.mode or known[row.account].mode) is Mode.DIRECT:
            slots[known[row.account].rate_subject].append(row.slot)
    for post in posts.listed(engine.ledger, states=AT_WORK):
        is_elsewhere = post.origin != origin_of(sheet.name) and post.slot is not None and post.slot >= now
        if is_elsewhere and post.slot and post.options.mode is Mode.DIRECT and post.account in known:
            slots[known[post.account].rate_subject].append(post.slot)
    named = {account.rate_subject: account for account in known.values()}
    said = (_said(engine, named[subject], sorted(planned)) for subject, planned in slots.items())
    return [sentence for sentence in said if sentence]


def _said(engine: Engine, account: Account, planned: Sequence[datetime]) -> str | None:
    """The fullest 24 hours, if they are too full."""
    size = caps.use_of(engine.ledger, account).size
    most, first = max((bisect_left(planned, slot + caps.WINDOW) - at, slot) for at, slot in enumerate(planned))
    if most <= size:
        return None
    return (
        f"{account.name} has {most} posts in the 24 hours from {first:%Y-%m-%d %H:%M} UTC, and TikTok takes about "
        f"{size}; the rest will wait, under its lateness policy"
    )
