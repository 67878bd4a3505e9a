"""What a person may decide about a post, from which state, and what it leaves in the ledger; on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from ledger_making import FILM_SHA256, add_account, plan_post
from sqlalchemy import update

from airdate import decisions, steps
from airdate.engine import Engine
from airdate.errors import NeedsPerson
from airdate.following import pace
from airdate.ledger import Ledger, looks, posts, submissions
from airdate.ledger.leases import Lease, claim
from airdate.ledger.posts import Post
from airdate.ledger.schema import accounts as accounts_table
from airdate.ledger.submissions import Submission
from airdate.ledger.transitions import LeaseLost
from airdate.outcome import exit_status
from airdate.post import Mode, SubmissionState
from airdate.post import PostState as P
from airdate.settings import Settings
from airdate.store import Store

WAY: dict[P, tuple[P, ...]] = {
    P.PLANNED: (),
    P.PREPARING: (P.PREPARING,),
    P.READY: (P.PREPARING, P.READY),
    P.PUBLISHING: (P.PREPARING, P.READY, P.PUBLISHING),
    P.PROCESSING: (P.PREPARING, P.READY, P.PUBLISHING, P.PROCESSING),
    P.PUBLISHED: (P.PREPARING, P.READY, P.PUBLISHING, P.PROCESSING, P.PUBLISHED),
    P.DELIVERED: (P.PREPARING, P.READY, P.PUBLISHING, P.PROCESSING, P.DELIVERED),
    P.HELD: (P.HELD,),
    P.CANCELLED: (P.CANCELLED,),
    P.MISSED: (P.MISSED,),
    P.FAILED: (P.FAILED,),
}

Decide = Callable[[Engine, str], Post]


def retry(engine: Engine, name: str) -> Post:
    return decisions.retry(engine, name, who="ana")


def release(engine: Engine, name: str) -> Post:
    return decisions.release(engine, name, who="ana")


def hold(engine: Engine, name: str) -> Post:
    return decisions.hold(engine, name, who="ana", why="the agency called")


def cancel(engine: Engine, name: str) -> Post:
    return decisions.cancel(engine, name, who="ana", why="the agency called")


def move(engine: Engine, name: str) -> Post:
    return decisions.move(engine, name, engine.ledger.now() + timedelta(days=1), who="ana")


def live(engine: Engine, name: str) -> Post:
    return decisions.resolve_published(engine, name, tiktok_post_id="7301", who="ana", why="seen in the app")


def not_live(engine: Engine, name: str) -> Post:
    return decisions.resolve_not_published(engine, name, who="ana", why="not in the app")


@pytest.fixture
def engine(ledger_settings: Settings, ledger: Ledger) -> Engine:
    return Engine(ledger_settings, ledger, Store(ledger_settings.store), lambda _seconds: None)


def brought_to(engine: Engine, state: P, key: str = "k1") -> Post:
    post = plan_post(engine.ledger, key)
    error = {"code": "account_unknown"} if state is P.HELD else None
    for step in WAY[state]:
        posts.move(engine.ledger, post.id, step, who="test", why="test")
    posts.store(engine.ledger, post.id, error=error, rendition={"sha256": FILM_SHA256}, not_before=engine.ledger.now())
    return posts.get(engine.ledger, post.id)


def submitted(engine: Engine, post: Post, *states: SubmissionState) -> tuple[Lease, Submission]:
    """A worker's lease on the post, and its submission in the last of the states."""
    lease = claim(engine.ledger, post.id, 30)
    assert isinstance(lease, Lease)
    made = submissions.intend(
        engine.ledger, post.id, lease.epoch, mode=Mode.DIRECT, sha256=FILM_SHA256, plan=(10, 10, 1)
    )
    for state in states:
        made = submissions.move(engine.ledger, made, lease.epoch, state, upload_url=engine.ledger.vault.seal("u"))
    return lease, made


ASKED, OPEN = SubmissionState.ASKED, SubmissionState.OPEN
COMMITTING, ACCEPTED = SubmissionState.COMMITTING, SubmissionState.ACCEPTED


