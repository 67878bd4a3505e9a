"""Accounts and their encrypted credentials. What an operator fills into a block ends up here; here it is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from airdate.errors import NeedsPerson
from airdate.ledger.database import Ledger
from airdate.ledger.schema import accounts, posts
from airdate.post import Mode, PostState, Privacy

UNDECIDED = (
    PostState.PLANNED,
    PostState.PREPARING,
    PostState.READY,
    PostState.PUBLISHING,
    PostState.PROCESSING,
    PostState.HELD,
)
"""States of posts that still need their account."""

REVOKED = "revoked"
"""The code of an account whose consent was ended here."""


@dataclass(frozen=True, slots=True)
class Account:
    """One TikTok creator that authorised our app, without its secrets.

    Attributes:
        api_url: the API origin it was added for; it is never used with another.
        audited: whether TikTok has audited the app; an unaudited one may only post SELF_ONLY to private accounts.
        privacy: the standing choice of the account's owner, if one was made.
        scopes: what the creator granted; empty until the first refresh.
        blocked: the error that stops the account until a person acts, if any.
        token_version: grows with each stored grant, and when the account is added again.
        warned_at: when people were last told that the refresh token ends soon.
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
    warned_at: datetime | None = None

    @property
    def kind(self) -> str:
        """What it can do, in a word or two: `direct audited`, `direct unaudited` or `inbox`."""
        if self.mode is Mode.INBOX:
            return "inbox"
        return "direct audited" if self.audited else "direct unaudited"

    @property
    def is_revoked(self) -> bool:
        """Whether the consent was ended here."""
        return self.blocked is not None and self.blocked.get("code") == REVOKED

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
            "kind": self.kind,
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


@dataclass(frozen=True, slots=True)
class Grant:
    """A pair of tokens as TikTok gave it; what TikTok left out is None.

    Attributes:
        asked_at: when we asked. Lifetimes count from then, which is never later than when TikTok began to count.
        expires_in: seconds the access token lives.
        refresh_expires_in: seconds the refresh token lives.
    """

    access_token: str = field(repr=False)
    expires_in: float | None
    refresh_token: str | None = field(repr=False)
    refresh_expires_in: float | None
    scopes: tuple[str, ...]
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Consented:
    """An account as a consent brings it, without the tokens."""

    name: str
    api_url: str
    client_key: str
    client_secret: str = field(repr=False)
    open_id: str
    audited: bool
    mode: Mode
    privacy: Privacy | None


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
        # A refresh that is under way for what is replaced here must not store its answer over it.
        version = _version(connection, name)
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
                token_version=0 if version is None else version + 1,
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
            fix=f"add it with `airdate account connect {name} …`, or name one of those",
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


def store_grant(ledger: Ledger, name: str, seen_version: int, grant: Grant) -> bool:
    """Store what a refresh brought, before anything uses it; False when another writer stored one meanwhile."""
    values = _granted(ledger, grant) | {"token_version": seen_version + 1}
    with ledger.write() as connection:
        done = connection.execute(
            update(accounts).where(accounts.c.name == name, accounts.c.token_version == seen_version).values(**values)
        )
        return done.rowcount == 1


def store_consent(ledger: Ledger, account: Consented, seen_version: int | None, grant: Grant) -> bool:
    """Store an account with its first grant, in one transaction; False when another writer was here meanwhile.

    Args:
        seen_version: of the account that is there already under this name; None when there is none.

    Raises:
        NeedsPerson: the account is another creator's, and has posts that are not finished.
    """
    seal = ledger.vault.seal
    values: dict[str, Any] = {
        "scopes": [],
        "refresh_expires_at": None,
        "creator": None,
        "warned_at": None,
        **_granted(ledger, grant),
        "name": account.name,
        "api_url": account.api_url,
        "client_key": account.client_key,
        "client_secret": seal(account.client_secret),
        "open_id": account.open_id,
        "audited": account.audited,
        "mode": account.mode.value,
        "privacy": account.privacy.value if account.privacy else None,
        "token_version": 1 if seen_version is None else seen_version + 1,
    }
    with ledger.write() as connection:
        if _version(connection, account.name) != seen_version:
            return False
        if seen_version is None:
            connection.execute(insert(accounts).values(**values, created_at=ledger.now()))
            return True
        _check_creator(connection, account)
        done = connection.execute(
            update(accounts)
            .where(accounts.c.name == account.name, accounts.c.token_version == seen_version)
            .values(**values)
        )
        return done.rowcount == 1


def version(ledger: Ledger, name: str) -> int | None:
    """The account's token version; None when there is no such account."""
    with ledger.read() as connection:
        return _version(connection, name)


