"""One writer per account: access tokens are refreshed under a lock and stored before anything uses them.

TikTok kills a refresh token when it answers with the next (OAuth page, 2 November 2026). So two workers must never
refresh at once, and an answer that was not stored is a lost account.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from airdate.errors import AirdateError, NeedsPerson
from airdate.ledger import Ledger, accounts
from airdate.ledger.accounts import Account, Secrets
from airdate.ledger.locks import locked
from airdate.tiktok.client import GrantRefused, TikTok

log = logging.getLogger(__name__)

EARLY = timedelta(minutes=10)
EARLY_PART = 0.25
"""A token is renewed when less than the smaller of ten minutes and a quarter of its life is left."""


def fresh(ledger: Ledger, tiktok: TikTok, name: str) -> str:
    """An access token that will live for the next calls, refreshed if it is due.

    Raises:
        NeedsPerson: the creator must consent again, or the app's credentials are wrong.
        Transient: TikTok does not answer.
    """
    account, held = accounts.get(ledger, name), accounts.secrets(ledger, name)
    if held.access_token and not is_due(ledger, account):
        return held.access_token
    return _renewed(ledger, tiktok, name, unwanted=held.access_token)


def replaced(ledger: Ledger, tiktok: TikTok, name: str, refused: str) -> str:
    """Another token than the one TikTok refused: the stored one if a worker renewed it meanwhile, else a new one."""
    return _renewed(ledger, tiktok, name, unwanted=refused)


def is_due(ledger: Ledger, account: Account) -> bool:
    """Whether the access token should be renewed now. One whose life TikTok did not tell serves until it is refused."""
    if account.access_expires_at is None or account.access_issued_at is None:
        return False
    life = account.access_expires_at - account.access_issued_at
    return account.access_expires_at - ledger.now() < min(EARLY, life * EARLY_PART)


def _renewed(ledger: Ledger, tiktok: TikTok, name: str, unwanted: str | None) -> str:
    with locked(ledger, f"tokens:{name}"):
        account, held = accounts.get(ledger, name), accounts.secrets(ledger, name)
        if held.access_token and held.access_token != unwanted and not is_due(ledger, account):
            return held.access_token
        if account.blocked is not None:
            raise blocked_error(account)
        return _refresh(ledger, tiktok, account, held)


def _refresh(ledger: Ledger, tiktok: TikTok, account: Account, held: Secrets) -> str:
    asked_at = ledger.now()
    try:
        grant = tiktok.refresh(account.client_key, held.client_secret, held.refresh_token)
    except GrantRefused as refused:
        newer = accounts.secrets(ledger, account.name)
        if newer.version != held.version and newer.access_token:
            return newer.access_token
        accounts.block(ledger, account.name, refused.as_dict())
        raise
    stored = accounts.store_grant(
        ledger,
        account.name,
        held,
        access_token=grant.access_token,
        expires_in=grant.expires_in,
        refresh_token=grant.refresh_token,
        refresh_expires_in=grant.refresh_expires_in,
        scopes=grant.scopes,
        asked_at=asked_at,
    )
    if not stored:
        # The account was added again while TikTok answered: what the operator gave last is the truth.
        raise NeedsPerson(
            "account_replaced",
            "the account was added again while its token was being refreshed",
            item=account.name,
            fix="run the same command again",
        )
    log.info("renewed the access token of %s", account.name)
    return grant.access_token


def blocked_error(account: Account) -> AirdateError:
    """The error that stopped the account, again."""
    known = account.blocked or {}
    return NeedsPerson(
        known.get("code", "invalid_grant"),
        known.get("message", "the account was stopped"),
        item=account.name,
        rule=known.get("rule"),
        fix=known.get("fix") or f"let the creator consent again, then `airdate account add {account.name} …`",
        log_id=known.get("log_id"),
    )
