"""Opening the ledger: SQLite embedded, PostgreSQL shared; the same tables and statements serve both."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from airdate.errors import Transient
from airdate.ledger.vault import Vault
from airdate.redact import register
from airdate.settings import Settings

Now = Callable[[], datetime]

BUSY_SECONDS = 30
"""How long one writer of SQLite waits for another before it reports the ledger busy."""


def utc_now() -> datetime:
    """The wall clock, aware."""
    return datetime.now(UTC)


class Ledger:
    """A connection pool to the ledger's database, its vault and its clock.

    Transactions are short by rule: none is open during an HTTP call.
    """

    def __init__(self, engine: Engine, vault: Vault, home: Path, now: Now = utc_now) -> None:
        self.engine = engine
        self.vault = vault
        self.home = home
        self.now = now

    @classmethod
    def open(cls, settings: Settings, now: Now = utc_now) -> Ledger:
        """Connect, and bring the schema up to date.

        Raises:
            Transient: the database does not answer.
            NeedsPerson: the vault's key is missing or wrong.
        """
        vault = Vault.open(settings)
        settings.home.mkdir(parents=True, exist_ok=True)
        register(make_url(settings.ledger_url).password or "")
        engine = _engine(settings.ledger_url)
        ledger = cls(engine, vault, settings.home, now)
        with reachable():
            _migrate(engine, settings.home)
        return ledger

    @property
    def is_sqlite(self) -> bool:
        """Whether the ledger is a file of this host."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """One write transaction. A `durable` one has reached the disk when it ends, whatever the power does.

        Progress marks are not durable: to lose the last of them costs a question to TikTok, to sync each costs
        a pause per chunk.
        """
        with reachable(), self.engine.connect() as connection:
            if self.is_sqlite and (raw := connection.connection.dbapi_connection) is not None:
                raw.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            with connection.begin():
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent read."""
        with (
            reachable(),
            self.engine.connect().execution_options(airdate_read=True) as connection,
            connection.begin(),
        ):
            yield connection

    def close(self) -> None:
        """Close the pool."""
        self.engine.dispose()


@contextmanager
def reachable() -> Iterator[None]:
    """Say `Transient` for a database that does not answer."""
    try:
        yield
    except (OperationalError, DBAPIError) as failed:
        if isinstance(failed, OperationalError) or failed.connection_invalidated:
            raise Transient(
                "ledger_unreachable",
                f"the ledger's database does not answer: {type(failed.orig).__name__}",
                fix="see that the database runs and its disk has room",
            ) from failed
        raise


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: Any) -> None:
        # Python's driver begins transactions on its own, and only before writes; we say BEGIN ourselves.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that starts as a reader and turns writer fails at once when another wrote in between,
        # without waiting its turn; so writers say it at the start.
        reads = connection.get_execution_options().get("airdate_read")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _migrate(engine: Engine, home: Path) -> None:
    """Upgrade the schema, one process at a time."""
    config = Config()
    config.set_main_option("script_location", str(resources.files("airdate.ledger") / "migrations"))
    head = ScriptDirectory.from_config(config).get_current_head()
    if _revision(engine) == head:
        return
    with (home / "migrate.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _revision(engine) == head:
            return
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(4242650)")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()
