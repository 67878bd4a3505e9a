"""The processes of `airdate up`, with real ones."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airdate import processes
from airdate.errors import NeedsPerson
from airdate.processes import Child, free_port, wait_until

pytestmark = pytest.mark.e2e

STAY = "import time; time.sleep(60)"


def _eventually(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[str], Child]]:
    made: list[Child] = []

    def child(code: str) -> Child:
        made.append(Child("part", ["-c", code], os.environ, tmp_path, tmp_path / "logs"))
        made[-1].start()
        return made[-1]

    yield child
    for one in made:
        one.end(0)


def test_it_says_when_it_is_ready(make: Callable[[str], Child]) -> None:
    child = make(f"import json; print(json.dumps({{'api': 'x'}}), flush=True); {STAY}")
    wait_until(child, lambda: child.announced() is not None, within_s=10, pause=time.sleep)
    assert child.announced() == {"api": "x"}


def test_one_that_ends_while_starting_says_why_without_secrets(make: Callable[[str], Child]) -> None:
    child = make("import sys; sys.exit('no: https://x.example/?token=CANARY')")
    with pytest.raises(NeedsPerson, match=r"part ended while it started: no: https://x\.example/") as caught:
        wait_until(child, lambda: False, within_s=10, pause=time.sleep)
    assert "CANARY" not in str(caught.value)
    assert str(child.log) in str(caught.value.fix)


def test_a_dead_one_is_begun_again_after_a_wait_that_doubles(
    make: Callable[[str], Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    child = make("pass")
    clock = [time.monotonic()]
    monkeypatch.setattr(processes.time, "monotonic", lambda: clock[0])
    waits = []
    for _ in range(3):
        while child.alive():
            time.sleep(0.01)
        dead, before = child.pid, clock[0]
        while child.pid == dead:
            child.revive()
            clock[0] += 0.25
        waits.append(round(clock[0] - before))
    assert waits == [1, 2, 4]


def test_the_end_takes_what_it_began_with_it(make: Callable[[str], Child]) -> None:
    code = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {STAY!r}]).pid, flush=True); {STAY}"
    child = make(code)
    _eventually(lambda: child.announced() is not None)
    grandchild = int(child.out.read_text())
    child.end()
    _eventually(lambda: not _lives(grandchild))


def test_one_that_ignores_the_request_is_killed(make: Callable[[str], Child]) -> None:
    child = make(f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('{{}}', flush=True); {STAY}")
    _eventually(lambda: child.announced() is not None)
    pid = child.pid
    assert pid is not None
    child.end(0.2)
    assert not _lives(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_children_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    code = f"""
import os, time
from pathlib import Path
from airdate.processes import Child
child = Child("part", ["-c", {STAY!r}], os.environ, Path({str(tmp_path)!r}), Path({str(tmp_path)!r}))
child.start()
print(child.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert _lives(child)
        parent.send_signal(signal.SIGKILL)
    _eventually(lambda: not _lives(child))


def test_a_taken_port_is_not_given_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port("127.0.0.1", port) != port
        assert free_port("127.0.0.1", port - 1, neighbours=1) not in (port - 1, port)
    assert free_port("127.0.0.1", port) == port


def test_a_line_that_is_half_written_is_not_read(make: Callable[[str], Child]) -> None:
    child = make(f"import sys; sys.stdout.write('{{'); sys.stdout.flush(); {STAY}")
    _eventually(lambda: child.out.stat().st_size > 0)
    assert child.announced() is None
