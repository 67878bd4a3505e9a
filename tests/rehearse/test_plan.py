"""What a round draws: the same for the same seed, nothing the sandbox does not know, and everything there is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from airdate.rehearse.clock import Clock
from airdate.rehearse.menu import Fault
from airdate.rehearse.plan import End, Kind, Plan, draw_plan
from airdate.sandbox.faults import CallName, Faults, Order
from airdate.sandbox.settings import Rules

SIZES = {Kind.FILM: 500_000, Kind.CHUNKED: 65_000_000, Kind.PHOTOS: 0}
ROUNDS = 400


def plans(seed: int = 7) -> list[Plan]:
    return [draw_plan(seed, number, SIZES) for number in range(1, ROUNDS + 1)]


def test_the_same_seed_draws_the_same_rounds() -> None:
    assert plans() == plans()
    assert plans() != plans(8)


def test_the_sandbox_takes_every_fault_and_every_rule() -> None:
    faults = Faults()
    for plan in plans():
        Rules(**plan.rules)
        for fault in plan.faults:
            faults.order(Order(call=fault.call, fault=dict(fault.what), times=fault.times, after=fault.after))


def test_every_kind_of_bad_day_comes() -> None:
    drawn = plans()
    assert {plan.kind for plan in drawn} == set(Kind)
    assert {life.blow.end for plan in drawn for life in plan.lives} == set(End)
    assert {life.workers for plan in drawn for life in plan.lives} == {1, 2}
    calls = Counter(fault.call for plan in drawn for fault in plan.faults)
    wanted = {"token", "creator_info", "init", "upload", "status", "processing"}
    assert set(calls) == wanted <= set(CallName)
    struck = {life.blow.call for plan in drawn for life in plan.lives}
    assert struck == {None, *wanted - {"processing"}}


@pytest.mark.parametrize(
    ("reason", "times", "ends"),
    [("spam_risk", 1, True), ("internal", 1, False), ("internal", 2, False), ("internal", 3, True)],
)
def test_a_post_may_fail_only_for_what_was_drawn_often_enough(reason: str, times: int, ends: bool) -> None:
    plan = replace(
        plans()[0], faults=(Fault("processing", {"fail_reason": reason}, times), Fault("init", {"reset": True}))
    )
    assert plan.ends == ({reason} if ends else set())


def test_a_long_wait_is_a_jump_of_the_clock_and_a_short_one_is_none() -> None:
    clock = Clock()
    began = clock.now()
    clock.pause(600)
    assert clock.now() - began >= timedelta(seconds=600)
    began = clock.now()
    clock.pause(0.5)
    assert timedelta(seconds=0.02) < clock.now() - began < timedelta(seconds=0.4)
