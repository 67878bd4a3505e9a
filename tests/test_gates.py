"""The gates on the whole road, against the sandbox: caps are planned, a freeze stops, an incident pauses."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from consenting import add_creator
from staging import filled, make_film

from airdate import brake, decisions, gates, steps
from airdate.calendar import tick
from airdate.engine import Engine
from airdate.freeze import traffic
from airdate.intake import command_consent, intake
from airdate.ledger import Ledger, accounts, caps, posts, submissions, switches
from airdate.ledger.posts import Post
from airdate.post import LatePolicy, Mode, Options, PostState, Privacy, SubmissionState
from airdate.sandbox.running import RunningSandbox
from airdate.settings import Settings
from airdate.store import Store
from airdate.tiktok.client import MAX_ATTEMPTS

pytestmark = pytest.mark.e2e

CREATORS = {"demo": ("demo", "demo"), "second": ("public", "demo"), "third": ("public", "public")}
"""By the account's name, the sandbox's creator and app."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film that goes out as it is, in one chunk."""
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4")


@pytest.fixture(scope="module")
def large_film(film: Path) -> Path:
    """The same in seven chunks."""
    return filled(film, 70_000_000, film.with_name("large.mp4"))


@dataclass
class Airdate:
    """An engine whose clock jumps over every wait, with the sandbox as its TikTok."""

    engine: Engine
    sandbox: RunningSandbox
    film: Path
    ahead: timedelta = timedelta(0)
    numbers: count[int] = field(default_factory=count)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def forward(self, **by: float) -> None:
        """Let time pass, here and at TikTok."""
        step = timedelta(**by)
        self.ahead += step
        self.sandbox.control.advance(step.total_seconds())

    def pause(self, seconds: float) -> None:
        self.forward(seconds=seconds)
        time.sleep(min(seconds, 0.01))

    def post(
        self,
        account: str = "demo",
        *,
        film: Path | None = None,
        mode: Mode = Mode.DIRECT,
        late: tuple[int, LatePolicy] | None = None,
    ) -> Post:
        consent = command_consent(self.now())
        privacy = Privacy.SELF_ONLY if mode is Mode.DIRECT else None
        taken = intake(
            self.engine,
            sources=[str(film or self.film)],
            account=account,
            options=Options(privacy=privacy, caption="hello", mode=mode),
            consent=consent,
            origin="calendar:spring",
            key=f"spring/{next(self.numbers)}",
        )
        if late is not None:
            slot = {"slot": self.now(), "late_minutes": late[0], "late_policy": late[1]}
            taken = replace(taken, request=replace(taken.request, **slot))
        return steps.record(self.engine, taken, who="test")

    def walk(self, post: Post, on_progress: Callable[[str, float], None] | None = None) -> Post:
        return steps.walk(self.engine, post.id, on_progress=on_progress)

    def send(self, account: str = "demo", **wanted: object) -> Post:
        return self.walk(self.post(account, **wanted))  # type: ignore[arg-type]

    def calls(self, call: str) -> int:
        return len(self.sandbox.control.calls(call))

    def all_calls(self) -> int:
        return len(self.sandbox.control.calls())


@pytest.fixture
def airdate(sandbox: RunningSandbox, settings: Settings, film: Path) -> Iterator[Airdate]:
    sandbox.control.reset()
    sandbox.control.settings(processing_seconds=0, creators={"public": {"private": True}})
    pointed = settings.model_copy(
        update={
            "tiktok_api_url": sandbox.addresses.api,
            "tiktok_upload_hosts": (sandbox.addresses.upload.partition("://")[2].strip("/"),),
            "poll_seconds": 0.1,
            "poll_budget_seconds": 20.0,
        }
    )
    ledger = Ledger.open(pointed)
    made = Airdate(Engine(pointed, ledger, Store(pointed.store)), sandbox, film)
    ledger.now = made.now
    made.engine = replace(made.engine, pause=made.pause)
    for name, (creator, app) in CREATORS.items():
        add_creator(ledger, sandbox, name, creator=creator, app=app)
    yield made
    assert sandbox.control.broken() == []
    ledger.close()


def code_of(post: Post) -> str | None:
    return post.error["code"] if post.error else None


# The caps of the day.


