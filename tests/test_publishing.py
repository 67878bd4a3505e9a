"""The whole road against the sandbox: exactly one post, whatever answer is lost and wherever the process dies."""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from consenting import add_creator
from dying import Killed, dying_at
from staging import filled, make_film

from airdate import decisions, publishing, steps
from airdate.engine import Engine
from airdate.errors import NeedsPerson
from airdate.intake import command_consent, intake
from airdate.ledger import Ledger, posts, submissions
from airdate.ledger.posts import Post
from airdate.media.programs.ffmpeg import program
from airdate.post import Mode, Options, PostState, Privacy, SubmissionState
from airdate.sandbox.running import RunningSandbox
from airdate.settings import Settings
from airdate.store import Store, eviction

pytestmark = pytest.mark.e2e

CHUNKED = 70_000_000
"""Bytes of a film that goes out in seven chunks."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film that goes out as it is."""
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4")


@pytest.fixture(scope="module")
def large_film(film: Path) -> Path:
    """The same film in seven chunks, each with bytes of its own, so that a splice would show in the hash."""
    return filled(film, CHUNKED, film.with_name("large.mp4"))


@pytest.fixture
def airdate(sandbox: RunningSandbox, settings: Settings) -> Iterator[Engine]:
    """An engine in a new home, with the sandbox as its TikTok; waits are a hundred times shorter."""
    sandbox.control.reset()
    sandbox.control.settings(processing_seconds=0)
    with opened(settings, sandbox) as engine:
        add_creator(engine.ledger, sandbox)
        yield engine


@contextmanager
def opened(settings: Settings, sandbox: RunningSandbox) -> Iterator[Engine]:
    pointed = settings.model_copy(
        update={
            "tiktok_api_url": sandbox.addresses.api,
            "tiktok_upload_hosts": (sandbox.addresses.upload.partition("://")[2].strip("/"),),
            "poll_seconds": 0.1,
            "poll_budget_seconds": 20.0,
        }
    )
    engine = Engine(pointed, Ledger.open(pointed), Store(pointed.store), lambda seconds: time.sleep(seconds / 100))
    with engine:
        yield engine


def record(engine: Engine, film: Path, **options: object) -> Post:
    consent = command_consent(engine.ledger.now())
    chosen = Options(**{"privacy": Privacy.SELF_ONLY, "caption": "hello 🎬", **options})  # type: ignore[arg-type]
    taken = intake(engine, sources=[str(film)], account="demo", options=chosen, consent=consent, origin="command")
    return steps.record(engine, taken, who="test")


def published_once(sandbox: RunningSandbox, post: Post, film: Path) -> None:
    """TikTok has one complete post, its bytes are the film's, and no rule was broken."""
    complete = [each for each in sandbox.control.posts() if each["state"] == "PUBLISH_COMPLETE"]
    assert post.state is PostState.PUBLISHED, post.error
    assert [each["publish_id"] for each in complete] == [post.publish_id]
    assert complete[0]["sha256"] == hashlib.sha256(film.read_bytes()).hexdigest()
    assert sandbox.control.broken() == []


def test_a_film_goes_out_byte_for_byte(airdate: Engine, sandbox: RunningSandbox, film: Path) -> None:
    post = steps.walk(airdate, record(airdate, film).id)
    published_once(sandbox, post, film)
    assert post.target == "sandbox"
    assert [event.to_state for event in posts.story(airdate.ledger, post.id)] == [
        "planned",
        "preparing",
        "ready",
        "publishing",
        "processing",
        "published",
    ]


def test_a_large_film_goes_out_in_chunks(airdate: Engine, sandbox: RunningSandbox, large_film: Path) -> None:
    post = steps.walk(airdate, record(airdate, large_film).id)
    published_once(sandbox, post, large_film)
    assert len(sandbox.control.calls("upload")) == 7


def test_the_same_request_again_reports_the_post(airdate: Engine, sandbox: RunningSandbox, film: Path) -> None:
    first = steps.walk(airdate, record(airdate, film).id)
    assert steps.walk(airdate, record(airdate, film).id) == first
    assert len(sandbox.control.calls("init")) == 1


