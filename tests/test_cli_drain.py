"""Emptying a worker: what the command says to it, and when it believes that it is empty."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airdate import cli, draining
from airdate.commands.drain import drain
from airdate.console import run
from airdate.draining import Draining


def test_without_a_worker_there_is_nothing_to_empty(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.app, ["drain", "--json"], cli.SHAPES) == 0
    assert json.loads(capsys.readouterr().out) == {"runs": 0, "error": None}
    assert not (home / draining.WANTED).exists(), "the next worker shall work"


def test_it_waits_until_the_worker_has_heard_and_its_runs_have_ended(home: Path) -> None:
    worker, said, looks = Draining(home), [], []

    def pause(_seconds: float) -> None:
        """What the worker does meanwhile: it goes on for a while, hears, and its two runs end."""
        looks.append(draining.worker_of(home))
        assert worker.is_wanted
        match len(looks):
            case 1:
                worker.say(is_draining=False, runs=0)
            case 2:
                worker.say(is_draining=True, runs=2)
            case 3 | 4:
                worker.say(is_draining=True, runs=1)
            case _:
                worker.say(is_draining=True, runs=0)

    answer = drain(home, said.append, pause)
    assert (answer.status, len(looks)) == (0, 5)
    assert said == ["2 runs are at work; waiting for the end", "1 run is at work; waiting for the end"]
    assert "takes no new run" in answer.words


def test_a_worker_that_ends_or_dies_is_empty(home: Path) -> None:
    worker = Draining(home)
    assert "has ended" in drain(home, lambda _: None, lambda _: worker.end()).words


def test_a_dead_workers_word_does_not_count(home: Path) -> None:
    Draining(home)
    path = home / draining.SAID
    facts = json.loads(path.read_text())
    where, _pid, _started, mark = facts["owner"].rsplit(" ", 3)
    path.write_text(json.dumps(facts | {"owner": f"{where} 1 no {mark}"}))
    assert "no worker runs" in drain(home, lambda _: None, lambda _: pytest.fail("waited")).words


def test_a_new_worker_works(home: Path) -> None:
    draining.want(home)
    assert not Draining(home).is_wanted
