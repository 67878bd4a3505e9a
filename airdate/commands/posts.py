"""`airdate posts`: what the ledger says about posts, and watching those that TikTok has not decided."""

from __future__ import annotations

from datetime import timedelta

from airdate import following, gates, steps
from airdate.commands import publish
from airdate.commands.opened import follower, open_engine
from airdate.console import Answer, table
from airdate.engine import Engine
from airdate.errors import WrongUsage
from airdate.following.watching import next_wait
from airdate.ledger import looks, posts
from airdate.ledger.posts import Post
from airdate.outcome import exit_status, shown_error
from airdate.post import PostState


def show_all() -> Answer:
    """All posts, by slot, else by when they were asked for."""
    with Engine.open() as engine:
        answer, stops = _answer(posts.listed(engine.ledger), follower(engine)), gates.stops(engine.ledger)
    return Answer(answer.document, "\n".join([answer.words, *stops]))


def show(post_id: str) -> Answer:
    """One post with its submissions and its story; exit 0, whatever became of it."""
    with Engine.open() as engine:
        report, follows = steps.report(engine, post_id), follower(engine)
    lines = [publish.answer(report.post, follower=follows).words]
    if gone := report.post.taken_down_at:
        lines.append(f"  Taken down at {gone:%Y-%m-%d %H:%M:%S} UTC: it is public no more")
    lines += [f"  {words}" for words in report.pictures.words]
    lines += [f"  Picture: {path}" for path in report.pictures.files]
    lines.append("  What happened:")
    lines += [f"    {event.at:%Y-%m-%d %H:%M:%S} {event.to_state:<11} {event.why}" for event in report.events]
    return Answer(report.facts(follows), "\n".join(lines))


def follow(post_id: str | None, *, everything: bool) -> Answer:
    """Ask TikTok about one post in processing, or about all, until it has decided or the budget is used.

    Raises:
        WrongUsage: neither or both were named.
    """
    if (post_id is None) is not everything:
        raise WrongUsage(
            "follow_what",
            "name one post or --all",
            item="posts follow",
            rule="one of the two",
            fix="give the id of a post from `airdate posts list`, or --all",
        )
    with open_engine() as engine:
        follows = follower(engine)
        if post_id is not None:
            return publish.answer(following.follow(engine, post_id), follower=follows)
        found = _followed(engine)
    answer = _answer(found, follows, none="no post waits for TikTok's decision")
    return Answer(answer.document, answer.words, max((exit_status(post) for post in found), default=0))


def _followed(engine: Engine) -> list[Post]:
    """All posts in processing, asked about in rounds until none is left or the budget is used."""
    wanted = [post.id for post in posts.listed(engine.ledger, states=[PostState.PROCESSING])]
    end = engine.ledger.now() + timedelta(seconds=engine.settings.poll_budget_seconds)
    wait = engine.settings.poll_seconds
    while looks.count_open(engine.ledger) and engine.ledger.now() < end:
        engine.pause(wait)
        looks.recall(engine.ledger)
        following.sweep(engine)
        wait = next_wait(wait)
    return [posts.get(engine.ledger, name) for name in wanted]


def _answer(found: list[Post], follows: str | None, *, none: str = "no posts yet") -> Answer:
    head = ("id", "state", "account", "slot", "caption", "code")
    rows = [
        (
            post.id,
            post.state,
            post.account,
            post.slot.isoformat() if post.slot else None,
            post.options.caption[:40],
            (shown_error(post, follows) or {}).get("code"),
        )
        for post in found
    ]
    document = {"posts": [post.outcome().as_dict() | {"error": shown_error(post, follows)} for post in found]}
    return Answer(document, table(head, rows) if rows else none)