@pytest.mark.parametrize(
    ("call", "fault", "after"),
    [
        ("token", {"status": 502, "html": True}, 0),
        ("creator_info", {"status": 429, "code": "rate_limit_exceeded", "retry_after": 1}, 0),
        ("creator_info", {"status": 401, "code": "access_token_invalid"}, 0),
        ("init", {"lose_answer": True}, 0),
        ("init", {"status": 500, "html": True}, 0),
        ("status", {"status": 503, "html": True}, 0),
        ("status", {"lose_answer": True}, 0),
        ("upload", {"lose_answer": True}, 0),
        ("upload", {"lose_answer": True}, 6),
        ("upload", {"status": 502}, 3),
        ("upload", {"reset_at_byte": 23_000_000}, 0),
        ("upload", {"reset_at_byte": 63_000_000}, 0),
        ("upload", {"expire": True}, 4),
    ],
)
def test_no_fault_makes_a_second_post(
    airdate: Engine, sandbox: RunningSandbox, large_film: Path, call: str, fault: dict[str, object], after: int
) -> None:
    sandbox.control.fault(call, after=after, **fault)
    post = steps.walk(airdate, record(airdate, large_film).id)
    published_once(sandbox, post, large_film)


def test_a_film_of_which_tiktok_names_the_last_byte_is_not_sent_again(
    airdate: Engine, sandbox: RunningSandbox, film: Path
) -> None:
    """The answer to the last chunk is lost, TikTok is not to be asked, and then the URL is refused."""
    sandbox.control.fault("upload", lose_answer=True)
    sandbox.control.fault("upload", after=1, status=404)
    sandbox.control.fault("status", times=5, status=502, html=True)
    named = {"status": "PROCESSING_UPLOAD", "uploaded_bytes": film.stat().st_size - 1}
    sandbox.control.fault("status", after=5, data=named)
    published_once(sandbox, steps.walk(airdate, record(airdate, film).id), film)
    assert len(sandbox.control.calls("init")) == 1


@pytest.mark.parametrize("is_loose", [True, False], ids=["after one that broke off", "at once"])
def test_a_refused_last_chunk_is_given_up_only_when_none_may_arrive_any_more(
    airdate: Engine, sandbox: RunningSandbox, film: Path, is_loose: bool
) -> None:
    """What a proxy still holds of an attempt that broke off could go live beside a second upload."""
    if is_loose:
        sandbox.control.fault("upload", reset_at_byte=film.stat().st_size - 1)
    sandbox.control.fault("upload", after=int(is_loose), times=9, status=400)
    sandbox.control.fault("status", times=9, data={"status": "PROCESSING_UPLOAD", "uploaded_bytes": 0})
    post = steps.walk(airdate, record(airdate, film).id)
    last = submissions.of_post(airdate.ledger, post.id)[-1]
    assert ((post.error or {})["code"], post.state, last.state) == (
        ("upload_lapsing", PostState.PUBLISHING, SubmissionState.COMMITTING)
        if is_loose
        else ("http_400", PostState.HELD, SubmissionState.ABANDONED)
    )
    assert not is_loose or post.not_before == last.url_dead_at


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(1, 24))
def test_death_at_any_write_is_survived(
    airdate: Engine, sandbox: RunningSandbox, film: Path, number: int, after: bool
) -> None:
    post = record(airdate, film)
    with dying_at(airdate, number, after=after):
        try:
            steps.walk(airdate, post.id)
        except Killed:
            pass
        else:
            pytest.skip("the post was through before this write")
    post = steps.walk(airdate, post.id)
    if (post.error or {}).get("code") == "invalid_grant":
        # It died between TikTok's answer to the refresh and the write: the new token is lost, and that is said.
        assert post.state is PostState.HELD
        assert sandbox.control.posts() == []
        return
    published_once(sandbox, post, film)
    states = [each.state for each in submissions.of_post(airdate.ledger, post.id)]
    assert states[-1] is SubmissionState.COMPLETE
    assert set(states[:-1]) <= {SubmissionState.ABANDONED}


