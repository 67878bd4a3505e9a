"""TikTok's limits of a day: counted from the ledger, taught by refusals, and never passed by two at once."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from limit_making import NOON, Scene

from airdate.errors import NeedsPerson, WaitUntil
from airdate.ledger import Ledger, caps, submissions
from airdate.ledger.accounts import Account
from airdate.ledger.caps import DEFAULT_POSTS, DRAFTS, FEWEST_LEARNED, FORGOTTEN, UNAUDITED_CREATORS, CapUse, use_of
from airdate.post import Mode
from airdate.post import SubmissionState as S

DAY = timedelta(hours=24)


@pytest.fixture
def scene(ledger: Ledger) -> Scene:
    return Scene(ledger)


def passes(scene: Scene, account: Account, mode: Mode = Mode.DIRECT) -> None:
    with scene.ledger.write() as connection:
        caps.hold(connection, account)
        caps.check(connection, account, mode, scene.now)


def waits(scene: Scene, account: Account) -> WaitUntil:
    with pytest.raises(WaitUntil) as raised:
        passes(scene, account)
    return raised.value


def test_a_creator_who_did_nothing_has_everything(scene: Scene) -> None:
    assert use_of(scene.ledger, scene.creator("ana")) == CapUse(0, DEFAULT_POSTS, None, 0)


def test_what_is_only_planned_with_stops_nothing(scene: Scene) -> None:
    ana = scene.creator("ana")
    for _ in range(DEFAULT_POSTS + 3):
        passes(scene, ana)
        scene.asked(ana)
    assert use_of(scene.ledger, ana) == CapUse(18, 18, None, 0), "what TikTok has taken it allows"


def taught(scene: Scene, account: Account, size: int) -> None:
    """Two days ago TikTok refused this creator after so many posts."""
    for _ in range(size):
        scene.asked(account)
    caps.learn(scene.ledger, account, "spam_risk_too_many_posts")
    scene.forward(days=2)


def test_a_cap_that_is_known_fills_up_and_frees_itself_as_posts_leave_the_window(scene: Scene) -> None:
    ana = scene.creator("ana")
    taught(scene, ana, 8)
    begin = scene.now
    for _ in range(8):
        passes(scene, ana)
        scene.asked(ana)
        scene.forward(minutes=10)
    assert use_of(scene.ledger, ana) == CapUse(8, 8, begin + DAY, 0)
    stopped = waits(scene, ana)
    assert (stopped.code, stopped.not_before, stopped.item) == ("posts_cap_full", begin + DAY, "ana")
    scene.now = begin + DAY
    passes(scene, ana)
    assert use_of(scene.ledger, ana).posts == 7


@pytest.mark.parametrize("state", list(S))
def test_refused_and_abandoned_ones_do_not_count(scene: Scene, state: S) -> None:
    ana = scene.creator("ana")
    scene.asked(ana, state=state)
    assert use_of(scene.ledger, ana).posts == (0 if state in (S.FAILED, S.ABANDONED) else 1)


def test_all_names_of_a_creator_share_one_cap_and_other_creators_do_not(scene: Scene) -> None:
    ana, again = scene.creator("ana"), scene.creator("ana-inbox", open_id="oid-ana")
    bob, elsewhere = scene.creator("bob"), scene.creator("ana-other-app", open_id="oid-ana", app="other")
    scene.asked(ana)
    scene.asked(again)
    used = [use_of(scene.ledger, account).posts for account in (ana, again, bob, elsewhere)]
    assert used == [2, 2, 0, 0]


def test_drafts_are_counted_apart_and_until_the_creator_posts_them(scene: Scene) -> None:
    ana = scene.creator("ana")
    for state in (S.ACCEPTED, S.ACCEPTED, S.COMPLETE, S.FAILED, S.INTENDED):
        scene.asked(ana, mode=Mode.INBOX, state=state)
    assert use_of(scene.ledger, ana) == CapUse(0, DEFAULT_POSTS, None, 3)


def test_five_open_drafts_need_the_creator(scene: Scene) -> None:
    ana = scene.creator("ana")
    for _ in range(DRAFTS):
        passes(scene, ana, Mode.INBOX)
        scene.asked(ana, mode=Mode.INBOX)
    with pytest.raises(NeedsPerson) as raised:
        passes(scene, ana, Mode.INBOX)
    assert (raised.value.code, raised.value.who) == ("drafts_full", "creator")
    passes(scene, ana)  # direct posts are not kept back by drafts
    scene.forward(hours=24)
    passes(scene, ana, Mode.INBOX)


def test_a_person_who_brings_the_post_back_says_that_the_drafts_are_gone(scene: Scene) -> None:
    ana = scene.creator("ana")
    for _ in range(DRAFTS):
        scene.asked(ana, mode=Mode.INBOX)
    scene.forward(minutes=1)
    with scene.ledger.read() as connection:
        caps.check(connection, ana, Mode.INBOX, scene.now, mended_at=scene.now)


def test_a_refusal_teaches_the_size_and_closes_for_a_day(scene: Scene) -> None:
    ana, bob = scene.creator("ana"), scene.creator("bob")
    for _ in range(9):
        scene.asked(ana)
    scene.forward(hours=1)
    caps.learn(scene.ledger, ana, "spam_risk_too_many_posts")
    closed = NOON + timedelta(hours=1) + DAY
    assert use_of(scene.ledger, ana) == CapUse(9, 9, closed, 0)
    assert waits(scene, ana).not_before == closed
    passes(scene, bob)
    scene.forward(hours=3)
    caps.learn(scene.ledger, ana, "spam_risk_too_many_posts")
    assert use_of(scene.ledger, ana).full_until == closed, "24 hours after the first refusal, not the last"
    scene.now = closed
    assert use_of(scene.ledger, ana) == CapUse(0, 9, None, 0)


def test_a_lesson_is_forgotten_after_a_week(scene: Scene) -> None:
    ana = scene.creator("ana")
    for _ in range(9):
        scene.asked(ana)
    caps.learn(scene.ledger, ana, "spam_risk_too_many_posts")
    scene.forward(seconds=FORGOTTEN.total_seconds() - 1)
    assert use_of(scene.ledger, ana).size == 9
    scene.forward(seconds=1)
    assert use_of(scene.ledger, ana).size == DEFAULT_POSTS


def test_a_refusal_at_few_posts_of_ours_tells_of_other_apps_not_of_the_size(scene: Scene) -> None:
    ana = scene.creator("ana")
    for _ in range(FEWEST_LEARNED - 1):
        scene.asked(ana)
    caps.learn(scene.ledger, ana, "spam_risk_too_many_posts")
    assert use_of(scene.ledger, ana) == CapUse(FEWEST_LEARNED - 1, DEFAULT_POSTS, NOON + DAY, 0)
    assert "spam_risk_too_many_posts" in waits(scene, ana).message


@pytest.mark.parametrize("code", ["internal_error", "spam_risk", "rate_limit_exceeded", "spam_risk_too_many_pending"])
def test_other_words_teach_nothing(scene: Scene, code: str) -> None:
    ana = scene.creator("ana")
    caps.learn(scene.ledger, ana, code)
    assert use_of(scene.ledger, ana) == CapUse(0, DEFAULT_POSTS, None, 0)


def test_an_unaudited_app_has_five_creators_a_day(scene: Scene) -> None:
    names = [scene.creator(f"c{number}", audited=False) for number in range(UNAUDITED_CREATORS + 1)]
    for number, account in enumerate(names[:UNAUDITED_CREATORS]):
        passes(scene, account)
        scene.asked(account)
        scene.forward(hours=1)
        assert use_of(scene.ledger, account).posts == 1, number
    stopped = waits(scene, names[-1])
    assert (stopped.code, stopped.not_before) == ("creators_cap_full", NOON + DAY)
    passes(scene, names[0])  # who has posted is among the five
    scene.now = NOON + DAY
    passes(scene, names[-1])


def test_an_audited_app_learns_how_many_creators_it_has(scene: Scene) -> None:
    names = [scene.creator(f"c{number}") for number in range(8)]
    for account in names[:7]:
        passes(scene, account)
        scene.asked(account)
    caps.learn(scene.ledger, names[7], "reached_active_user_cap")
    assert waits(scene, names[7]).not_before == NOON + DAY
    passes(scene, names[0])
    passes(scene, scene.creator("other app", app="other"))
    scene.forward(hours=24)
    for account in names[:7]:
        scene.asked(account)
    assert waits(scene, names[7]).not_before == NOON + 2 * DAY, "the size is remembered"


def test_of_two_workers_at_the_last_place_one_passes(scene: Scene) -> None:
    ana = scene.creator("ana")
    taught(scene, ana, 8)
    for _ in range(7):
        scene.asked(ana)
    rivals = [scene.post(ana) for _ in range(6)]
    start, ends = threading.Barrier(len(rivals)), []

    def work(post_id: str) -> None:
        def gate(connection: object) -> None:
            caps.hold(connection, ana)  # type: ignore[arg-type]
            caps.check(connection, ana, Mode.DIRECT, scene.now)  # type: ignore[arg-type]

        start.wait(20)
        try:
            submissions.intend(scene.ledger, post_id, 0, mode=Mode.DIRECT, sha256="a" * 64, plan=(10, 10, 1), gate=gate)
        except WaitUntil as stopped:
            ends.append(stopped.code)
        else:
            ends.append("passed")

    threads = [threading.Thread(target=work, args=(post.id,)) for post in rivals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(ends) == ["passed", *["posts_cap_full"] * 5]
    assert use_of(scene.ledger, ana).posts == 8
