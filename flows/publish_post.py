"""From an asset to a live TikTok post: the chain that a person, the calendar or an approval starts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed
from pydantic import Field

import tasks
from airdate import creator_limit, steps
from airdate.clearance import OverLimit
from airdate.engine import NAME_CHARS, Engine, run_name
from airdate.errors import AirdateError, NeedsPerson, WaitUntil
from airdate.intake import Intake, intake
from airdate.ledger import accounts, posts
from airdate.ledger.leases import Holder
from airdate.ledger.posts import Post
from airdate.ledger.switches import FROZEN
from airdate.ledger.transitions import LeaseLost
from airdate.outcome import UNFINISHED, shown_error
from airdate.post import Consent, Form, Mode, Options, PostState, Privacy
from airdate.redact import redact
from blocks.tiktok_account import store_changed
from flows import process
from flows.start import start_run
from tasks.work import Work, in_thread

STANDING: Final = "the account's standing choice"

LONGEST_WAIT_S = 10.0
"""Seconds a run waits in place for its account's rate at TikTok. The queue has few places: runs of one busy account
that waited a minute each would keep those of all others out."""

PrivacyChoice = Literal[
    "the account's standing choice",
    "PUBLIC_TO_EVERYONE",
    "MUTUAL_FOLLOW_FRIENDS",
    "FOLLOWER_OF_CREATOR",
    "SELF_ONLY",
]
ModeChoice = Literal["the account's standing choice", "direct", "inbox"]
FormChoice = Literal["slideshow", "photo"]


def _name() -> str:
    """A run that the clock made has its name; a person's is named by account and caption, or the first source."""
    given = flow_run.parameters
    if given.get("turn") is not None:
        return str(flow_run.name)
    first = next(iter(given.get("source") or []), "")
    text = " ".join((given.get("caption") or "").split()) or PurePosixPath(urlsplit(first).path).name
    return " · ".join(part for part in (given["account"], text[:NAME_CHARS], given.get("key")) if part)


@flow(name="publish-post", flow_run_name=_name, persist_result=False)
async def publish_post(
    source: list[str],
    account: str,
    privacy: PrivacyChoice = STANDING,
    caption: str = "",
    mode: ModeChoice = STANDING,
    slot: datetime | None = None,
    key: str | None = None,
    allow_comment: bool = False,
    allow_duet: bool = False,
    allow_stitch: bool = False,
    own_brand: bool = False,
    branded_content: bool = False,
    ai_generated: bool = False,
    cover_ms: Annotated[int, Field(ge=0)] | None = None,
    photos_as: FormChoice = "slideshow",
    title: str = "",
    auto_music: bool = False,
    cover_photo: Annotated[int, Field(ge=1)] | None = None,
    turn: int | None = None,
) -> State[Any]:
    """Take one film, or photos in order, to a TikTok account, and follow it until TikTok decided.

    Args:
        source: One film, or several photos in the order they are shown. A path on the worker's machine, or a URL.
        account: The TikTok account, by the name it was added under.
        privacy: Who may see the post. TikTok wants it chosen by hand, unless the account has a standing choice.
        caption: The text under the film, with hashtags and mentions; at most 2,200 UTF-16 units.
        mode: Direct publishes; inbox leaves a draft that the creator finishes in TikTok's app.
        slot: When it goes out; None means now.
        key: A name for this post: the same key again is the same post. None: made from account and film.
        allow_comment: Let people comment, where the creator's own settings do.
        allow_duet: Let people make duets, where the creator's own settings do.
        allow_stitch: Let people stitch it, where the creator's own settings do.
        own_brand: Disclose: it promotes the creator's own business.
        branded_content: Disclose: it is a paid partnership with a third party. It cannot be SELF_ONLY.
        ai_generated: Label it as made with AI.
        cover_ms: The film's picture at this millisecond becomes the cover; None lets TikTok choose.
        photos_as: What photos become: one film, or TikTok's own photo post. A film stays a film.
        title: Of a photo post, at most 90 UTF-16 units; its text is the caption.
        auto_music: Let TikTok add music to a photo post.
        cover_photo: The cover of a photo post, counted from 1; None means the first.
        turn: Leave it at None. The calendar sets it, to know an old run from the wanted one.
    """
    process.begin()
    asked = _Asked(
        sources=tuple(source),
        account=account,
        privacy=None if privacy == STANDING else Privacy(privacy),
        mode=None if mode == STANDING else Mode(mode),
        slot=slot,
        key=key,
        options={
            "caption": caption,
            "allow_comment": allow_comment,
            "allow_duet": allow_duet,
            "allow_stitch": allow_stitch,
            "own_brand": own_brand,
            "branded_content": branded_content,
            "ai_generated": ai_generated,
            "cover_ms": cover_ms,
            "form": Form(photos_as),
            "title": title,
            "auto_music": auto_music,
            "cover_photo": cover_photo,
        },
    )
    try:
        with await in_thread(Engine.open) as opened:
            engine = replace(opened, longest_wait_s=LONGEST_WAIT_S)
            post = await _known(engine, asked) if not source else await _recorded(engine, asked)
            return await _taken_out(engine, post, turn)
    except AirdateError as error:
        return Failed(message=redact(str(error)))


