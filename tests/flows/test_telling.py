"""People are told of each pause once, and of each approval: by events that Prefect shows, and automations wait for."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from ledger_making import add_account, make_request
from limit_making import Scene
from prefect.events.clients import AssertingEventsClient

from airdate import brake
from airdate.errors import Transient
from airdate.ledger import Ledger, posts, switches
from flows import telling


@pytest.fixture
def scene(ledger: Ledger) -> Scene:
    return Scene(ledger)


@pytest.fixture
def told(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`told()` is what one tick tells."""
    AssertingEventsClient.reset()
    monkeypatch.setattr(telling, "get_events_client", AssertingEventsClient)

    def tell() -> list[Any]:
        AssertingEventsClient.reset()
        asyncio.run(telling.tell(SimpleNamespace(ledger=scene.ledger)))  # type: ignore[arg-type]
        return [event for client in AssertingEventsClient.all for event in client.events]

    return tell


def test_an_approvals_run_has_its_event_which_stays_the_same_when_it_is_told_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    AssertingEventsClient.reset()
    monkeypatch.setattr(telling, "get_events_client", AssertingEventsClient)
    monkeypatch.setattr(telling, "start_run", lambda post, **_: f"run-of-{post.id}")
    add_account(ledger)
    post = posts.record(ledger, make_request("approved"), ["/films/a.mp4"], who="relay")
    for _ in range(2):
        assert telling.start_approved(post, at=None, name="demo · a film") == f"run-of-{post.id}"
    first, again = (event for client in AssertingEventsClient.all for event in client.events)
    assert (first.event, first.resource.id, first.id) == (telling.APPROVED, f"airdate.post.{post.id}", again.id)
    assert [related.id for related in first.related] == [f"prefect.flow-run.run-of-{post.id}"]
    assert (first.payload["post_id"], first.payload["account"]) == (post.id, post.account)

    def away(**_: Any) -> AssertingEventsClient:
        raise ConnectionError("no answer")

    monkeypatch.setattr(telling, "get_events_client", away)
    assert telling.start_approved(post, at=None, name="demo · a film"), "the run counts, not its event"


def fail_all(scene: Scene) -> None:
    for name in ("ana", "bob", "cleo"):
        brake.heard(scene.ledger, name, Transient("internal_error", "a fault", log_id=f"log-{name}"))


def test_an_incident_is_told_once_and_again_when_its_pause_is_prolonged(scene: Scene, told: Any) -> None:
    assert told() == []
    for name in ("ana", "bob", "cleo"):
        scene.creator(name)
    fail_all(scene)
    (event,) = told()
    assert (event.event, event.resource.id) == (telling.PAUSED, "airdate.switch.incident:internal_error")
    assert event.payload["accounts"] == ["ana", "bob", "cleo"]
    assert set(event.payload["log_ids"]) == {"log-ana", "log-bob", "log-cleo"}
    assert "publishing pauses until" in event.payload["reason"]
    assert told() == []
    scene.now += brake.FIRST_PAUSE
    fail_all(scene)
    (again,) = told()
    assert again.payload["until"] > event.payload["until"]
    assert told() == []


def test_a_freeze_is_told_and_so_is_the_next(scene: Scene, told: Any) -> None:
    for why in ("the wrong song", "it again"):
        switches.freeze(scene.ledger, who="ana", why=why)
        (event,) = told()
        assert (event.resource.id, event.payload["until"]) == ("airdate.switch.freeze", None)
        assert why in event.payload["reason"]
        assert told() == []
        switches.unfreeze(scene.ledger, who="bob")


def test_what_prefect_does_not_take_is_told_the_next_time(
    scene: Scene, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    switches.freeze(scene.ledger, who="ana", why="stop")

    def away(**_: Any) -> AssertingEventsClient:
        raise ConnectionError("no answer")

    with monkeypatch.context() as without:
        without.setattr(telling, "get_events_client", away)
        assert told() == []
    assert len(told()) == 1
