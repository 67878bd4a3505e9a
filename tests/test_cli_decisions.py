"""The commands by which a person decides about a post: their document, exit status, and who takes the post out."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ledger_making import add_account, plan_post

from airdate import cli, steps
from airdate.commands import decisions, publish
from airdate.commands.publish import Runs, Wish
from airdate.console import run
from airdate.engine import Engine
from airdate.errors import Transient
from airdate.ledger import posts
from airdate.ledger.posts import Post
from airdate.post import Options, PostState, Privacy

Command = Callable[..., tuple[int, dict[str, Any]]]
SOON = "2099-01-01T00:00:00+00:00"


@pytest.fixture
def airdate(capsys: pytest.CaptureFixture[str]) -> Command:
    def command(*arguments: str) -> tuple[int, dict[str, Any]]:
        status = run(cli.app, [*arguments, "--json"], cli.SHAPES)
        return status, json.loads(capsys.readouterr().out)

    return command


@pytest.fixture
def post(engine: Engine) -> Post:
    return plan_post(engine.ledger, key="spring/teaser")


def to(engine: Engine, post: Post, *states: PostState, **values: Any) -> None:
    for state in states:
        posts.move(engine.ledger, post.id, state, who="test", why="test", **values)


SENT = (PostState.PREPARING, PostState.READY, PostState.PUBLISHING, PostState.PROCESSING)


def test_a_post_is_held_released_moved_cancelled_and_retried(airdate: Command, post: Post) -> None:
    def state_of(*arguments: str) -> tuple[int, str, str | None]:
        status, document = airdate(*arguments)
        assert list(document) == list(cli.SHAPES["publish"])
        return status, document["state"], (document["error"] or {}).get("code")

    assert state_of("calendar", "hold", post.id, "--reason", "later") == (0, "held", "held")
    assert state_of("calendar", "release", "spring/teaser") == (0, "planned", None)
    assert state_of("calendar", "move", "spring/teaser", "--at", SOON) == (0, "planned", None)
    assert state_of("calendar", "cancel", post.id, "--reason", "off") == (0, "cancelled", "post_cancelled")
    assert state_of("posts", "retry", post.id) == (0, "planned", None)
    assert airdate("posts", "show", post.id)[1]["slot"].startswith("2099-01-01T00:00:00")


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("posts", "retry", "p_none"), 4, "post_unknown"),
        (("posts", "retry", "spring/teaser"), 4, "post_planned"),
        (("posts", "resolve", "spring/teaser", "--published"), 4, "post_planned"),
        (("posts", "resolve", "spring/teaser"), 2, "resolve_what"),
        (("posts", "resolve", "spring/teaser", "--published", "--not-published"), 2, "resolve_what"),
        (("posts", "resolve", "spring/teaser", "--not-published"), 2, "resolve_what"),
        (
            ("posts", "resolve", "spring/teaser", "--not-published", "--reason", "r", "--post-id", "1"),
            2,
            "resolve_what",
        ),
        (("posts", "resolve", "spring/teaser", "--published", "--post-id", "last"), 2, "resolve_what"),
        (("calendar", "hold", "spring/teaser"), 2, "usage"),
        (("calendar", "release", "spring/teaser"), 4, "post_planned"),
        (("calendar", "move", "spring/teaser", "--at", "2020-01-01T00:00:00+00:00"), 2, "slot_past"),
        (("calendar", "move", "spring/teaser", "--at", "2099-01-01T00:00:00"), 2, "slot_invalid"),
    ],
)
def test_what_cannot_be_done_says_why_and_changes_nothing(
    airdate: Command, engine: Engine, post: Post, arguments: tuple[str, ...], status: int, code: str
) -> None:
    got, document = airdate(*arguments)
    assert (got, document["error"]["code"], bool(document["error"]["fix"])) == (status, code, True)
    assert list(document) == list(cli.SHAPES["publish"])
    assert posts.get(engine.ledger, post.id) == post


def test_a_forgotten_post_is_resolved(airdate: Command, engine: Engine, post: Post) -> None:
    to(engine, post, *SENT)
    status, document = airdate("posts", "resolve", post.id, "--published", "--post-id", "7301")
    assert (status, document["state"], document["tiktok_post_ids"]) == (0, "published", ["7301"])


def test_a_post_that_was_not_published_is_resolved_and_retried(airdate: Command, engine: Engine, post: Post) -> None:
    to(engine, post, *SENT)
    status, document = airdate("posts", "resolve", post.id, "--not-published", "--reason", "not in the app")
    assert (status, document["state"], document["error"]["code"]) == (0, "failed", "resolved_not_published")
    assert airdate("posts", "retry", post.id)[1]["state"] == "planned"


class Prefect:
    """A Prefect that does, at each run, the next thing of a list."""

    def __init__(self, *does: Callable[[], None], is_away: bool = False) -> None:
        self.started: list[tuple[int, Any]] = []
        self._does = list(does)
        self._is_away = is_away

    def runs(self) -> Runs:
        return Runs(self.start, self.wait, lambda _run: None, "the test's Prefect")

    def start(self, post: Post, *, at: Any, name: str) -> str:
        if self._is_away:
            raise Transient("prefect_unreachable", "it does not answer")
        self.started.append((post.turn, at))
        return f"run-{len(self.started)}"

    def wait(self, run: str) -> str:
        self._does.pop(0)()
        return "COMPLETED"


def test_a_retried_post_gets_its_run(engine: Engine, post: Post) -> None:
    to(engine, post, PostState.FAILED)
    prefect = Prefect()
    answer = decisions.retry(post.id, prefect.runs())
    assert prefect.started == [(2, None)]
    assert posts.get(engine.ledger, post.id).run_turn == 2
    assert "the test's Prefect takes it out" in answer.words


def test_a_moved_post_gets_its_run_at_its_slot(engine: Engine, post: Post) -> None:
    prefect = Prefect()
    decisions.move(post.id, SOON, prefect.runs())
    assert prefect.started == [(2, posts.get(engine.ledger, post.id).slot)]


def test_without_a_prefect_the_next_command_is_named(engine: Engine, post: Post) -> None:
    to(engine, post, PostState.FAILED)
    assert "run the same `airdate publish` command again, or `airdate up`" in decisions.retry(post.id, None).words


def test_a_decision_stands_while_prefect_is_away(engine: Engine, post: Post) -> None:
    to(engine, post, PostState.FAILED)
    answer = decisions.retry(post.id, Prefect(is_away=True).runs())
    assert (answer.status, answer.document["state"]) == (0, "planned")
    assert "the clock makes one" in answer.words


@pytest.fixture
def wish(engine: Engine, tmp_path: Path) -> Wish:
    add_account(engine.ledger)
    film = tmp_path / "film.mp4"
    film.write_bytes(b"no film")
    options = Options(privacy=Privacy.SELF_ONLY)
    return Wish((str(film),), "demo", options, mode=None, at=None, key=None)


def test_the_same_publish_command_takes_a_retried_post_out(engine: Engine, wish: Wish) -> None:
    first = publish.publish(wish, None, print)
    assert (first.status, first.document["state"]) == (3, "failed")
    assert publish.publish(wish, None, print).document == first.document
    post_id = first.document["post_id"]
    decisions.retry(post_id, None)
    assert publish.publish(wish, None, print).document["state"] == "failed"
    went = [event.to_state for event in posts.story(engine.ledger, post_id)]
    assert went == ["planned", "preparing", "failed"] * 2


def test_publish_waits_on_when_the_clock_brings_its_post_back(engine: Engine, wish: Wish) -> None:
    def post() -> Post:
        return posts.listed(engine.ledger)[0]

    def dies() -> None:
        to(engine, post(), PostState.PREPARING, turn=post().turn + 1)

    def ends() -> None:
        to(engine, post(), *SENT[1:], PostState.PUBLISHED)

    prefect = Prefect(dies, ends)
    assert publish.publish(wish, prefect.runs(), print).status == 0
    assert prefect.started == [(1, None), (2, None)]


def test_publish_does_not_wait_for_ever(engine: Engine, wish: Wish) -> None:
    def dies() -> None:
        (post,) = posts.listed(engine.ledger)
        posts.store(engine.ledger, post.id, turn=post.turn + 1)

    prefect = Prefect(*[dies] * 9)
    assert publish.publish(wish, prefect.runs(), print).status == 5
    assert len(prefect.started) == publish.MOST_TURNS


def test_publish_leaves_a_post_that_rests(engine: Engine, wish: Wish) -> None:
    def rests() -> None:
        (post,) = posts.listed(engine.ledger)
        later = engine.ledger.now() + timedelta(minutes=2)
        posts.store(engine.ledger, post.id, turn=post.turn + 1, not_before=later)

    prefect = Prefect(rests)
    assert publish.publish(wish, prefect.runs(), print).status == 5
    assert len(prefect.started) == 1


def test_publish_tells_the_slot_of_a_post_that_was_moved_meanwhile(engine: Engine, wish: Wish) -> None:
    prefect = Prefect(lambda: decisions.move(posts.listed(engine.ledger)[0].id, SOON, None) and None)
    answer = publish.publish(wish, prefect.runs(), print)
    assert (answer.status, answer.document["state"]) == (0, "planned")
    assert steps.is_ahead(engine, posts.listed(engine.ledger)[0])