def test_a_cap_that_tiktok_says_is_reached_stops_the_creator_and_nobody_else(airdate: Airdate) -> None:
    airdate.sandbox.control.settings(daily_cap=2)
    for _ in range(2):
        assert airdate.send().state is PostState.PUBLISHED
    refused = airdate.send()
    assert (refused.state, code_of(refused)) == (PostState.READY, "spam_risk_too_many_posts")
    assert steps.exit_status(refused) == 5
    known = airdate.all_calls()
    waiting = airdate.send()
    assert (waiting.state, code_of(waiting)) == (PostState.READY, "posts_cap_full")
    assert airdate.all_calls() == known, "TikTok has said it once"
    full = caps.use_of(airdate.engine.ledger, accounts.get(airdate.engine.ledger, "demo")).full_until
    assert waiting.not_before == full
    assert airdate.send("second").state is PostState.PUBLISHED
    airdate.forward(hours=24)
    assert airdate.walk(waiting).state is PostState.PUBLISHED


@pytest.mark.parametrize(
    ("policy", "state"),
    [
        (LatePolicy.MISS, PostState.MISSED),
        (LatePolicy.HOLD, PostState.HELD),
        (LatePolicy.PUBLISH, PostState.READY),
    ],
)
def test_a_cap_that_outlasts_the_lateness_moves_the_post_by_its_policy_at_once(
    airdate: Airdate, policy: LatePolicy, state: PostState
) -> None:
    airdate.sandbox.control.settings(daily_cap=1)
    airdate.send()
    post = airdate.send(late=(30, policy))
    assert post.state is state
    if state is PostState.READY:
        assert post.not_before is not None
        return
    assert code_of(post) == "too_late"
    assert "1440 minutes late" in (post.error or {})["message"]
    assert post.not_before is None
    assert "too_late" not in {event.why for event in posts.story(airdate.engine.ledger, post.id)}


def test_a_cap_within_the_lateness_waits(airdate: Airdate) -> None:
    airdate.sandbox.control.settings(daily_cap=1)
    airdate.send()
    assert airdate.send(late=(24 * 60 + 30, LatePolicy.MISS)).state is PostState.READY


def test_a_cap_that_was_taught_is_not_hit_again(airdate: Airdate) -> None:
    airdate.sandbox.control.settings(daily_cap=5)
    first = [airdate.send() for _ in range(6)]
    assert [post.state for post in first] == [PostState.PUBLISHED] * 5 + [PostState.READY]
    assert code_of(first[-1]) == "spam_risk_too_many_posts"
    airdate.forward(hours=25)
    ends = [airdate.send() for _ in range(7)]
    assert [post.state for post in ends] == [PostState.PUBLISHED] * 5 + [PostState.READY] * 2
    assert [code_of(post) for post in ends[5:]] == ["posts_cap_full"] * 2
    assert airdate.calls("init") == 10


def test_the_sixth_draft_needs_the_creator_and_a_person_may_say_that_they_are_gone(airdate: Airdate) -> None:
    for _ in range(5):
        assert airdate.send(mode=Mode.INBOX).state is PostState.DELIVERED
    known = airdate.calls("init")
    sixth = airdate.send(mode=Mode.INBOX)
    assert (sixth.state, code_of(sixth)) == (PostState.HELD, "drafts_full")
    assert steps.exit_status(sixth) == 4
    assert airdate.calls("init") == known
    airdate.sandbox.control.settings(pending_shares=9)  # the creator discarded some; only TikTok knows
    decisions.retry(airdate.engine, sixth.id, who="ana")
    assert airdate.walk(sixth).state is PostState.DELIVERED


# The freeze.


def test_what_is_frozen_waits_and_is_not_failed(airdate: Airdate) -> None:
    switches.freeze(airdate.engine.ledger, who="ana", why="the wrong song")
    known = airdate.all_calls()
    post = airdate.send()
    assert (post.state, code_of(post)) == (PostState.READY, "frozen")
    assert steps.exit_status(post) == 4
    assert airdate.all_calls() == known
    error = post.error or {}
    assert "ana froze all publishing" in error["message"]
    assert "the wrong song" in error["message"]
    assert "airdate unfreeze" in error["fix"]
    assert "ana froze" in posts.story(airdate.engine.ledger, post.id)[-1].why

    was, back = switches.unfreeze(airdate.engine.ledger, who="bob")
    assert was is not None
    assert back == [post.id]
    freed = posts.get(airdate.engine.ledger, post.id)
    assert (freed.error, freed.not_before, freed.turn) == (None, None, post.turn + 1)
    assert airdate.walk(post).state is PostState.PUBLISHED


