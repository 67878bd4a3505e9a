"""One writer per account, and no grant lost: on both databases, with real processes and the real sandbox."""

from __future__ import annotations

import multiprocessing
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from consenting import add_creator
from ledger_making import plan_post
from sqlalchemy import create_engine, event, update
from sqlalchemy.exc import OperationalError
from token_using import die_at_the_write, use_in_threads

from airdate.errors import NeedsPerson, Transient
from airdate.ledger import Ledger, accounts, grants
from airdate.ledger.accounts import Consented, Grant
from airdate.ledger.grants import Kept
from airdate.ledger.locks import locked
from airdate.ledger.schema import accounts as table
from airdate.post import Mode, Privacy
from airdate.sandbox.running import RunningSandbox
from airdate.settings import Settings
from airdate.tiktok.session import Session

pytestmark = pytest.mark.e2e

PROCESSES, THREADS = 4, 13
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    with RunningSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: RunningSandbox) -> RunningSandbox:
    running.control.reset()
    return running


@pytest.fixture
def pointed(ledger_settings: Settings, sandbox: RunningSandbox) -> Settings:
    """Settings of a ledger on each database, turned to the sandbox; the account `demo` was never refreshed."""
    return ledger_settings.model_copy(update={"tiktok_api_url": sandbox.addresses.api})


@pytest.fixture
def ledger(pointed: Settings, sandbox: RunningSandbox) -> Iterator[Ledger]:
    opened = Ledger.open(pointed)
    add_creator(opened, sandbox)
    yield opened
    opened.close()


