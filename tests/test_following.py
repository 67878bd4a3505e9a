"""After the upload: asked until TikTok decides, never sent again, within the rates, and shown as what it is."""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from moderating import BEGIN, Clock, Moderation, Refusal, following, moderating, sent
from sqlalchemy import update

from airdate.engine import Engine
from airdate.errors import NeedsPerson
from airdate.following import Watch, follow, look, sweep
from airdate.following.pace import next_look
from airdate.ledger import accounts, looks, posts, rates, submissions
from airdate.ledger.posts import Post
from airdate.ledger.schema import accounts as accounts_table
from airdate.ledger.schema import posts as posts_table
from airdate.ledger.schema import submissions as submissions_table
from airdate.outcome import exit_status, shown_error
from airdate.post import Mode, Options, PostState, Privacy, SubmissionState
from airdate.report import report
from airdate.settings import Settings

pytestmark = pytest.mark.e2e

PUBLIC = Options(caption="hello", privacy=Privacy.PUBLIC)
DRAFT = Options(caption="hello", mode=Mode.INBOX)
COMPLETE = {"status": "PUBLISH_COMPLETE"}
ID = 7500000000000000123
"""More than 2^53."""


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


def now_of(engine: Engine, post: Post) -> Post:
    return posts.get(engine.ledger, post.id)


def story(engine: Engine, post: Post) -> list[str]:
    return [event.why for event in posts.story(engine.ledger, post.id)]


def with_scopes(engine: Engine, *scopes: str) -> None:
    with engine.ledger.write() as connection:
        connection.execute(update(accounts_table).values(scopes=list(scopes)))


def sweep_for(engine: Engine, clock: Clock, *, hours: float) -> None:
    """A round each minute for so long; the minutes in which nothing is due are passed over."""
    end = clock.now + timedelta(hours=hours)
    while clock.now < end:
        sweep(engine)
        (post,) = posts.listed(engine.ledger)
        wait = min(post.look_at or clock.now, end) - clock.now
        clock.forward(minutes=max(1, math.ceil(wait / timedelta(minutes=1))))


# One answer


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


# The sweep's rule


@pytest.mark.e2e
def test_the_sweep_breaks_no_rate_asks_all_and_is_fair(settings: Settings, tiktok: Moderation, clock: Clock) -> None:
    names = ("ana", "ben")
    with following(settings, tiktok, names) as engine:
        made = [sent(engine, f"{name}{number}", account=name) for number in range(35) for name in names]
        for _ in range(2):
            sweep(engine)
            clock.forward(minutes=1)
        first = Counter(tiktok.asked_about())
        assert set(first) == {post.publish_id for post in made}
        for _ in range(12):
            sweep(engine)
            clock.forward(minutes=1)
    assert tiktok.broken == []
    per_minute = Counter((call.creator, call.at) for call in tiktok.asked())
    assert max(per_minute.values()) == 20
    counts = Counter(tiktok.asked_about())
    assert max(counts.values()) - min(counts.values()) <= 2


def test_the_sweep_goes_on_both_databases(ledger_settings: Settings, tiktok: Moderation, clock: Clock) -> None:
    with following(ledger_settings, tiktok, ("ana", "ben")) as engine:
        lost = sent(engine, "lost", account="ana")
        made = [sent(engine, f"{name}1", account=name, options=PUBLIC) for name in ("ana", "ben")]
        tiktok.said[lost.publish_id or ""] = Refusal(400, "invalid_publish_id")
        for post in made:
            tiktok.said[post.publish_id or ""] = COMPLETE | {"publicaly_available_post_id": [ID]}
        assert sweep(engine).asked == 3
        for _ in range(2):
            clock.forward(hours=25)
            sweep(engine)
        assert (now_of(engine, lost).error or {})["code"] == "invalid_publish_id"
        assert all(now_of(engine, post).taken_down_at for post in made)


def test_room_is_left_for_active_watchers(engine: Engine, tiktok: Moderation) -> None:
    for number in range(40):
        sent(engine, f"p{number}")
    sweep(engine)
    sweep(engine)
    subject = accounts.get(engine.ledger, "demo").rate_subject
    assert len(tiktok.asked()) == 20
    assert rates.count_free(engine.ledger, subject, "status") == 10


def test_a_post_under_an_active_watch_is_left_to_it(engine: Engine, tiktok: Moderation) -> None:
    post = sent(engine, "a")
    tiktok.meanwhile = lambda _publish_id: asked_by_sweep.append(sweep(engine).asked)
    asked_by_sweep: list[int] = []
    assert follow(engine, post.id, Watch(60)).state is PostState.PROCESSING
    assert len(asked_by_sweep) > 3
    assert asked_by_sweep == [0] * (len(asked_by_sweep) - 1) + [1]  # the last question ends the watch