@pytest.mark.parametrize(
    ("decide", "states", "to"),
    [
        (retry, decisions.RETRYABLE, P.PLANNED),
        (release, (P.HELD,), P.PLANNED),
        (move, decisions.MOVABLE, P.PLANNED),
        (hold, decisions.STOPPABLE, P.HELD),
        (cancel, decisions.CANCELLABLE, P.CANCELLED),
        (live, (P.PROCESSING,), P.PUBLISHED),
        (not_live, (P.PROCESSING,), P.FAILED),
    ],
)
def test_each_decision_is_for_its_states(engine: Engine, decide: Decide, states: tuple[P, ...], to: P) -> None:
    for state in states:
        before = brought_to(engine, state, key=f"spring/{state}")
        after = decide(engine, before.key)
        event = posts.story(engine.ledger, before.id)[-1]
        assert after.state is to
        assert (event.who, event.from_state, event.to_state) == ("ana", state, to)
        if to is P.PLANNED:
            assert (after.turn, after.error, after.not_before) == (before.turn + 1, None, None)


@pytest.mark.parametrize(
    ("decide", "states"),
    [
        (retry, decisions.RETRYABLE),
        (release, (P.HELD,)),
        (move, decisions.MOVABLE),
        (hold, decisions.STOPPABLE),
        (cancel, decisions.CANCELLABLE),
        (live, (P.PROCESSING,)),
        (not_live, (P.PROCESSING,)),
    ],
)
def test_a_decision_for_another_state_says_what_can_be_done_instead(
    engine: Engine, decide: Decide, states: tuple[P, ...]
) -> None:
    for state in set(P) - set(states):
        before = brought_to(engine, state, key=f"spring/{state}")
        with pytest.raises(NeedsPerson, match=f"the post is {state}") as caught:
            decide(engine, before.id)
        assert (caught.value.code, caught.value.fix) == (f"post_{state}", decisions.NEXT[state])
        assert posts.get(engine.ledger, before.id) == before


def test_an_unknown_name_is_said(engine: Engine) -> None:
    with pytest.raises(NeedsPerson, match="no such post"):
        retry(engine, "spring/none")


def test_a_retry_makes_the_film_anew_and_asks_for_no_punctuality(engine: Engine) -> None:
    post = brought_to(engine, P.MISSED)
    late = engine.ledger.now() - timedelta(days=2)
    posts.store(engine.ledger, post.id, slot=late, late_minutes=5)
    post = retry(engine, post.id)
    assert (post.rendition, post.slot) == (None, late)
    assert steps.due(engine, post, turn=post.turn) == post


def test_a_release_of_a_late_post_sends_it_and_of_another_keeps_its_lateness(engine: Engine) -> None:
    late = engine.ledger.now() - timedelta(days=2)
    for code, minutes in (("too_late", None), ("held", 5)):
        post = brought_to(engine, P.PLANNED, key=code)
        posts.move(engine.ledger, post.id, P.HELD, who="t", why="t", error={"code": code}, slot=late, late_minutes=5)
        assert release(engine, post.id).late_minutes == minutes


def test_what_a_person_holds_is_released_and_not_retried(engine: Engine) -> None:
    post = hold(engine, brought_to(engine, P.PLANNED).id)
    assert post.error is not None
    assert (post.error["code"], exit_status(post)) == ("held", 4)
    assert "the agency called" in post.error["message"]
    with pytest.raises(NeedsPerson, match="cannot be retried") as caught:
        retry(engine, post.id)
    assert "calendar release" in (caught.value.fix or "")
    assert release(engine, post.id).state is P.PLANNED


def test_what_was_called_off_names_the_way_back(engine: Engine) -> None:
    post = cancel(engine, brought_to(engine, P.READY).id)
    assert post.error is not None
    assert (exit_status(post), "posts retry" in post.error["fix"]) == (4, True)


