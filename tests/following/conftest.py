"""A TikTok that only moderates, by a clock that the tests move."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moderating import Clock, Moderation, following, moderating

from airdate.engine import Engine
from airdate.settings import Settings


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tiktok(clock: Clock) -> Iterator[Moderation]:
    with moderating(clock) as begun:
        yield begun


@pytest.fixture
def engine(settings: Settings, tiktok: Moderation) -> Iterator[Engine]:
    with following(settings, tiktok) as begun:
        yield begun
