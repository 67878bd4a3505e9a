"""The clock's look at the ledger: which posts get a run, which are too late, and which are brought back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ledger_making import make_request

from airdate.calendar import apply, tick
from airdate.calendar.tick import LEFT_BEHIND, MOST_RETURNS, PATIENCE, Ticked, bring_back
from airdate.engine import Engine
from airdate.errors import Transient
from airdate.ledger import posts
from airdate.ledger.leases import Lease, claim
from airdate.ledger.owner import new_owner
from airdate.ledger.posts import Post
from airdate.post import PostState
from airdate.settings import Settings

MakeRow = Callable[..., dict[str, str]]
SLOT = datetime(2026, 11, 24, 17, tzinfo=UTC)


@pytest.fixture
def planned(engine: Engine, file: Any, row: MakeRow) -> Callable[..., Post]:
    """`planned(late_minutes="5")` is a post from a calendar, due in ten minutes."""

    def plan(**cells: str) -> Post:
        apply(engine, file.write(row(**cells)), who="ana")
        (post,) = posts.listed(engine.ledger)
        return post

    return plan


def command_post(engine: Engine) -> Post:
    return posts.record(engine.ledger, make_request(), ["/films/a.mp4"], who="test")


def move(engine: Engine, post: Post, *states: PostState, **values: Any) -> Post:
    for state in states:
        post = posts.move(engine.ledger, post.id, state, who="test", why="test", **values)
    return post


@contextmanager
def worked_on(engine: Engine, post: Post) -> Iterator[None]:
    lease = claim(engine.ledger, post.id, 3600)
    assert isinstance(lease, Lease)
    with lease:
        yield


def abandon(engine: Engine, post: Post) -> None:
    """Leave the lease of a process of this host that no longer runs."""
    where, pid, _started, name = new_owner().rsplit(" ", 3)
    posts.store(
        engine.ledger,
        post.id,
        lease_owner=f"{where} {pid} 1 {name}",
        lease_until=engine.ledger.now() + timedelta(seconds=30),
    )


def test_a_post_that_is_due_soon_gets_one_run_at_its_slot(
    engine: Engine, planned: Callable[..., Post], runs: Any
) -> None:
    post = planned()

    first, second = tick(engine, runs), tick(engine, runs)

    assert runs.made == {(post.id, 1): SLOT}
    assert runs.names == ["demo · Launch day · 24 Nov 18:00"]
    assert (first.runs, second.runs) == ([f"run {post.id} 1"], [])
    assert posts.get(engine.ledger, post.id).run_turn == 1


def test_a_post_beyond_the_horizon_waits(engine: Engine, planned: Callable[..., Post], runs: Any, clock: Any) -> None:
    post = planned(slot="2026-11-24 18:06")

    tick(engine, runs)
    assert runs.made == {}

    clock.forward(minutes=1)
    tick(engine, runs)
    assert list(runs.made) == [(post.id, 1)]


def test_a_moved_post_gets_another_run(
    engine: Engine, planned: Callable[..., Post], file: Any, row: MakeRow, runs: Any
) -> None:
    post = planned()
    tick(engine, runs)

    apply(engine, file.write(row(slot="2026-11-24 18:01")), who="ana")
    tick(engine, runs)

    assert runs.made == {(post.id, 1): SLOT, (post.id, 2): SLOT + timedelta(minutes=1)}


def test_two_ticks_at_once_make_one_run(engine: Engine, planned: Callable[..., Post], runs: Any) -> None:
    post = planned()
    threads = [threading.Thread(target=tick, args=(engine, runs)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert list(runs.made) == [(post.id, 1)]


def test_the_calendar_of_the_settings_is_applied_first(
    engine: Engine, settings: Settings, file: Any, row: MakeRow, runs: Any
) -> None:
    path = file.write(row())
    ticking = Engine(settings.model_copy(update={"calendar": path}), engine.ledger, engine.store)

    ticked = tick(ticking, runs)

    assert ticked.applied is not None
    assert ticked.applied.added == ("launch",)
    assert len(runs.made) == 1
    assert posts.listed(engine.ledger)[0].consent.kind == "standing"
    assert tick(ticking, runs).runs == []


def test_a_wrong_calendar_is_reported_and_stops_nothing(
    engine: Engine, settings: Settings, planned: Callable[..., Post], file: Any, row: MakeRow, runs: Any
) -> None:
    post = planned()
    ticking = Engine(
        settings.model_copy(update={"calendar": file.write(row(zone="Mars"))}), engine.ledger, engine.store
    )

    ticked = tick(ticking, runs)

    assert [error.code for error in ticked.errors] == ["calendar_wrong"]
    assert list(runs.made) == [(post.id, 1)]


def test_a_run_that_cannot_be_made_is_made_by_the_next_tick(
    engine: Engine, planned: Callable[..., Post], runs: Any
) -> None:
    post = planned()
    runs.error = Transient("prefect_unreachable", "it is away", fix="start it")

    assert [error.code for error in tick(engine, runs).errors] == ["prefect_unreachable"]
    assert posts.get(engine.ledger, post.id).run_turn is None

    runs.error = None
    tick(engine, runs)
    assert list(runs.made) == [(post.id, 1)]


@pytest.mark.parametrize(
    ("policy", "state"), [("hold", PostState.HELD), ("miss", PostState.MISSED), ("publish", PostState.PLANNED)]
)
def test_a_late_post_is_treated_by_its_policy(
    engine: Engine, planned: Callable[..., Post], runs: Any, clock: Any, policy: str, state: PostState
) -> None:
    post = planned(late_minutes="30", late_policy=policy)
    clock.now = SLOT + timedelta(minutes=31)

    ticked = tick(engine, runs)

    now = posts.get(engine.ledger, post.id)
    assert now.state is state
    assert (ticked.late == [post.id]) is (state is not PostState.PLANNED)
    assert len(runs.made) == (state is PostState.PLANNED)
    if state is not PostState.PLANNED:
        assert now.error is not None
        assert now.error["code"] == "too_late"
        assert "31 minutes late" in posts.story(engine.ledger, post.id)[-1].why


def test_a_post_within_its_lateness_goes_out(
    engine: Engine, planned: Callable[..., Post], runs: Any, clock: Any
) -> None:
    post = planned(late_minutes="30")
    clock.now = SLOT + timedelta(minutes=30)

    tick(engine, runs)

    assert runs.made == {(post.id, 1): None}


def test_last_months_calendar_given_by_mistake_is_held(engine: Engine, planned: Callable[..., Post], runs: Any) -> None:
    post = planned(slot="2026-10-24 18:00")

    tick(engine, runs)

    assert runs.made == {}
    assert posts.get(engine.ledger, post.id).state is PostState.HELD


def test_a_post_whose_worker_is_at_it_is_left_alone(
    engine: Engine, planned: Callable[..., Post], runs: Any, clock: Any
) -> None:
    post = planned(late_minutes="0")
    move(engine, post, PostState.PREPARING)
    clock.now = SLOT + timedelta(minutes=10)

    with worked_on(engine, post):
        assert tick(engine, runs) == Ticked()

    assert posts.get(engine.ledger, post.id).state is PostState.PREPARING


@pytest.mark.parametrize(
    "way",
    [
        [],
        [PostState.PREPARING],
        [PostState.PREPARING, PostState.READY],
        [PostState.PREPARING, PostState.READY, PostState.PUBLISHING],
    ],
)
def test_a_post_whose_worker_died_is_brought_back_at_once(
    engine: Engine, planned: Callable[..., Post], runs: Any, clock: Any, way: list[PostState]
) -> None:
    post = planned()
    tick(engine, runs)
    clock.now = SLOT
    move(engine, post, *way)
    abandon(engine, post)

    ticked = tick(engine, runs)

    assert ticked.back == [post.id]
    assert runs.made == {(post.id, 1): SLOT, (post.id, 2): None}
    assert posts.story(engine.ledger, post.id)[-1].why == LEFT_BEHIND


@pytest.mark.parametrize("state", [PostState.PREPARING, PostState.PUBLISHING])
def test_a_post_that_was_brought_back_waits_for_its_run_in_a_busy_queue(
    engine: Engine, planned: Callable[..., Post], runs: Any, clock: Any, state: PostState
) -> None:
    post = planned()
    tick(engine, runs)
    move(engine, post, PostState.PREPARING)
    if state is PostState.PUBLISHING:
        move(engine, post, PostState.READY, PostState.PUBLISHING)
    clock.now = SLOT
    abandon(engine, post)
    assert tick(engine, runs).back == [post.id]

    for _ in range(59):
        clock.forward(minutes=1)
        assert tick(engine, runs) == Ticked()
    clock.forward(minutes=1)
    assert tick(engine, runs).back == [post.id]


@pytest.mark.parametrize("state", [PostState.PREPARING, PostState.READY])
def test_a_run_made_ahead_for_a_resting_post_is_waited_for(
    engine: Engine, planned: Callable[..., Post], runs: Any, clock: Any, state: PostState
) -> None:
    post = planned()
    tick(engine, runs)
    until = clock.now + timedelta(minutes=12)
    post = move(engine, post, PostState.PREPARING)
    post = posts.move(engine.ledger, post.id, state, who="t", why="cap", turn=2, not_before=until)

    for _ in range(20):
        tick(engine, runs)
        clock.forward(minutes=1)

    assert [turn for _, turn in runs.made] == [1, 2]
    assert runs.made[post.id, 2] == until


@pytest.mark.parametrize(
    "way",
    [
        [PostState.PREPARING],
        [PostState.PREPARING, PostState.READY],
        [PostState.PREPARING, PostState.READY, PostState.PUBLISHING],
    ],
)
def test_a_post_that_a_run_let_go_of_midway_is_brought_back_when_it_has_been_quiet(
    engine: Engine, planned: Callable[..., Post], runs: Any, clock: Any, way: list[PostState]
) -> None:
    post = planned()
    tick(engine, runs)
    with worked_on(engine, post):
        move(engine, post, *way)

    clock.forward(seconds=29)
    assert tick(engine, runs).back == []
    clock.forward(seconds=1)
    assert tick(engine, runs).back == [post.id]
    assert tick(engine, runs).back == []


def test_a_run_that_was_made_and_has_not_begun_is_waited_for(
    engine: Engine, planned: Callable[..., Post], runs: Any, clock: Any
) -> None:
    post = planned()
    tick(engine, runs)
    clock.now = SLOT + timedelta(hours=1)

    tick(engine, runs)

    assert list(runs.made) == [(post.id, 1)]


def test_a_run_that_somebody_deleted_is_made_again_for_the_same_turn(
    engine: Engine, planned: Callable[..., Post], runs: Any, clock: Any
) -> None:
    post = planned()
    tick(engine, runs)
    runs.made.clear()
    clock.now = SLOT + PATIENCE + timedelta(seconds=1)

    tick(engine, runs)

    assert list(runs.made) == [(post.id, 1)]


def test_a_post_that_rests_goes_on_at_its_time_and_not_before(
    engine: Engine, planned: Callable[..., Post], runs: Any, clock: Any
) -> None:
    post = planned()
    tick(engine, runs)
    until = SLOT + timedelta(hours=1)
    move(engine, post, PostState.PREPARING, PostState.READY, turn=2, not_before=until)

    clock.now = until - timedelta(minutes=16)
    tick(engine, runs)
    assert (post.id, 2) not in runs.made

    clock.now = until - timedelta(minutes=15)
    tick(engine, runs)
    assert runs.made[post.id, 2] == until


def test_a_command_takes_its_own_post_out(engine: Engine, runs: Any, clock: Any) -> None:
    post = command_post(engine)
    assert tick(engine, runs).runs == []

    with worked_on(engine, post):
        clock.forward(minutes=5)
        assert tick(engine, runs).runs == []


def test_a_command_that_died_has_its_post_brought_back(engine: Engine, runs: Any) -> None:
    post = move(engine, command_post(engine), PostState.PREPARING)
    abandon(engine, post)

    assert tick(engine, runs).back == [post.id]
    assert list(runs.made) == [(post.id, 2)]


def test_a_command_that_died_before_it_took_its_post_is_made_up_for(engine: Engine, runs: Any, clock: Any) -> None:
    post = command_post(engine)
    clock.forward(seconds=30)

    tick(engine, runs)

    assert list(runs.made) == [(post.id, 1)]


@pytest.mark.parametrize("state", [PostState.HELD, PostState.CANCELLED, PostState.MISSED, PostState.FAILED])
def test_what_waits_for_a_person_or_is_over_gets_no_run(
    engine: Engine, planned: Callable[..., Post], runs: Any, clock: Any, state: PostState
) -> None:
    move(engine, planned(), state)
    clock.forward(minutes=20)

    assert tick(engine, runs) == Ticked()


def test_a_post_that_kills_its_workers_is_held(
    engine: Engine, planned: Callable[..., Post], runs: Any, clock: Any
) -> None:
    post = move(engine, planned(), PostState.PREPARING)
    clock.now = SLOT
    for _ in range(MOST_RETURNS):
        abandon(engine, post)
        assert tick(engine, runs).back == [post.id]
    abandon(engine, post)

    assert tick(engine, runs).back == []

    now = posts.get(engine.ledger, post.id)
    assert now.state is PostState.HELD
    assert now.error is not None
    assert now.error["code"] == "left_behind"


def test_a_stale_tick_does_not_turn_a_post_back(engine: Engine, planned: Callable[..., Post], runs: Any) -> None:
    post = move(engine, planned(), PostState.PREPARING)
    abandon(engine, post)
    stale = posts.get(engine.ledger, post.id)
    posts.store(engine.ledger, post.id, turn=7)

    assert not bring_back(engine, stale)
    assert posts.get(engine.ledger, post.id).turn == 7
