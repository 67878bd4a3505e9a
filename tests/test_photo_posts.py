"""Photo posts against the sandbox, which really fetches: exactly one post, whatever answer is lost or process dies."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from consenting import add_creator
from dying import Killed, dying_at
from PIL import Image
from pull_server import PullServer, serving
from sqlalchemy import Connection

from airdate import decisions, pull_store, steps
from airdate.engine import Engine
from airdate.errors import NeedsPerson, Transient
from airdate.intake import command_consent, intake
from airdate.ledger import Ledger, posts, submissions, switches
from airdate.ledger.posts import Post
from airdate.ledger.submissions import Submission
from airdate.post import Form, Mode, Options, PostState, Privacy, SubmissionState, Transfer
from airdate.sandbox.running import RunningSandbox
from airdate.settings import Settings
from airdate.store import Store
from airdate.tiktok.session import Session

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One that goes out as it is, one that becomes a JPEG, one that shrinks."""
    folder = tmp_path_factory.mktemp("pictures")
    made = [folder / "a.jpg", folder / "b.png", folder / "c.webp"]
    Image.effect_noise((720, 900), 40).convert("RGB").save(made[0], quality=85)
    Image.effect_noise((640, 640), 40).convert("RGB").save(made[1])
    Image.effect_noise((1254, 1254), 40).convert("RGB").save(made[2])
    return made


@pytest.fixture
def web(tmp_path: Path) -> Iterator[PullServer]:
    with serving(tmp_path / "pull") as server:
        yield server


@pytest.fixture
def airdate(sandbox: RunningSandbox, settings: Settings, web: PullServer, tmp_path: Path) -> Iterator[Engine]:
    """An engine in a new home, with the sandbox as its TikTok; waits are a hundred times shorter."""
    sandbox.control.reset()
    sandbox.control.settings(processing_seconds=0, verified_prefixes=[web.url])
    pointed = settings.model_copy(
        update={
            "tiktok_api_url": sandbox.addresses.api,
            "poll_seconds": 0.1,
            "poll_budget_seconds": 20.0,
            "pull_dir": tmp_path / "pull",
            "pull_url": web.url,
        }
    )
    engine = Engine(pointed, Ledger.open(pointed), Store(pointed.store), lambda seconds: time.sleep(seconds / 100))
    with engine:
        add_creator(engine.ledger, sandbox)
        yield engine


def record(engine: Engine, pictures: list[Path], **options: Any) -> Post:
    consent = command_consent(engine.ledger.now())
    wanted: dict[str, Any] = {"privacy": Privacy.SELF_ONLY, "caption": "three of them 🎬", "form": Form.PHOTO}
    chosen = Options(**{**wanted, **options})
    sources = [str(path) for path in pictures]
    taken = intake(engine, sources=sources, account="demo", options=chosen, consent=consent, origin="command")
    return steps.record(engine, taken, who="test")


def watching(engine: Engine, seconds: float) -> Engine:
    """The same engine, which watches for so long and really waits between its questions."""
    settings = engine.settings.model_copy(update={"poll_budget_seconds": seconds})
    return Engine(settings, engine.ledger, engine.store)


def complete(sandbox: RunningSandbox) -> list[dict[str, Any]]:
    return [each for each in sandbox.control.posts() if each["state"] == "PUBLISH_COMPLETE"]


def published_once(sandbox: RunningSandbox, post: Post, count: int = 3) -> None:
    """TikTok has one complete post, its pictures are the rendition's bytes, and no rule was broken."""
    (only,) = complete(sandbox)
    assert post.state is PostState.PUBLISHED, post.error
    assert only["publish_id"] == post.publish_id
    data = [sandbox.control.bytes_of(only["publish_id"], index) for index in range(count)]
    assert post.rendition is not None
    assert hashlib.sha256(b"".join(data)).hexdigest() == post.rendition["sha256"]
    assert sum(map(len, data)) == post.rendition["size"]
    assert sandbox.control.broken() == []


