"""Emptying a worker before a restart: a file in the home says that it is wanted, another says how far it is.

Files, because they work where a signal does not: the worker may be a child of `airdate up`, which begins it again when
it ends, and a command knows only the home.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from airdate.ledger.owner import is_gone, new_owner

WANTED, SAID = "drain", "worker.json"


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A living worker of this home.

    Attributes:
        owner: the process, as leases know it.
        is_draining: it has seen that it shall take no new run.
        runs: how many are at work.
    """

    owner: str
    is_draining: bool
    runs: int


class Draining:
    """The worker's side: begun when it starts, which ends an earlier draining."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._owner = new_owner()
        self._said: WorkerState | None = None
        (home / WANTED).unlink(missing_ok=True)
        self.say(is_draining=False, runs=0)

    @property
    def is_wanted(self) -> bool:
        """Whether somebody wants it to take no new run."""
        return (self._home / WANTED).exists()

    @property
    def is_told(self) -> bool:
        """Whether it has said that it takes no new run."""
        return self._said is not None and self._said.is_draining

    def say(self, *, is_draining: bool, runs: int) -> None:
        """Write down how far it is, if that has changed."""
        state = WorkerState(self._owner, is_draining, runs)
        if state == self._said:
            return
        draft = self._home / f"{SAID}.draft"
        draft.write_text(json.dumps(asdict(state)))
        draft.replace(self._home / SAID)
        self._said = state

    def end(self) -> None:
        """The worker ends."""
        (self._home / SAID).unlink(missing_ok=True)


def want(home: Path) -> None:
    """Have the worker of this home take no new run until it is started again."""
    (home / WANTED).touch()


def worker_of(home: Path) -> WorkerState | None:
    """The worker of this home; None when none lives."""
    path = home / SAID
    if not path.exists():
        return None
    state = WorkerState(**json.loads(path.read_text()))
    return None if is_gone(state.owner) else state
