"""One writer per account: access tokens are refreshed under a lock and stored before anything uses them.

TikTok kills a refresh token when it answers with the next (OAuth page, 2 November 2026). So two workers must never
refresh at once, and an answer that was not stored is a lost account.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from airdate.errors import NeedsPerson, Who
from airdate.ledger import Ledger, accounts, grants
from airdate.ledger.accounts import Account, Grant, Secrets
from airdate.ledger.grants import Kept, lock_of
from airdate.ledger.locks import locked
from airdate.tiktok.answers import TokenGrant
from airdate.tiktok.client import GrantRefused, TikTok

log = logging.getLogger(__name__)

Pause = Callable[[float], None]

EARLY = timedelta(minutes=10)
EARLY_PART = 0.25
"""A token is renewed when less than the smaller of ten minutes and a quarter of its life is left."""


class Stopped(NeedsPerson):
    """The account was stopped before; this is the error that stopped it, again."""


def fresh(ledger: Ledger, tiktok: TikTok, name: str, pause: Pause = time.sleep) -> str:
    """An access token that will live for the next calls, refreshed if it is due.

    Raises:
        NeedsPerson: the creator must consent again, or the app's credentials are wrong.
        Transient: TikTok does not answer.
    """
    account, held = accounts.get(ledger, name), accounts.secrets(ledger, name)
    if held.access_token and not is_due(ledger, account):
        return held.access_token
    return _renewed(ledger, tiktok, name, held.access_token, pause)


def replaced(ledger: Ledger, tiktok: TikTok, name: str, refused: str, pause: Pause = time.sleep) -> str:
    """Another token than the one TikTok refused: the stored one if a worker renewed it meanwhile, else a new one."""
    return _renewed(ledger, tiktok, name, refused, pause)


def is_due(ledger: Ledger, account: Account) -> bool:
    """Whether the access token should be renewed now. One whose life TikTok did not tell serves until it is refused."""
    if account.access_expires_at is None or account.access_issued_at is None:
        return False
    life = account.access_expires_at - account.access_issued_at
    return account.access_expires_at - ledger.now() < min(EARLY, life * EARLY_PART)


def _renewed(ledger: Ledger, tiktok: TikTok, name: str, unwanted: str | None, pause: Pause) -> str:
    with locked(ledger, lock_of(name)):
        grants.take_up_held(ledger, name)
        account, held = accounts.get(ledger, name), accounts.secrets(ledger, name)
        if held.access_token and held.access_token != unwanted and not is_due(ledger, account):
            return held.access_token
        if account.blocked is not None:
            raise blocked_error(account)
        return _refresh(ledger, tiktok, account, held, pause)


def _refresh(ledger: Ledger, tiktok: TikTok, account: Account, held: Secrets, pause: Pause) -> str:
    asked_at = ledger.now()
    try:
        given = tiktok.refresh(account.client_key, held.client_secret, held.refresh_token)
    except GrantRefused as refused:
        newer = accounts.secrets(ledger, account.name)
        if newer.version != held.version and newer.access_token:
            return newer.access_token
        accounts.block(ledger, account.name, refused.as_dict(), version=held.version)
        raise
    kept = Kept(account.name, account.rate_subject, held.version, grant_of(given, asked_at))
    if not grants.store(ledger, kept, pause):
        # The account was added again while TikTok answered: what the operator gave last is the truth.
        raise NeedsPerson(
            "account_replaced",
            "the account was added again while its token was being refreshed",
            item=account.name,
            fix="run the same command again",
        )
    log.info("renewed the access token of %s", account.name)
    return given.access_token


def grant_of(given: TokenGrant, asked_at: datetime) -> Grant:
    """What TikTok answered, as the ledger keeps it."""
    return Grant(
        given.access_token, given.expires_in, given.refresh_token, given.refresh_expires_in, given.scopes, asked_at
    )


def blocked_error(account: Account) -> Stopped:
    """The error that stopped the account, again."""
    known = account.blocked or {}
    return Stopped(
        known.get("code", "invalid_grant"),
        known.get("message", "the account was stopped"),
        item=account.name,
        rule=known.get("rule"),
        fix=known.get("fix") or f"let the creator consent again, then `airdate account connect {account.name} …`",
        who=Who(known["who"]) if known.get("who") else None,
        log_id=known.get("log_id"),
    )
