"""A calendar file, an engine whose clock the test sets, and a Prefect that only remembers."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ledger_making import add_account

from airdate.engine import Engine
from airdate.ledger import Ledger
from airdate.ledger.posts import Post
from airdate.settings import Settings
from airdate.store import Store

NOW = datetime(2026, 11, 24, 16, 50, tzinfo=UTC)
"""Ten minutes before the slot of a calendar's usual row."""

ROW = {
    "id": "launch",
    "slot": "2026-11-24 18:00",
    "zone": "Europe/Berlin",
    "account": "demo",
    "source": "film.mp4",
    "caption": "Launch day",
    "privacy": "SELF_ONLY",
}


@dataclass
class Clock:
    """A clock that stands until the test moves it."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Runs:
    """A `StartRun` as Prefect keeps it: one run for each post and turn, however often it is asked."""

    made: dict[tuple[str, int], datetime | None] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    error: Exception | None = None

    def __call__(self, post: Post, *, at: datetime | None, name: str) -> str:
        if self.error is not None:
            raise self.error
        self.made.setdefault((post.id, post.turn), at)
        self.names.append(name)
        return f"run {post.id} {post.turn}"


@dataclass(frozen=True)
class File:
    """A calendar file that tests write row by row."""

    path: Path

    def write(self, *rows: dict[str, str], header: list[str] | None = None) -> Path:
        names = header or list(dict.fromkeys(name for row in (ROW, *rows) for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, names)
        writer.writeheader()
        writer.writerows(rows)
        self.path.write_text(text.getvalue(), "utf-8")
        return self.path


@pytest.fixture
def clock() -> Clock:
    return Clock()


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


@pytest.fixture
def row() -> Callable[..., dict[str, str]]:
    """`row(id="b")` is the usual row with another id."""
    return lambda **cells: ROW | cells


@pytest.fixture
def file(tmp_path: Path) -> File:
    """`november.csv`, beside the film that its usual row names."""
    folder = tmp_path / "plans"
    folder.mkdir()
    (folder / "film.mp4").write_bytes(b"film")
    return File(folder / "november.csv")
