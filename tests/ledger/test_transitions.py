"""Which moves the ledger allows, and what each leaves behind."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ledger_making import make_request, plan_post

from airdate.errors import NeedsPerson, WrongUsage
from airdate.ledger import Ledger, posts
from airdate.ledger.transitions import POST_MOVES, SUBMISSION_MOVES, LeaseLost
from airdate.post import Options, PostState, Privacy, SubmissionState

HARMLESS = {PostState.PLANNED, PostState.PREPARING, PostState.READY}


def test_every_state_has_a_row() -> None:
    assert set(POST_MOVES) == set(PostState)
    assert set(SUBMISSION_MOVES) == set(SubmissionState)


def test_what_is_not_sent_yet_can_be_stopped() -> None:
    for state in HARMLESS:
        assert {PostState.CANCELLED, PostState.HELD} <= POST_MOVES[state]


def test_what_tiktok_has_cannot_be_cancelled_here() -> None:
    assert POST_MOVES[PostState.PROCESSING].isdisjoint({PostState.CANCELLED, PostState.HELD, PostState.READY})
    assert not POST_MOVES[PostState.PUBLISHED]


def test_a_settled_submission_never_moves_again() -> None:
    for state in (SubmissionState.COMPLETE, SubmissionState.FAILED, SubmissionState.ABANDONED):
        assert not SUBMISSION_MOVES[state]


def test_a_move_leaves_an_event(ledger: Ledger) -> None:
    post = plan_post(ledger)
    posts.move(ledger, post.id, PostState.HELD, who="ana", why="the agency called")
    last = posts.story(ledger, post.id)[-1]
    assert (last.who, last.from_state, last.to_state, last.why) == ("ana", "planned", "held", "the agency called")


def test_a_forbidden_move_names_what_is_allowed(ledger: Ledger) -> None:
    post = plan_post(ledger)
    with pytest.raises(NeedsPerson, match="cannot become published") as caught:
        posts.move(ledger, post.id, PostState.PUBLISHED, who="x", why="x")
    assert "preparing" in (caught.value.rule or "")
    assert posts.get(ledger, post.id).state is PostState.PLANNED


def test_a_stale_epoch_writes_nothing(ledger: Ledger) -> None:
    post = plan_post(ledger)
    with pytest.raises(LeaseLost):
        posts.move(ledger, post.id, PostState.PREPARING, who="x", why="x", epoch=7)
    assert posts.get(ledger, post.id).state is PostState.PLANNED
    assert len(posts.story(ledger, post.id)) == 1


def test_asking_twice_gives_the_same_post(ledger: Ledger) -> None:
    first, second = plan_post(ledger), plan_post(ledger)
    assert first == second
    assert len(posts.listed(ledger)) == 1


def test_one_key_with_other_options_names_what_differs(ledger: Ledger) -> None:
    plan_post(ledger)
    other = make_request(options=Options(caption="another", privacy=Privacy.PUBLIC))
    with pytest.raises(WrongUsage, match="another caption, privacy"):
        posts.record(ledger, other, ["/films/a.mp4"], who="test")


def test_the_same_film_elsewhere_is_the_same_source(ledger: Ledger) -> None:
    post = plan_post(ledger)
    request = make_request()
    moved = replace(request, assets=(replace(request.assets[0], asset_id="/elsewhere/b.mp4"),))
    assert posts.record(ledger, moved, ["/elsewhere/b.mp4"], who="test").id == post.id


def test_locators_are_not_in_the_database_in_clear(ledger: Ledger) -> None:
    post = plan_post(ledger, locator="https://dam.example/film.mp4?signature=CANARY-5521")
    assert posts.locators(ledger, post.id) == ("https://dam.example/film.mp4?signature=CANARY-5521",)
    with ledger.read() as connection:
        raw = connection.exec_driver_sql("SELECT * FROM posts").all()
    assert "CANARY-5521" not in repr(raw)
