"""Many open posts followed by one process: what it asks, whether a rate breaks, and how much memory it takes.

Three processes share one virtual clock: the sandbox as TikTok, the follower, which does nothing but sweep, and this
one, which counts. Posts are decided after minutes or hours, as TikTok does it; every tenth fails.

    python benchmarks/following.py [--posts N] [--accounts N] [--hours N]
"""

# ruff: noqa: PLC0415  (the follower imports this module too, and its memory is measured: no sandbox at the top)
from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import insert, select, update

from airdate.engine import Engine
from airdate.following import sweep
from airdate.ledger import Ledger, accounts, posts
from airdate.ledger.rates import LIMITS
from airdate.ledger.schema import posts as posts_table
from airdate.ledger.schema import submissions as submissions_table
from airdate.post import AssetRef, Consent, Mode, Options, PostRequest, PostState, Privacy, SubmissionState
from airdate.settings import Settings
from airdate.store import Store

if TYPE_CHECKING:
    from airdate.sandbox.running import Control

SIZE = 1_000_000
LONGEST_SWEEP_S = 60.0
LIMIT_MB = 150.0
BEGIN = 1_790_000_000.0
SPAWN = get_context("spawn")


class Clock(Protocol):
    """The time of all three processes, in seconds since the epoch."""

    value: float


@dataclass(frozen=True)
class Sent:
    """A post that TikTok has."""

    creator: str
    publish_id: str


def creators(count: int) -> tuple[str, ...]:
    """Their names, which are their apps' too."""
    return tuple(f"creator{number:03}" for number in range(count))


def sandbox(pipe: Connection, clock: Clock, names: tuple[str, ...], count: int, hours: float) -> None:
    """Be the TikTok that has all these posts, and says when it decides about each."""
    from airdate.sandbox import state as sandbox_state
    from airdate.sandbox.film import Film
    from airdate.sandbox.rules import Chunks
    from airdate.sandbox.seed import ALL_SCOPES, PUBLIC
    from airdate.sandbox.server import listening, run
    from airdate.sandbox.tokens import Token

    chance = random.Random(4)
    sandbox_state.SEEDS = tuple(
        replace(PUBLIC, name=name, client_key=name, open_id=f"oid-{name}", username=name) for name in names
    )
    with listening("127.0.0.1", 0) as (api, upload), tempfile.TemporaryDirectory() as folder:
        state = sandbox_state.State(Path(folder), lambda: clock.value)
        made = []
        for number in range(count):
            token = Token(names[number % len(names)], names[number % len(names)], (ALL_SCOPES,), "", 0.0)
            info = {"title": f"post {number}", "privacy_level": "PUBLIC_TO_EVERYONE" if number % 2 else "SELF_ONLY"}
            post, bytes_ = state.open_upload(token, Chunks(SIZE, SIZE, 1), info)
            bytes_.received = SIZE
            post.received_at = state.now()
            post.ready_at = state.now() + min(chance.lognormvariate(7.0, 1.5), hours * 3600 * 0.8)
            post.public_at = post.ready_at + 300
            post.found = Film("a" * 64, fail_reason="spam_risk_text" if number % 10 == 0 else None)
            state.posts.save(post.publish_id)
            made.append(Sent(token.creator, post.publish_id))
        asyncio.run(
            run(
                "127.0.0.1",
                api,
                upload,
                state,
                asyncio.Event(),
                lambda there: pipe.send((there.api, there.control, made)),
            )
        )


def follower(pipe: Connection, clock: Clock, home: str, api: str) -> None:
    """Sweep whenever told to; answer how many were asked about, what is left open, and the peak of memory in MB."""
    settings = Settings(home=Path(home), tiktok_api_url=api)
    ledger = Ledger.open(settings, lambda: datetime.fromtimestamp(clock.value, UTC))
    engine = Engine(settings, ledger, Store(settings.store), time.sleep)
    while pipe.recv():
        begun = time.perf_counter()
        swept = sweep(engine)
        pipe.send((swept.asked, peak_mb(), time.perf_counter() - begun))


