"""Accounts and their encrypted credentials. What an operator fills into a block ends up here; here it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from airdate.errors import NeedsPerson
from airdate.ledger.database import Ledger
from airdate.ledger.schema import accounts
from airdate.post import Mode, Privacy


@dataclass(frozen=True, slots=True)
class Account:
    """One TikTok creator that authorised our app, without its secrets.

    Attributes:
        api_url: the API origin it was added for; it is never used with another.
        audited: whether TikTok has audited the app; an unaudited one may only post SELF_ONLY to private accounts.
        privacy: the standing choice of the account's owner, if one was made.
        scopes: what the creator granted; empty until the first refresh.
        blocked: the error that stops the account until a person acts, if any.
        token_version: grows with each stored grant.
    """

    name: str
    api_url: str
    client_key: str
    open_id: str
    audited: bool
    mode: Mode
    privacy: Privacy | None
    scopes: tuple[str, ...]
    refresh_expires_at: datetime | None
    access_issued_at: datetime | None
    access_expires_at: datetime | None
    token_version: int
    blocked: dict[str, Any] | None

    @property
    def rate_subject(self) -> str:
        """Whom TikTok counts calls for: the user token, so two names of one creator share it."""
        return f"{self.client_key}:{self.open_id}"

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "name": self.name,
            "target": self.api_url,
            "client_key": self.client_key,
            "open_id": self.open_id,
            "audited": self.audited,
            "mode": self.mode.value,
            "privacy": self.privacy.value if self.privacy else None,
            "scopes": list(self.scopes),
            "access_expires_at": self.access_expires_at.isoformat() if self.access_expires_at else None,
            "refresh_expires_at": self.refresh_expires_at.isoformat() if self.refresh_expires_at else None,
            "blocked": self.blocked,
        }


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets of an account at one version; never shown."""

    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    access_token: str | None = field(repr=False)
    version: int


def add(
    ledger: Ledger,
    *,
    name: str,
    api_url: str,
    client_key: str,
    open_id: str,
    client_secret: str,
    refresh_token: str,
    audited: bool,
    mode: Mode,
    privacy: Privacy | None,
) -> Account:
    """Store an account, without a call. Adding a name again replaces its credentials and settings."""
    seal = ledger.vault.seal
    with ledger.write() as connection:
        connection.execute(delete(accounts).where(accounts.c.name == name))
        connection.execute(
            insert(accounts).values(
                name=name,
                api_url=api_url,
                client_key=client_key,
                open_id=open_id,
                client_secret=seal(client_secret),
                refresh_token=seal(refresh_token),
                scopes=[],
                token_version=0,
                audited=audited,
                mode=mode.value,
                privacy=privacy.value if privacy else None,
                created_at=ledger.now(),
            )
        )
    return get(ledger, name)


def get(ledger: Ledger, name: str) -> Account:
    """The account of this name.

    Raises:
        NeedsPerson: there is none; the message names those there are.
    """
    with ledger.read() as connection:
        row = connection.execute(select(accounts).where(accounts.c.name == name)).first()
    if row is None:
        known = ", ".join(account.name for account in listed(ledger)) or "none yet"
        raise NeedsPerson(
            "account_unknown",
            f"the ledger holds no such account; known: {known}",
            item=name,
            rule="a post goes to an account that was added",
            fix=f"add it with `airdate account add {name} …`, or name one of those",
        )
    return _account(row)


def listed(ledger: Ledger) -> list[Account]:
    """All accounts by name."""
    with ledger.read() as connection:
        return [_account(row) for row in connection.execute(select(accounts).order_by(accounts.c.name))]


def secrets(ledger: Ledger, name: str) -> Secrets:
    """The account's secrets, decrypted."""
    with ledger.read() as connection:
        row = connection.execute(select(accounts).where(accounts.c.name == name)).one()
    unseal = ledger.vault.unseal
    return Secrets(
        client_secret=unseal(row.client_secret),
        refresh_token=unseal(row.refresh_token),
        access_token=unseal(row.access_token) if row.access_token else None,
        version=row.token_version,
    )


def store_grant(
    ledger: Ledger,
    name: str,
    seen: Secrets,
    *,
    access_token: str,
    expires_in: float | None,
    refresh_token: str | None,
    refresh_expires_in: float | None,
    scopes: Sequence[str],
    asked_at: datetime,
) -> bool:
    """Store what a refresh brought, before anything uses it; False when another writer stored one meanwhile.

    Lifetimes count from when we asked, which is never later than when TikTok began to count.
    """
    seal = ledger.vault.seal
    values: dict[str, Any] = {
        "access_token": seal(access_token),
        "access_issued_at": asked_at,
        "access_expires_at": asked_at + timedelta(seconds=expires_in) if expires_in else None,
        "token_version": seen.version + 1,
        "blocked": None,
    }
    if refresh_token:
        values["refresh_token"] = seal(refresh_token)
    if refresh_expires_in:
        values["refresh_expires_at"] = asked_at + timedelta(seconds=refresh_expires_in)
    if scopes:
        values["scopes"] = list(scopes)
    with ledger.write() as connection:
        done = connection.execute(
            update(accounts).where(accounts.c.name == name, accounts.c.token_version == seen.version).values(**values)
        )
        return done.rowcount == 1


def block(ledger: Ledger, name: str, error: dict[str, Any]) -> None:
    """Stop an account until its owner consents again; the next stored grant lifts it."""
    with ledger.write() as connection:
        connection.execute(update(accounts).where(accounts.c.name == name).values(blocked=error))


def _account(row: Row[Any]) -> Account:
    facts = {name: getattr(row, name) for name in Account.__slots__}
    facts |= {
        "mode": Mode(row.mode),
        "privacy": Privacy(row.privacy) if row.privacy else None,
        "scopes": tuple(row.scopes),
    }
    return Account(**facts)
