"""Appointments to look at posts, on both databases: in which order they come up, and that each is kept once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ledger_making import plan_post
from sqlalchemy import update

from airdate.ledger import Ledger, looks, posts
from airdate.ledger.looks import Appointment
from airdate.ledger.schema import posts as table
from airdate.post import PostState

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
EARLIER, LATER = NOW - timedelta(hours=1), NOW + timedelta(hours=1)


@pytest.fixture(autouse=True)
def _clock(ledger: Ledger) -> None:
    ledger.now = lambda: NOW


def put(ledger: Ledger, key: str, state: PostState = PostState.PROCESSING, **values: Any) -> str:
    post = plan_post(ledger, key)
    with ledger.write() as connection:
        connection.execute(update(table).where(table.c.id == post.id).values(state=state.value, **values))
    return post.id


def test_those_never_looked_at_come_first_then_the_longest_waiting(ledger: Ledger) -> None:
    second = put(ledger, "second", look_at=EARLIER)
    put(ledger, "later", look_at=LATER)
    third = put(ledger, "third", look_at=EARLIER + timedelta(minutes=1))
    first = put(ledger, "first")
    assert [each.post_id for each in looks.due(ledger, "demo", most=9)] == [first, second, third]
    assert [each.post_id for each in looks.due(ledger, "demo", most=1)] == [first]
    assert looks.count_due(ledger) == 3


def test_accounts_come_in_the_order_of_their_longest_waiting_post(ledger: Ledger) -> None:
    put(ledger, "a", account="ana", look_at=EARLIER + timedelta(minutes=9))
    put(ledger, "b", account="ben", look_at=EARLIER)
    put(ledger, "c", account="eve", look_at=LATER)
    put(ledger, "d", account="ana", look_at=EARLIER + timedelta(minutes=1))
    assert looks.accounts_due(ledger) == ["ben", "ana"]


@pytest.mark.parametrize(
    ("state", "watched_until", "due"),
    [
        (PostState.PROCESSING, None, True),
        (PostState.PUBLISHED, None, False),
        (PostState.PUBLISHED, LATER, True),
        (PostState.PUBLISHED, EARLIER, False),
        (PostState.DELIVERED, LATER, True),
        (PostState.FAILED, LATER, False),
        (PostState.PUBLISHING, LATER, False),
    ],
)
def test_open_posts_and_watched_ones_are_looked_at(
    ledger: Ledger, state: PostState, watched_until: datetime | None, due: bool
) -> None:
    put(ledger, "a", state, watched_until=watched_until)
    assert looks.count_due(ledger) == int(due)


@pytest.mark.parametrize("at", [None, EARLIER])
def test_an_appointment_is_kept_once(ledger: Ledger, at: datetime | None) -> None:
    post_id = put(ledger, "a", look_at=at)
    (appointment,) = looks.due(ledger, "demo", most=9)
    assert appointment == Appointment(post_id, at)
    assert looks.keep(ledger, appointment, LATER)
    assert not looks.keep(ledger, appointment, LATER + timedelta(hours=1))
    assert posts.get(ledger, post_id).look_at == LATER


def test_recalled_are_the_open_ones_and_none_jumps_the_queue(ledger: Ledger) -> None:
    never = put(ledger, "never", look_at=looks.NEVER)
    waiting = put(ledger, "waiting", look_at=EARLIER)
    published = put(ledger, "published", PostState.PUBLISHED, look_at=LATER, watched_until=looks.NEVER)
    looks.recall(ledger)
    assert [each.post_id for each in looks.due(ledger, "demo", most=9)] == [waiting, never]
    assert posts.get(ledger, published).look_at == LATER


def test_a_post_that_moves_on_has_no_old_appointment(ledger: Ledger) -> None:
    post_id = put(ledger, "a", look_at=looks.NEVER)
    assert posts.move(ledger, post_id, PostState.PUBLISHING, who="test", why="again").look_at is None
    posts.store(ledger, post_id, publish_id="v")
    moved = posts.move(ledger, post_id, PostState.PROCESSING, who="test", why="sent", look_at=LATER)
    assert moved.look_at == LATER
