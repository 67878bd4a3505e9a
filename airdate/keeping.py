"""Keeping tokens alive: each renewal gives a refresh token a new life, so an account that posts seldom still lives.

TikTok's refresh tokens live 180 days and change with each use. They are renewed once a week, so that a consent that
ended is noticed within a week, and a machine that was off for months loses nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from airdate import standing
from airdate.engine import Engine
from airdate.errors import AirdateError
from airdate.ledger import accounts, grants
from airdate.ledger.accounts import Account
from airdate.tiktok import tokens
from airdate.tiktok.session import Session

log = logging.getLogger(__name__)

RENEW_AFTER = timedelta(days=7)
RENEW_PART = 0.25
"""A token is renewed after the shorter of a week and a quarter of its refresh token's life."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What one look did.

    Attributes:
        renewed: names of accounts with a new pair of tokens.
        stopped: names of accounts that were stopped before, and need a person.
        warnings: refresh tokens that end soon, of which people were not told yet.
        errors: accounts that could not be renewed now, and why.
    """

    renewed: tuple[str, ...]
    stopped: tuple[str, ...]
    warnings: tuple[str, ...]
    errors: tuple[AirdateError, ...]


def keep(engine: Engine) -> Kept:
    """Renew what needs it, and warn; one account's trouble is no other's."""
    ledger = engine.ledger
    renewed, stopped, errors = [], [], []
    for name in grants.kept_names(ledger):
        grants.take_up(ledger, name)
    for account in accounts.listed(ledger):
        if account.api_url != engine.settings.tiktok_api_url or account.is_revoked:
            continue
        if account.blocked is not None:
            stopped.append(f"{account.name} ({account.blocked.get('code')})")
            continue
        try:
            if _renew(engine, account):
                renewed.append(account.name)
        except AirdateError as error:
            error.item = error.item or account.name
            log.warning("%s", error)
            errors.append(error)
    warnings = _warn(engine, accounts.listed(ledger))
    return Kept(tuple(renewed), tuple(stopped), tuple(warnings), tuple(errors))


def is_due(account: Account, now: datetime) -> bool:
    """Whether the account's refresh token should be given a new life."""
    if account.access_issued_at is None:
        return True
    after = RENEW_AFTER
    if account.refresh_expires_at is not None:
        after = min(after, (account.refresh_expires_at - account.access_issued_at) * RENEW_PART)
    return now - account.access_issued_at >= after


def _renew(engine: Engine, account: Account) -> bool:
    with Session(engine.settings, engine.ledger, account.name, engine.pause) as session:
        if not is_due(session.account, engine.ledger.now()):
            return False
        held = accounts.secrets(engine.ledger, account.name)
        if held.access_token is None or tokens.is_due(engine.ledger, session.account):
            session.refresh_if_due()
        else:
            session.renew(held.access_token)
        return True


def _warn(engine: Engine, known: Sequence[Account]) -> list[str]:
    """Tell of the refresh tokens that end soon, each time once: 30, 14 and 7 days before."""
    now, said = engine.ledger.now(), []
    for account in known:
        ends, text = account.refresh_expires_at, standing.warning(account, now)
        if ends is None or text is None or account.is_revoked:
            continue
        crossed = ends - min(before for before in standing.WARN_BEFORE if ends - now <= before)
        if account.warned_at is None or account.warned_at < crossed:
            accounts.note_warning(engine.ledger, account.name)
            log.warning("%s", text)
            said.append(text)
    return said
