"""Driving a real `airdate up`: starting it, asking its Prefect, seeing which processes it has."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

START_S = 240
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@dataclass(frozen=True)
class Up:
    """A running `airdate up`.

    Attributes:
        addresses: the JSON line it printed: `prefect`, `gateway`, `sandbox`.
        environment: what another command of the same home needs.
    """

    process: subprocess.Popen[str]
    addresses: dict[str, Any]
    home: Path
    environment: dict[str, str]

    def airdate(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run `airdate …` in this home."""
        return subprocess.run(
            [sys.executable, "-m", "airdate", *arguments],
            env=self.environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def document(self, *arguments: str) -> dict[str, Any]:
        """The JSON document of a command."""
        return json.loads(self.airdate(*arguments, "--json").stdout)

    def prefect(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call Prefect's API; on SQLite it answers 503 while it is busy, and nothing while it is brought back."""
        url = f"{self.addresses['prefect']}/api{path}"
        ends = time.monotonic() + 90
        while time.monotonic() < ends:
            with suppress(httpx.TransportError):
                answer = httpx.request(method, url, json=body, timeout=30, trust_env=False)
                if answer.status_code != 503:
                    answer.raise_for_status()
                    return answer.json() if answer.content else None
            time.sleep(0.3)
        raise AssertionError("Prefect stayed busy")

    def run_form(self, **parameters: Any) -> str:
        """What the form's button does: make a run of publish-post; returns its id."""
        deployment = self.prefect("GET", "/deployments/name/publish-post/publish-post")["id"]
        return self.prefect("POST", f"/deployments/{deployment}/create_flow_run", {"parameters": parameters})["id"]

    def run(self, run_id: str) -> dict[str, Any]:
        """A run as Prefect shows it."""
        return self.prefect("GET", f"/flow_runs/{run_id}")

    def wait(self, run_id: str, states: tuple[str, ...] = FINAL, within_s: float = 180) -> dict[str, Any]:
        """Wait until a run is in one of these states."""
        found: dict[str, Any] = {}

        def there() -> bool:
            found.update(self.run(run_id))
            return found["state_type"] in states

        eventually(there, within_s=within_s, what=f"run {run_id} in {states}")
        return found

    def posts(self) -> list[dict[str, Any]]:
        """All posts in the ledger."""
        return self.document("posts", "list")["posts"]


def eventually(true: Callable[[], bool], *, within_s: float, what: str) -> None:
    """Poll what another process does; the only clock there is."""
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.2)


def environment_of(home: Path, **more: str) -> dict[str, str]:
    """The environment of a command in `home`, free of the settings of whoever runs the tests."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith(("AIRDATE_", "PREFECT_"))}
    return ours | {"AIRDATE_HOME": str(home), "AIRDATE_POLL_SECONDS": "0.5"} | more


def start_up(home: Path, *arguments: str, **more: str) -> Up:
    """Start `airdate up` and wait for its JSON line."""
    home.mkdir(parents=True, exist_ok=True)
    environment = environment_of(home, **more)
    with (home / "up.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "airdate", "up", "--prefect-port", "0", "--gateway-port", "0", *arguments],
            env=environment,
            cwd=home,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        process.wait(10)
        logs = "\n".join(f"== {path.name}\n{path.read_text()[-2000:]}" for path in (home / "logs").glob("*.log"))
        pytest.fail(f"airdate up did not start: {(home / 'up.log').read_text()[-2000:]}\n{logs}")
    return Up(process, json.loads(line), home, environment)


def take_down(up: Up, number: int = signal.SIGTERM) -> int:
    """End it as an operator does, and return its exit status."""
    up.process.send_signal(number)
    try:
        return up.process.wait(60)
    finally:
        if up.process.poll() is None:
            up.process.kill()


def processes_of(home: Path) -> dict[int, str]:
    """The living processes whose environment names this home: process id and command line."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal() or int(folder.name) == os.getpid():
            continue
        try:
            named = f"AIRDATE_HOME={home}".encode() in (folder / "environ").read_bytes().split(b"\0")
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        if named and command:
            found[int(folder.name)] = command
    return found
