"""One worker at a time on a post, and a worker that lost it can write nothing more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from ledger_making import plan_post

from airdate.errors import Transient
from airdate.ledger import Ledger, posts, submissions
from airdate.ledger.leases import Holder, Lease, claim, claim_or_wait
from airdate.ledger.owner import host, is_gone, new_owner
from airdate.ledger.transitions import LeaseLost
from airdate.post import Mode, PostState


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 22, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock(ledger: Ledger) -> Clock:
    ledger.now = Clock()
    return ledger.now


def test_a_held_post_is_not_given_away(ledger: Ledger, clock: Clock) -> None:
    post = plan_post(ledger)
    assert isinstance(claim(ledger, post.id, 30), Lease)
    second = claim(ledger, post.id, 30)
    assert isinstance(second, Holder)
    assert second.seconds == pytest.approx(30)


def test_a_lease_that_ran_out_is_taken_over_and_fenced(ledger: Ledger, clock: Clock) -> None:
    post = plan_post(ledger)
    stalled = claim(ledger, post.id, 30)
    assert isinstance(stalled, Lease)
    clock.advance(31)
    taken = claim(ledger, post.id, 30)
    assert isinstance(taken, Lease)
    assert taken.epoch == stalled.epoch + 1
    with pytest.raises(LeaseLost):
        stalled.check()
    with pytest.raises(LeaseLost):
        posts.move(ledger, post.id, PostState.PREPARING, who="stalled", why="woke up", epoch=stalled.epoch)
    with pytest.raises(LeaseLost):
        submissions.intend(ledger, post.id, stalled.epoch, mode=Mode.DIRECT, sha256="a" * 64, plan=(1, 1, 1))
    taken.check()


def test_leaving_a_lease_frees_the_post(ledger: Ledger) -> None:
    post = plan_post(ledger)
    first = claim(ledger, post.id, 30)
    assert isinstance(first, Lease)
    with first:
        assert isinstance(claim(ledger, post.id, 30), Holder)
    assert isinstance(claim(ledger, post.id, 30), Lease)


def test_a_lease_that_cannot_be_given_back_hides_nothing(
    ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = claim(ledger, plan_post(ledger).id, 30)
    assert isinstance(lease, Lease)

    def work() -> None:
        monkeypatch.setattr(ledger, "write", away)
        raise ValueError("what stopped the work")

    def away(**_: object) -> None:
        raise Transient("ledger_unreachable", "the database is away")

    with pytest.raises(ValueError, match="what stopped the work"), lease:
        work()
    monkeypatch.undo()
    assert isinstance(claim(ledger, lease.post_id, 30), Holder)
    clock.advance(31)
    assert isinstance(claim(ledger, lease.post_id, 30), Lease)


def test_a_killed_process_of_this_host_is_dead_at_once(ledger: Ledger) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "from airdate.ledger.owner import new_owner; print(new_owner(), flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    owner = child.stdout.readline().strip()
    assert not is_gone(owner)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert is_gone(owner)


def test_a_holder_elsewhere_is_never_certainly_dead() -> None:
    owner = new_owner()
    assert owner.startswith(host())
    assert not is_gone(owner.replace(host(), "another-host/00000000/1"))
    _, pid, _, _ = owner.rsplit(" ", 3)
    assert int(pid) == os.getpid()
    assert is_gone(f"{host()} {pid} 1 abcdef00"), "the same number, another process"


def test_a_second_one_waits_for_the_first(ledger: Ledger, clock: Clock) -> None:
    post = plan_post(ledger)
    claim(ledger, post.id, 30)
    told: list[Holder] = []
    got = claim_or_wait(ledger, post.id, 30, pause=lambda _: clock.advance(10), waiting=told.append)
    assert got.epoch == 2
    assert len(told) == 1


def test_a_clock_that_was_put_back_hides_no_takeover(ledger: Ledger, clock: Clock) -> None:
    post = plan_post(ledger)
    stalled = claim(ledger, post.id, 30)
    assert isinstance(stalled, Lease)
    clock.advance(31)
    assert isinstance(claim(ledger, post.id, 30), Lease)
    clock.advance(-3600)
    with pytest.raises(LeaseLost):
        stalled.check()