def test_a_film_that_changes_while_it_is_sent_never_goes_live(
    airdate: Engine, sandbox: RunningSandbox, large_film: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.mp4"
    own.write_bytes(large_film.read_bytes())
    post = record(airdate, own)

    def spoil(step: str, part: float) -> None:
        if step == "publish" and part > 0.5:
            with own.open("r+b") as file:
                file.seek(60_000_000)
                file.write(b"another film")

    post = steps.walk(airdate, post.id, on_progress=spoil)
    assert post.state is PostState.FAILED
    assert steps.exit_status(post) == 3
    assert (post.error or {})["code"] == "file_changed"
    assert [each for each in sandbox.control.posts() if each["state"] == "PUBLISH_COMPLETE"] == []


def at_half(step: str, decide: Callable[[], object]) -> Callable[[str, float], None]:
    """Let a person decide once, when the worker has half of that step behind it."""
    decided = []

    def tell(now: str, part: float) -> None:
        if now == step and part > 0.5 and not decided:
            decided.append(decide())

    return tell


def hold(engine: Engine, post: Post) -> Post:
    return decisions.hold(engine, post.id, who="ana", why="the agency called")


def cancel(engine: Engine, post: Post) -> Post:
    return decisions.cancel(engine, post.id, who="ana", why="the agency called")


@pytest.mark.parametrize(
    ("stop", "bring_back"), [(hold, decisions.release), (cancel, decisions.retry)], ids=["hold", "cancel"]
)
def test_a_person_stops_an_upload_before_its_last_byte_and_brings_it_back(
    airdate: Engine,
    sandbox: RunningSandbox,
    large_film: Path,
    stop: Callable[[Engine, Post], Post],
    bring_back: Callable[..., Post],
) -> None:
    post = record(airdate, large_film)
    stopped = steps.walk(airdate, post.id, on_progress=at_half("publish", lambda: stop(airdate, post)))
    assert stopped.state in (PostState.HELD, PostState.CANCELLED)
    assert steps.exit_status(stopped) == 4
    assert [each.state for each in submissions.of_post(airdate.ledger, post.id)] == [SubmissionState.ABANDONED]
    assert [each["state"] for each in sandbox.control.posts() if each["state"] == "PUBLISH_COMPLETE"] == []
    assert steps.walk(airdate, post.id) == stopped

    assert bring_back(airdate, post.id, who="ana").turn == post.turn + 1
    published_once(sandbox, steps.walk(airdate, post.id), large_film)


def test_a_post_is_brought_back_though_its_rendition_left_the_store(
    airdate: Engine, sandbox: RunningSandbox, film: Path, tmp_path: Path
) -> None:
    moov_last = tmp_path / "moov-last.mp4"
    subprocess.run([program(), "-v", "error", "-i", str(film), "-c", "copy", str(moov_last)], check=True)
    post = record(airdate, moov_last)
    stopped = steps.walk(airdate, post.id, on_progress=at_half("prepare", lambda: cancel(airdate, post)))
    assert stopped.state is PostState.CANCELLED
    (made,) = airdate.store.root.glob("renditions/*/*.mp4")
    full = airdate.settings.model_copy(update={"store_max_bytes": 1})
    eviction.sweep(Engine(full, airdate.ledger, airdate.store), now=time.time() + 2 * eviction.KEPT_S)
    assert not made.exists()

    decisions.retry(airdate, post.id, who="ana")
    published = steps.walk(airdate, post.id)
    published_once(sandbox, published, made)


def test_after_the_last_byte_nobody_stops_it(airdate: Engine, sandbox: RunningSandbox, film: Path) -> None:
    post = record(airdate, film)
    refusals = []

    def too_late() -> None:
        for stop in (hold, cancel):
            with pytest.raises(NeedsPerson) as caught:
                stop(airdate, post)
            refusals.append(caught.value.code)

    published_once(sandbox, steps.walk(airdate, post.id, on_progress=at_half("publish", too_late)), film)
    assert refusals == ["cannot_be_stopped"] * 2


def test_a_person_may_try_again_after_too_many_unfinished_uploads(
    airdate: Engine, sandbox: RunningSandbox, film: Path
) -> None:
    post = record(airdate, film)
    with steps.hold(airdate, post.id) as lease:
        for number in range(publishing.MAX_ABANDONED):
            plan = (film.stat().st_size, film.stat().st_size, 1)
            begun = submissions.intend(
                airdate.ledger, post.id, lease.epoch, mode=Mode.DIRECT, sha256="a" * 64, plan=plan
            )
            facts = {"publish_id": f"v_{number}", "asked_at": airdate.ledger.now()}
            begun = submissions.move(airdate.ledger, begun, lease.epoch, SubmissionState.ASKED, **facts)
            submissions.move(airdate.ledger, begun, lease.epoch, SubmissionState.ABANDONED)
    stopped = steps.walk(airdate, post.id)
    assert (stopped.state, (stopped.error or {})["code"]) == (PostState.HELD, "too_many_uploads")
    decisions.retry(airdate, post.id, who="ana")
    published_once(sandbox, steps.walk(airdate, post.id), film)


def test_a_post_that_is_moved_under_a_worker_waits_for_its_new_slot(
    airdate: Engine, sandbox: RunningSandbox, film: Path
) -> None:
    post = record(airdate, film)
    slot = airdate.ledger.now() + timedelta(hours=3)
    once = at_half("decide", lambda: decisions.move(airdate, post.id, slot, who="ana"))
    moved = steps.walk(airdate, post.id, on_progress=lambda _step, _part: once("decide", 1.0))
    assert (moved.state, moved.slot, moved.turn, moved.error) == (PostState.PLANNED, slot, 2, None)
    assert sandbox.control.calls("init") == []


@pytest.mark.parametrize(
    ("reason", "status"), [("frame_rate_check_failed", 3), ("spam_risk", 4), ("never_heard_of", 3)]
)
def test_what_tiktok_fails_is_failed_with_its_word(
    airdate: Engine, sandbox: RunningSandbox, film: Path, reason: str, status: int
) -> None:
    sandbox.control.fault("processing", fail_reason=reason)
    post = steps.walk(airdate, record(airdate, film).id)
    assert (post.state, (post.error or {})["code"]) == (PostState.FAILED, reason)
    assert steps.exit_status(post) == status


def test_tiktoks_own_fault_is_sent_anew_at_most_twice(airdate: Engine, sandbox: RunningSandbox, film: Path) -> None:
    sandbox.control.fault("processing", times=2, fail_reason="internal")
    post = steps.walk(airdate, record(airdate, film).id)
    published_once(sandbox, post, film)
    assert len(sandbox.control.calls("init")) == 3


def test_endless_processing_is_neither_failed_nor_sent_again(
    airdate: Engine, sandbox: RunningSandbox, film: Path
) -> None:
    sandbox.control.fault("processing", endless=True)
    impatient = airdate.settings.model_copy(update={"poll_seconds": 0.2, "poll_budget_seconds": 1.5})
    hurried = Engine(impatient, airdate.ledger, airdate.store)
    post = steps.walk(hurried, record(hurried, film).id)
    asked = [call["at"] for call in sandbox.control.calls("status")]
    assert asked[-1] - asked[0] < 2.7  # one budget, not two
    again = steps.walk(hurried, record(hurried, film).id)
    assert post.state is again.state is PostState.PROCESSING
    assert steps.exit_status(again) == 6
    assert len(sandbox.control.calls("init")) == 1


def test_a_public_account_is_stopped_before_init(airdate: Engine, sandbox: RunningSandbox, film: Path) -> None:
    sandbox.control.settings(creators={"demo": {"private": False}})
    post = steps.walk(airdate, record(airdate, film).id)
    assert (post.state, steps.exit_status(post)) == (PostState.HELD, 4)
    assert sandbox.control.calls("init") == []


def test_a_draft_goes_to_the_inbox(airdate: Engine, sandbox: RunningSandbox, film: Path) -> None:
    post = steps.walk(airdate, record(airdate, film, mode=Mode.INBOX, privacy=None).id)
    assert (post.state, steps.exit_status(post)) == (PostState.DELIVERED, 0)
    assert sandbox.control.broken() == []
