"""What one answer does to a post, and what a faulty one leaves."""

from __future__ import annotations

from typing import Any

import pytest
from moderating import COMPLETE, ID, PUBLIC, Clock, Moderation, Refusal, now_of, sent, story
from sqlalchemy import update

from airdate.engine import Engine
from airdate.following import look, sweep
from airdate.ledger import accounts, looks, submissions
from airdate.ledger.schema import accounts as accounts_table
from airdate.ledger.schema import posts as posts_table
from airdate.ledger.schema import submissions as submissions_table
from airdate.outcome import exit_status, shown_error
from airdate.post import Mode, PostState, SubmissionState

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("said", "ids"),
    [
        ({}, ()),
        ({"publicaly_available_post_id": []}, ()),
        ({"publicaly_available_post_id": [ID]}, (str(ID),)),
        ({"publicaly_available_post_id": [str(ID), "7"]}, (str(ID), "7")),
        ({"publicaly_available_post_id": ID}, (str(ID),)),
    ],
)
def test_a_published_post_keeps_the_ids_in_whatever_form(
    engine: Engine, tiktok: Moderation, said: dict[str, Any], ids: tuple[str, ...]
) -> None:
    post = sent(engine, "a", options=PUBLIC)
    tiktok.said[post.publish_id or ""] = COMPLETE | said
    sweep(engine)
    post = now_of(engine, post)
    assert (post.state, post.tiktok_post_ids) == (PostState.PUBLISHED, ids)
    assert submissions.of_post(engine.ledger, post.id)[-1].state is SubmissionState.COMPLETE


def test_a_late_answer_about_an_earlier_submission_changes_nothing(engine: Engine, tiktok: Moderation) -> None:
    """While one asks, another has the post sent anew and live; the first one's answer is old."""
    post = sent(engine, "a")
    tiktok.said[post.publish_id or ""] = {"status": "FAILED", "fail_reason": "internal"}

    def sent_anew(publish_id: str) -> None:
        tiktok.meanwhile = lambda _publish_id: None
        look(engine, post)
        with engine.ledger.write() as connection:
            connection.execute(update(posts_table).values(state=PostState.PROCESSING.value))
        again = submissions.intend(engine.ledger, post.id, 0, mode=Mode.DIRECT, sha256="a" * 64, plan=(1000, 1000, 1))
        for state in (SubmissionState.ASKED, SubmissionState.OPEN, SubmissionState.ACCEPTED):
            again = submissions.move(engine.ledger, again, 0, state)

    tiktok.meanwhile = sent_anew
    assert look(engine, post).state is PostState.PROCESSING
    states = [each.state for each in submissions.of_post(engine.ledger, post.id)]
    assert states == [SubmissionState.FAILED, SubmissionState.ACCEPTED]


@pytest.mark.parametrize(("acknowledged", "state"), [(500, PostState.FAILED), (1000, PostState.PROCESSING)])
def test_what_tiktok_acknowledged_whole_is_not_failed_for_missing_bytes(
    engine: Engine, tiktok: Moderation, clock: Clock, acknowledged: int, state: PostState
) -> None:
    """It may yet go live: "nothing went out, send it again" would be a second post."""
    post = sent(engine, "a")
    facts = {"film_size": 1000, "acknowledged": acknowledged, "url_expires_at": clock.now}
    with engine.ledger.write() as connection:
        connection.execute(update(submissions_table).values(**facts))
    tiktok.said[post.publish_id or ""] = {"status": "PROCESSING_UPLOAD", "uploaded_bytes": 500}
    clock.forward(minutes=15)
    assert look(engine, post).state is PostState.PROCESSING, "its URL may have been issued after some tries of the init"
    clock.forward(minutes=1)
    assert look(engine, post).state is state


def test_a_faulty_check_leaves_the_post_as_it_is(engine: Engine, tiktok: Moderation) -> None:
    post = sent(engine, "a")
    tiktok.said[post.publish_id or ""] = Refusal(500, "internal_error")
    swept = sweep(engine)
    assert swept.faults["demo"].code in ("asked_later", "internal_error")
    assert (now_of(engine, post).state, now_of(engine, post).error) == (PostState.PROCESSING, None)


