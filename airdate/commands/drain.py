"""`airdate drain`: empty this home's worker before a restart."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from airdate import draining
from airdate.console import Answer

LOOK_EVERY_S = 0.5


def drain(home: Path, say: Callable[[str], None], pause: Callable[[float], None] = time.sleep) -> Answer:
    """Have the worker take no new run, and wait until those at work have ended; Ctrl-C ends only the waiting."""
    if draining.worker_of(home) is None:
        return _empty("no worker runs in this home")
    told: int | None = None
    while (worker := draining.worker_of(home)) is not None:
        draining.want(home)
        if worker.is_draining and not worker.runs:
            return _empty("the worker is empty and takes no new run until it is started again")
        if worker.is_draining and worker.runs != told:
            told = worker.runs
            say(f"{told} {'run is' if told == 1 else 'runs are'} at work; waiting for the end")
        pause(LOOK_EVERY_S)
    return _empty("the worker has ended")


def _empty(words: str) -> Answer:
    return Answer({"runs": 0, "error": None}, words)
