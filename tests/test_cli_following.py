"""`airdate posts follow`, `list` and `show` for posts that TikTok has, from their documents to their exit status."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ledger_making import plan_post
from moderating import Clock, Moderation, Refusal, following, moderating, sent

from airdate import cli
from airdate.commands.publish import answer
from airdate.console import run
from airdate.engine import Engine
from airdate.errors import WaitUntil
from airdate.following import look
from airdate.ledger import posts
from airdate.outcome import error_record, shown_error
from airdate.post import Mode, Options, Privacy
from airdate.report import report
from airdate.settings import Settings
from airdate.up import Addresses

pytestmark = pytest.mark.e2e

Command = Callable[..., tuple[int, dict[str, Any]]]
COMPLETE = {"status": "PUBLISH_COMPLETE"}


@pytest.fixture
def tiktok() -> Iterator[Moderation]:
    # The commands go by the real clock, so the posts were sent by it.
    with moderating(Clock(datetime.now(UTC))) as begun:
        yield begun


@pytest.fixture
def engine(settings: Settings, tiktok: Moderation) -> Iterator[Engine]:
    with following(settings, tiktok, ("demo", "other")) as begun:
        yield begun


@pytest.fixture
def airdate(
    engine: Engine, tiktok: Moderation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    monkeypatch.setenv("AIRDATE_TIKTOK_API_URL", tiktok.url)
    monkeypatch.setenv("AIRDATE_POLL_SECONDS", "0.1")
    monkeypatch.setenv("AIRDATE_POLL_BUDGET_SECONDS", "0.3")

    def command(*arguments: str) -> tuple[int, dict[str, Any]]:
        status = run(cli.app, [*arguments, "--json"], cli.SHAPES)
        return status, json.loads(capsys.readouterr().out)

    return command


def test_all_are_followed_and_one_that_is_undecided_counts(
    engine: Engine, tiktok: Moderation, airdate: Command
) -> None:
    done, failed, open_ = sent(engine, "a"), sent(engine, "b", account="other"), sent(engine, "c")
    tiktok.said[done.publish_id or ""] = COMPLETE
    tiktok.said[failed.publish_id or ""] = {"status": "FAILED", "fail_reason": "spam_risk"}
    status, document = airdate("posts", "follow", "--all")
    assert {post["post_id"]: post["state"] for post in document["posts"]} == {
        done.id: "published",
        failed.id: "failed",
        open_.id: "processing",
    }
    assert status == 6
    assert next(post["error"]["item"] for post in document["posts"] if post["state"] == "failed") == failed.id
    error = next(post["error"] for post in document["posts"] if post["post_id"] == open_.id)
    assert (error["code"], "nobody follows it" in error["message"]) == ("processing", True)


def test_a_draft_that_arrived_says_what_is_left_to_the_creator(engine: Engine, tiktok: Moderation) -> None:
    post = sent(engine, "a", options=Options(caption="shown, not sent", mode=Mode.INBOX))
    tiktok.said[post.publish_id or ""] = {"status": "SEND_TO_USER_INBOX"}
    words = answer(look(engine, post)).words
    assert "the creator finds the draft in the inbox" in words
    assert "its caption was not sent, so give it to the creator: shown, not sent" in words


def test_what_a_person_is_asked_is_listed_and_exits_6(engine: Engine, tiktok: Moderation, airdate: Command) -> None:
    post = sent(engine, "a")
    tiktok.said[post.publish_id or ""] = Refusal(400, "invalid_publish_id")
    status, document = airdate("posts", "follow", post.id)
    assert (status, document["state"], document["unconfirmed"]) == (6, "processing", True)
    listed = airdate("posts", "list")[1]["posts"][0]
    assert listed["error"]["code"] == document["error"]["code"] == "invalid_publish_id"
    assert "airdate posts resolve" in listed["error"]["fix"]


def test_show_tells_a_take_down_in_the_events_alone(engine: Engine, tiktok: Moderation, airdate: Command) -> None:
    post = sent(engine, "a", options=Options(caption="hello", privacy=Privacy.PUBLIC))
    tiktok.said[post.publish_id or ""] = COMPLETE | {"publicaly_available_post_id": [7]}
    assert airdate("posts", "follow", post.id)[0] == 0
    posts.store(engine.ledger, post.id, missing_since=datetime.now(UTC) - timedelta(hours=2))
    assert airdate("posts", "follow", post.id)[0] == 0  # TikTok lists nothing
    status, document = airdate("posts", "show", post.id)
    assert (status, document["state"]) == (0, "published")
    assert any(event["why"].startswith("taken down") for event in document["events"])
    assert set(document) == set(cli.SHAPES["posts show"])


def test_who_follows_is_the_running_up(engine: Engine, airdate: Command, home: Path) -> None:
    sent(engine, "a")
    (home / "up.json").write_text(json.dumps(Addresses("http://127.0.0.1:4200", None, None).as_dict()))
    with (home / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        message = airdate("posts", "list")[1]["posts"][0]["error"]["message"]
    assert "the running `airdate up` follows it" in message


def test_who_follows_may_be_a_prefect_elsewhere(
    engine: Engine, airdate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = sent(engine, "a")
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect.example/api")
    error = airdate("posts", "show", post.id)[1]["error"]
    assert ("the Prefect at PREFECT_API_URL follows it" in error["message"], error["fix"]) == (True, "nothing")
    assert "follow-posts follows it" in report(engine, post.id).markdown()


def test_a_post_that_waits_goes_out_by_itself_only_where_somebody_takes_it_out(
    engine: Engine, airdate: Command
) -> None:
    post = plan_post(engine.ledger)
    at = datetime.now(UTC) + timedelta(hours=2)
    error = WaitUntil("posts_cap_full", "full", fix="nothing: it goes out by itself", not_before=at)
    posts.store(engine.ledger, post.id, error=error_record(error), not_before=at)
    assert "`airdate up`" in airdate("posts", "show", post.id)[1]["error"]["fix"]
    shown = shown_error(posts.get(engine.ledger, post.id), "the running `airdate up`") or {}
    assert shown["fix"] == "nothing: it goes out by itself"


def test_beside_a_sandboxed_up_its_address_need_not_be_named(
    engine: Engine, tiktok: Moderation, airdate: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = sent(engine, "a")
    tiktok.said[post.publish_id or ""] = COMPLETE
    monkeypatch.delenv("AIRDATE_TIKTOK_API_URL")
    status, document = airdate("posts", "follow", post.id)
    assert (status, document["error"]["code"]) == (4, "origin_differs")
    places = {"api": tiktok.url, "upload": "http://127.0.0.1:8", "auth": tiktok.url}
    (home / "up.json").write_text(json.dumps(Addresses("http://127.0.0.1:4200", None, places).as_dict()))
    with (home / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert airdate("posts", "follow", post.id)[0] == 0
    assert posts.get(engine.ledger, post.id).state == "published"