def test_photos_go_out_as_a_photo_post(
    airdate: Engine, sandbox: RunningSandbox, pictures: list[Path], web: PullServer
) -> None:
    post = steps.walk(airdate, record(airdate, pictures, title="Three", cover_photo=2, auto_music=True).id)
    published_once(sandbox, post)
    (init,) = sandbox.control.calls("init")
    assert post.target == "sandbox"
    assert post.rendition is not None
    assert post.rendition["plan"] == "photo"
    assert sandbox.control.bytes_of(str(post.publish_id), 0) == pictures[0].read_bytes()
    reasons = "\n".join(post.rendition["reasons"])
    assert "photo 1 of 3 (a.jpg): as it is, byte for byte" in reasons
    assert "photo 3 of 3 (c.webp): 1254×1254 → 1080×1080" in reasons
    (submission,) = submissions.of_post(airdate.ledger, post.id)
    assert (submission.transfer, submission.state) == (Transfer.PULL, SubmissionState.COMPLETE)
    assert init["status"] == 200
    assert [event.to_state for event in posts.story(airdate.ledger, post.id)][-2:] == ["processing", "published"]


def test_the_same_request_again_reports_the_post(
    airdate: Engine, sandbox: RunningSandbox, pictures: list[Path]
) -> None:
    first = steps.walk(airdate, record(airdate, pictures).id)
    assert steps.walk(airdate, record(airdate, pictures).id) == first
    assert len(sandbox.control.calls("init")) == 1


def test_a_draft_goes_to_the_inbox_with_its_texts(
    airdate: Engine, sandbox: RunningSandbox, pictures: list[Path]
) -> None:
    post = steps.walk(airdate, record(airdate, pictures[:1], mode=Mode.INBOX, privacy=None, title="One").id)
    assert (post.state, steps.exit_status(post)) == (PostState.DELIVERED, 0)
    assert sandbox.control.broken() == []


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "code": "rate_limit_exceeded", "retry_after": 1},
        {"status": 401, "code": "access_token_invalid"},
        {"status": 401, "body": ""},
    ],
    ids=lambda fault: str(fault.get("code", "no word")),
)
def test_what_tiktok_refuses_in_its_own_word_is_asked_again(
    airdate: Engine, sandbox: RunningSandbox, pictures: list[Path], fault: dict[str, Any]
) -> None:
    sandbox.control.fault("init", **fault)
    post = steps.walk(airdate, record(airdate, pictures).id)
    published_once(sandbox, post)
    states = [each.state for each in submissions.of_post(airdate.ledger, post.id)]
    assert states == [SubmissionState.FAILED, SubmissionState.COMPLETE]


@pytest.mark.parametrize(
    ("fault", "made"),
    [
        ({"lose_answer": True}, 1),
        ({"omit": ["publish_id"]}, 1),
        ({"reset": True}, 0),
        ({"status": 500, "code": "internal_error"}, 0),
        ({"status": 502, "html": True}, 0),
        ({"status": 403, "html": True}, 0),
        ({"status": 200, "body": ""}, 0),
    ],
    ids=str,
)
def test_a_lost_answer_is_never_asked_for_again(
    airdate: Engine, sandbox: RunningSandbox, pictures: list[Path], fault: dict[str, Any], made: int
) -> None:
    sandbox.control.fault("init", **fault)
    impatient = watching(airdate, 0.3)
    for _ in range(3):
        post = steps.walk(impatient, record(impatient, pictures).id)
        assert (post.state, post.unconfirmed, steps.exit_status(post)) == (PostState.PROCESSING, True, 6)
        assert (post.error or {})["code"] == "init_unknown"
    assert len(sandbox.control.calls("init")) == 1
    assert len(sandbox.control.posts()) == made
    (submission,) = submissions.of_post(airdate.ledger, post.id)
    assert (submission.state, submission.publish_id) == (SubmissionState.UNKNOWN, None)
    with pytest.raises(NeedsPerson) as caught:
        decisions.retry(airdate, post.id, who="ana")
    assert caught.value.code == "post_processing"

    decisions.resolve_not_published(airdate, post.id, who="ana", why="it is not there")
    decisions.retry(airdate, post.id, who="ana")
    assert steps.walk(airdate, post.id).state is PostState.PUBLISHED


def test_a_refusal_ends_it_without_a_post(airdate: Engine, sandbox: RunningSandbox, pictures: list[Path]) -> None:
    sandbox.control.settings(verified_prefixes=[])
    post = steps.walk(airdate, record(airdate, pictures).id)
    assert (post.state, (post.error or {})["code"]) == (PostState.HELD, "url_ownership_unverified")
    assert steps.exit_status(post) == 4
    assert [each.state for each in submissions.of_post(airdate.ledger, post.id)] == [SubmissionState.FAILED]
    assert sandbox.control.posts() == []


