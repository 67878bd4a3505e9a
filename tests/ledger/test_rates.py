"""TikTok's per-minute limits: no window of a minute ever holds more calls than TikTok allows."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from airdate.errors import WaitUntil
from airdate.ledger import Ledger
from airdate.ledger.rates import LIMITS, slot, wait


@pytest.mark.parametrize("call", sorted(LIMITS))
def test_no_minute_holds_more_calls_than_allowed(ledger: Ledger, call: str) -> None:
    time = [datetime(2026, 11, 22, 9, tzinfo=UTC)]
    ledger.now = lambda: time[0]

    def pause(seconds: float) -> None:
        time[0] += timedelta(seconds=seconds)

    made = []
    for _ in range(3 * LIMITS[call] + 1):
        with slot(ledger, "creator", call, pause):
            made.append(time[0])
            pause(0.5)
    for first in made:
        within = [at for at in made if first <= at < first + timedelta(seconds=60)]
        assert len(within) <= LIMITS[call]
    assert made[-1] - made[0] >= timedelta(seconds=180)
    assert made[-1] - made[0] < timedelta(seconds=220), "work waits its turn, not longer"


def test_creators_do_not_wait_for_each_other(ledger: Ledger) -> None:
    waited: list[float] = []
    for number in range(2 * LIMITS["init"]):
        with slot(ledger, f"creator {number % 2}", "init", waited.append):
            pass
    assert not waited


def test_waiting_takes_no_slot(ledger: Ledger) -> None:
    waited: list[float] = []
    for _ in range(20):
        wait(ledger, "creator", "init", waited.append)
    assert not waited


def test_calls_without_a_documented_limit_pass(ledger: Ledger) -> None:
    for _ in range(100):
        with slot(ledger, "creator", "token", lambda _: pytest.fail("waited")):
            pass


def test_threads_never_share_a_slot(ledger: Ledger) -> None:
    waits: list[float] = []
    entered = threading.Semaphore(0)
    stop = threading.Event()

    class Stopped(Exception):
        pass

    def pause(seconds: float) -> None:
        waits.append(seconds)
        raise Stopped

    def work() -> None:
        try:
            with slot(ledger, "creator", "init", pause):
                entered.release()
                stop.wait(10)
        except Stopped:
            entered.release()

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert entered.acquire(timeout=20)
    stop.set()
    for thread in threads:
        thread.join()
    assert len(waits) == 10 - LIMITS["init"]


def test_a_wait_says_why_and_for_how_long(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    time = [datetime(2026, 11, 22, 9, tzinfo=UTC)]
    ledger.now = lambda: time[0]

    def pause(seconds: float) -> None:
        time[0] += timedelta(seconds=seconds)

    for _ in range(LIMITS["init"]):
        with slot(ledger, "creator", "init", pause):
            pass
    with caplog.at_level("INFO", "airdate"):
        wait(ledger, "creator", "init", pause)
    assert time[0] == datetime(2026, 11, 22, 9, 1, tzinfo=UTC)
    assert "waiting 60 s for TikTok's rate limit: the account's 6 init calls a minute" in caplog.text


def test_who_may_not_wait_so_long_is_told_when_to_come_back(ledger: Ledger) -> None:
    time = [datetime(2026, 11, 22, 9, tzinfo=UTC)]
    ledger.now = lambda: time[0]
    for _ in range(LIMITS["init"]):
        with slot(ledger, "creator", "init", lambda _: pytest.fail("waited")):
            pass
    time[0] += timedelta(seconds=20)
    with pytest.raises(WaitUntil) as raised:
        wait(ledger, "creator", "init", lambda _: pytest.fail("waited"), longest_s=10)
    assert raised.value.code == "rate_window_full"
    assert raised.value.not_before == datetime(2026, 11, 22, 9, 1, tzinfo=UTC)
    wait(ledger, "another creator", "init", lambda _: pytest.fail("waited"), longest_s=10)
