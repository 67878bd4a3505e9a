"""The brake: what is TikTok's own fault, when it stops publishing, and how publishing starts again."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from limit_making import NOON, Scene
from sqlalchemy import update

from airdate import brake
from airdate.brake import FIRST_PAUSE, LONGEST_PAUSE, STALE, TRIAL, Incident, Verdict, is_spread, judge
from airdate.errors import AirdateError, NeedsPerson, OutcomeUnknown, Refused, Transient, WaitUntil
from airdate.ledger import Ledger, accounts, posts, switches
from airdate.ledger.faults import Fault
from airdate.ledger.posts import Post
from airdate.ledger.schema import submissions as table
from airdate.outcome import error_record
from airdate.post import PostState
from airdate.post import SubmissionState as S
from airdate.tiktok.codes import WORDS, Where, Word, error_for, failure_for

TIKTOKS_OWN = {"internal_error", "server_error", "temporarily_unavailable", "internal"}


@pytest.mark.parametrize("entry", WORDS, ids=lambda entry: f"{entry.where.name}-{entry.word}")
def test_of_the_documented_words_only_tiktoks_own_faults_count(entry: Word) -> None:
    word, where = entry.word, entry.where
    if where is Where.FAILED:
        error: AirdateError = failure_for(word, log_id="log")
    else:
        error = error_for(word, "said", http_status=403, now=NOON, where=where, log_id="log")
    assert brake.is_tiktoks_own(error) is (word in TIKTOKS_OWN)


@pytest.mark.parametrize(
    ("error", "own"),
    [
        (error_for("brand_new_code", "no", http_status=403, now=NOON, log_id="log"), True),
        (error_for(None, "<html>", http_status=502, now=NOON), True),
        (error_for(None, "no", http_status=418, now=NOON), True),
        (error_for("too_fast", "no", http_status=429, now=NOON, log_id="log"), False),
        (failure_for("video_bitrate_check_failed", log_id="log"), True),
        (Transient("tiktok_unreachable", "no answer"), True),
        (Transient("upload_unfinished", "did not arrive"), True),
        (OutcomeUnknown("init_unknown", "no whole answer"), True),
        (Transient("source_unreachable", "the DAM does not answer"), False),
        (Transient("ledger_unreachable", "locked"), False),
        (NeedsPerson("upload_lapsed", "late", rule="an hour", fix="retry", log_id="log"), False),
        (Refused("file_changed", "another film"), False),
        (WaitUntil("posts_cap_full", "15 of 15", not_before=NOON), False),
    ],
    ids=lambda value: value.code if isinstance(value, AirdateError) else "",
)
def test_what_else_counts(error: AirdateError, own: bool) -> None:
    assert brake.is_tiktoks_own(error) is own


def faults(*ago: tuple[str, float]) -> list[Fault]:
    return [Fault(NOON - timedelta(minutes=minutes), name, name, "internal_error", None) for name, minutes in ago]


@pytest.mark.parametrize(
    ("found", "spreads"),
    [
        (faults(), False),
        (faults(("a", 0)), False),
        (faults(("a", 0), ("b", 1)), False),
        (faults(("a", 0), ("b", 1), ("c", 2)), True),
        (faults(("a", 0), ("a", 1), ("a", 2), ("b", 3), ("b", 4)), False),
        (faults(("a", 0), ("b", 1), ("c", 9.99)), True),
        (faults(("a", 0), ("b", 1), ("c", 10)), False),
        (faults(("a", 0), ("b", 1), ("c", 60)), False),
        (faults(("a", 0), ("b", 1), ("c", 2), ("d", 3)), True),
    ],
)
def test_a_fault_spreads_at_three_creators_within_ten_minutes(found: list[Fault], spreads: bool) -> None:
    assert is_spread(found, NOON) is spreads


OPEN = Incident("internal_error", NOON, NOON + FIRST_PAUSE, 900.0, False, ("a", "b", "c"), ("log",))
ENDED = NOON + FIRST_PAUSE
TRIED = ENDED + timedelta(minutes=2)
EVERY = (None, *S)


@pytest.mark.parametrize("trial", EVERY)
@pytest.mark.parametrize("processing", [False, True])
@pytest.mark.parametrize("tried", [None, NOON])
def test_within_the_pause_nothing_else_matters(trial: S | None, processing: bool, tried: datetime | None) -> None:
    incident = replace(OPEN, processing=processing, trial_at=tried, trial_id="p" if tried else None)
    assert judge(incident, trial, ENDED - timedelta(microseconds=1)) is Verdict.PAUSED


@pytest.mark.parametrize("processing", [False, True])
def test_after_the_pause_the_next_goes_first_until_nobody_cares_any_more(processing: bool) -> None:
    incident = replace(OPEN, processing=processing)
    assert judge(incident, None, ENDED) is Verdict.FREE
    assert judge(incident, None, ENDED + STALE - timedelta(seconds=1)) is Verdict.FREE
    assert judge(incident, None, ENDED + STALE) is Verdict.OVER


EARLY = {
    None: Verdict.TRYING,
    S.INTENDED: Verdict.TRYING,
    S.ASKED: Verdict.TRYING,
    S.OPEN: Verdict.TRYING,
    S.COMMITTING: Verdict.TRYING,
    S.ACCEPTED: Verdict.OVER,
    S.COMPLETE: Verdict.OVER,
    S.FAILED: Verdict.FREE,
    S.ABANDONED: Verdict.FREE,
    S.UNKNOWN: Verdict.FREE,
}
LATE = {**dict.fromkeys(EVERY, Verdict.FREE), S.ACCEPTED: Verdict.OVER, S.COMPLETE: Verdict.OVER}


@pytest.mark.parametrize("trial", EVERY)
@pytest.mark.parametrize("processing", [False, True])
def test_what_becomes_of_the_trial_decides(trial: S | None, processing: bool) -> None:
    incident = replace(OPEN, processing=processing, trial_id="p", trial_at=TRIED)
    early = dict(EARLY)
    if processing:
        early[S.ACCEPTED] = Verdict.TRYING  # TikTok failed posts that it had accepted
    assert judge(incident, trial, TRIED) is early[trial]
    assert judge(incident, trial, TRIED + TRIAL - timedelta(seconds=1)) is early[trial]
    assert judge(incident, trial, TRIED + TRIAL) is LATE[trial]
    assert judge(incident, trial, TRIED + STALE) is Verdict.OVER


# With the ledger.


@pytest.fixture
def scene(ledger: Ledger) -> Scene:
    return Scene(ledger)


@pytest.fixture
def three(scene: Scene) -> list[Post]:
    return [scene.post(scene.creator(name)) for name in ("ana", "bob", "cleo")]


def fails(scene: Scene, post: Post, code: str = "internal_error", *, processing: bool = False) -> None:
    error = Transient(code, "TikTok had a fault of its own", log_id=f"log-{post.account}")
    brake.heard(scene.ledger, post.account, error, processing=processing)


def ask(scene: Scene, post: Post, *, begins: bool = True) -> str | None:
    """What keeps the post waiting; None when it may pass."""
    with scene.ledger.write() as connection:
        known = switches.found(connection, hold=True)
        try:
            brake.check(connection, known, post.id, scene.now, begins=begins)
        except WaitUntil as stopped:
            return f"{stopped.code}: {stopped.message}"
    return None


def becomes(scene: Scene, post: Post, state: S) -> None:
    with scene.ledger.write() as connection:
        connection.execute(update(table).where(table.c.post_id == post.id).values(state=state.value))


def opened(scene: Scene, three: list[Post]) -> Incident:
    for post in three:
        fails(scene, post)
    (incident,) = brake.incidents(scene.ledger)
    return incident


def test_three_creators_open_an_incident_with_their_names_and_log_ids(
    scene: Scene, three: list[Post], caplog: pytest.LogCaptureFixture
) -> None:
    for post in three[:2]:
        fails(scene, post)
        fails(scene, post)
        assert ask(scene, post) is None
    fails(scene, three[2])
    (incident,) = brake.incidents(scene.ledger)
    assert (incident.code, incident.until) == ("internal_error", NOON + FIRST_PAUSE)
    assert incident.accounts == ("ana", "bob", "cleo")
    assert set(incident.log_ids) == {"log-ana", "log-bob", "log-cleo"}
    assert "publishing pauses" in caplog.text
    assert "log-cleo" in caplog.text
    assert str(ask(scene, three[0])).startswith("tiktok_incident: TikTok fails with internal_error for 3 accounts")


def test_three_names_of_one_creator_are_one(scene: Scene) -> None:
    for name in ("ana", "ana 2", "ana 3"):
        fails(scene, scene.post(scene.creator(name, open_id="oid")))
    assert not brake.incidents(scene.ledger)


def test_another_code_for_each_is_no_incident(scene: Scene, three: list[Post]) -> None:
    for post, code in zip(three, ("internal_error", "http_502", "http_503"), strict=True):
        fails(scene, post, code)
    assert not brake.incidents(scene.ledger)


def test_after_the_pause_one_post_goes_first_and_its_success_frees_the_others(scene: Scene, three: list[Post]) -> None:
    opened(scene, three)
    ana, bob, cleo = three
    scene.forward(minutes=15)
    assert ask(scene, bob, begins=False) is None, "who only checks is no trial"
    assert ask(scene, ana) is None
    assert ask(scene, ana) is None, "it may try twice"
    assert ana.id in str(ask(scene, bob))
    scene.asked(accounts.get(scene.ledger, "ana"), state=S.OPEN, post=ana)
    assert ask(scene, bob) is not None
    becomes(scene, ana, S.ACCEPTED)
    assert ask(scene, bob) is None
    assert ask(scene, cleo) is None
    assert brake.tend(scene.ledger) == ["internal_error"]
    assert brake.incidents(scene.ledger) == []
    assert brake.tend(scene.ledger) == []


def test_a_trial_that_fails_doubles_the_pause_up_to_an_hour(scene: Scene, three: list[Post]) -> None:
    incident = opened(scene, three)
    pauses = []
    for number in range(4):
        scene.now = incident.until
        first = three[number % 3]
        assert ask(scene, first) is None
        fails(scene, first)
        (incident,) = brake.incidents(scene.ledger)
        pauses.append(incident.until - scene.now)
        assert incident.trial_id is None
        assert ask(scene, first) is not None
    assert pauses == [2 * FIRST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]


def test_what_was_under_way_adds_its_log_id_and_no_time(scene: Scene, three: list[Post]) -> None:
    until = opened(scene, three).until
    scene.forward(minutes=5)
    fails(scene, scene.post(scene.creator("dora")))
    (incident,) = brake.incidents(scene.ledger)
    assert incident.until == until
    assert incident.accounts == ("ana", "bob", "cleo", "dora")
    assert incident.log_ids[-1] == "log-dora"


def test_of_many_that_wait_exactly_one_goes_first(scene: Scene, three: list[Post]) -> None:
    opened(scene, three)
    scene.forward(minutes=15)
    start, passed = threading.Barrier(3), []

    def work(post: Post) -> None:
        start.wait(20)
        if ask(scene, post) is None:
            passed.append(post.id)

    threads = [threading.Thread(target=work, args=(post,)) for post in three]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(passed) == 1


def test_posts_that_waited_come_back_with_a_new_turn(scene: Scene, three: list[Post]) -> None:
    opened(scene, three)
    ana, bob, _ = three
    waiting = WaitUntil(brake.WAITING, "TikTok fails", not_before=scene.now + FIRST_PAUSE)
    rested = {"error": error_record(waiting), "not_before": waiting.not_before}
    posts.store(scene.ledger, bob.id, **rested)
    scene.forward(minutes=15)
    assert ask(scene, ana) is None
    scene.asked(accounts.get(scene.ledger, "ana"), post=ana)
    brake.tend(scene.ledger)
    back = posts.get(scene.ledger, bob.id)
    assert (back.turn, back.not_before, back.error) == (bob.turn + 1, None, None)
    assert "no longer fails" in posts.story(scene.ledger, bob.id)[-1].why
    assert posts.get(scene.ledger, ana.id).turn == ana.turn


def test_faults_in_processing_wait_for_the_trials_end(scene: Scene, three: list[Post]) -> None:
    for post in three:
        fails(scene, post, "internal", processing=True)
    scene.forward(minutes=15)
    ana, bob, _ = three
    assert ask(scene, ana) is None
    scene.asked(accounts.get(scene.ledger, "ana"), post=ana)
    assert ask(scene, bob) is not None
    becomes(scene, ana, S.COMPLETE)
    assert ask(scene, bob) is None
    assert posts.get(scene.ledger, bob.id).state is PostState.PLANNED
