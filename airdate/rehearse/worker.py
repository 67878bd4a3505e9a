"""A worker that may be killed: a child forked from this process, so that it costs milliseconds and not a second."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from airdate import steps
from airdate.engine import Engine
from airdate.ledger import Ledger
from airdate.processes import die_with_parent
from airdate.redact import configure_logging, redact
from airdate.rehearse.clock import Clock
from airdate.settings import Settings
from airdate.store import Store

LOG, BUG = "workers.log", "bug.txt"
"""In the round's home: what its workers said, and the traceback of one that met a bug."""


class Forked:
    """A child of this process."""

    def __init__(self, work: Callable[[], None], *, log: Path) -> None:
        """Begin it.

        Args:
            log: where its standard error goes.
        """
        self.pid = os.fork()
        self._status: int | None = None
        if self.pid == 0:
            _be(work, log)

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = os.waitstatus_to_exitcode(status) if pid else None
        return self._status is None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        if self.is_alive:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it and wait for its end."""
        self.send(signal.SIGKILL)
        if self._status is None:
            _, status = os.waitpid(self.pid, 0)
            self._status = os.waitstatus_to_exitcode(status)


def _be(work: Callable[[], None], log: Path) -> NoReturn:
    """The child's life; it never returns into the code of its parent."""
    status = 1
    try:
        die_with_parent()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w", 1)
        configure_logging("INFO")
        work()
        status = 0
    except BaseException:  # noqa: BLE001 (whatever it is, it must not go on as the parent)
        text = redact(traceback.format_exc())
        with (log.parent / BUG).open("a") as file:
            file.write(text)
    finally:
        os._exit(status)


def start_worker(settings: Settings, clock: Clock, post_id: str) -> Forked:
    """A worker that walks the post as `airdate publish` does."""

    def walk() -> None:
        with Engine(settings, Ledger.open(settings, clock.now), Store(settings.store), clock.pause) as engine:
            steps.walk(engine, post_id)

    return Forked(walk, log=settings.home / LOG)
