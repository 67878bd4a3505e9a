"""What tests of every room share: a home of their own, and the ledger on both databases."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from airdate.engine import Engine
from airdate.ledger import Ledger
from airdate.ledger.schema import metadata
from airdate.settings import Settings
from airdate.store import Store

REQUIRE = "AIRDATE_TEST_REQUIRE"
"""Comma-separated parts (`browser`, `postgres`) whose absence fails the tests that need them, instead of skipping."""

POSTGRES = "AIRDATE_TEST_POSTGRES"
"""URL of a PostgreSQL server to use instead of the `pgserver` wheel's; its user makes and drops databases there."""


def pytest_configure() -> None:
    """Let Ctrl-C reach the processes under test: a shell's background job hands them down an ignored SIGINT."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def require() -> Callable[[str, str], None]:
    """`require("browser", why)` skips the test, or fails it where the part is required."""
    return missing


def missing(part: str, why: str) -> None:
    if part in os.environ.get(REQUIRE, "").split(","):
        pytest.fail(f"{REQUIRE} demands {part}: {why}")
    pytest.skip(why)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the person who runs the tests reaches them, and no test reaches that person's home."""
    for name in list(os.environ):
        if name.startswith(("AIRDATE_", "PREFECT_")) and not name.startswith("AIRDATE_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AIRDATE_HOME", str(tmp_path / "home"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An Airdate home of this test alone; the environment names it too."""
    folder = tmp_path / "home"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def settings(home: Path) -> Settings:
    """Settings of that home, everything else by default."""
    return Settings(home=home)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a running PostgreSQL server, begun once for all tests."""
    if url := os.environ.get(POSTGRES):
        yield url
        return
    try:
        import pgserver
    except ImportError:
        missing("postgres", f"neither {POSTGRES} nor the pgserver wheel is here")
    # Not in pytest's own folders, which another session of pytest tidies up.
    folder = Path(tempfile.mkdtemp(prefix="airdate-postgres-"))
    try:
        server = pgserver.get_server(folder, cleanup_mode="stop")
    except Exception as failed:  # noqa: BLE001 (whatever stops it, the reason is in the message)
        missing("postgres", f"pgserver did not start: {failed}")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """`databases()` makes an empty database and gives its URL; on somebody's own server they are dropped at the end."""
    server: str = request.getfixturevalue("postgres")
    made: list[str] = []

    def make() -> str:
        made.append(f"airdate_{uuid.uuid4().hex[:12]}")
        _admin(server, f'CREATE DATABASE "{made[-1]}"')
        return _on(server, made[-1])

    yield make
    for name in made if os.environ.get(POSTGRES) else ():
        _admin(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def new_ledger_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger on SQLite to be copied: migrating one for each test took a third of the suite's time."""
    settings = Settings(home=tmp_path_factory.mktemp("new"))
    Ledger.open(settings).close()
    return settings.home / "ledger.db"


@pytest.fixture(scope="session")
def ledger_database(databases: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of one ledger on PostgreSQL that each test finds empty."""
    url = databases()
    key = Fernet.generate_key().decode()
    Ledger.open(Settings(home=tmp_path_factory.mktemp("new"), database_url=url, secret_key=key)).close()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_settings(request: pytest.FixtureRequest, home: Path) -> Settings:
    """Settings of an empty ledger on each database."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("new_ledger_file"), home)
        return Settings(home=home)
    url = request.getfixturevalue("ledger_database")
    _empty(url)
    return Settings(home=home, database_url=url, secret_key=Fernet.generate_key().decode())


@pytest.fixture
def ledger(ledger_settings: Settings) -> Iterator[Ledger]:
    """An empty ledger, on SQLite and on PostgreSQL."""
    opened = Ledger.open(ledger_settings)
    yield opened
    opened.close()


@pytest.fixture
def engine(settings: Settings, new_ledger_file: Path) -> Iterator[Engine]:
    """An engine on SQLite that never waits."""
    shutil.copy(new_ledger_file, settings.home)
    opened = Engine(settings, Ledger.open(settings), Store(settings.store), lambda _seconds: None)
    yield opened
    opened.close()


def _empty(url: str) -> None:
    """Take every row away; a test that left a transaction open fails the next one here instead of hanging it."""
    with psycopg.connect(url) as connection:
        connection.execute("SET lock_timeout = '10s'")
        connection.execute(f"TRUNCATE {', '.join(table.name for table in metadata.sorted_tables)}")


def _on(server: str, database: str) -> str:
    """The server's URL with another database; pgserver's names its socket's folder in the query."""
    return make_url(server).set(database=database).render_as_string(hide_password=False)


def _admin(server: str, statement: str) -> None:
    url = _on(server, "postgres").replace("postgresql://", "postgresql+psycopg://", 1)
    maker = create_engine(url, isolation_level="AUTOCOMMIT")
    with maker.connect() as connection:
        connection.exec_driver_sql(statement)
    maker.dispose()
