"""A lock by name across processes, held outside any transaction; used for one writer of an account's tokens."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from airdate.ledger.database import Ledger


@contextmanager
def locked(ledger: Ledger, name: str) -> Iterator[None]:
    """Wait for the lock `name` and hold it.

    SQLite is one host by definition, so a lock file does; PostgreSQL's advisory lock reaches every host. Both are
    let go by the system when the holder dies.
    """
    digest = hashlib.sha256(name.encode()).digest()
    if ledger.is_sqlite:
        folder = ledger.home / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{digest.hex()[:24]}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    number = int.from_bytes(digest[:8], signed=True)
    with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": number})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": number})