@dataclass(frozen=True, slots=True)
class _Asked:
    """The form, with the account's standing choices as None."""

    sources: tuple[str, ...]
    account: str
    privacy: Privacy | None
    mode: Mode | None
    slot: datetime | None
    key: str | None
    options: dict[str, Any]


async def _known(engine: Engine, asked: _Asked) -> Post:
    """The post that the calendar, an approval or a command has recorded already."""
    post = await in_thread(posts.by_key, engine.ledger, asked.key) if asked.key else None
    if post is None:
        raise NeedsPerson(
            "post_unknown",
            "the ledger holds no post under this key, and no source was given to make one",
            item=asked.key or "source",
            fix="give a source, or the key of a post from `airdate posts list`",
        )
    return post


async def _recorded(engine: Engine, asked: _Asked) -> Post:
    """What a person asked for in the form, written down with their consent."""
    post = None
    try:
        await in_thread(store_changed, engine, asked.account)
        taken = await in_thread(_intake, engine, asked, f"{flow_run.name} ({flow_run.id})")
        post = await tasks.record(engine, taken, who=f"run {flow_run.id}")
    finally:
        await _hide_sources(asked, post)
    return post


def _intake(engine: Engine, asked: _Asked, who: str) -> Intake:
    mode = asked.mode or accounts.get(engine.ledger, asked.account).mode
    return intake(
        engine,
        sources=asked.sources,
        account=asked.account,
        options=Options(privacy=asked.privacy, mode=mode, **asked.options),
        consent=Consent(kind="form", who=who, at=datetime.now(UTC)),
        origin="form",
        key=asked.key,
        slot=asked.slot,
    )


async def _hide_sources(asked: _Asked, post: Post | None) -> None:
    """A signed URL is a secret, and parameters are shown to everybody; the ledger has it, encrypted."""
    hidden = [redact(source) for source in asked.sources]
    if hidden == list(asked.sources):
        return
    # With the key instead of the sources a second try of this run finds the post.
    instead = {"source": hidden} if post is None else {"source": [], "key": post.key}
    async with get_client() as client:
        await client.update_flow_run(flow_run.id, parameters={**flow_run.parameters, **instead})


