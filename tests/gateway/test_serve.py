"""The gateway as a process: it starts only with a secret, relays what was left, and ends when told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import pytest
from approval_making import DAM, SECRET, Runs, make_body, sign

from airdate.engine import Engine
from airdate.errors import NeedsPerson, Transient
from airdate.gateway import relay, serve
from airdate.gateway.serve import Relaying
from airdate.ledger import deliveries, posts
from airdate.settings import Settings

pytestmark = pytest.mark.e2e

PROGRAM = """
import sys
from airdate.engine import Engine
from airdate.gateway import relay, serve

def start_run(post, *, at, name):
    with open(sys.argv[1], "a") as file:
        print(f"{post.id} {post.turn}", file=file, flush=True)
    return "run"

with Engine.open() as engine:
    serve(engine, start_run, port=0, ready=lambda url: print(url, flush=True))
print("ended", flush=True)
"""


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


class Gateway:
    """A gateway in a process of its own; its runs are lines of a file."""

    def __init__(self, folder: Path) -> None:
        self.runs = folder / "runs"
        self._environment = os.environ | {
            "AIRDATE_HOME": str(folder / "home"),
            "AIRDATE_WEBHOOK_SECRETS": SECRET,
            "AIRDATE_ALLOWED_ORIGINS": DAM,
        }
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        arguments = [sys.executable, "-c", PROGRAM, str(self.runs)]
        self.process = subprocess.Popen(arguments, env=self._environment, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self, number: signal.Signals) -> tuple[int, str]:
        assert self.process is not None
        self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=20)
        return self.process.returncode, out.strip()

    def run_lines(self) -> list[str]:
        return self.runs.read_text().splitlines() if self.runs.exists() else []


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    made = Gateway(tmp_path)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait()


@pytest.mark.e2e
def test_a_gateway_takes_approvals_and_ends_cleanly(engine: Engine, gateway: Gateway) -> None:
    url = gateway.start()
    body = make_body()
    headers = sign(body, at=datetime.now(UTC))
    answers: list[int] = []

    def deliver() -> None:
        answers.append(httpx.post(f"{url}/hooks/approvals", content=body, headers=headers, trust_env=False).status_code)

    threads = [threading.Thread(target=deliver) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(lambda: bool(gateway.run_lines()))

    (post,) = posts.listed(engine.ledger)
    assert answers == [200, 200, 200]
    assert gateway.end(signal.SIGTERM) == (0, "ended")
    assert gateway.run_lines() == [f"{post.id} 1"]


@pytest.mark.e2e
def test_what_was_stored_before_a_kill_is_relayed_at_the_next_start(engine: Engine, gateway: Gateway) -> None:
    gateway.start()
    assert gateway.end(signal.SIGKILL)[0] == -signal.SIGKILL
    deliveries.accept(engine.ledger, "approval", "msg_1", make_body())

    gateway.start()
    wait_for(lambda: bool(gateway.run_lines()))

    assert len(posts.listed(engine.ledger)) == 1
    assert gateway.end(signal.SIGINT) == (0, "ended")


def test_without_a_secret_it_does_not_start(engine: Engine, runs: Runs) -> None:
    bare = Engine(Settings(home=engine.settings.home), engine.ledger, engine.store)

    with pytest.raises(NeedsPerson) as refused:
        serve(bare, runs)

    assert (refused.value.code, refused.value.exit_code) == ("webhook_secret_missing", 4)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 1 << 20), ("192.0.2.1", 0), ("no.such.host.invalid", 0)])
def test_an_address_that_cannot_be_had_is_told(engine: Engine, runs: Runs, host: str, port: int) -> None:
    with pytest.raises(NeedsPerson) as refused:
        serve(engine, runs, host=host, port=port)

    assert refused.value.code == "address_unavailable"
    assert refused.value.fix


def test_the_relay_looks_again_while_prefect_is_away(engine: Engine, runs: Runs) -> None:
    runs.error = Transient("prefect_unreachable", "it is away", fix="start it")
    deliveries.accept(engine.ledger, "approval", "msg_1", make_body())

    with Relaying(partial(relay, engine, runs), "relay", retry_s=0.05):
        assert runs.asked.wait(5)
        runs.error = None
        wait_for(lambda: bool(runs.made))

    assert deliveries.waiting(engine.ledger, "approval") == []


def test_the_relay_sleeps_until_it_is_woken_and_outlives_a_bug(engine: Engine, runs: Runs) -> None:
    calls, mended = threading.Semaphore(0), threading.Event()

    def broken_at_first() -> int:
        calls.release()
        if not mended.is_set():
            raise ValueError("a bug")
        return relay(engine, runs)

    with Relaying(broken_at_first, "relay", retry_s=60) as relaying:
        assert calls.acquire(timeout=5)
        mended.set()
        deliveries.accept(engine.ledger, "approval", "msg_1", make_body())
        relaying.wake()
        wait_for(lambda: bool(runs.made))