def test_a_refusal_that_could_not_be_written_down_lets_no_second_request_go(
    airdate: Engine, sandbox: RunningSandbox, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.control.fault("init", status=429, code="rate_limit_exceeded", retry_after=1)
    real = submissions.move

    def move(ledger: Ledger, submission: Submission, epoch: int, to: SubmissionState, **values: Any) -> Submission:
        if to is SubmissionState.FAILED:
            raise Transient("ledger_unreachable", "the database is away")
        return real(ledger, submission, epoch, to, **values)

    monkeypatch.setattr(submissions, "move", move)
    post = steps.walk(watching(airdate, 0), record(airdate, pictures).id)
    assert (post.state, (post.error or {})["code"]) == (PostState.PROCESSING, "init_unknown")
    assert len(sandbox.control.calls("init")) == 1


def test_a_slot_that_cannot_be_given_back_makes_no_second_post(
    airdate: Engine, sandbox: RunningSandbox, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger is away in the moment TikTok answered: an error of it must not pass for one before the request."""
    real, away = airdate.ledger.write, ["once"]

    def write(*, durable: bool = True) -> AbstractContextManager[Connection]:
        if away and not durable and len(sandbox.control.calls("init")) == 1:
            raise Transient("ledger_unreachable", away.pop())
        return real(durable=durable)

    monkeypatch.setattr(airdate.ledger, "write", write)
    published_once(sandbox, steps.walk(airdate, record(airdate, pictures).id))
    assert len(sandbox.control.calls("init")) == 1
    assert not away


@dataclass
class Command:
    """A command line and its environment."""

    line: list[str]
    environment: dict[str, str]

    def run(self, *more: str) -> tuple[int, dict[str, Any]]:
        """Its exit status and its document."""
        done = subprocess.run(
            [*self.line, *more], env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(1, 27))
def test_death_at_any_write_makes_no_second_post(
    airdate: Engine, sandbox: RunningSandbox, pictures: list[Path], number: int, after: bool
) -> None:
    post = record(airdate, pictures)
    with dying_at(airdate, number, after=after):
        try:
            steps.walk(airdate, post.id)
        except Killed:
            pass
        else:
            pytest.skip("the post was through before this write")
    if [each.state for each in submissions.of_post(airdate.ledger, post.id)][-1:] == [SubmissionState.ASKED]:
        # It died between the word that it asks and the answer's write: nobody can know, so nobody asks again.
        made = len(sandbox.control.posts())
        impatient = watching(airdate, 0.2)
        post = steps.walk(impatient, post.id)
        assert (post.state, post.unconfirmed) == (PostState.PROCESSING, True)
        assert (post.error or {})["code"] == "init_unknown"
        assert len(sandbox.control.posts()) == made <= 1
        return
    post = steps.walk(airdate, post.id)
    if (post.error or {}).get("code") == "invalid_grant":
        # It died between TikTok's answer to the refresh and the write: the new token is lost, and that is said.
        assert post.state is PostState.HELD
        assert sandbox.control.posts() == []
        return
    published_once(sandbox, post)
    states = [each.state for each in submissions.of_post(airdate.ledger, post.id)]
    assert states[-1] is SubmissionState.COMPLETE
    assert set(states[:-1]) <= {SubmissionState.ABANDONED}


def test_a_failed_pull_is_asked_for_again_at_most_twice(
    airdate: Engine, sandbox: RunningSandbox, pictures: list[Path], tmp_path: Path
) -> None:
    sandbox.control.fault("processing", times=2, fail_reason="photo_pull_failed")
    post = steps.walk(airdate, record(airdate, pictures).id)
    published_once(sandbox, post)
    assert len(sandbox.control.calls("init")) == 3
    assert len(list((tmp_path / "pull").iterdir())) == 3, "the pictures lie there once, whatever is asked again"


@pytest.mark.parametrize(
    ("wrong", "said"), [("redirect", "redirects"), ("missing", "HTTP 404"), ("other bytes", "other bytes")]
)
def test_a_web_server_that_is_set_up_wrongly_is_named_before_tiktok_is_asked(
    airdate: Engine, sandbox: RunningSandbox, pictures: list[Path], web: PullServer, wrong: str, said: str
) -> None:
    web.wrong = wrong
    post = steps.walk(airdate, record(airdate, pictures).id)
    error = post.error or {}
    assert (post.state, error["code"], error["who"]) == (PostState.HELD, "pull_not_served", "operator")
    assert steps.exit_status(post) == 4
    assert said in error["message"]
    assert not any(web.url in str(value) for value in error.values())
    assert sandbox.control.calls("init") == []

    web.wrong = None
    published_once(sandbox, steps.walk(airdate, post.id))


def test_a_bad_picture_is_named(airdate: Engine, sandbox: RunningSandbox, pictures: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(pictures[0].read_bytes()[:-9000])
    post = steps.walk(airdate, record(airdate, [pictures[0], broken]).id)
    error = post.error or {}
    assert (post.state, steps.exit_status(post)) == (PostState.FAILED, 3)
    assert (error["code"], error["item"]) == ("photo_damaged", "broken.jpg")
    assert error["message"].startswith("photo 2 of 2")
    assert sandbox.control.calls("init") == []


def test_without_an_address_photos_become_a_slideshow_and_the_plan_says_so(
    airdate: Engine, sandbox: RunningSandbox, pictures: list[Path]
) -> None:
    alone = Engine(
        airdate.settings.model_copy(
            update={
                "pull_url": None,
                "tiktok_upload_hosts": (sandbox.addresses.upload.partition("://")[2].strip("/"),),
            }
        ),
        airdate.ledger,
        airdate.store,
        airdate.pause,
    )
    post = steps.walk(alone, record(alone, pictures).id)
    assert post.state is PostState.PUBLISHED, post.error
    assert post.rendition is not None
    assert post.rendition["plan"] == "slideshow"
    assert "AIRDATE_PULL_URL is not set" in post.rendition["reasons"][0]

    titled = steps.walk(alone, record(alone, pictures[:2], title="Two").id)
    assert (titled.state, (titled.error or {})["code"]) == (PostState.HELD, "photo_post_unavailable")
    assert "title" in (titled.error or {})["message"]


@pytest.mark.parametrize("pull_url", [True, False], ids=["with an address", "without an address"])
def test_a_film_is_no_photo_post(
    airdate: Engine, sandbox: RunningSandbox, pictures: list[Path], tmp_path: Path, pull_url: bool
) -> None:
    film = tmp_path / "film.gif"
    frames = [Image.new("RGB", (400, 400), color) for color in ("red", "green", "blue")]
    frames[0].save(film, save_all=True, append_images=frames[1:] * 20, duration=100)
    settings = airdate.settings if pull_url else airdate.settings.model_copy(update={"pull_url": None})
    engine = Engine(settings, airdate.ledger, airdate.store, airdate.pause)
    for number, sources in enumerate(([film], [pictures[0], film])):
        post = steps.walk(engine, record(engine, sources).id)
        assert (post.state, steps.exit_status(post)) == (PostState.FAILED, 3)
        is_mixed = number == 1 and not pull_url
        assert (post.error or {})["code"] == ("media_mixed" if is_mixed else "photo_post_film")
    assert sandbox.control.calls("init") == []


def test_a_post_that_tiktok_still_fetches_can_be_cancelled(
    airdate: Engine, sandbox: RunningSandbox, pictures: list[Path], web: PullServer
) -> None:
    impatient = watching(airdate, 0.2)
    with web.keeping_waiting("TikTok-Sandbox"):
        post = steps.walk(impatient, record(impatient, pictures).id)
        assert post.state is PostState.PROCESSING
        post = decisions.cancel(airdate, post.id, who="ana", why="the agency called")
    assert (post.state, (post.error or {})["code"]) == (PostState.FAILED, "publish_cancelled")
    assert complete(sandbox) == []
    assert any("the agency called" in event.why for event in posts.story(airdate.ledger, post.id))


def test_what_tiktok_has_fetched_cannot_be_cancelled(
    airdate: Engine, sandbox: RunningSandbox, pictures: list[Path]
) -> None:
    impatient = watching(airdate, 0)
    post = steps.walk(impatient, record(impatient, pictures).id)
    assert post.state is PostState.PROCESSING
    while not complete(sandbox):
        time.sleep(0.02)
    with pytest.raises(NeedsPerson) as caught:
        decisions.cancel(airdate, post.id, who="ana", why="the agency called")
    assert caught.value.code == "publish_not_cancellable"
    published_once(sandbox, posts.get(airdate.ledger, post.id))


@pytest.fixture
def command(airdate: Engine, sandbox: RunningSandbox, pictures: list[Path], web: PullServer) -> Command:
    """`airdate publish` of two photos in a process of its own, by the same ledger."""
    told = {
        "AIRDATE_HOME": str(airdate.settings.home),
        "AIRDATE_TIKTOK_API_URL": sandbox.addresses.api,
        "AIRDATE_PULL_DIR": str(airdate.settings.pull_dir),
        "AIRDATE_PULL_URL": web.url,
        "AIRDATE_POLL_SECONDS": "0.3",
        "AIRDATE_POLL_BUDGET_SECONDS": "20",
    }
    given = [*map(str, pictures[:2]), "--as", "photo", "--account", "demo", "--privacy", "SELF_ONLY", "--title", "Two"]
    return Command([sys.executable, "-m", "airdate", "publish", *given, "--json"], {**os.environ, **told})


def test_the_command_publishes_a_photo_post(airdate: Engine, sandbox: RunningSandbox, command: Command) -> None:
    status, document = command.run()
    assert (status, document["state"], document["rendition"]["plan"]) == (0, "published", "photo"), document
    published_once(sandbox, posts.get(airdate.ledger, document["post_id"]), count=2)

    status, document = command.run("--ai-generated")
    assert (status, document["error"]["code"]) == (2, "photo_carries_no_options")
    assert len(sandbox.control.calls("init")) == 1


def test_a_process_killed_while_it_asks_is_not_followed_by_a_second_request(
    airdate: Engine, sandbox: RunningSandbox, command: Command
) -> None:
    sandbox.control.fault("init", delay_seconds=1.0)
    with subprocess.Popen(command.line, env=command.environment, stdout=subprocess.DEVNULL) as first:
        while not [each for each in _all_submissions(airdate) if each.state is SubmissionState.ASKED]:
            assert first.poll() is None
            time.sleep(0.02)
        time.sleep(0.3)
        first.kill()
    command.environment["AIRDATE_POLL_BUDGET_SECONDS"] = "1"
    for _ in range(2):
        status, document = command.run()
        assert (status, document["state"], document["unconfirmed"]) == (6, "processing", True)
        assert document["error"]["code"] == "init_unknown"
    assert len(sandbox.control.calls("init")) <= 1
    assert len(sandbox.control.posts()) <= 1


def _all_submissions(engine: Engine) -> list[Submission]:
    return [each for post in posts.listed(engine.ledger) for each in submissions.of_post(engine.ledger, post.id)]


def test_pictures_are_taken_away_a_day_after_the_end(
    airdate: Engine, sandbox: RunningSandbox, pictures: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "pull"
    post = steps.walk(airdate, record(airdate, pictures).id)
    lying = {path.name for path in folder.iterdir()}
    assert len(lying) == 3
    assert all(len(name.partition(".")[0]) >= 32 for name in lying)
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in folder.iterdir())
    (folder / "logo.jpg").write_bytes(b"somebody's")
    stranger = folder / f"{'a' * 40}.jpg"
    stranger.write_bytes(b"another Airdate's")
    left = folder / f".{next(iter(lying))}.ab12.part"
    left.write_bytes(b"a worker died here")

    assert pull_store.sweep(airdate.ledger, folder) == 0
    real = airdate.ledger.now
    airdate.ledger.now = lambda: real() + timedelta(hours=25)  # type: ignore[method-assign]
    assert pull_store.sweep(airdate.ledger, folder) == 4
    assert {path.name for path in folder.iterdir()} == {"logo.jpg", stranger.name}
    assert pull_store.sweep(airdate.ledger, folder) == 0
    assert posts.get(airdate.ledger, post.id).state is PostState.PUBLISHED
    assert sandbox.control.broken() == []


def test_a_freeze_stops_a_photo_post_up_to_the_very_request(
    airdate: Engine, sandbox: RunningSandbox, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    really = Session.init_photos

    def frozen_first(self: Session, *request: Any) -> Any:
        switches.freeze(airdate.ledger, who="ana", why="the wrong pictures")
        return really(self, *request)

    post = record(airdate, pictures)
    with monkeypatch.context() as patched:
        patched.setattr(Session, "init_photos", frozen_first)
        stopped = steps.walk(airdate, post.id)
    assert (stopped.state, (stopped.error or {})["code"]) == (PostState.READY, "frozen")
    assert [each.state for each in submissions.of_post(airdate.ledger, post.id)] == [SubmissionState.ABANDONED]
    assert sandbox.control.calls("init") == []
    switches.unfreeze(airdate.ledger, who="ana")
    published_once(sandbox, steps.walk(airdate, post.id))