async def _taken_out(engine: Engine, post: Post, turn: int | None) -> State[Any]:
    try:
        await in_thread(steps.due, engine, post, turn=turn)
    except steps.Superseded as old:
        return Completed(name="Superseded", message=str(old))
    except WaitUntil as early:
        return await _planned(engine, post, early)
    with await in_thread(steps.hold, engine, post.id, waiting=_tell_waiting()) as lease:
        try:
            # Whoever held the post until now may have moved it on.
            await in_thread(steps.due, engine, await in_thread(posts.get, engine.ledger, post.id), turn=turn)
            post = await _walked(Work(post.id, engine, lease), again=turn is None)
        except steps.Superseded as old:
            return Completed(name="Superseded", message=str(old))
        except LeaseLost as lost:
            return Completed(name="Superseded", message=str(lost))
        except AirdateError as error:
            try:
                post = await in_thread(steps.fail, engine, lease, error)
            except LeaseLost as lost:
                return Completed(name="Superseded", message=str(lost))
        finally:
            await tasks.report(engine, post)
    return ended(post)


async def _planned(engine: Engine, post: Post, early: WaitUntil) -> State[Any]:
    """Leave it to a run at its time."""
    run = await in_thread(_leave, engine, post, early.not_before, flow_run.id)
    await tasks.report(engine, post)
    return Completed(name="Planned", message=f"goes out at {early.not_before:%Y-%m-%d %H:%M %Z}, by run {run}")


def _leave(engine: Engine, post: Post, at: datetime, own: str) -> str:
    """The run of the post's turn, due `at`; if that is this very one, started early by hand, then the next turn's."""
    run = start_run(post, at=at, name=run_name(post))
    if run == own:
        posts.store(engine.ledger, post.id, turn=post.turn + 1)
        post = posts.get(engine.ledger, post.id)
        run = start_run(post, at=at, name=run_name(post))
    posts.mark_run(engine.ledger, post.id, post.turn)
    return run


async def _walked(work: Work, *, again: bool) -> Post:
    """The steps in order, until TikTok has decided or the ledger says stop.

    Args:
        again: a person started this run, so what held the post is taken as mended.
    """
    engine = work.engine
    if again:
        await in_thread(steps.resume, engine, work.lease)
    post = await in_thread(posts.get, engine.ledger, work.post_id)
    if post.state is PostState.PROCESSING:
        post = await tasks.follow(work)
    while post.state in UNFINISHED:
        originals = await tasks.fetch(work)
        rendition = await tasks.prepare(work, originals)
        try:
            clearance = await tasks.check(work, rendition)
            await tasks.publish(work, rendition, clearance)
        except OverLimit as over:
            if not await in_thread(creator_limit.may_fit, engine, work.post_id, over):
                raise
            get_run_logger().info("%s; the film is prepared again", over.message)
            continue
        post = await tasks.follow(work)
    return post


def _tell_waiting() -> Any:
    log = get_run_logger()

    def tell(holder: Holder) -> None:
        log.info("another worker holds this post (%s); waiting for it", holder.owner)

    return tell


def ended(post: Post) -> State[Any]:
    """The Prefect state that says the same as the ledger."""
    error = shown_error(post, "follow-posts") or {}
    why = redact(" ".join(part for part in (error.get("message"), error.get("fix")) if part))
    match post.state:
        case PostState.PUBLISHED:
            where = f"TikTok post {', '.join(post.tiktok_post_ids)}" if post.tiktok_post_ids else post.publish_id
            return Completed(message=f"live on {post.account}: {where}")
        case PostState.DELIVERED:
            return Completed(message=f"a draft in the inbox of {post.account}, for the creator to finish")
        case PostState.PROCESSING:
            return Completed(name="Processing", message=why)
        case PostState.CANCELLED:
            return Cancelled(message=why or "the post was cancelled")
        case PostState.FAILED | PostState.HELD | PostState.MISSED:
            return Failed(name=post.state.value.capitalize(), message=f"{error.get('code', post.state)}: {why}")
        case _ if error.get("code") == FROZEN:
            return Completed(name="Frozen", message=why)
        case _:
            when = f" at {post.not_before:%Y-%m-%d %H:%M %Z}" if post.not_before else ""
            return Completed(name="Waiting", message=f"goes on by itself{when}: {why}")
