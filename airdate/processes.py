"""The processes of one machine: begun, watched, begun again when they die, and never outliving whoever began them."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airdate.errors import NeedsPerson
from airdate.redact import redact

log = logging.getLogger(__name__)

LOG_BYTES = 20_000_000
"""A log that is longer when its process begins is set aside as `NAME.log.1`."""

FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 1.0, 30.0
STEADY_S = 60.0
"""A process that lived this long was healthy, so its next death is waited for as little as its first."""

KILL_AFTER_S = 5.0
"""How long a process that was told to end may take, if nothing else is said."""

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that began it ends, however that happens (Linux only)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


@dataclass
class Child:
    """One process that is kept alive until it is told to end.

    Attributes:
        arguments: what follows `python`; never a secret, for every user of the machine can read it.
        environment: the whole environment; secrets may be in it.
        folder: its working directory.
        logs: where `NAME.log` (its standard error) and `NAME.out` (its standard output) go.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    logs: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _began: float = field(default=0.0, repr=False)
    _backoff: float = field(default=FIRST_BACKOFF_S, repr=False)
    _again_at: float | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        """Its process id while it has one."""
        return self._process.pid if self._process is not None else None

    @property
    def log(self) -> Path:
        """Where its standard error goes."""
        return self.logs / f"{self.name}.log"

    @property
    def out(self) -> Path:
        """Where its standard output goes; emptied when it begins."""
        return self.logs / f"{self.name}.out"

    def start(self) -> None:
        """Begin it, in a session of its own: a Ctrl-C in the terminal is ours to pass on, in order."""
        self.logs.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as errors, self.out.open("wb") as output:
            # We have one thread, which is what makes preexec_fn safe; a wrapper process would cost its start-up.
            self._process = subprocess.Popen(
                [sys.executable, *self.arguments],
                env=dict(self.environment),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509
            )
        self._began, self._again_at = time.monotonic(), None

    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        """How it ended, once it has."""
        return self._process.poll() if self._process is not None else None

    def announced(self) -> dict[str, Any] | None:
        """The JSON line it printed when it was ready, if it has."""
        line, end, _ = self.out.read_bytes().partition(b"\n")
        return json.loads(line) if end else None

    def revive(self) -> None:
        """Begin it again if it died, after a wait that doubles with each death in a row."""
        if self._process is None or self.alive():
            return
        now = time.monotonic()
        if self._again_at is None:
            if now - self._began > STEADY_S:
                self._backoff = FIRST_BACKOFF_S
            log.warning(
                "%s ended (%s); beginning it again in %.0f s; see %s",
                self.name,
                self._process.returncode,
                self._backoff,
                self.log,
            )
            self._again_at = now + self._backoff
            self._backoff = min(self._backoff * 2, LONGEST_BACKOFF_S)
        elif now >= self._again_at:
            self.start()

    def end(self, within_s: float = KILL_AFTER_S, *, hurry: Callable[[], bool] = lambda: False) -> None:
        """Ask it to end, and kill it when it has not within the time, or when `hurry` says so."""
        if self._process is None:
            return
        if self.alive():
            self._process.terminate()
            until = time.monotonic() + within_s
            while self.alive() and time.monotonic() < until and not hurry():
                time.sleep(0.05)
            if self.alive():
                log.warning("%s had not ended and was killed", self.name)
        # What it began itself is in its session; after its end nothing of it may stay.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None


def wait_until(child: Child, ready: Callable[[], bool], *, within_s: float, pause: Callable[[float], None]) -> None:
    """Wait until `ready` answers true.

    Raises:
        NeedsPerson: the process ended before, or was not ready in time; the message has the log's last line.
    """
    end = time.monotonic() + within_s
    while True:
        alive = child.alive()
        if ready():
            return
        if not alive or time.monotonic() > end:
            raise NeedsPerson(
                "process_not_started",
                f"{child.name} {f'was not ready within {within_s:.0f} s' if alive else 'ended while it started'}: "
                f"{_last_line(child.log)}",
                item=child.name,
                fix=f"read {child.log}",
            )
        pause(0.1)


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
    return redact(lines[-1])[:300] if lines else "it said nothing"


def free_port(host: str, wanted: int, *, neighbours: int = 0) -> int:
    """`wanted` if it and the ports right after it are free on `host`, else another that is."""
    for _ in range(50):
        if wanted and all(_is_free(host, wanted + step) for step in range(neighbours + 1)):
            return wanted
        with socket.socket(_family(host)) as probe:
            probe.bind((host, 0))
            wanted = probe.getsockname()[1]
    raise NeedsPerson("no_free_port", "no free port was found", item=host, fix="end what holds the machine's ports")


def _is_free(host: str, port: int) -> bool:
    with socket.socket(_family(host)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
