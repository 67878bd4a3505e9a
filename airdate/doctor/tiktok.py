"""TikTok: whether it can be reached, how far its clock is from ours, and how each account stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from airdate import standing
from airdate.clearance import SCOPES
from airdate.doctor.check import Check, guarded, right, wrong
from airdate.errors import Who
from airdate.ledger import Ledger, accounts
from airdate.ledger.accounts import Account
from airdate.ledger.caps import use_of
from airdate.settings import Settings
from airdate.tiktok.transport import open_http

MOST_SKEW = timedelta(seconds=60)
"""Ours is compared with lifetimes of an hour and more, and with webhooks' times."""

LIMIT_S = 15.0
"""A person waits for this answer."""


def look(settings: Settings) -> list[Check]:
    """Reach it and read its clock: one request without an account and without a token."""
    before = datetime.now(UTC)
    try:
        with open_http(LIMIT_S) as http:
            date = http.head(f"{settings.tiktok_api_url}/").headers.get("Date")
    except httpx.HTTPError as failed:
        said = f"{settings.tiktok_api_url} does not answer: {type(failed).__name__}"
        return [wrong("TikTok", said, "see that this machine has a way out to it; posts wait until then")]
    there = right("TikTok", f"{settings.tiktok_api_url} answers")
    return [there, _clock(date, before)]


def look_at(ledger: Ledger, settings: Settings) -> list[Check]:
    """Every account."""
    known = accounts.listed(ledger)
    if not known:
        fix = "`airdate account connect NAME --client-key K`"
        return [wrong("accounts", "no account is here that could be published to", fix)]
    return [_look_at_one(ledger, settings, account) for account in known]


def _clock(date: str | None, before: datetime) -> Check:
    name = "clock"
    try:
        there = parsedate_to_datetime(date or "")
    except ValueError:
        return right(name, "TikTok's answer tells no time to compare with")
    skew = (there if there.tzinfo else there.replace(tzinfo=UTC)) - before
    said = f"this machine's clock is {-skew.total_seconds():+.0f} s from TikTok's"
    return wrong(name, said, "let NTP set this machine's clock") if abs(skew) > MOST_SKEW else right(name, said)


def _look_at_one(ledger: Ledger, settings: Settings, account: Account) -> Check:
    name = f"account {account.name}"
    return guarded(name, lambda: _account(ledger, settings, account, name))


def _account(ledger: Ledger, settings: Settings, account: Account, name: str) -> Check:
    now = ledger.now()
    said = "; ".join(
        (
            account.kind,
            ", ".join(account.scopes) or "scopes not known yet",
            f"privacy {account.privacy.value if account.privacy else 'by post'}",
            f"access token {standing.left(account.access_expires_at, now)}",
            f"refresh token {standing.left(account.refresh_expires_at, now)}",
            standing.day(use_of(ledger, account)),
        )
    )
    connect = f"let the creator consent again: `airdate account connect {account.name}`"
    if account.blocked is not None:
        stopped = f"stopped by {account.blocked.get('code')}: {account.blocked.get('message')}"
        who = Who(account.blocked.get("who") or Who.OPERATOR)
        return wrong(name, f"{stopped} ({said})", account.blocked.get("fix") or connect, who)
    if account.api_url != settings.tiktok_api_url:
        other = f"it was added for {account.api_url}, and AIRDATE_TIKTOK_API_URL says {settings.tiktok_api_url}"
        return wrong(name, other, "set AIRDATE_TIKTOK_API_URL back, or use another home for that account")
    if account.refresh_expires_at is not None and account.refresh_expires_at <= now:
        return wrong(name, f"its refresh token is over ({said})", connect, Who.CREATOR)
    if (needed := SCOPES[account.mode]) not in account.scopes and account.scopes:
        return wrong(name, f"it lacks {needed}, which its mode needs ({said})", connect, Who.CREATOR)
    if (warning := standing.warning(account, now)) is not None:
        return wrong(name, warning, connect, Who.CREATOR)
    return right(name, said)
