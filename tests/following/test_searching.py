"""A pull whose answer was lost is looked for among the creator's posts; what is found settles nothing."""

from __future__ import annotations

from typing import Any

import pytest
from moderating import BEGIN, ID, Clock, Moderation, now_of, sent, story, with_scopes

from airdate.engine import Engine
from airdate.following import sweep
from airdate.ledger import submissions
from airdate.ledger.posts import Post
from airdate.outcome import exit_status, shown_error
from airdate.post import Options, PostState, Privacy, SubmissionState

pytestmark = pytest.mark.e2e


def lost_pull(engine: Engine, caption: str = "hello  there") -> Post:
    options = Options(caption=caption, privacy=Privacy.PUBLIC)
    return sent(engine, "a", options=options, state=SubmissionState.UNKNOWN, publish_id=None, unconfirmed=True)


def video(name: int, text: str, at: float) -> dict[str, Any]:
    return {"id": str(name), "title": "", "video_description": text, "create_time": int(BEGIN.timestamp() + at)}


def test_one_listed_post_with_its_text_is_evidence_and_settles_nothing(engine: Engine, tiktok: Moderation) -> None:
    post = lost_pull(engine)
    tiktok.videos["demo"] = [video(ID, "hello there", 60), video(ID + 1, "another", 60), video(5, "hello there", -900)]
    sweep(engine)
    post = now_of(engine, post)
    error = shown_error(post) or {}
    assert (post.state, error["code"], exit_status(post)) == (PostState.PROCESSING, "init_unknown", 6)
    assert f"airdate posts resolve {post.id} --published --post-id {ID}" in error["fix"]
    assert post.tiktok_post_ids == ()
    assert submissions.of_post(engine.ledger, post.id)[-1].state is SubmissionState.UNKNOWN


@pytest.mark.parametrize(
    ("listed", "word"),
    [
        ([], "lists no post"),
        ([video(1, "hello there", 60), video(2, "hello there", 70)], "lists 2 posts"),
    ],
)
def test_none_or_several_are_said(engine: Engine, tiktok: Moderation, listed: list[dict[str, Any]], word: str) -> None:
    post = lost_pull(engine)
    tiktok.videos["demo"] = listed
    sweep(engine)
    error = shown_error(now_of(engine, post)) or {}
    assert word in error["message"]
    assert "--post-id" not in error["fix"]


def test_a_lost_pull_that_is_listed_late_is_found_within_minutes(
    engine: Engine, tiktok: Moderation, clock: Clock
) -> None:
    post = lost_pull(engine)
    sweep(engine)
    tiktok.videos["demo"] = [video(ID, "hello there", 60)]
    clock.forward(minutes=2)
    sweep(engine)
    assert str(ID) in (shown_error(now_of(engine, post)) or {})["fix"]


def test_without_the_scope_the_lost_pull_is_only_said(engine: Engine, tiktok: Moderation) -> None:
    with_scopes(engine)
    post = lost_pull(engine)
    sweep(engine)
    assert "video.list" in (shown_error(now_of(engine, post)) or {})["message"]
    assert tiktok.calls == []


def test_a_search_that_finds_the_same_again_tells_it_once(engine: Engine, tiktok: Moderation, clock: Clock) -> None:
    post = lost_pull(engine)
    for _ in range(4):
        sweep(engine)
        clock.forward(hours=2)
    assert len(tiktok.asked("list")) == 4
    assert sum("init_unknown" in why for why in story(engine, post)) == 1
