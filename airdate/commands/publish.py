"""`airdate publish`: record one post, have it taken out by Prefect or by this process, and say where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from airdate import steps
from airdate.commands.progress import OnStep, bars
from airdate.console import Answer, described, failed, shown
from airdate.engine import Engine, StartRun, run_name
from airdate.errors import Transient, WrongUsage
from airdate.intake import command_consent, intake, parse_slot
from airdate.ledger import accounts, posts
from airdate.ledger.posts import Post
from airdate.outcome import UNFINISHED, exit_status, shown_error
from airdate.post import Mode, Options, PostState
from airdate.report import keeps_caption
from airdate.store import eviction

MOST_TURNS = 5
"""How many runs of one post a command waits for: its workers may die of it, and each time the clock brings it back."""


@dataclass(frozen=True, slots=True)
class Wish:
    """The command line, read.

    Attributes:
        mode: None takes the account's.
        at: ISO 8601 with its offset; None means now.
    """

    sources: tuple[str, ...]
    account: str
    options: Options
    mode: Mode | None
    at: str | None
    key: str | None


@dataclass(frozen=True, slots=True)
class Runs:
    """How a Prefect takes posts out; the front door fills it from `flows.start`.

    Attributes:
        wait: waits until a run has ended, and says how.
        link: a run's page for people.
        follower: who goes on when this command no longer looks.
    """

    start: StartRun
    wait: Callable[[str], object]
    link: Callable[[str], str | None]
    follower: str


def publish(wish: Wish, runs: Runs | None, say: Callable[[str], None]) -> Answer:
    """Publish or plan one post.

    Args:
        runs: the Prefect that does it; None walks the steps in this process.

    Raises:
        AirdateError: nothing was recorded, or what was recorded has another outcome than this command may change.
    """
    slot = parse_slot(wish.at) if wish.at is not None else None
    with Engine.open() as engine:
        post = _recorded(engine, wish, slot)
        if steps.is_ahead(engine, post):
            return _planned(engine, post, runs)
        try:
            if runs is not None:
                post = _by_runs(engine, post, runs, say)
            else:
                with bars() as tell:
                    post = _walked(engine, post, tell, say)
                eviction.sweep(engine)
        except KeyboardInterrupt:
            return _left(posts.get(engine.ledger, post.id), runs)
        if steps.is_ahead(engine, post):
            return _planned(engine, post, runs)
        return answer(post, follower=runs.follower if runs else None)


def _recorded(engine: Engine, wish: Wish, slot: datetime | None) -> Post:
    """Write the post down, unless its options are wrong or its slot has passed."""
    now = engine.ledger.now()
    if slot is not None:
        check_ahead(slot, now)
    mode = wish.mode or accounts.get(engine.ledger, wish.account).mode
    consent = command_consent(now)
    taken = intake(
        engine,
        sources=wish.sources,
        account=wish.account,
        options=replace(wish.options, mode=mode),
        consent=consent,
        origin="command",
        key=wish.key,
        slot=slot,
    )
    return steps.record(engine, taken, who=consent.who)


def check_ahead(slot: datetime, now: datetime) -> None:
    """Raise `WrongUsage` for an instant that has passed."""
    if slot <= now:
        raise WrongUsage(
            "slot_past",
            f"this instant passed {(now - slot).total_seconds():.0f} s ago",
            item=slot.isoformat(),
            rule="--at lies in the future",
            fix="give a later instant; `airdate publish` without --at publishes now",
        )


def _planned(engine: Engine, post: Post, runs: Runs | None) -> Answer:
    """The slot lies ahead: have a run wait for it, or say who will bring it."""
    if runs is not None:
        runs.start(post, at=post.slot, name=run_name(post))
        posts.mark_run(engine.ledger, post.id, post.turn)
        brings = runs.follower
    else:
        brings = "the next `airdate up` of this home, which must run at that time,"
    words = f"{post.id} is planned for {post.slot:%Y-%m-%d %H:%M:%S %Z}; {brings} takes it out"
    return Answer(_document(post, None), words)


def _walked(engine: Engine, post: Post, tell: OnStep, say: Callable[[str], None]) -> Post:
    return steps.walk(
        engine,
        post.id,
        on_progress=tell,
        waiting=lambda holder: say(f"{post.id} is being taken out by {holder.owner}; waiting for it"),
    )


def _by_runs(engine: Engine, post: Post, runs: Runs, say: Callable[[str], None]) -> Post:
    """Start the run of the post's present turn, or find the one that is at it, and wait until the post's last ended."""
    if post.state in steps.FINAL or post.state is PostState.PROCESSING:
        return post
    if post.state is PostState.HELD:
        with steps.hold(engine, post.id) as lease:
            post = steps.resume(engine, lease)
        if post.state is PostState.HELD:
            return post
        posts.store(engine.ledger, post.id, turn=post.turn + 1)
        post = posts.get(engine.ledger, post.id)
    for _ in range(MOST_TURNS):
        run = runs.start(post, at=None, name=run_name(post))
        if link := runs.link(run):
            say(f"{post.id}: {link}")
        ended = runs.wait(run)
        turn, post = post.turn, posts.get(engine.ledger, post.id)
        if post.turn == turn or not _goes_on_now(engine, post):
            break
    if post.turn == turn and post.error is None and post.state in (PostState.PLANNED, PostState.PREPARING):
        raise Transient(
            "run_ended_early",
            f"the run ended before the post did: {ended}",
            item=post.id,
            fix="look at the run in Prefect, and give the same command again",
        )
    return post


def _goes_on_now(engine: Engine, post: Post) -> bool:
    """Whether a newer run takes the post out at once: its worker died, or a person brought it back."""
    now = engine.ledger.now()
    is_due = all(at is None or at <= now for at in (post.slot, post.not_before))
    return post.state in UNFINISHED and is_due


def _left(post: Post, runs: Runs | None) -> Answer:
    """Somebody stopped waiting. With Prefect the post goes on; without, the next command goes on with it."""
    if runs is not None:
        said, fix = f"no longer waiting; the post is {post.state} and {runs.follower} goes on with it", "nothing"
    else:
        said, fix = f"stopped; the post is {post.state}", "give the same command again: it goes on where this stopped"
    if post.state is PostState.PROCESSING or post.state in steps.FINAL:
        return answer(post, follower=runs.follower if runs else None)
    return failed(Transient("interrupted", said, item=post.id, fix=fix), post.outcome().as_dict())


def answer(post: Post, *, follower: str | None = None) -> Answer:
    """Where a post stands, as a command's answer.

    Args:
        follower: who goes on asking TikTok; None when nobody does.
    """
    error = shown_error(post, follower)
    lines = [f"{post.id}: {post.state} ({post.account}, {post.target})"]
    if post.rendition is not None:
        lines += [f"  {post.rendition['plan']}: {reason}" for reason in post.rendition["reasons"]]
    if post.tiktok_post_ids:
        lines.append(f"  TikTok post {', '.join(post.tiktok_post_ids)}")
    if post.state is PostState.DELIVERED:
        lines.append("  the creator finds the draft in the inbox of TikTok's app, and finishes it there")
        if post.options.caption and keeps_caption(post):
            lines.append(f"  its caption was not sent, so give it to the creator: {post.options.caption}")
    if error is not None:
        lines.append(described(shown(error)))
    return Answer(_document(post, error), "\n".join(lines), exit_status(post))


def _document(post: Post, error: dict[str, Any] | None) -> dict[str, Any]:
    return post.outcome().as_dict() | {"error": shown(error) if error else None}