def peak_mb() -> float:
    """The most memory this process ever had. What the system tells by `getrusage` is its parent's as well."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def fill(ledger: Ledger, api: str, control: Control, made: list[Sent]) -> None:
    """Write down the accounts and the posts, as their uploads left them."""
    for name in sorted({sent.creator for sent in made}):
        grant = control.grant(name)
        accounts.add(
            ledger,
            name=name,
            api_url=api,
            client_key=grant["client_key"],
            open_id=grant["open_id"],
            client_secret=grant["client_secret"],
            refresh_token=grant["refresh_token"],
            audited=True,
            mode=Mode.DIRECT,
            privacy=None,
        )
    for number, sent in enumerate(made):
        _write_down(ledger, number, sent)


def _write_down(ledger: Ledger, number: int, sent: Sent) -> None:
    now = ledger.now()
    request = PostRequest(
        key=f"post {number}",
        account=sent.creator,
        assets=(AssetRef("file", f"/films/{number}.mp4", "a" * 64),),
        options=Options(caption=f"post {number}", privacy=Privacy.PUBLIC if number % 2 else Privacy.SELF_ONLY),
        consent=Consent("command", "benchmark", now),
    )
    post = posts.record(ledger, request, [f"/films/{number}.mp4"], who="benchmark")
    facts = {"state": PostState.PROCESSING.value, "publish_id": sent.publish_id}
    submission: dict[str, Any] = {
        "post_id": post.id,
        "state": SubmissionState.ACCEPTED.value,
        "mode": Mode.DIRECT.value,
        "film_sha256": "a" * 64,
        "film_size": SIZE,
        "chunk_size": SIZE,
        "chunk_count": 1,
        "acknowledged": SIZE,
        "publish_id": sent.publish_id,
        "log_ids": [],
    }
    submission |= dict.fromkeys(("asked_at", "created_at", "updated_at"), now)
    with ledger.write(durable=False) as connection:
        connection.execute(update(posts_table).where(posts_table.c.id == post.id).values(facts))
        connection.execute(insert(submissions_table).values(submission))


def busiest_minute(calls: list[dict[str, Any]]) -> int:
    """The most status calls of one creator that any minute holds."""
    by_creator: defaultdict[str, list[float]] = defaultdict(list)
    for call in calls:
        by_creator[call["creator"]].append(call["at"])
    most = 0
    for times in by_creator.values():
        first = 0
        for last, at in enumerate(times):
            while at - times[first] >= 60:
                first += 1
            most = max(most, last - first + 1)
    return most


def states(ledger: Ledger) -> Counter[str]:
    """How many posts stand where."""
    with ledger.read() as connection:
        return Counter(connection.execute(select(posts_table.c.state)).scalars())


def main() -> int:
    """Follow them all, print, and fail when a rule is broken, a post is forgotten, or the memory is too much."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--posts", type=int, default=1000)
    options.add_argument("--accounts", type=int, default=10)
    options.add_argument("--hours", type=float, default=6)
    wanted = options.parse_args()
    from airdate.sandbox.running import Control

    clock = SPAWN.Value("d", BEGIN)
    here, there = SPAWN.Pipe()
    tiktok = SPAWN.Process(
        target=sandbox, args=(there, clock, creators(wanted.accounts), wanted.posts, wanted.hours), daemon=True
    )
    tiktok.start()
    api, control_url, made = here.recv()
    control = Control(control_url)
    with tempfile.TemporaryDirectory() as home:
        ledger = Ledger.open(Settings(home=Path(home)), lambda: datetime.fromtimestamp(clock.value, UTC))
        fill(ledger, api, control, made)
        ours, theirs = SPAWN.Pipe()
        process = SPAWN.Process(target=follower, args=(theirs, clock, home, api), daemon=True)
        process.start()
        asked, longest, peak, most, seen = 0, 0.0, 0.0, 0, set()
        for minute in range(int(wanted.hours * 60)):
            ours.send(True)
            count, peak, took = ours.recv()
            asked, longest = asked + count, max(longest, took)
            if minute % 20 == 19:
                calls = control.calls("status")
                most, seen = max(most, busiest_minute(calls)), seen | {call["publish_id"] for call in calls}
            clock.value += 60
        ours.send(False)
        process.join()
        stand, broken = states(ledger), control.broken()
        ledger.close()
    tiktok.kill()
    print(f"posts      {wanted.posts:8d}     of {wanted.accounts} accounts, over {wanted.hours:g} hours: {dict(stand)}")
    print(f"asked      {asked:8d}     about {len(seen)} of them")
    print(f"a minute   {most:8d}     of one account at most (of {LIMITS['status']}); {len(broken)} broken rules")
    print(f"a round    {longest:8.1f} s   at most")
    print(f"memory     {peak:8.1f} MB  at its peak (at most {LIMIT_MB:.0f})")
    is_well = not broken and most <= LIMITS["status"] and len(seen) == wanted.posts and not stand["processing"]
    return 0 if is_well and peak <= LIMIT_MB and longest <= LONGEST_SWEEP_S else 1


if __name__ == "__main__":
    sys.exit(main())
