"""Tokens over weeks and months, by a clock that the test moves; the sandbox has the same clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest
from consenting import add_creator
from moderating import Clock
from sqlalchemy import update

from airdate.engine import Engine
from airdate.keeping import keep
from airdate.ledger import Ledger, accounts
from airdate.ledger.schema import accounts as accounts_table
from airdate.sandbox.running import RunningSandbox
from airdate.settings import Settings
from airdate.store import Store

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def running(clock: Clock) -> Iterator[RunningSandbox]:
    with RunningSandbox(time=lambda: clock().timestamp()) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: RunningSandbox) -> RunningSandbox:
    running.control.reset()
    return running


@pytest.fixture
def engine(settings: Settings, sandbox: RunningSandbox, clock: Clock) -> Iterator[Engine]:
    pointed = settings.model_copy(update={"tiktok_api_url": sandbox.addresses.api})
    opened = Engine(pointed, Ledger.open(pointed, clock), Store(pointed.store), lambda _seconds: None)
    for name in ("brand", "demo"):
        add(opened, sandbox, name)
    yield opened
    opened.close()


def add(engine: Engine, sandbox: RunningSandbox, name: str) -> None:
    add_creator(engine.ledger, sandbox, name, creator="demo" if name == "demo" else "public")


def ends(engine: Engine, name: str = "demo") -> timedelta:
    until = accounts.get(engine.ledger, name).refresh_expires_at
    assert until is not None
    return until - engine.ledger.now()


def test_a_new_account_is_renewed_at_once_and_then_once_a_week(
    engine: Engine, sandbox: RunningSandbox, clock: Clock
) -> None:
    assert keep(engine).renewed == ("brand", "demo")
    assert accounts.get(engine.ledger, "demo").scopes
    for _ in range(6):
        clock.forward(days=1)
        assert keep(engine).renewed == ()
    clock.forward(days=1)
    assert keep(engine).renewed == ("brand", "demo")
    assert len(sandbox.control.calls("token")) == 4
    assert ends(engine) == timedelta(days=180)


def test_an_account_that_never_posts_lives_for_years(engine: Engine, clock: Clock) -> None:
    for _ in range(60):
        clock.forward(days=10)
        assert keep(engine).errors == ()
    assert ends(engine) == timedelta(days=180)


def test_a_short_life_is_renewed_in_time(engine: Engine, sandbox: RunningSandbox, clock: Clock) -> None:
    sandbox.control.settings(refresh_token_seconds=4 * 86400)
    keep(engine)
    clock.forward(hours=23)
    assert keep(engine).renewed == ()
    clock.forward(hours=1)
    assert keep(engine).renewed == ("brand", "demo")


def test_a_bad_account_stops_no_other_and_is_told_once(engine: Engine, sandbox: RunningSandbox, clock: Clock) -> None:
    keep(engine)
    sandbox.control.disconnect("public")
    clock.forward(days=7)
    kept = keep(engine)
    assert kept.renewed == ("demo",)
    assert [(error.item, error.code) for error in kept.errors] == [("brand", "invalid_grant")]
    kept = keep(engine)
    assert (kept.errors, kept.stopped) == ((), ("brand (invalid_grant)",))


def test_people_are_told_30_14_and_7_days_before(
    engine: Engine, sandbox: RunningSandbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    keep(engine)
    sandbox.control.fault("token", times=None, status=503, body="away")
    told = []
    for day in range(181):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "airdate.keeping"):
            warnings = keep(engine).warnings
        if warnings:
            told.append(180 - day)
            assert len(warnings) == 2
            assert "account connect demo" in warnings[1]
            assert warnings[1] in caplog.text
        clock.forward(days=1)
    assert told == [30, 14, 7]
    assert accounts.get(engine.ledger, "demo").warned_at is not None


def test_after_a_renewal_there_is_nothing_to_warn_of(engine: Engine, sandbox: RunningSandbox, clock: Clock) -> None:
    keep(engine)
    sandbox.control.fault("token", times=None, status=503, body="away")
    clock.forward(days=160)
    assert len(keep(engine).warnings) == 2
    sandbox.control.reset()
    kept = keep(engine)
    assert (kept.renewed, kept.warnings) == (("brand", "demo"), ())


def test_accounts_of_another_origin_and_revoked_ones_are_left_alone(
    engine: Engine, sandbox: RunningSandbox, clock: Clock
) -> None:
    keep(engine)
    accounts.erase(engine.ledger, "brand", {"code": accounts.REVOKED})
    clock.forward(days=30)
    moved = engine.settings.model_copy(update={"tiktok_api_url": "https://open.tiktokapis.com"})
    assert keep(Engine(moved, engine.ledger, engine.store, engine.pause)).renewed == ()
    kept = keep(engine)
    assert (kept.renewed, kept.stopped, kept.errors) == (("demo",), (), ())


def test_the_flow_says_what_it_did(
    engine: Engine, sandbox: RunningSandbox, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import keep_tokens

    monkeypatch.setattr(keep_tokens.process, "begin", lambda: None)
    monkeypatch.setattr(keep_tokens.Engine, "open", lambda: Engine(engine.settings, reopened(engine), engine.store))
    state = asyncio.run(keep_tokens.keep_tokens.fn())
    assert (state.type.value, state.message) == ("COMPLETED", "renewed: brand, demo")
    sandbox.control.disconnect("public")
    clock.forward(days=7)
    state = asyncio.run(keep_tokens.keep_tokens.fn())
    assert state.type.value == "FAILED"
    assert "brand" in state.message
    state = asyncio.run(keep_tokens.keep_tokens.fn())
    assert state.type.value == "COMPLETED"
    assert "stopped until a person acts: brand (invalid_grant)" in state.message
    with engine.ledger.write() as connection:
        connection.execute(update(accounts_table).values(refresh_expires_at=clock.now + timedelta(days=20)))
    for name in ("ConsentEndsSoon", "Completed"):  # told once
        assert asyncio.run(keep_tokens.keep_tokens.fn()).name == name


def reopened(engine: Engine) -> Ledger:
    return Ledger.open(engine.settings, engine.ledger.now)
