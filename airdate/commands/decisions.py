"""`airdate posts retry` and `resolve`, `airdate calendar move`, `hold`, `cancel` and `release`: a person's decisions.

The answer is the post as it is then; exit 0 says that the decision stands, whatever the post's own state means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from airdate import decisions
from airdate.commands import publish
from airdate.commands.opened import open_engine
from airdate.commands.publish import Runs
from airdate.console import Answer
from airdate.engine import Engine, run_name
from airdate.errors import AirdateError, WrongUsage
from airdate.following import look
from airdate.intake import command_consent, parse_slot
from airdate.ledger import posts
from airdate.ledger.posts import Post
from airdate.post import PostState


@dataclass(frozen=True, slots=True)
class Finding:
    """The options of `posts resolve`, read.

    Attributes:
        post_id: TikTok's id of the live post.
    """

    published: bool
    not_published: bool
    post_id: str | None
    reason: str | None


def retry(name: str, runs: Runs | None) -> Answer:
    """Bring a post back that has ended.

    Raises:
        NeedsPerson: it cannot be brought back.
    """
    with Engine.open() as engine:
        return _planned(engine, decisions.retry(engine, name, who=_who(engine)), runs)


def resolve(name: str, found: Finding) -> Answer:
    """Write down what became of a post that TikTok has forgotten.

    Raises:
        WrongUsage: the options do not say one thing.
        NeedsPerson: TikTok is not what it waits for.
    """
    _check(found)
    with open_engine() as engine:
        who = _who(engine)
        if found.published:
            why = found.reason or f"{who} found it live"
            post = decisions.resolve_published(engine, name, tiktok_post_id=found.post_id, who=who, why=why)
        else:
            # Said too early it would let the film be sent twice, so TikTok has the first word.
            with engine.ledger.read() as connection:
                asked = posts.find(connection, name)
            if asked.state is PostState.PROCESSING and (asked := look(engine, asked)).state is not PostState.PROCESSING:
                return _stands(asked, "TikTok has decided meanwhile, so your word was not needed")
            post = decisions.resolve_not_published(engine, name, who=who, why=found.reason or "")
    return _stands(post)


def move(name: str, at: str, runs: Runs | None) -> Answer:
    """Give a post another slot.

    Raises:
        WrongUsage: `at` is no instant, or has passed.
        NeedsPerson: it is on its way, or has ended.
    """
    slot = parse_slot(at)
    with Engine.open() as engine:
        publish.check_ahead(slot, engine.ledger.now())
        return _planned(engine, decisions.move(engine, name, slot, who=_who(engine)), runs)


def hold(name: str, reason: str) -> Answer:
    """Stop a post until it is released.

    Raises:
        NeedsPerson: it can no longer be stopped, or has ended.
    """
    with Engine.open() as engine:
        return _stands(decisions.hold(engine, name, who=_who(engine), why=reason))


def cancel(name: str, reason: str) -> Answer:
    """Call a post off.

    Raises:
        NeedsPerson: it can no longer be stopped, or has ended.
    """
    with Engine.open() as engine:
        return _stands(decisions.cancel(engine, name, who=_who(engine), why=reason))


def release(name: str, runs: Runs | None) -> Answer:
    """Let a held post go on.

    Raises:
        NeedsPerson: nobody holds it.
    """
    with Engine.open() as engine:
        return _planned(engine, decisions.release(engine, name, who=_who(engine)), runs)


def _who(engine: Engine) -> str:
    return command_consent(engine.ledger.now()).who


def _check(found: Finding) -> None:
    wrong = None
    if found.published is found.not_published:
        wrong = "say one of --published and --not-published"
    elif found.not_published and not found.reason:
        wrong = "--not-published needs a --reason"
    elif found.not_published and found.post_id is not None:
        wrong = "a post that is not published has no --post-id"
    elif found.post_id is not None and not re.fullmatch(r"[0-9]+", found.post_id):
        wrong = "--post-id is TikTok's number of the post"
    if wrong is not None:
        raise WrongUsage(
            "resolve_what",
            wrong,
            item="posts resolve",
            rule="--published [--post-id N], or --not-published --reason T",
            fix="look at the creator's account, then give one of these",
        )


def _planned(engine: Engine, post: Post, runs: Runs | None) -> Answer:
    """The post is planned again: have a run take it out, or say who will. The decision stands without a run too."""
    ahead = post.slot if post.slot is not None and post.slot > engine.ledger.now() else None
    if runs is None:
        taken = "run the same `airdate publish` command again, or `airdate up`"
        if ahead is not None:
            taken = "the next `airdate up` of this home, which must run at its time, takes it out"
    else:
        taken = f"{runs.follower} takes it out"
        try:
            runs.start(post, at=ahead, name=run_name(post))
            posts.mark_run(engine.ledger, post.id, post.turn)
        except AirdateError as failed:
            taken = f"no run could be made for it now ({failed.message}); the clock makes one"
    return _stands(post, taken)


def _stands(post: Post, *further: str) -> Answer:
    answer = publish.answer(post)
    return Answer(answer.document, "\n".join([answer.words, *(f"  {line}" for line in further)]))