def test_an_upload_stops_before_its_last_chunk_and_goes_on_there(airdate: Airdate, large_film: Path) -> None:
    ledger = airdate.engine.ledger
    post = airdate.post(film=large_film)

    def freeze(step: str, part: float) -> None:
        if step == "publish" and part > 0.5:
            switches.freeze(ledger, who="ana", why="stop")

    frozen = airdate.walk(post, freeze)
    assert (frozen.state, code_of(frozen)) == (PostState.PUBLISHING, "frozen")
    (begun,) = submissions.of_post(ledger, post.id)
    assert (begun.state, begun.acknowledged) == (SubmissionState.OPEN, 60_000_000)
    found = traffic(ledger)
    assert [each.post.id for each in found.in_flight] == [post.id]
    assert not found.cannot_be_stopped
    assert airdate.walk(post).state is PostState.PUBLISHING, "again and again nothing is sent"
    assert airdate.calls("upload") == 6
    assert [each["state"] for each in airdate.sandbox.control.posts()] == ["PROCESSING_UPLOAD"]

    switches.unfreeze(ledger, who="ana")
    out = airdate.walk(post)
    assert out.state is PostState.PUBLISHED
    assert (airdate.calls("init"), airdate.calls("upload")) == (1, 7)
    (complete,) = airdate.sandbox.control.posts()
    assert complete["sha256"] == hashlib.sha256(large_film.read_bytes()).hexdigest()


def test_an_upload_that_lapses_in_the_freeze_is_sent_anew_once(airdate: Airdate, large_film: Path) -> None:
    ledger = airdate.engine.ledger
    post = airdate.post(film=large_film)

    def freeze(step: str, part: float) -> None:
        if step == "publish" and part > 0.5:
            switches.freeze(ledger, who="ana", why="stop")

    airdate.walk(post, freeze)
    airdate.forward(hours=3)
    frozen = airdate.walk(post)
    assert (frozen.state, code_of(frozen)) == (PostState.READY, "frozen")
    switches.unfreeze(ledger, who="ana")
    assert airdate.walk(post).state is PostState.PUBLISHED
    states = [each.state for each in submissions.of_post(ledger, post.id)]
    assert states == [SubmissionState.ABANDONED, SubmissionState.COMPLETE]
    assert [each["state"] for each in airdate.sandbox.control.posts()].count("PUBLISH_COMPLETE") == 1


def test_past_the_commit_mark_it_is_said_that_it_cannot_be_stopped(airdate: Airdate) -> None:
    ledger = airdate.engine.ledger
    post = airdate.post()
    seen = []

    def freeze(step: str, part: float) -> None:
        if step == "publish" and part == 1.0:
            switches.freeze(ledger, who="ana", why="stop")
            seen.append(traffic(ledger))

    assert airdate.walk(post, freeze).state is PostState.PUBLISHED
    assert [each.post.id for each in seen[0].cannot_be_stopped] == [post.id]
    assert not seen[0].in_flight


@dataclass
class Runs:
    """A `StartRun` that remembers."""

    made: list[tuple[str, int, datetime | None]] = field(default_factory=list)

    def __call__(self, post: Post, *, at: datetime | None, name: str) -> str:
        self.made.append((post.id, post.turn, at))
        return f"run {post.id} {post.turn}"


def test_the_clock_makes_no_run_that_would_only_bounce(airdate: Airdate) -> None:
    ledger = airdate.engine.ledger
    switches.freeze(ledger, who="ana", why="stop")
    waiting, fresh = airdate.send(), airdate.post()
    runs = Runs()
    airdate.forward(hours=1)
    ticked = tick(airdate.engine, runs)
    assert runs.made == []
    assert "ana froze all publishing" in ticked.stops[0]
    switches.unfreeze(ledger, who="ana")
    airdate.forward(minutes=1)
    tick(airdate.engine, runs)
    assert {made[0] for made in runs.made} == {waiting.id, fresh.id}


def test_the_clock_brings_back_what_a_worker_put_down_just_after_the_end_of_the_freeze(airdate: Airdate) -> None:
    ledger = airdate.engine.ledger
    switches.freeze(ledger, who="ana", why="stop")
    post = airdate.send()
    stored = {"error": post.error, "not_before": post.not_before}
    switches.unfreeze(ledger, who="ana")
    posts.store(ledger, post.id, **stored)
    gates.tend(ledger)
    assert posts.get(ledger, post.id).error is None


def test_lateness_goes_on_in_a_freeze(airdate: Airdate) -> None:
    switches.freeze(airdate.engine.ledger, who="ana", why="stop")
    post = airdate.send(late=(30, LatePolicy.MISS))
    assert post.state is PostState.READY
    airdate.forward(hours=1)
    assert tick(airdate.engine, Runs()).late == [post.id]
    assert posts.get(airdate.engine.ledger, post.id).state is PostState.MISSED


