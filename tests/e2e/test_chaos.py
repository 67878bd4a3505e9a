"""Bad days on purpose: workers killed at random instants, faults on every endpoint, and a Prefect that goes away."""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from up_driving import Up, environment_of, eventually, processes_of, start_up, take_down

from airdate.rehearse.stage import make_film
from airdate.sandbox.running import Control

pytestmark = pytest.mark.e2e

ROUNDS = 20
LONGEST_ROUND_S = 4

PREFECT = ("prefect server", "prefect.server")
WORKER = ("flows.worker", "prefect.engine", "flows.process")


@pytest.fixture
def seed() -> int:
    """Another one each time; printed, so that a failure can be played again."""
    drawn = secrets.randbelow(1_000_000)
    print(f"seed {drawn}")  # noqa: T201
    return drawn


def test_every_post_goes_out_once_whatever_breaks(seed: int, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "airdate", "rehearse", "chaos", "--rounds", str(ROUNDS), "--seed", str(seed), "--json"],
        env=environment_of(tmp_path / "home"),
        capture_output=True,
        text=True,
        timeout=ROUNDS * LONGEST_ROUND_S + 60,
        check=False,
    )
    print(ended.stderr)  # noqa: T201
    assert ended.returncode == 0, ended.stderr[-20_000:]
    report = json.loads(ended.stdout)
    assert (report["rounds"], report["violations"], report["failed"], report["home"]) == (ROUNDS, {}, [], None)
    assert report["seconds"] <= ROUNDS * LONGEST_ROUND_S
    assert report["blows"] > ROUNDS / 5, "so few workers were hit that this shows little"
    assert report["outcomes"]["published"] > ROUNDS / 3


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """An `airdate up --sandbox` of this test alone, because it is broken."""
    started = start_up(tmp_path / "home", "--sandbox")
    try:
        yield started
    finally:
        take_down(started)


def strike(up: Up, victims: tuple[str, ...], number: signal.Signals) -> int:
    """Send a signal to the processes of these names, and say how many there were."""
    found = [process for process, command in processes_of(up.home).items() if any(name in command for name in victims)]
    for process in found:
        os.kill(process, number)
    return len(found)


def state_of(up: Up, key: str) -> str | None:
    return next((post["state"] for post in up.posts() if post["key"] == key), None)


def test_a_prefect_that_goes_away_loses_nothing_and_doubles_nothing(up: Up, seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    film = make_film(tmp_path / "film.mp4")
    control = Control(up.addresses["sandbox"]["control"])
    for number, blow in enumerate(("the worker", "prefect killed", "prefect stopped"), 1):
        key, fault = f"round-{number}", draw.choice([{"lose_answer": True}, {"reset": True}, {"delay_seconds": 1.0}])
        control.fault(draw.choice(["init", "upload", "status"]), **fault)
        up.run_form(source=[str(film)], account="demo", privacy="SELF_ONLY", caption=key, key=key)
        eventually(lambda key=key: state_of(up, key) not in (None, "planned"), within_s=90, what=f"{key} is taken up")
        time.sleep(draw.uniform(0, 1.5))
        if blow == "the worker":
            assert strike(up, WORKER, signal.SIGKILL)
        elif blow == "prefect killed":
            assert strike(up, PREFECT, signal.SIGKILL)
            time.sleep(draw.uniform(0, 1))
            strike(up, WORKER, signal.SIGKILL)
        else:
            assert strike(up, PREFECT, signal.SIGSTOP)
            time.sleep(draw.uniform(0, 1))
            strike(up, WORKER, signal.SIGKILL)
            time.sleep(8)
            strike(up, PREFECT, signal.SIGCONT)
        eventually(lambda key=key: state_of(up, key) == "published", within_s=120, what=f"{key} is out, after {blow}")
    sent = [each for each in control.posts() if each["state"] == "PUBLISH_COMPLETE"]
    assert sorted(each["options"]["title"] for each in sent) == ["round-1", "round-2", "round-3"]
    assert control.broken() == []
    control.close()
