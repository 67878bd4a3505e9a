from __future__ import annotations

import asyncio
import threading

import pytest
from prefect.states import Failed

import tasks
from airdate.errors import NeedsPerson, Refused, Transient
from tasks.work import Bug, in_thread, is_transient

ALL = [tasks.record, tasks.fetch, tasks.prepare, tasks.check, tasks.publish, tasks.follow, tasks.report]


@pytest.mark.parametrize("task", ALL, ids=lambda task: task.name)
def test_a_task_is_retried_at_most_twice_and_keeps_nothing(task: object) -> None:
    assert task.retries <= 2
    assert task.retry_condition_fn is is_transient
    assert task.persist_result is False
    assert task.cache_policy.compute_key(None, {}, {}) is None
    assert task.name[0].isupper()


def test_only_a_fault_that_passes_is_tried_again() -> None:
    assert is_transient(None, None, Failed(data=Transient("timeout", "no answer")))
    for error in (Refused("x", "x"), NeedsPerson("x", "x"), ValueError("x")):
        assert not is_transient(None, None, Failed(data=error))


def test_blocking_work_leaves_the_loop_free() -> None:
    async def both() -> int:
        gate = threading.Event()
        waiting = asyncio.create_task(in_thread(gate.wait, 5))
        await asyncio.sleep(0)
        gate.set()  # reached only because the loop goes on while the thread waits
        return await waiting

    assert asyncio.run(both()) is True


def test_an_error_of_ours_passes_as_it_is() -> None:
    def refuse() -> None:
        raise Refused("caption_too_long", "too long")

    with pytest.raises(Refused, match="too long"):
        asyncio.run(in_thread(refuse))


def test_another_librarys_text_is_redacted() -> None:
    def leak() -> None:
        raise RuntimeError("GET https://cdn.example/film.mp4?signature=CANARY failed")

    with pytest.raises(Bug) as caught:
        asyncio.run(in_thread(leak))
    assert "CANARY" not in str(caught.value)
    assert "cdn.example/film.mp4" in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