def test_lateness_goes_on_after_faults_at_init(airdate: Airdate) -> None:
    airdate.sandbox.control.fault("init", times=MAX_ATTEMPTS, status=500, code="internal_error")
    post = airdate.send(late=(30, LatePolicy.MISS))
    assert (post.state, code_of(post)) == (PostState.READY, "internal_error")
    (submission,) = submissions.of_post(airdate.engine.ledger, post.id)
    assert submission.state is SubmissionState.ABANDONED
    airdate.forward(hours=2)
    assert tick(airdate.engine, Runs()).late == [post.id]
    assert airdate.walk(post).state is PostState.MISSED
    assert airdate.sandbox.control.posts() == []


# Incidents.


def test_a_fault_that_spreads_pauses_all_and_one_post_goes_first(airdate: Airdate) -> None:
    ledger = airdate.engine.ledger
    airdate.sandbox.control.fault("init", times=3 * MAX_ATTEMPTS, status=500, code="internal_error")
    for name in CREATORS:
        failing = airdate.send(name)
        assert code_of(failing) == "internal_error"
    (incident,) = brake.incidents(ledger)
    assert incident.accounts == ("demo", "second", "third")
    assert len(incident.log_ids) == 3
    known = airdate.all_calls()
    waiting = [airdate.send(name) for name in CREATORS]
    assert {(post.state, code_of(post)) for post in waiting} == {(PostState.READY, "tiktok_incident")}
    assert {steps.exit_status(post) for post in waiting} == {5}
    assert airdate.all_calls() == known
    assert "TikTok fails with internal_error" in gates.stops(ledger)[0]

    airdate.forward(minutes=16)
    assert airdate.walk(waiting[0]).state is PostState.PUBLISHED
    gates.tend(ledger)
    assert brake.incidents(ledger) == []
    back = [posts.get(ledger, post.id) for post in waiting[1:]]
    assert [(post.error, post.not_before) for post in back] == [(None, None)] * 2
    assert {airdate.walk(post).state for post in back} == {PostState.PUBLISHED}


def test_an_incident_that_outlasts_the_lateness_is_told_at_once(airdate: Airdate) -> None:
    airdate.sandbox.control.fault("init", times=None, status=503, html=True)
    for name in CREATORS:
        airdate.send(name)
    post = airdate.send(late=(5, LatePolicy.HOLD))
    assert (post.state, code_of(post)) == (PostState.HELD, "too_late")
    assert "TikTok fails with http_503" in (post.error or {})["message"]


def test_failures_in_processing_are_heard_too(airdate: Airdate) -> None:
    airdate.sandbox.control.fault("processing", times=None, fail_reason="a_reason_of_tomorrow")
    for name in CREATORS:
        assert airdate.send(name).state is PostState.FAILED
    (incident,) = brake.incidents(airdate.engine.ledger)
    assert (incident.code, incident.processing) == ("a_reason_of_tomorrow", True)


# The rate.


def test_creator_info_is_asked_again_when_the_rate_outlasts_it(airdate: Airdate) -> None:
    airdate.sandbox.control.fault("init", status=429, code="rate_limit_exceeded", retry_after=55)
    assert airdate.send().state is PostState.PUBLISHED
    order = [call["call"] for call in airdate.sandbox.control.calls() if call["call"] in ("creator_info", "init")]
    assert order == ["creator_info", "init", "creator_info", "init"]


def test_a_run_that_shares_its_worker_comes_back_in_a_later_minute(airdate: Airdate) -> None:
    shared = replace(airdate.engine, longest_wait_s=10.0, pause=lambda _seconds: None)
    wanted = [airdate.post() for _ in range(14)]
    ends = [steps.walk(shared, post.id) for post in wanted]
    out = [post for post in ends if post.state is PostState.PUBLISHED]
    assert len(out) == 6
    rested = [post for post in ends if post.state is PostState.READY]
    assert {code_of(post) for post in rested} == {"rate_window_full"}
    assert {steps.exit_status(post) for post in rested} == {5}
    begin = min(post.not_before for post in rested if post.not_before)
    minutes = [round((post.not_before - begin).total_seconds() / 60) for post in rested if post.not_before]
    assert minutes == [0, 0, 0, 0, 0, 0, 1, 1]
    assert steps.walk(shared, airdate.post("second").id).state is PostState.PUBLISHED