@contextmanager
def away(ledger: Ledger, times: int = 99) -> Iterator[list[str]]:
    """The database goes away in the very moment an account is written; lists the tries."""
    tries: list[str] = []

    def fail(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(("UPDATE accounts", "INSERT INTO accounts")) and len(tries) < times:
            tries.append(statement)
            raise OperationalError(statement, None, Exception("the server closed the connection"))

    event.listen(ledger.engine, "before_cursor_execute", fail)
    yield tries
    event.remove(ledger.engine, "before_cursor_execute", fail)


def use(settings: Settings, ledger: Ledger) -> str:
    with Session(settings, ledger, "demo", lambda _seconds: None) as session:
        return session.token()


def sealed(ledger: Ledger) -> list[Any]:
    return list((ledger.home / grants.FOLDER).glob("*"))


def expire(ledger: Ledger) -> None:
    with ledger.write() as connection:
        connection.execute(update(table).values(access_expires_at=ledger.now()))


def calls(sandbox: RunningSandbox) -> int:
    return len(sandbox.control.calls("token"))


def test_fifty_users_in_four_processes_make_one_refresh(
    pointed: Settings, ledger: Ledger, sandbox: RunningSandbox
) -> None:
    start = SPAWN.Barrier(PROCESSES)
    pipes = [SPAWN.Pipe(duplex=False) for _ in range(PROCESSES)]
    children = [SPAWN.Process(target=use_in_threads, args=(pointed, "demo", THREADS, start, tell)) for _, tell in pipes]
    for child in children:
        child.start()
    got = set()
    for hear, _ in pipes:
        assert hear.poll(100)
        got |= set(hear.recv())
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    assert PROCESSES * THREADS >= 50
    assert len(got) == 1
    assert calls(sandbox) == 1
    assert accounts.secrets(ledger, "demo").version == 1


def test_a_database_that_comes_back_in_time_is_tried_again(
    pointed: Settings, ledger: Ledger, sandbox: RunningSandbox
) -> None:
    with away(ledger, times=grants.TRIES - 1) as tries:
        token = use(pointed, ledger)
    assert len(tries) == grants.TRIES - 1
    assert accounts.secrets(ledger, "demo").access_token == token
    assert sealed(ledger) == []
    assert calls(sandbox) == 1


def test_a_grant_that_could_not_be_stored_is_taken_up_by_the_next(
    pointed: Settings, ledger: Ledger, sandbox: RunningSandbox
) -> None:
    with away(ledger) as tries, pytest.raises(Transient, match="is not lost") as caught:
        use(pointed, ledger)
    assert len(tries) == grants.TRIES
    assert caught.value.fix
    (path,) = sealed(ledger)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert b"rft." not in path.read_bytes()
    assert accounts.secrets(ledger, "demo").version == 0

    token = use(pointed, ledger)
    held = accounts.secrets(ledger, "demo")
    assert (held.access_token, held.version) == (token, 1)
    assert sealed(ledger) == []
    assert calls(sandbox) == 1
    expire(ledger)
    assert use(pointed, ledger) != token  # the refresh token that was kept is the living one


def test_a_process_killed_at_the_write_loses_nothing(
    pointed: Settings, ledger: Ledger, sandbox: RunningSandbox
) -> None:
    child = SPAWN.Process(target=die_at_the_write, args=(pointed, "demo"))
    child.start()
    child.join(60)
    assert child.exitcode == 9
    assert accounts.secrets(ledger, "demo").version == 0
    use(pointed, ledger)
    assert accounts.secrets(ledger, "demo").version == 1
    assert calls(sandbox) == 1
    assert sealed(ledger) == []


def test_another_host_that_met_a_dead_token_stops_the_account_only_until_then(
    pointed: Settings, ledger: Ledger
) -> None:
    with away(ledger), pytest.raises(Transient):
        use(pointed, ledger)
    elsewhere = Ledger(ledger.engine, ledger.vault, ledger.home.with_name("elsewhere"))
    elsewhere.home.mkdir()
    with pytest.raises(NeedsPerson) as caught:
        use(pointed, elsewhere)
    assert caught.value.code == "invalid_grant"
    assert accounts.get(ledger, "demo").blocked is not None
    use(pointed, ledger)
    assert accounts.get(ledger, "demo").blocked is None


def test_a_commit_whose_answer_was_lost_is_a_commit(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    store = accounts.store_grant

    def lose_answer(*given: Any) -> bool:
        monkeypatch.setattr(accounts, "store_grant", store)
        store(*given)
        raise Transient("ledger_unreachable", "the connection broke at the commit")

    monkeypatch.setattr(accounts, "store_grant", lose_answer)
    assert grants.store(ledger, keep(ledger), lambda _seconds: None)
    assert sealed(ledger) == []


def test_a_kept_grant_that_is_older_than_the_ledgers_is_dropped(pointed: Settings, ledger: Ledger) -> None:
    with away(ledger), pytest.raises(Transient):
        use(pointed, ledger)
    accounts.add(ledger, **account_facts(ledger, refresh_token="the operator's"))
    assert not grants.take_up(ledger, "demo")
    assert accounts.secrets(ledger, "demo").refresh_token == "the operator's"
    assert sealed(ledger) == []


def test_a_grant_of_another_creator_is_never_stored(ledger: Ledger) -> None:
    assert not grants.store(ledger, keep(ledger, creator="another:creator"), lambda _seconds: None)
    assert accounts.secrets(ledger, "demo").access_token is None


def test_a_consent_that_could_not_be_stored_is_taken_up(pointed: Settings, ledger: Ledger) -> None:
    found = accounts.get(ledger, "demo")
    new = Consented(
        "new", found.api_url, "ck", "CANARY-SECRET", "oid", audited=True, mode=Mode.DIRECT, privacy=Privacy.SELF_ONLY
    )
    kept = Kept("new", "ck:oid", None, make_grant(ledger), new)
    with away(ledger), pytest.raises(Transient, match="is not lost"):
        grants.store(ledger, kept, lambda _seconds: None)
    with Session(pointed, ledger, "new", lambda _seconds: None) as session:
        assert session.token() == "act.kept-one"
    account = accounts.get(ledger, "new")
    assert (account.kind, account.privacy, account.scopes) == ("direct audited", Privacy.SELF_ONLY, ("video.publish",))


def test_a_kept_consent_of_another_creator_stops_nothing(pointed: Settings, ledger: Ledger) -> None:
    found = accounts.get(ledger, "demo")
    other = Consented(
        "demo", found.api_url, "ck", "CANARY-SECRET", "another", audited=True, mode=Mode.DIRECT, privacy=None
    )
    with away(ledger), pytest.raises(Transient):
        grants.store(ledger, Kept("demo", "ck:another", 0, make_grant(ledger), other), lambda _seconds: None)
    plan_post(ledger)
    assert use(pointed, ledger) != "act.kept-one"
    assert accounts.get(ledger, "demo").open_id == found.open_id


def test_a_kept_consent_of_an_account_that_is_gone_stops_nothing(ledger: Ledger) -> None:
    gone = Consented("gone", "http://a", "ck", "CANARY-SECRET", "oid", audited=True, mode=Mode.DIRECT, privacy=None)
    with pytest.MonkeyPatch.context() as killed:
        killed.setattr(grants, "_write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            grants.store(ledger, Kept("gone", "ck:oid", 3, make_grant(ledger), gone), lambda _seconds: None)
    assert grants.kept_names(ledger) == ["gone"]
    assert not grants.take_up(ledger, "gone")
    assert sealed(ledger) == []


def test_a_kept_grant_that_cannot_be_read_stops_nothing(pointed: Settings, ledger: Ledger) -> None:
    with away(ledger), pytest.raises(Transient):
        grants.store(ledger, keep(ledger), lambda _seconds: None)
    (path,) = sealed(ledger)
    path.write_bytes(b"sealed with another key")
    assert use(pointed, ledger)


def test_a_full_disk_does_not_keep_the_ledger_from_being_tried(ledger: Ledger) -> None:
    (ledger.home / grants.FOLDER).write_text("in the way")
    assert grants.store(ledger, keep(ledger), lambda _seconds: None)
    assert accounts.secrets(ledger, "demo").access_token == "act.kept-one"


def test_postgresql_may_go_away_while_the_lock_is_held(
    request: pytest.FixtureRequest, pointed: Settings, ledger: Ledger
) -> None:
    if ledger.is_sqlite:
        with locked(ledger, "x"):
            assert list((ledger.home / "locks").iterdir())
        return
    with locked(ledger, "x"):
        with psycopg.connect(request.getfixturevalue("ledger_database"), autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert use(pointed, ledger)
    with locked(ledger, "x"):
        assert accounts.secrets(ledger, "demo").version == 1


def test_homes_that_share_a_ledger_share_its_locks(ledger: Ledger) -> None:
    other, entered = Ledger(ledger.engine, ledger.vault, ledger.home.with_name("other")), threading.Event()

    def enter() -> None:
        with locked(other, "x"):
            entered.set()

    waiter = threading.Thread(target=enter)
    with locked(ledger, "x"):
        waiter.start()
        assert not entered.wait(0.3)
    assert entered.wait(10)
    waiter.join()


def test_a_lock_of_a_database_that_is_away_is_temporary(ledger: Ledger) -> None:
    if ledger.is_sqlite:
        pytest.skip("a lock file needs no database")
    gone = ledger.engine.url.set(query={}, host="127.0.0.1", port=1).render_as_string(hide_password=False)
    with pytest.raises(Transient) as caught, locked(Ledger(create_engine(gone), ledger.vault, ledger.home), "y"):
        raise AssertionError("nobody has this lock")
    assert caught.value.code == "ledger_unreachable"


def make_grant(ledger: Ledger) -> Grant:
    return Grant(
        "act.kept-one", 7200, "rft.kept-one", 15552000, ("video.publish",), ledger.now() - timedelta(seconds=1)
    )


def keep(ledger: Ledger, creator: str | None = None) -> Kept:
    account = accounts.get(ledger, "demo")
    return Kept("demo", creator or account.rate_subject, account.token_version, make_grant(ledger))


def account_facts(ledger: Ledger, **changed: Any) -> dict[str, Any]:
    account, held = accounts.get(ledger, "demo"), accounts.secrets(ledger, "demo")
    names = ("name", "api_url", "client_key", "open_id", "audited", "mode", "privacy")
    facts = {name: getattr(account, name) for name in names}
    return facts | {"client_secret": held.client_secret} | changed
