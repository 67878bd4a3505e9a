"""Many posts are asked about within TikTok's rates, each in its turn, whatever becomes of the others."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from moderating import COMPLETE, ID, PUBLIC, Clock, Moderation, Refusal, following, now_of, sent
from sqlalchemy import update

from airdate.engine import Engine
from airdate.errors import NeedsPerson
from airdate.following import Watch, follow, sweep
from airdate.ledger import accounts, looks, rates
from airdate.ledger.schema import posts as posts_table
from airdate.outcome import shown_error
from airdate.post import PostState
from airdate.settings import Settings

pytestmark = pytest.mark.e2e


def test_the_sweep_breaks_no_rate_asks_all_and_is_fair(settings: Settings, tiktok: Moderation, clock: Clock) -> None:
    names = ("ana", "ben")
    with following(settings, tiktok, names) as engine:
        made = [sent(engine, f"{name}{number}", account=name) for number in range(35) for name in names]
        for _ in range(2):
            sweep(engine)
            clock.forward(minutes=1)
        first = Counter(tiktok.asked_about())
        assert set(first) == {post.publish_id for post in made}
        for _ in range(12):
            sweep(engine)
            clock.forward(minutes=1)
    assert tiktok.broken == []
    per_minute = Counter((call.creator, call.at) for call in tiktok.asked())
    assert max(per_minute.values()) == 20
    counts = Counter(tiktok.asked_about())
    assert max(counts.values()) - min(counts.values()) <= 2


def test_the_sweep_goes_on_both_databases(ledger_settings: Settings, tiktok: Moderation, clock: Clock) -> None:
    with following(ledger_settings, tiktok, ("ana", "ben")) as engine:
        lost = sent(engine, "lost", account="ana")
        made = [sent(engine, f"{name}1", account=name, options=PUBLIC) for name in ("ana", "ben")]
        tiktok.said[lost.publish_id or ""] = Refusal(400, "invalid_publish_id")
        for post in made:
            tiktok.said[post.publish_id or ""] = COMPLETE | {"publicaly_available_post_id": [ID]}
        assert sweep(engine).asked == 3
        for _ in range(2):
            clock.forward(hours=25)
            sweep(engine)
        assert (now_of(engine, lost).error or {})["code"] == "invalid_publish_id"
        assert all(now_of(engine, post).taken_down_at for post in made)


def test_room_is_left_for_active_watchers(engine: Engine, tiktok: Moderation) -> None:
    for number in range(40):
        sent(engine, f"p{number}")
    sweep(engine)
    sweep(engine)
    subject = accounts.get(engine.ledger, "demo").rate_subject
    assert len(tiktok.asked()) == 20
    assert rates.count_free(engine.ledger, subject, "status") == 10


def test_a_post_under_an_active_watch_is_left_to_it(engine: Engine, tiktok: Moderation) -> None:
    post = sent(engine, "a")
    tiktok.meanwhile = lambda _publish_id: asked_by_sweep.append(sweep(engine).asked)
    asked_by_sweep: list[int] = []
    assert follow(engine, post.id, Watch(60)).state is PostState.PROCESSING
    assert len(asked_by_sweep) > 3
    assert asked_by_sweep == [0] * (len(asked_by_sweep) - 1) + [1]  # the last question ends the watch


def test_the_sweep_takes_over_from_a_watcher_that_died(engine: Engine, tiktok: Moderation, clock: Clock) -> None:
    post = sent(engine, "a")

    def die(_state: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(engine, post.id, Watch(600, die))
    assert sweep(engine).asked == 0
    clock.forward(seconds=30)
    assert sweep(engine).asked == 1


def test_one_account_that_cannot_be_asked_stops_no_other(settings: Settings, tiktok: Moderation, clock: Clock) -> None:
    with following(settings, tiktok, ("ana", "ben")) as engine:
        dead = NeedsPerson("invalid_grant", "dead", fix="consent").as_dict()
        accounts.block(engine.ledger, "ana", dead, version=accounts.secrets(engine.ledger, "ana").version)
        stuck, well = sent(engine, "stuck", account="ana"), sent(engine, "well", account="ben")
        lost = sent(engine, "lost", account="nobody")
        tiktok.said[well.publish_id or ""] = COMPLETE
        swept = sweep(engine)
        assert now_of(engine, well).state is PostState.PUBLISHED
        assert {name: error.code for name, error in swept.faults.items()} == {
            "ana": "invalid_grant",
            "nobody": "account_unknown",
        }
        assert sweep(engine).faults == {}
        clock.forward(hours=73)
        sweep(engine)
        assert [(shown_error(now_of(engine, post)) or {})["code"] for post in (stuck, lost)] == [
            "account_stopped",
            "undecided",
        ]


def test_one_bad_row_stops_no_other(engine: Engine, tiktok: Moderation) -> None:
    bad, well = sent(engine, "a"), sent(engine, "b")
    tiktok.said[well.publish_id or ""] = COMPLETE
    with engine.ledger.write() as connection:
        connection.execute(
            update(posts_table).where(posts_table.c.id == bad.id).values(options={"mode": "no such mode"})
        )
    swept = sweep(engine)
    assert now_of(engine, well).state is PostState.PUBLISHED
    assert swept.asked == 1


def test_a_post_that_only_brings_faults_does_not_hold_up_the_rest(
    engine: Engine, tiktok: Moderation, clock: Clock
) -> None:
    bad = [sent(engine, f"a{number}") for number in range(6)]
    well = sent(engine, "b")
    for post in bad:
        tiktok.said[post.publish_id or ""] = Refusal(400, "never_heard_of")
    tiktok.said[well.publish_id or ""] = COMPLETE
    rounds = 0
    while now_of(engine, well).state is PostState.PROCESSING:
        sweep(engine)
        clock.forward(seconds=20)
        rounds += 1
        assert rounds < 4


def test_a_round_has_an_end(engine: Engine, tiktok: Moderation, clock: Clock) -> None:
    for number in range(10):
        sent(engine, f"p{number}")
    tiktok.meanwhile = lambda _publish_id: clock.forward(seconds=20)
    swept = sweep(engine)
    assert swept.asked == 3
    assert swept.left >= 7


def test_two_rounds_at_once_ask_about_each_post_once(engine: Engine, tiktok: Moderation) -> None:
    made = [sent(engine, f"p{number}") for number in range(5)]
    inner: list[int] = []

    def meanwhile(_publish_id: str) -> None:
        tiktok.meanwhile = lambda _publish_id: None
        inner.append(sweep(engine).asked)

    tiktok.meanwhile = meanwhile
    sweep(engine)
    assert inner == [4]
    assert Counter(tiktok.asked_about()) == Counter({post.publish_id: 1 for post in made})


def test_everything_asked_by_hand_is_due_now(engine: Engine, tiktok: Moderation, clock: Clock) -> None:
    made = [sent(engine, f"p{number}", look_at=looks.NEVER) for number in range(3)]
    assert sweep(engine).asked == 0
    looks.recall(engine.ledger)
    assert sweep(engine).asked == len(made)


def test_the_benchmark_runs_and_its_limits_hold() -> None:
    script = Path(__file__).resolve().parents[2] / "benchmarks" / "following.py"
    command = [sys.executable, str(script), "--posts", "60", "--accounts", "2", "--hours", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
