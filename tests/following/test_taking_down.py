"""A post that is live is looked for, and its take-down believed at the second look."""

from __future__ import annotations

from datetime import timedelta

import pytest
from moderating import BEGIN, COMPLETE, ID, PUBLIC, Clock, Moderation, now_of, sent, story, with_scopes

from airdate.engine import Engine
from airdate.following import follow, sweep
from airdate.ledger.posts import Post
from airdate.post import PostState
from airdate.report import report

pytestmark = pytest.mark.e2e


def published(engine: Engine, tiktok: Moderation, key: str = "a") -> Post:
    post = sent(engine, key, options=PUBLIC)
    name = ID + len(tiktok.said)
    tiktok.said[post.publish_id or ""] = COMPLETE | {"publicaly_available_post_id": [name]}
    tiktok.videos["demo"].append({"id": str(name)})
    sweep(engine)
    return now_of(engine, post)


def test_a_take_down_is_believed_at_the_second_look(engine: Engine, tiktok: Moderation, clock: Clock) -> None:
    post, other = published(engine, tiktok), published(engine, tiktok, "b")
    clock.forward(hours=25)
    sweep(engine)
    assert now_of(engine, post).missing_since is None
    tiktok.videos["demo"].pop(0)
    clock.forward(hours=25)
    sweep(engine)
    missed = clock.now
    assert (now_of(engine, post).missing_since, now_of(engine, post).taken_down_at) == (missed, None)
    clock.forward(minutes=61)
    sweep(engine)
    gone = now_of(engine, post)
    assert (gone.state, gone.taken_down_at, gone.watched_until) == (PostState.PUBLISHED, missed, None)
    assert any(why.startswith("taken down: ") for why in story(engine, post))
    assert "Taken down" in report(engine, post.id).markdown()
    assert "taken_down_at" not in gone.outcome().as_dict()
    assert now_of(engine, other).taken_down_at is None
    assert len(tiktok.asked("query")) == 3 + 2  # both at once but for the first and the second look


def test_a_person_who_asks_twice_does_not_make_it_a_take_down(engine: Engine, tiktok: Moderation, clock: Clock) -> None:
    post = published(engine, tiktok)
    tiktok.videos["demo"] = []
    for _ in range(3):
        clock.forward(minutes=5)
        assert follow(engine, post.id).taken_down_at is None
    clock.forward(minutes=60)
    sweep(engine)
    assert now_of(engine, post).taken_down_at == BEGIN + timedelta(minutes=5)


def test_one_answer_without_the_post_is_no_take_down(engine: Engine, tiktok: Moderation, clock: Clock) -> None:
    post = published(engine, tiktok)
    listed, tiktok.videos["demo"] = tiktok.videos["demo"], []
    clock.forward(hours=25)
    sweep(engine)
    tiktok.videos["demo"] = listed
    clock.forward(hours=2)
    sweep(engine)
    assert (now_of(engine, post).missing_since, now_of(engine, post).taken_down_at) == (None, None)


def test_without_the_scope_nobody_asks_whether_it_is_there(engine: Engine, tiktok: Moderation, clock: Clock) -> None:
    sent(engine, "warm")
    sweep(engine)
    with_scopes(engine, "video.publish")
    post = sent(engine, "a", options=PUBLIC)
    tiktok.said[post.publish_id or ""] = COMPLETE | {"publicaly_available_post_id": [ID]}
    for _ in range(3):
        sweep(engine)
        clock.forward(hours=1)
    assert tiktok.asked("query") == []
    assert now_of(engine, post).watched_until is None


def test_a_list_that_cannot_be_had_is_asked_for_again_soon(engine: Engine, tiktok: Moderation, clock: Clock) -> None:
    post = published(engine, tiktok)
    clock.forward(hours=25)
    tiktok.dead |= {f"act.demo.{number:06}" for number in range(1, 99)}
    assert "demo" in sweep(engine).faults
    assert now_of(engine, post).look_at == clock.now + timedelta(minutes=5)
    assert now_of(engine, post).missing_since is None
