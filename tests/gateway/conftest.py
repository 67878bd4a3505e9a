"""An engine with webhook secrets and a listed origin, by a clock that the test sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from approval_making import DAM, NOW, OLD_SECRET, SECRET, Runs
from ledger_making import add_account
from pydantic import SecretStr

from airdate.engine import Engine
from airdate.ledger import Ledger
from airdate.settings import Settings
from airdate.store import Store


@dataclass
class Clock:
    """A clock that stands until the test moves it."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(
        home=home,
        webhook_secrets=(SecretStr(SECRET), SecretStr(OLD_SECRET)),
        allowed_origins=(DAM, "http://127.0.0.1:9"),
    )


@pytest.fixture
def engine(settings: Settings, clock: Clock) -> Iterator[Engine]:
    """An engine on SQLite by the test's clock, with the account `demo`."""
    opened = Engine(settings, Ledger.open(settings, clock), Store(settings.store), lambda _seconds: None)
    add_account(opened.ledger)
    yield opened
    opened.close()


@pytest.fixture
def runs() -> Runs:
    return Runs()