@pytest.mark.parametrize("decide", [hold, cancel])
@pytest.mark.parametrize("states", [(), (ASKED,), (ASKED, OPEN)])
def test_a_stop_closes_what_was_begun_and_fences_the_worker(
    engine: Engine, decide: Decide, states: tuple[SubmissionState, ...]
) -> None:
    post = brought_to(engine, P.PUBLISHING)
    lease, made = submitted(engine, post, *states)
    decide(engine, post.id)
    (left,) = submissions.of_post(engine.ledger, post.id)
    assert left.state is SubmissionState.ABANDONED
    assert submissions.upload_url(engine.ledger, left) is None
    with pytest.raises(LeaseLost):
        submissions.move(engine.ledger, made, lease.epoch, COMMITTING)
    with pytest.raises(LeaseLost):
        submissions.acknowledge(engine.ledger, made, lease.epoch, 5)
    with pytest.raises(LeaseLost):
        posts.move(engine.ledger, post.id, P.PROCESSING, who="w", why="w", epoch=lease.epoch)


@pytest.mark.parametrize("decide", [hold, cancel])
@pytest.mark.parametrize("states", [(ASKED, OPEN, COMMITTING), (ASKED, OPEN, ACCEPTED)])
def test_a_stop_after_the_commit_mark_comes_too_late(
    engine: Engine, decide: Decide, states: tuple[SubmissionState, ...]
) -> None:
    post = brought_to(engine, P.PUBLISHING)
    lease, _ = submitted(engine, post, *states)
    with pytest.raises(NeedsPerson, match="no longer be stopped") as caught:
        decide(engine, post.id)
    assert (caught.value.code, posts.get(engine.ledger, post.id).state) == ("cannot_be_stopped", P.PUBLISHING)
    posts.move(engine.ledger, post.id, P.PROCESSING, who="w", why="w", epoch=lease.epoch)


def test_nothing_is_retried_while_something_could_go_live(engine: Engine) -> None:
    post = brought_to(engine, P.PUBLISHING)
    submitted(engine, post, ASKED, OPEN, COMMITTING)
    posts.move(engine.ledger, post.id, P.FAILED, who="t", why="t", error={"code": "internal"})
    with pytest.raises(NeedsPerson, match="committing, so it could still go live"):
        retry(engine, post.id)
    assert posts.get(engine.ledger, post.id).state is P.FAILED


def test_a_post_found_live_keeps_tiktoks_id(engine: Engine) -> None:
    post = brought_to(engine, P.PUBLISHING)
    submitted(engine, post, ASKED, OPEN, COMMITTING)
    posts.move(engine.ledger, post.id, P.PROCESSING, who="t", why="t", unconfirmed=True)
    post = live(engine, post.id)
    assert (post.tiktok_post_ids, post.unconfirmed, exit_status(post)) == (("7301",), False, 0)
    assert submissions.of_post(engine.ledger, post.id)[-1].state is SubmissionState.COMPLETE


def test_a_post_found_live_is_watched_for_a_take_down_where_that_can_be_noticed(engine: Engine) -> None:
    add_account(engine.ledger)
    with engine.ledger.write() as connection:
        connection.execute(update(accounts_table).values(scopes=["video.publish", "video.list"]))
    post = brought_to(engine, P.PUBLISHING)
    submitted(engine, post, ASKED, OPEN, COMMITTING)
    posts.move(engine.ledger, post.id, P.PROCESSING, who="t", why="t", unconfirmed=True, look_at=looks.NEVER)
    before = engine.ledger.now()
    post = live(engine, post.id)
    assert post.watched_until is not None
    assert post.watched_until - before >= pace.TAKE_DOWN_WATCH
    assert [each.post_id for each in looks.due(engine.ledger, "demo", most=5)] == [post.id]


def test_a_post_found_missing_may_be_retried(engine: Engine) -> None:
    post = brought_to(engine, P.PUBLISHING)
    submitted(engine, post, ASKED, OPEN, ACCEPTED)
    posts.move(engine.ledger, post.id, P.PROCESSING, who="t", why="t", unconfirmed=True)
    post = not_live(engine, post.id)
    assert post.error is not None
    assert (post.error["code"], post.unconfirmed, exit_status(post)) == ("resolved_not_published", False, 4)
    assert submissions.of_post(engine.ledger, post.id)[-1].state is SubmissionState.FAILED
    assert retry(engine, post.id).state is P.PLANNED
