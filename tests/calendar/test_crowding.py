"""A calendar that wants more of a creator's day than TikTok gives says so before the day comes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from airdate.calendar import apply, crowded
from airdate.engine import Engine
from airdate.ledger import caps

MakeRow = Callable[..., dict[str, str]]


def rows(row: MakeRow, number: int, *, minutes: int = 30, **changed: str) -> list[dict[str, str]]:
    made = []
    for index in range(number):
        at = timedelta(minutes=minutes) * index
        day, rest = divmod(int(at.total_seconds()), 86400)
        slot = f"2026-12-{1 + day:02} {rest // 3600:02}:{rest % 3600 // 60:02}"
        made.append(row(id=f"r{index}", slot=slot, zone="UTC", **changed))
    return made


def test_as_many_as_the_cap_are_no_crowd(engine: Engine, file: Any, row: MakeRow) -> None:
    assert crowded(engine, file.write(*rows(row, caps.DEFAULT_POSTS))) == []


def test_one_more_is(engine: Engine, file: Any, row: MakeRow) -> None:
    (said,) = crowded(engine, file.write(*rows(row, caps.DEFAULT_POSTS + 1)))
    assert "16 posts in the 24 hours from 2026-12-01 00:00 UTC" in said
    assert "about 15" in said


def test_the_same_number_over_two_days_is_not(engine: Engine, file: Any, row: MakeRow) -> None:
    assert crowded(engine, file.write(*rows(row, caps.DEFAULT_POSTS + 1, minutes=96))) == []


def test_drafts_do_not_count(engine: Engine, file: Any, row: MakeRow) -> None:
    drafts = rows(row, caps.DEFAULT_POSTS + 1, mode="inbox", privacy="")
    assert crowded(engine, file.write(*drafts)) == []


def test_other_calendars_count_and_this_one_only_once(engine: Engine, file: Any, row: MakeRow) -> None:
    path = file.write(*rows(row, 8))
    apply(engine, path, who="ana")
    assert crowded(engine, path) == []
    other = path.with_name("december.csv")
    other.write_bytes(path.read_bytes())
    assert "16 posts" in crowded(engine, other)[0]
