"""How often one post is asked about over hours and days, and when that ends."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from moderating import BEGIN, COMPLETE, DRAFT, ID, PUBLIC, Clock, Moderation, now_of, sent, story, sweep_for

from airdate.engine import Engine
from airdate.following import Watch, follow, sweep
from airdate.following.pace import next_look
from airdate.ledger import looks
from airdate.outcome import exit_status, shown_error
from airdate.post import PostState

pytestmark = pytest.mark.e2e


def test_the_pace_has_no_hole(engine: Engine, clock: Clock) -> None:
    post = sent(engine, "a")
    for hours in range(0, 24 * 31, 7):
        at = BEGIN + timedelta(hours=hours)
        assert timedelta(seconds=30) <= next_look(post, BEGIN, at) - at


def test_looks_become_rarer_and_stay_within_their_bounds(engine: Engine, tiktok: Moderation, clock: Clock) -> None:
    post = sent(engine, "a")
    sweep_for(engine, clock, hours=4)
    at = [call.at for call in tiktok.asked()]
    waits = [later - earlier for earlier, later in pairwise(at)]
    assert waits[:2] == [timedelta(minutes=1)] * 2
    assert waits == sorted(waits)
    assert max(waits) == timedelta(minutes=15)
    assert exit_status(now_of(engine, post)) == 6


def test_after_three_days_a_person_is_asked_and_tiktok_only_rarely(
    engine: Engine, tiktok: Moderation, clock: Clock
) -> None:
    post = sent(engine, "a")
    clock.forward(hours=73)
    sweep(engine)
    post = now_of(engine, post)
    error = shown_error(post, "the clock") or {}
    assert (post.state, post.unconfirmed, exit_status(post)) == (PostState.PROCESSING, True, 6)
    assert (error["code"], error["who"]) == ("undecided", "operator")
    assert "posts resolve" in error["fix"]
    assert "the clock follows it" in error["message"]
    asked = len(tiktok.asked())
    clock.forward(minutes=1)
    sweep_for(engine, clock, hours=24)
    assert len(tiktok.asked()) - asked == 24
    assert sum("undecided" in why for why in story(engine, post)) == 1
    clock.forward(days=30)
    sweep(engine)
    assert now_of(engine, post).look_at == looks.NEVER
    tiktok.said[post.publish_id or ""] = COMPLETE
    assert follow(engine, post.id, Watch(60)).state is PostState.PUBLISHED


def test_a_public_post_is_followed_until_its_id_comes(engine: Engine, tiktok: Moderation, clock: Clock) -> None:
    post = sent(engine, "a", options=PUBLIC)
    tiktok.said[post.publish_id or ""] = COMPLETE
    sweep(engine)
    assert exit_status(now_of(engine, post)) == 0
    clock.forward(minutes=10)
    tiktok.said[post.publish_id or ""] = COMPLETE | {"publicaly_available_post_id": [ID]}
    sweep(engine)
    assert now_of(engine, post).tiktok_post_ids == (str(ID),)
    assert story(engine, post)[-1] == f"public as TikTok post {ID}"


def test_a_public_post_whose_id_never_comes_is_let_go_after_a_day(
    engine: Engine, tiktok: Moderation, clock: Clock
) -> None:
    post = sent(engine, "a", options=PUBLIC)
    tiktok.said[post.publish_id or ""] = COMPLETE
    sweep_for(engine, clock, hours=24.1)
    at = [call.at for call in tiktok.asked()]
    assert at[-1] < BEGIN + timedelta(hours=24)
    assert max(later - earlier for earlier, later in pairwise(at)) <= timedelta(hours=1)
    assert now_of(engine, post).state is PostState.PUBLISHED


def test_a_private_post_has_no_id_and_is_not_asked_about_again(
    engine: Engine, tiktok: Moderation, clock: Clock
) -> None:
    post = sent(engine, "a")
    tiktok.said[post.publish_id or ""] = COMPLETE
    for _ in range(3):
        sweep(engine)
        clock.forward(hours=1)
    assert len(tiktok.asked()) == 1


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (COMPLETE | {"publicaly_available_post_id": [ID, ID + 1]}, PostState.PUBLISHED),
        ({"status": "FAILED", "fail_reason": "internal"}, PostState.FAILED),
    ],
)
def test_a_delivered_draft_is_followed_on(
    engine: Engine, tiktok: Moderation, clock: Clock, said: dict[str, Any], state: PostState
) -> None:
    post = sent(engine, "a", options=DRAFT)
    tiktok.said[post.publish_id or ""] = {"status": "SEND_TO_USER_INBOX"}
    sweep(engine)
    assert (now_of(engine, post).state, exit_status(now_of(engine, post))) == (PostState.DELIVERED, 0)
    clock.forward(days=3)
    tiktok.said[post.publish_id or ""] = said
    sweep(engine)
    assert now_of(engine, post).state is state
    assert len(now_of(engine, post).tiktok_post_ids) == (2 if state is PostState.PUBLISHED else 0)


def test_a_draft_nobody_posts_is_asked_about_slowly_and_not_for_ever(
    engine: Engine, tiktok: Moderation, clock: Clock
) -> None:
    post = sent(engine, "a", options=DRAFT)
    tiktok.said[post.publish_id or ""] = {"status": "SEND_TO_USER_INBOX"}
    sweep_for(engine, clock, hours=4 * 24)
    assert 20 < len(tiktok.asked()) < 50
    clock.forward(days=26)
    assert sweep(engine).asked == 0
    assert now_of(engine, post).state is PostState.DELIVERED