def test_the_sweep_takes_over_from_a_watcher_that_died(engine: Engine, tiktok: Moderation, clock: Clock) -> None:
    post = sent(engine, "a")

    def die(_state: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(engine, post.id, Watch(600, die))
    assert sweep(engine).asked == 0
    clock.forward(seconds=30)
    assert sweep(engine).asked == 1


def test_looks_become_rarer_and_stay_within_their_bounds(engine: Engine, tiktok: Moderation, clock: Clock) -> None:
    post = sent(engine, "a")
    sweep_for(engine, clock, hours=4)
    at = [call.at for call in tiktok.asked()]
    waits = [later - earlier for earlier, later in pairwise(at)]
    assert waits[:2] == [timedelta(minutes=1)] * 2
    assert waits == sorted(waits)
    assert max(waits) == timedelta(minutes=15)
    assert exit_status(now_of(engine, post)) == 6


def test_one_account_that_cannot_be_asked_stops_no_other(settings: Settings, tiktok: Moderation, clock: Clock) -> None:
    with following(settings, tiktok, ("ana", "ben")) as engine:
        dead = NeedsPerson("invalid_grant", "dead", fix="consent").as_dict()
        accounts.block(engine.ledger, "ana", dead, version=accounts.secrets(engine.ledger, "ana").version)
        stuck, well = sent(engine, "stuck", account="ana"), sent(engine, "well", account="ben")
        lost = sent(engine, "lost", account="nobody")
        tiktok.said[well.publish_id or ""] = COMPLETE
        swept = sweep(engine)
        assert now_of(engine, well).state is PostState.PUBLISHED
        assert {name: error.code for name, error in swept.faults.items()} == {
            "ana": "invalid_grant",
            "nobody": "account_unknown",
        }
        assert sweep(engine).faults == {}
        clock.forward(hours=73)
        sweep(engine)
        assert [(shown_error(now_of(engine, post)) or {})["code"] for post in (stuck, lost)] == [
            "account_stopped",
            "undecided",
        ]


def test_one_bad_row_stops_no_other(engine: Engine, tiktok: Moderation) -> None:
    bad, well = sent(engine, "a"), sent(engine, "b")
    tiktok.said[well.publish_id or ""] = COMPLETE
    with engine.ledger.write() as connection:
        connection.execute(
            update(posts_table).where(posts_table.c.id == bad.id).values(options={"mode": "no such mode"})
        )
    swept = sweep(engine)
    assert now_of(engine, well).state is PostState.PUBLISHED
    assert swept.asked == 1


def test_a_post_that_only_brings_faults_does_not_hold_up_the_rest(
    engine: Engine, tiktok: Moderation, clock: Clock
) -> None:
    bad = [sent(engine, f"a{number}") for number in range(6)]
    well = sent(engine, "b")
    for post in bad:
        tiktok.said[post.publish_id or ""] = Refusal(400, "never_heard_of")
    tiktok.said[well.publish_id or ""] = COMPLETE
    rounds = 0
    while now_of(engine, well).state is PostState.PROCESSING:
        sweep(engine)
        clock.forward(seconds=20)
        rounds += 1
        assert rounds < 4


def test_a_round_has_an_end(engine: Engine, tiktok: Moderation, clock: Clock) -> None:
    for number in range(10):
        sent(engine, f"p{number}")
    tiktok.meanwhile = lambda _publish_id: clock.forward(seconds=20)
    swept = sweep(engine)
    assert swept.asked == 3
    assert swept.left >= 7


def test_two_rounds_at_once_ask_about_each_post_once(engine: Engine, tiktok: Moderation) -> None:
    made = [sent(engine, f"p{number}") for number in range(5)]
    inner: list[int] = []

    def meanwhile(_publish_id: str) -> None:
        tiktok.meanwhile = lambda _publish_id: None
        inner.append(sweep(engine).asked)

    tiktok.meanwhile = meanwhile
    sweep(engine)
    assert inner == [4]
    assert Counter(tiktok.asked_about()) == Counter({post.publish_id: 1 for post in made})


# Hours and days


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


# After it is live


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


# Drafts


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


# A pull whose answer was lost


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


def test_a_list_that_cannot_be_had_is_asked_for_again_soon(engine: Engine, tiktok: Moderation, clock: Clock) -> None:
    post = published(engine, tiktok)
    clock.forward(hours=25)
    tiktok.dead |= {f"act.demo.{number:06}" for number in range(1, 99)}
    assert "demo" in sweep(engine).faults
    assert now_of(engine, post).look_at == clock.now + timedelta(minutes=5)
    assert now_of(engine, post).missing_since is None


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


def test_a_post_that_is_in_processing_anew_is_due_at_once(engine: Engine, tiktok: Moderation, clock: Clock) -> None:
    """What an earlier life of the post had put off does not count."""
    post = sent(engine, "a", look_at=looks.NEVER)
    tiktok.said[post.publish_id or ""] = {"status": "FAILED", "fail_reason": "internal"}
    assert look(engine, post).state is PostState.PUBLISHING
    assert now_of(engine, post).look_at is None


def test_the_pace_has_no_hole(engine: Engine, clock: Clock) -> None:
    post = sent(engine, "a")
    for hours in range(0, 24 * 31, 7):
        at = BEGIN + timedelta(hours=hours)
        assert timedelta(seconds=30) <= next_look(post, BEGIN, at) - at


def test_everything_asked_by_hand_is_due_now(engine: Engine, tiktok: Moderation, clock: Clock) -> None:
    made = [sent(engine, f"p{number}", look_at=looks.NEVER) for number in range(3)]
    assert sweep(engine).asked == 0
    looks.recall(engine.ledger)
    assert sweep(engine).asked == len(made)


@pytest.mark.e2e
def test_the_benchmark_runs_and_its_limits_hold() -> None:
    script = Path(__file__).resolve().parent.parent / "benchmarks" / "following.py"
    command = [sys.executable, str(script), "--posts", "60", "--accounts", "2", "--hours", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