def test_a_token_refused_in_the_middle_of_a_round_is_renewed_and_sends_nothing(
    engine: Engine, tiktok: Moderation
) -> None:
    made = [sent(engine, f"p{number}") for number in range(3)]
    for post in made:
        tiktok.said[post.publish_id or ""] = COMPLETE
    tiktok.meanwhile = lambda _publish_id: tiktok.dead.add("act.demo.000001")
    sweep(engine)
    assert [now_of(engine, post).state for post in made] == [PostState.PUBLISHED] * 3
    assert tiktok.grants == 2
    assert {call.path for call in tiktok.calls} == {"/v2/post/publish/status/fetch/"}


def test_a_token_that_stays_refused_blocks_the_account_and_loses_no_post(engine: Engine, tiktok: Moderation) -> None:
    post = sent(engine, "a")
    tiktok.dead |= {f"act.demo.{number:06}" for number in range(1, 9)}
    assert sweep(engine).faults["demo"].code == "access_token_invalid"
    assert accounts.get(engine.ledger, "demo").blocked is not None
    asked = len(tiktok.calls)
    engine.pause(3600)
    assert sweep(engine).faults["demo"].code == "access_token_invalid"
    assert len(tiktok.calls) == asked
    assert now_of(engine, post).state is PostState.PROCESSING
    error = shown_error(now_of(engine, post), "the clock") or {}
    assert (error["code"], error["who"], exit_status(now_of(engine, post))) == ("account_stopped", "operator", 6)
    assert "account connect" in error["fix"]
    engine.pause(600)
    sweep(engine)
    assert sum("a person is asked" in why for why in story(engine, post)) == 1
    with engine.ledger.write() as connection:
        connection.execute(update(accounts_table).values(blocked=None))
    tiktok.dead.clear()
    engine.pause(600)
    sweep(engine)
    assert (shown_error(now_of(engine, post)) or {})["code"] == "processing"


@pytest.mark.parametrize(
    "code", ["invalid_publish_id", "invalid_params", "token_not_authorized_for_specified_publish_id"]
)
def test_an_id_that_tiktok_does_not_know_asks_for_a_person(engine: Engine, tiktok: Moderation, code: str) -> None:
    post = sent(engine, "a")
    tiktok.said[post.publish_id or ""] = Refusal(400, code)
    sweep(engine)
    post = now_of(engine, post)
    assert (post.state, post.unconfirmed, exit_status(post)) == (PostState.PROCESSING, True, 6)
    error = shown_error(post) or {}
    assert error["code"] == code
    assert error["fix"]
    assert [each.state for each in submissions.of_post(engine.ledger, post.id)] == [SubmissionState.ACCEPTED]


def test_what_tiktok_forgot_and_knows_again_is_followed_on(engine: Engine, tiktok: Moderation, clock: Clock) -> None:
    post = sent(engine, "a")
    tiktok.said[post.publish_id or ""] = Refusal(400, "invalid_publish_id")
    sweep(engine)
    del tiktok.said[post.publish_id or ""]
    clock.forward(hours=2)
    sweep(engine)
    assert now_of(engine, post).error is None
    tiktok.said[post.publish_id or ""] = COMPLETE
    clock.forward(hours=2)
    sweep(engine)
    assert (now_of(engine, post).state, now_of(engine, post).unconfirmed) == (PostState.PUBLISHED, False)


def test_a_post_that_is_in_processing_anew_is_due_at_once(engine: Engine, tiktok: Moderation, clock: Clock) -> None:
    """What an earlier life of the post had put off does not count."""
    post = sent(engine, "a", look_at=looks.NEVER)
    tiktok.said[post.publish_id or ""] = {"status": "FAILED", "fail_reason": "internal"}
    assert look(engine, post).state is PostState.PUBLISHING
    assert now_of(engine, post).look_at is None
