"""The switches: thrown between the transactions that look at them, never into one."""

from __future__ import annotations

import threading

import pytest
from limit_making import Scene

from airdate.ledger import Ledger, switches


@pytest.fixture
def scene(ledger: Ledger) -> Scene:
    return Scene(ledger)


def test_freezing_waits_for_whoever_has_just_looked(scene: Scene) -> None:
    looked, go_on, story = threading.Event(), threading.Event(), []

    def worker() -> None:
        with scene.ledger.write() as connection:
            assert switches.found(connection, hold=True) == []
            looked.set()
            assert go_on.wait(20)
            story.append("the mark is written")

    def person() -> None:
        switches.freeze(scene.ledger, who="ana", why="stop")
        story.append("frozen")

    threads = [threading.Thread(target=worker), threading.Thread(target=person)]
    threads[0].start()
    assert looked.wait(20)
    threads[1].start()
    threads[1].join(0.3)
    assert threads[1].is_alive()
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert story == ["the mark is written", "frozen"]


def test_workers_that_look_do_not_wait_for_each_other(scene: Scene) -> None:
    if scene.ledger.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    with scene.ledger.write() as first, scene.ledger.write() as second:
        assert switches.found(first, hold=True) == switches.found(second, hold=True) == []


def test_a_freeze_is_told_with_its_author_reason_and_fix(scene: Scene) -> None:
    switch = switches.freeze(scene.ledger, who="ana", why="the wrong song")
    assert switches.frozen(scene.ledger) == switch
    with pytest.raises(switches.Frozen) as raised:
        switches.check_frozen([switch], scene.now, "p_1")
    assert (raised.value.code, raised.value.exit_code, raised.value.who) == ("frozen", 4, "operator")
    assert raised.value.not_before == scene.now + switches.LOOK_AGAIN
    assert (raised.value.item, raised.value.fix) == ("p_1", "the post waits; `airdate unfreeze` lets all go on")
    assert "ana froze all publishing at 2026-11-24 12:00:00 UTC: the wrong song" in raised.value.message
    assert switches.unfreeze(scene.ledger, who="bob") == (switch, [])
    assert switches.unfreeze(scene.ledger, who="bob") == (None, [])
    assert switches.frozen(scene.ledger) is None
