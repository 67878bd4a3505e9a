"""A grant that TikTok gave must not be lost: it lies sealed in the home until the ledger holds it.

TikTok kills the old refresh token in the moment it hands out the next, so an answer that is not stored is a lost
account. The answer is therefore written to a file before the ledger is tried (one fsync every two hours, against a
creator's new consent), and a process that died, or a database that was away, leaves the file to the next one.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from airdate.errors import AirdateError, NeedsPerson, Transient
from airdate.ledger import accounts
from airdate.ledger.accounts import Consented, Grant
from airdate.ledger.database import Ledger
from airdate.ledger.locks import locked
from airdate.post import Mode, Privacy
from airdate.redact import register

log = logging.getLogger(__name__)

FOLDER = "grants"

TRIES = 4
"""How often the ledger is tried before the grant is left to the next one who comes."""

FIRST_WAIT_S = 0.5
"""Seconds before the second try; they double."""

Pause = Callable[[float], None]


def lock_of(name: str) -> str:
    """The lock under which an account's tokens are changed."""
    return f"tokens:{name}"


@dataclass(frozen=True, slots=True)
class Kept:
    """A grant on its way into the ledger.

    Attributes:
        name: the account.
        creator: whose it is, as `Account.rate_subject`: a ledger that was begun anew may know the name for another.
        seen_version: the account's token version when TikTok was asked; None when there was no account.
        grant: what TikTok answered.
        account: what a consent brings besides; None for a refresh.
    """

    name: str
    creator: str
    seen_version: int | None
    grant: Grant
    account: Consented | None = None


def store(ledger: Ledger, kept: Kept, pause: Pause = time.sleep) -> bool:
    """Put the grant into the ledger, whatever becomes of this process; the caller holds the account's lock.

    Returns:
        False when another writer was there first: the account was added or connected again meanwhile.

    Raises:
        Transient: the ledger does not answer. The grant is kept, and `take_up` stores it.
        NeedsPerson: as `accounts.store_consent`; nothing is kept then.
    """
    _lay_down(ledger, kept)
    for tried in range(1, TRIES + 1):
        try:
            done = _write(ledger, kept)
        except Transient as away:
            if tried == TRIES:
                raise Transient(
                    away.code,
                    f"{away.message}; what TikTok granted is kept in the home and is not lost",
                    item=kept.name,
                    fix=f"when the database answers again, `airdate account refresh {kept.name}` in this home",
                ) from away
            log.warning("%s; the grant of %s is tried again", away, kept.name)
            pause(FIRST_WAIT_S * 2 ** (tried - 1))
        except AirdateError:
            _remove(ledger, kept.name)
            raise
        else:
            _remove(ledger, kept.name)
            return done
    raise AssertionError("the last try returns or raises")


def take_up(ledger: Ledger, name: str) -> bool:
    """Store a grant that was kept for the account, if there is one and nothing newer came; whether it was stored.

    Raises:
        Transient: the ledger does not answer; the grant stays where it is.
    """
    if not _path(ledger, name).exists():
        return False
    with locked(ledger, lock_of(name)):
        return take_up_held(ledger, name)


def take_up_held(ledger: Ledger, name: str) -> bool:
    """The same for a caller that holds the account's lock."""
    path = _path(ledger, name)
    try:
        sealed = path.read_bytes()
    except FileNotFoundError:
        return False
    try:
        kept = _read(ledger, sealed)
    except NeedsPerson as unreadable:
        log.warning("the grant in %s is left alone: %s", path, unreadable)
        return False
    try:
        done = _write(ledger, kept)
    except NeedsPerson as refused:
        # As in `store`. Left here it would stop every call of an account that is another creator's and in order.
        _remove(ledger, name)
        log.warning("the consent that was kept in the home is dropped: %s", refused)
        return False
    _remove(ledger, name)
    if done:
        log.warning("the grant of %s that was kept in the home is in the ledger now", name)
    else:
        log.warning("the grant of %s that was kept in the home is dropped: the ledger has a newer one", name)
    return done


def kept_names(ledger: Ledger) -> list[str]:
    """The accounts, in the ledger or not, for which a grant is kept that can be read."""
    names = []
    for path in (ledger.home / FOLDER).glob("*.sealed"):
        with suppress(NeedsPerson, FileNotFoundError):
            names.append(_read(ledger, path.read_bytes()).name)
    return sorted(names)


def is_kept(ledger: Ledger, name: str) -> bool:
    """Whether a grant of the account waits for the ledger."""
    return _path(ledger, name).exists()


def _write(ledger: Ledger, kept: Kept) -> bool:
    """One try; also true when an earlier one got through and only its answer was lost."""
    known = accounts.version(ledger, kept.name)
    if kept.account is not None:
        done = accounts.store_consent(ledger, kept.account, kept.seen_version, kept.grant)
    elif known is None or accounts.get(ledger, kept.name).rate_subject != kept.creator:
        return False
    else:
        done = accounts.store_grant(ledger, kept.name, kept.seen_version or 0, kept.grant)
    return done or (known is not None and accounts.secrets(ledger, kept.name).access_token == kept.grant.access_token)


def _lay_down(ledger: Ledger, kept: Kept) -> None:
    path = _path(ledger, kept.name)
    draft = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123
            file.write(ledger.vault.seal(json.dumps(asdict(kept), default=_plain)))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as failed:
        # A full disk must not keep the ledger, which may be elsewhere, from being tried.
        log.warning("the grant of %s cannot be kept in the home: %s", kept.name, failed.strerror)


def _sync_folder(folder: Path) -> None:
    """A rename reaches the disk with its folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(ledger: Ledger, name: str) -> None:
    # One that stays does no harm: the next one who comes finds a newer version in the ledger, and drops it.
    with suppress(OSError):
        _path(ledger, name).unlink()


def _path(ledger: Ledger, name: str) -> Path:
    return ledger.home / FOLDER / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.sealed"


def _read(ledger: Ledger, sealed: bytes) -> Kept:
    found: dict[str, Any] = json.loads(ledger.vault.read(sealed))
    told = found["grant"]
    grant = Grant(**{**told, "scopes": tuple(told["scopes"]), "asked_at": datetime.fromisoformat(told["asked_at"])})
    account = found["account"]
    if account is not None:
        privacy = Privacy(account["privacy"]) if account["privacy"] else None
        account = Consented(**{**account, "mode": Mode(account["mode"]), "privacy": privacy})
        register(account.client_secret)
    register(grant.access_token)
    register(grant.refresh_token or "")
    return Kept(found["name"], found["creator"], found["seen_version"], grant, account)


def _plain(value: object) -> str:
    assert isinstance(value, datetime)  # noqa: S101 (all else in a grant is plain JSON)
    return value.isoformat()
