"""The switch for all publishing, as people and scripts throw it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ledger_making import make_request
from limit_making import Scene

from airdate import cli
from airdate.commands import freeze
from airdate.commands.publish import Runs
from airdate.console import run
from airdate.engine import Engine
from airdate.errors import Transient
from airdate.ledger import posts, switches
from airdate.ledger.posts import Post
from airdate.outcome import error_record
from airdate.post import PostState, SubmissionState

Command = Callable[..., tuple[int, dict[str, Any]]]
FIELDS = ["frozen", "since", "who", "reason", "in_flight", "cannot_be_stopped", "waiting", "error"]


@pytest.fixture
def airdate(capsys: pytest.CaptureFixture[str]) -> Command:
    def command(*arguments: str) -> tuple[int, dict[str, Any]]:
        status = run(cli.app, [*arguments, "--json"], cli.SHAPES)
        return status, json.loads(capsys.readouterr().out)

    return command


@pytest.fixture
def scene(engine: Engine) -> Scene:
    return Scene(engine.ledger, now=engine.ledger.now())


def at(scene: Scene, *states: PostState, submission: SubmissionState | None = None) -> Post:
    account = scene.creator(f"c{next(scene.numbers)}")
    post = scene.post(account)
    if submission is not None:
        scene.asked(account, state=submission, post=post)
    for state in states:
        posts.move(scene.ledger, post.id, state, who="test", why="test")
    return posts.get(scene.ledger, post.id)


SENDING = (PostState.PREPARING, PostState.READY, PostState.PUBLISHING)


def test_it_says_what_is_on_its_way_and_what_cannot_be_stopped(airdate: Command, scene: Scene) -> None:
    going = at(scene, *SENDING, submission=SubmissionState.OPEN)
    mark = at(scene, *SENDING, submission=SubmissionState.COMMITTING)
    sent = at(scene, *SENDING, PostState.PROCESSING, submission=SubmissionState.ACCEPTED)
    at(scene, *SENDING[:2])
    at(scene, PostState.HELD)
    status, document = airdate("freeze", "--reason", "the wrong song")
    assert (status, list(document)) == (0, FIELDS)
    assert (document["frozen"], document["reason"], document["waiting"]) == (True, "the wrong song", 1)
    assert document["who"]
    assert document["since"]
    assert [each["post_id"] for each in document["in_flight"]] == [going.id]
    assert {each["post_id"] for each in document["cannot_be_stopped"]} == {mark.id, sent.id}
    assert document["in_flight"][0] == {
        "post_id": going.id,
        "account": going.account,
        "state": "publishing",
        "submission": "open",
        "publish_id": None,
        "acknowledged": 0,
        "size": 10,
    }


def test_a_second_freeze_keeps_the_first_and_unfreezing_twice_is_no_error(airdate: Command) -> None:
    _, first = airdate("freeze", "--reason", "one")
    _, second = airdate("freeze", "--reason", "two")
    assert (second["reason"], second["since"]) == ("one", first["since"])
    for _ in range(2):
        status, document = airdate("unfreeze")
        assert (status, list(document)) == (0, FIELDS)
        assert (document["frozen"], document["since"], document["error"]) == (False, None, None)


def test_a_freeze_needs_a_reason(airdate: Command) -> None:
    status, document = airdate("freeze")
    assert (status, list(document), document["error"]["code"]) == (2, FIELDS, "usage")


def frozen(scene: Scene) -> Post:
    post = at(scene, *SENDING[:2])
    error = switches.Frozen("frozen", "ana froze", not_before=scene.now + timedelta(minutes=15))
    posts.store(scene.ledger, post.id, error=error_record(error), not_before=error.not_before)
    return posts.get(scene.ledger, post.id)


def test_unfreezing_makes_a_run_for_each_post_that_waited(airdate: Command, scene: Scene) -> None:
    airdate("freeze", "--reason", "one")
    waited, other = frozen(scene), at(scene, *SENDING[:2])
    made: list[tuple[str, int, object]] = []

    def start(post: Post, *, at: object, name: str) -> str:
        made.append((post.id, post.turn, at))
        return name

    answer = freeze.unfreeze(Runs(start, lambda _run: None, lambda _run: None, "the running `airdate up`"))
    assert made == [(waited.id, waited.turn + 1, None)]
    freed = posts.get(scene.ledger, waited.id)
    assert (freed.run_turn, freed.error, freed.not_before) == (freed.turn, None, None)
    assert posts.get(scene.ledger, other.id).turn == other.turn
    assert f"takes out what waited: {waited.id}" in answer.words


def test_unfreezing_stands_when_no_run_can_be_made(airdate: Command, scene: Scene) -> None:
    airdate("freeze", "--reason", "one")
    waited = frozen(scene)

    def start(post: Post, *, at: object, name: str) -> str:
        raise Transient("prefect_unreachable", "Prefect does not answer")

    answer = freeze.unfreeze(Runs(start, lambda _run: None, lambda _run: None, "nobody"))
    assert (answer.status, answer.document["frozen"]) == (0, False)
    assert "the clock makes them" in answer.words
    assert posts.get(scene.ledger, waited.id).run_turn is None


def test_a_planned_post_keeps_its_slot(scene: Scene) -> None:
    slot = scene.now + timedelta(days=1)
    request = replace(make_request("later"), account=scene.creator("dora").name, slot=slot)
    post = posts.record(scene.ledger, request, ["/films/a.mp4"], who="test")
    switches.freeze(scene.ledger, who="ana", why="one")
    _, back = switches.unfreeze(scene.ledger, who="ana")
    assert back == []
    assert posts.get(scene.ledger, post.id) == post
