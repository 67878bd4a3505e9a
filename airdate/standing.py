"""How an account stands: what it may do, how long its tokens live, what it has used of the day. For list and doctor."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airdate.ledger import Ledger, grants
from airdate.ledger.accounts import Account
from airdate.ledger.caps import DRAFTS, CapUse, use_of

WARN_BEFORE = (timedelta(days=30), timedelta(days=14), timedelta(days=7))
"""How long before a refresh token ends people are told, each time once; a creator may be on holiday for two weeks."""


def facts(ledger: Ledger, account: Account) -> dict[str, Any]:
    """An account and what it has used, as plain JSON values."""
    use = use_of(ledger, account)
    return account.as_dict() | {
        "day": {
            "posts": use.posts,
            "posts_cap": use.size,
            "full_until": use.full_until.isoformat() if use.full_until else None,
            "drafts": use.drafts,
            "drafts_cap": DRAFTS,
        }
    }


def lines(ledger: Ledger, account: Account) -> list[tuple[str, str]]:
    """The same for people: a label and what there is to say."""
    now = ledger.now()
    found = [
        ("mode", account.kind),
        ("goes to", account.api_url),
        ("scopes", ", ".join(account.scopes) or ("none" if account.is_revoked else "known after the first refresh")),
        ("privacy", account.privacy.value if account.privacy else "each post says its own"),
        ("access token", life(account, account.access_expires_at, now)),
        ("refresh token", life(account, account.refresh_expires_at, now)),
        ("last 24 hours", day(use_of(ledger, account))),
    ]
    if account.blocked is not None:
        found.append(("stopped by", f"{account.blocked.get('code')}: {account.blocked.get('message')}"))
        found.append(("fix", str(account.blocked.get("fix"))))
    if grants.is_kept(ledger, account.name):
        found.append(("kept", "a grant of TikTok's waits in the home for the ledger; the next use stores it"))
    return found


def day(use: CapUse) -> str:
    """The caps, in a few words."""
    until = f", full until {use.full_until:%H:%M} UTC" if use.full_until else ""
    return f"{use.posts} of {use.size} posts{until}, {use.drafts} of {DRAFTS} open drafts"


def life(account: Account, until: datetime | None, now: datetime) -> str:
    """How long a token of the account lives."""
    return "erased" if account.is_revoked else left(until, now)


def left(until: datetime | None, now: datetime) -> str:
    """How long something lives, in its largest unit."""
    if until is None:
        return "not known yet"
    seconds = (until - now).total_seconds()
    if seconds <= 0:
        return "over"
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def warning(account: Account, now: datetime) -> str | None:
    """What people must know of the refresh token's end; None while it is far or not known."""
    if account.refresh_expires_at is None or account.refresh_expires_at - now > WARN_BEFORE[0]:
        return None
    if account.refresh_expires_at <= now:
        return (
            f"the refresh token of {account.name} ended on {account.refresh_expires_at:%Y-%m-%d};"
            f" let the creator consent again: `airdate account connect {account.name}`"
        )
    return (
        f"the refresh token of {account.name} ends on {account.refresh_expires_at:%Y-%m-%d}"
        f" ({left(account.refresh_expires_at, now)}); let the creator consent again before that:"
        f" `airdate account connect {account.name}`"
    )