def scopes_of(connection: Connection, name: str) -> tuple[str, ...]:
    """What the creator granted; nothing for an account that is not there."""
    return tuple(connection.execute(select(accounts.c.scopes).where(accounts.c.name == name)).scalar() or ())


def undecided(ledger: Ledger, name: str) -> list[str]:
    """The ids of the account's posts that are not finished."""
    with ledger.read() as connection:
        return _undecided(connection, name)


def erase(ledger: Ledger, name: str, error: dict[str, Any]) -> None:
    """Forget the account's tokens and stop it; what it was and what it posted stays."""
    with ledger.write() as connection:
        connection.execute(
            update(accounts)
            .where(accounts.c.name == name)
            .values(
                access_token=None,
                access_issued_at=None,
                access_expires_at=None,
                refresh_token=ledger.vault.seal(""),
                refresh_expires_at=None,
                scopes=[],
                token_version=accounts.c.token_version + 1,
                blocked=error,
            )
        )


def remember_creator(ledger: Ledger, name: str, said: dict[str, Any]) -> None:
    """Keep what TikTok last said of the creator; plain JSON, without addresses that are secrets for a while."""
    with ledger.write() as connection:
        connection.execute(update(accounts).where(accounts.c.name == name).values(creator=said))


def longest_post_s(ledger: Ledger, name: str) -> int | None:
    """Seconds that the creator may post, as TikTok last said; None when it has not said."""
    with ledger.read() as connection:
        said = connection.execute(select(accounts.c.creator).where(accounts.c.name == name)).scalar()
    return (said or {}).get("max_video_post_duration_sec")


def note_warning(ledger: Ledger, name: str) -> None:
    """Remember that people were told, now, that the refresh token ends soon."""
    with ledger.write() as connection:
        connection.execute(update(accounts).where(accounts.c.name == name).values(warned_at=ledger.now()))


def block(ledger: Ledger, name: str, error: dict[str, Any], *, version: int) -> None:
    """Stop an account until its owner consents again; the next stored grant lifts it.

    Args:
        version: of the tokens that TikTok refused; a newer consent is not stopped for the sake of an older one.
    """
    refused = (accounts.c.name == name, accounts.c.token_version == version)
    with ledger.write() as connection:
        connection.execute(update(accounts).where(*refused).values(blocked=error))


def _granted(ledger: Ledger, grant: Grant) -> dict[str, Any]:
    """The columns that a grant fills; what TikTok left out keeps its value."""
    seal, at = ledger.vault.seal, grant.asked_at
    values: dict[str, Any] = {
        "access_token": seal(grant.access_token),
        "access_issued_at": at,
        "access_expires_at": at + timedelta(seconds=grant.expires_in) if grant.expires_in else None,
        "blocked": None,
    }
    if grant.refresh_token:
        values["refresh_token"] = seal(grant.refresh_token)
    if grant.refresh_expires_in:
        values["refresh_expires_at"] = at + timedelta(seconds=grant.refresh_expires_in)
    if grant.scopes:
        values["scopes"] = list(grant.scopes)
    return values


def _version(connection: Connection, name: str) -> int | None:
    return connection.execute(select(accounts.c.token_version).where(accounts.c.name == name)).scalar_one_or_none()


def _undecided(connection: Connection, name: str) -> list[str]:
    states = [state.value for state in UNDECIDED]
    query = select(posts.c.id).where(posts.c.account == name, posts.c.state.in_(states)).order_by(posts.c.created_at)
    return list(connection.execute(query).scalars())


def _check_creator(connection: Connection, account: Consented) -> None:
    """Posts of one creator must not go on at another's account."""
    known = connection.execute(select(accounts).where(accounts.c.name == account.name)).one()
    if (known.open_id, known.client_key, known.api_url) == (account.open_id, account.client_key, account.api_url):
        return
    if waiting := _undecided(connection, account.name):
        raise NeedsPerson(
            "account_of_other_creator",
            f"another creator consented than the one this account belongs to, and posts of it are not finished: "
            f"{', '.join(waiting)}",
            item=account.name,
            rule="a post goes to the creator it was planned for",
            fix="cancel or finish those posts, or connect this creator under another name",
        )


def _account(row: Row[Any]) -> Account:
    facts = {name: getattr(row, name) for name in Account.__slots__}
    facts |= {
        "mode": Mode(row.mode),
        "privacy": Privacy(row.privacy) if row.privacy else None,
        "scopes": tuple(row.scopes),
    }
    return Account(**facts)
