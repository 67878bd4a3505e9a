from __future__ import annotations

import asyncio
import uuid

import pytest

from tasks import progress as module
from tasks.progress import progress


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Percentages in the order in which Prefect would be told them."""
    told: list[float] = []

    async def create(percent: float, **_: object) -> uuid.UUID:
        told.append(percent)
        return uuid.uuid4()

    async def update(_artifact: uuid.UUID, percent: float) -> None:
        told.append(percent)

    monkeypatch.setattr(module, "acreate_progress_artifact", create)
    monkeypatch.setattr(module, "aupdate_progress_artifact", update)
    return told


def _tell(parts: list[tuple[float, float]]) -> None:
    """Call back from a thread with each (clock, part)."""
    clock = [0.0]

    async def run() -> None:
        told = progress("x", now=lambda: clock[0])

        def work() -> None:
            for at, part in parts:
                clock[0] = at
                told(part)

        await asyncio.to_thread(work)
        await asyncio.sleep(0.01)

    asyncio.run(run())


def test_at_most_one_update_a_second(shown: list[float]) -> None:
    _tell([(0.0, 0.1), (0.5, 0.2), (0.9, 0.3), (1.0, 0.4), (1.1, 0.5)])
    assert shown == [10.0, 40.0]


def test_the_end_is_always_shown(shown: list[float]) -> None:
    _tell([(0.0, 0.1), (0.1, 1.0)])
    assert shown == [10.0, 100.0]


def test_work_that_was_done_already_shows_nothing(shown: list[float]) -> None:
    _tell([])
    assert shown == []


def test_an_api_that_is_away_does_not_stop_the_work(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def away(*_: object, **__: object) -> uuid.UUID:
        raise ConnectionError("no API at http://127.0.0.1:1/?token=CANARY")

    monkeypatch.setattr(module, "acreate_progress_artifact", away)
    _tell([(0.0, 0.5)])
    assert "could not be shown" in caplog.text
    assert "CANARY" not in caplog.text
