"""A lock by name across processes, held outside any transaction; used for one writer of an account's tokens."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from airdate.ledger.database import Ledger, reachable

log = logging.getLogger(__name__)

_of_threads: dict[str, threading.Lock] = defaultdict(threading.Lock)


@contextmanager
def locked(ledger: Ledger, name: str) -> Iterator[None]:
    """Wait for the lock `name` and hold it.

    SQLite is one host by definition, so a lock file does; PostgreSQL's advisory lock reaches every host. Both are
    let go by the system when the holder dies. A PostgreSQL that goes away lets go too, while the holder still works:
    the ledger's compare-and-set has to settle what happens then.

    Raises:
        Transient: the database does not answer.
    """
    digest = hashlib.sha256(name.encode()).digest()
    if ledger.is_sqlite:
        # Beside the database: two homes of this host may share one, and must not refresh one account at once.
        folder = Path(ledger.engine.url.database or ledger.home / "ledger.db").parent / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{digest.hex()[:24]}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    # A waiter occupies a connection of the pool: fifty threads that wait would leave none for the one they wait for.
    with _of_threads[name], _advised(ledger, int.from_bytes(digest[:8], signed=True)):
        yield


@contextmanager
def _advised(ledger: Ledger, number: int) -> Iterator[None]:
    with reachable():
        connection = ledger.engine.connect()
    try:
        with reachable():
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": number})
        try:
            yield
        finally:
            _let_go(connection, number)
    finally:
        connection.close()


def _let_go(connection: Connection, number: int) -> None:
    """Unlock; the lock of a connection that is gone is gone with it, and what was done under it stays done."""
    try:
        connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": number})
    except DBAPIError as gone:
        log.warning("the database went away while a lock was held: %s", type(gone.orig).__name__)
        connection.invalidate()
