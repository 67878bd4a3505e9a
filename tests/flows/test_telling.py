"""People are told of each pause once: by an event that Prefect's automations can wait for."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from limit_making import Scene
from prefect.events.clients import AssertingEventsClient

from airdate import brake
from airdate.errors import Transient
from airdate.ledger import Ledger, switches
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
