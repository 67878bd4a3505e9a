"""The way of a post as plain functions: record, fetch, prepare, check, publish, follow. Tasks wrap them one to one.

No step trusts that it runs for the first time: each reads the ledger and does the next thing that is allowed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airdate import brake, creator_limit, gates, photo_set, previews, publishing, pull_store, pulling
from airdate.clearance import Clearance, OverLimit, clear
from airdate.engine import Engine
from airdate.errors import AirdateError, NeedsPerson, Refused, Transient, WaitUntil
from airdate.following import Watch, follow
from airdate.intake import Intake
from airdate.ledger import accounts, caps, posts, rates
from airdate.ledger.leases import Holder, Lease, claim_or_wait
from airdate.ledger.posts import Post
from airdate.ledger.transitions import LeaseLost, move_post, note
from airdate.media import prepare as media
from airdate.media.profile import Profile
from airdate.outcome import UNFINISHED, error_record, exit_status
from airdate.post import Form, LatePolicy, Original, PlanKind, PostState, Rendition
from airdate.profiles import default_profile, rendition_facts
from airdate.report import report
from airdate.sandbox.seed import is_sandbox_key
from airdate.settings import TIKTOK_API_URL
from airdate.sources.registry import source_named
from airdate.store import renditions
from airdate.store.store import rendition_key, rendition_lock
from airdate.tiktok.session import Session

__all__ = [
    "Superseded",
    "check",
    "due",
    "exit_status",
    "fail",
    "fetch",
    "follow",
    "hold",
    "is_ahead",
    "prepare",
    "publish",
    "record",
    "report",
    "resume",
    "walk",
]

log = logging.getLogger(__name__)

OnProgress = Callable[[float], None]

EARLY_WAIT_S = 60.0
"""A run that begins this much before its slot waits in place; an earlier one ends, and the clock brings it back."""

PAUSE_AFTER_FAULT = timedelta(minutes=2)
"""How long a post rests after a fault that outlived the engine's own retries."""

FINAL = (PostState.PUBLISHED, PostState.DELIVERED, PostState.FAILED, PostState.CANCELLED, PostState.MISSED)


def record(engine: Engine, taken: Intake, *, who: str) -> Post:
    """Write the post to the ledger under its key; asking twice gives the same post.

    Raises:
        WrongUsage: the key belongs to a post with other options.
        NeedsPerson: the account is unknown.
    """
    account = accounts.get(engine.ledger, taken.request.account)
    post = posts.record(engine.ledger, taken.request, taken.locators, who=who)
    if post.target is None:
        target = account.api_url
        if target == TIKTOK_API_URL:
            target = "tiktok"
        elif is_sandbox_key(account.client_key):
            target = "sandbox"
        posts.store(engine.ledger, post.id, target=target)
    return posts.get(engine.ledger, post.id)


def hold(engine: Engine, post_id: str, *, waiting: Callable[[Holder], None] | None = None) -> Lease:
    """Take the post for this worker, waiting for a living holder; a context manager that lets it go again."""
    return claim_or_wait(
        engine.ledger,
        post_id,
        engine.settings.lease_seconds,
        pause=engine.pause,
        waiting=waiting or (lambda holder: log.info("%s is held by %s; waiting", post_id, holder.owner)),
    )


class Superseded(NeedsPerson):
    """The run is old: the post was moved, released or retried since, and another run is the wanted one."""


def due(engine: Engine, post: Post, *, turn: int | None = None) -> Post:
    """Let a run go on only if it is the wanted one, not early, and not past its lateness.

    Args:
        turn: the turn the run was made for; None for a command, which wants the post now.

    Raises:
        Superseded: the post has a newer turn.
        WaitUntil: it is too early by more than a minute.
        NeedsPerson: it was too late, and its policy says to hold or to miss it.
    """
    if turn is not None and turn != post.turn:
        raise Superseded(
            "superseded",
            f"this run is for turn {turn} and the post is at turn {post.turn}",
            item=post.id,
            fix="nothing: a newer run does it",
        )
    starts = max((at for at in (post.slot, post.not_before) if at is not None), default=None)
    if starts is not None and (early := (starts - engine.ledger.now()).total_seconds()) > 0:
        if early > EARLY_WAIT_S:
            raise WaitUntil(
                "too_early",
                f"the post is due in {early:.0f} s",
                item=post.id,
                fix="nothing: it is brought back at its time",
                not_before=starts,
            )
        engine.pause(early)
    return _in_time(engine, post)


def _in_time(engine: Engine, post: Post) -> Post:
    """Apply the lateness policy; only to posts of which nothing was sent yet."""
    error = _too_late(post, engine.ledger.now())
    if error is None:
        return post
    _give_up_slot(engine, post, error)
    raise error


def _too_late(post: Post, at: datetime, stopped: WaitUntil | None = None) -> NeedsPerson | None:
    """The error of a post that would go out at `at`, if that is too late for it; `stopped` says what makes it wait."""
    waiting = post.state in (PostState.PLANNED, PostState.PREPARING, PostState.READY)
    if not waiting or post.slot is None or post.late_minutes is None or post.late_policy is LatePolicy.PUBLISH:
        return None
    late = at - post.slot
    if late <= timedelta(minutes=post.late_minutes):
        return None
    minutes = f"{late.total_seconds() / 60:.0f} minutes late"
    return NeedsPerson(
        "too_late",
        f"the post is {minutes}" if stopped is None else f"the post would be {minutes}: {stopped.message}",
        item=post.id,
        rule=f"at most {post.late_minutes} minutes late, then {post.late_policy}",
        fix="move it with `airdate calendar move`, send it now with `airdate posts retry`, or cancel it",
        log_id=stopped.log_id if stopped is not None else None,
    )


def _give_up_slot(engine: Engine, post: Post, error: NeedsPerson, *, epoch: int | None = None) -> Post:
    to = PostState.MISSED if post.late_policy is LatePolicy.MISS else PostState.HELD
    kept = {"error": error_record(error), "not_before": None}
    return posts.move(engine.ledger, post.id, to, who="clock", why=error.message, epoch=epoch, **kept)


def fetch(engine: Engine, lease: Lease, *, on_progress: OnProgress | None = None) -> tuple[Original, ...]:
    """Bring the bytes of every asset of the post to this host.

    Raises:
        Refused: what is there is no film or picture, or not the revision that was approved.
        NeedsPerson: an address we must not ask.
        Transient: a source does not answer.
    """
    post = _reach(engine, lease, PostState.PREPARING, "fetching the assets")
    places = posts.locators(engine.ledger, post.id)
    originals = []
    for number, (asset, place) in enumerate(zip(post.assets, places, strict=True)):

        def told(done: int, total: int | None, number: int = number) -> None:
            if on_progress and total:
                on_progress((number + done / total) / len(places))

        source = source_named(asset.source, settings=engine.settings, store=engine.store)
        originals.append(source.fetch(asset, place, on_progress=told))
    return tuple(originals)


def prepare(
    engine: Engine,
    lease: Lease,
    originals: tuple[Original, ...],
    *,
    on_progress: OnProgress | None = None,
    cancel: threading.Event | None = None,
    profile: Profile | None = None,
) -> Rendition:
    """Probe, plan, render and verify; three runs of one asset make its rendition once.

    Raises:
        Refused: TikTok would not take it, and no plan makes it postable.
        Transient: the disk is full, or the encoder was stopped.
    """
    post = _reach(engine, lease, PostState.PREPARING, "preparing what goes out")
    missing = pull_store.missing_settings(engine.settings)
    wants_photos = post.options.form is Form.PHOTO
    profile = profile or default_profile(engine.settings)
    names = [Path(original.ref.asset_id).name for original in originals]
    if wants_photos and not missing and not publishing.is_open(engine, post.id):
        # A slideshow whose upload was begun goes on as that, whatever the settings say by now.
        rendition = photo_set.fitted(engine, originals, names, cancel=cancel)
        rendition = previews.photos_pictured(engine, rendition, post.options)
        posts.store(engine.ledger, post.id, epoch=lease.epoch, rendition=posts.rendition_columns(rendition))
        return rendition
    plan, limit_s = creator_limit.planned(engine, post, originals, names, profile, cancel=cancel)
    if plan.refusal is not None:
        raise plan.refusal
    if wants_photos and missing:
        photo_set.check_slideshow(plan.kind, names[0], post.options, missing)
    if plan.kind is PlanKind.KEEP:
        plan = media.proved(plan, cancel=cancel)
    if plan.kind is PlanKind.KEEP:
        rendition = _rendition(media.as_it_is(plan))
    else:
        key = rendition_key([original.sha256 for original in originals], rendition_facts(plan), plan.kind)
        rendition = _rendered(engine, key, plan, on_progress, cancel)
    if wants_photos and missing:
        rendition = photo_set.as_slideshow(rendition, missing)
    rendition = replace(rendition, limit_s=limit_s)
    rendition = previews.film_pictured(engine, plan, rendition, originals, post.options)
    posts.store(engine.ledger, post.id, epoch=lease.epoch, rendition=posts.rendition_columns(rendition))
    return rendition


def _rendered(
    engine: Engine, key: str, plan: media.Plan, on_progress: OnProgress | None, cancel: threading.Event | None
) -> Rendition:
    """The rendition of this key from the store, made first if it is not there; its facts lie beside it as JSON."""
    path = engine.store.rendition_path(key)
    with engine.store.locked(rendition_lock(key)):
        if (known := renditions.found(engine.store, key)) is not None:
            return Rendition(
                path=path,
                sha256=known["sha256"],
                size=known["size"],
                plan=PlanKind(known["plan"]),
                reasons=tuple(known["reasons"]),
                duration_s=known["duration_s"],
                cover_ms=known.get("cover_ms"),
            )
        rendition = _rendition(media.render(plan, path, on_progress=on_progress, cancel=cancel))
        renditions.listed(engine.store, key, posts.rendition_columns(rendition))
        return rendition


def _rendition(prepared: media.Prepared) -> Rendition:
    return Rendition(
        path=prepared.path,
        sha256=prepared.sha256,
        size=prepared.size,
        plan=prepared.plan.kind,
        reasons=prepared.reasons,
        duration_s=prepared.duration_s,
        cover_ms=prepared.cover_ms,
    )


def check(engine: Engine, lease: Lease, rendition: Rendition) -> Clearance:
    """Everything that can be known before init; never cached.

    Raises:
        Refused, NeedsPerson, WaitUntil: as `airdate.clearance.clear` and `airdate.gates.pass_gates`.
    """
    post = _reach(engine, lease, PostState.READY, "what goes out is ready")
    if publishing.is_open(engine, post.id):
        # An upload that was begun goes on whatever TikTok would say to a new one; a new one is cleared anew.
        return Clearance(datetime.min.replace(tzinfo=UTC), None)
    gates.pass_gates(engine.ledger, post)
    with Session(engine.settings, engine.ledger, post.account, engine.pause) as session:
        return clear(session, post.options, rendition.duration_s, engine.ledger.now())


def publish(
    engine: Engine,
    lease: Lease,
    rendition: Rendition,
    clearance: Clearance,
    *,
    on_progress: OnProgress | None = None,
) -> Post:
    """Bring every byte to TikTok, or have it fetch the pictures, by the ledger's order; `processing` afterwards."""
    if (settled := pulling.settle(engine, lease)) is not None:
        return settled
    if rendition.plan is PlanKind.PHOTO:
        return pulling.publish(engine, lease, rendition, clearance)
    return publishing.publish(engine, lease, rendition, clearance, on_progress)


def _reach(engine: Engine, lease: Lease, to: PostState, why: str) -> Post:
    """Move the post forward to `to`, unless it is there or further; a post in publishing is prepared again in place."""
    order = (PostState.PLANNED, PostState.PREPARING, PostState.READY, PostState.PUBLISHING)
    post = posts.get(engine.ledger, lease.post_id)
    if post.state not in order:
        raise _stopped(post)
    if order.index(post.state) >= order.index(to):
        return post
    return posts.move(engine.ledger, post.id, to, who=lease.owner, why=why, epoch=lease.epoch)


def _stopped(post: Post) -> NeedsPerson:
    """Somebody cancelled or held the post while it was on its way."""
    return NeedsPerson(
        f"post_{post.state}",
        f"the post is {post.state}, so it does not go on",
        item=post.id,
        fix="nothing, or bring it back with `airdate calendar release` or `airdate posts retry`",
    )


def fail(engine: Engine, lease: Lease, error: AirdateError) -> Post:
    """Write down how a step ended, so that the ledger tells the story and the next run knows what is allowed."""
    post = posts.get(engine.ledger, lease.post_id)
    if isinstance(error, LeaseLost) or post.state not in UNFINISHED:
        return post
    _learn(engine, post, error)
    if (settled := pulling.settle(engine, lease)) is not None:
        return settled
    if isinstance(error, Transient | WaitUntil):
        return _rest(engine, lease, post, error)
    if publishing.abandon_unsent(engine, lease):
        return posts.move(
            engine.ledger,
            post.id,
            PostState.PROCESSING,
            who=lease.owner,
            why=f"stopped ({error.code}) after the last bytes may have arrived",
            epoch=lease.epoch,
            unconfirmed=True,
        )
    to = PostState.FAILED if isinstance(error, Refused) else PostState.HELD
    return posts.move(
        engine.ledger,
        post.id,
        to,
        who=lease.owner,
        why=f"{error.code}: {error.message}",
        epoch=lease.epoch,
        error=error_record(error),
    )


def _learn(engine: Engine, post: Post, error: AirdateError) -> None:
    """What stopped one post may tell about all: a cap that is reached, a fault of TikTok's."""
    brake.heard(engine.ledger, post.account, error)
    caps.learn(engine.ledger, accounts.get(engine.ledger, post.account), error.code)


def _rest(engine: Engine, lease: Lease, post: Post, error: AirdateError) -> Post:
    """The post goes on by itself later: a new turn, not before an instant, and not after its lateness."""
    now = engine.ledger.now()
    until = error.not_before if isinstance(error, WaitUntil) else now + PAUSE_AFTER_FAULT
    if error.code == rates.FULL:
        until += _queue(engine, post) // rates.LIMITS["init"] * rates.WINDOW
    to = post.state
    if post.state is PostState.PUBLISHING and not publishing.is_open(engine, post.id):
        to = PostState.READY  # nothing was sent, so the lateness policy holds on
    why = f"{error.code}: {error.message}"
    rested = {"error": error_record(error), "not_before": until, "turn": post.turn + 1}
    with engine.ledger.write() as connection:
        move_post(connection, post.id, to, who=lease.owner, why=why, now=now, epoch=lease.epoch, **rested)
        if to is post.state and (post.error or {}).get("code") != error.code:
            note(connection, post.id, to, to, who=lease.owner, why=why, now=now)
    post = posts.get(engine.ledger, post.id)
    # A wait that ends too late is told now, not when it has ended. When a freeze ends nobody knows.
    if isinstance(error, WaitUntil) and not isinstance(error, gates.Frozen):
        late = _too_late(post, until, error)
        return post if late is None else _give_up_slot(engine, post, late, epoch=lease.epoch)
    return post


def _queue(engine: Engine, post: Post) -> int:
    """How many posts of the account wait for its rate already; each takes a place in a minute to come."""
    now = engine.ledger.now()
    others = posts.listed(engine.ledger, states=[PostState.READY, PostState.PUBLISHING])
    return sum(
        other.account == post.account
        and other.id != post.id
        and (other.error or {}).get("code") == rates.FULL
        and other.not_before is not None
        and other.not_before > now
        for other in others
    )


def walk(
    engine: Engine,
    post_id: str,
    *,
    on_progress: Callable[[str, float], None] | None = None,
    waiting: Callable[[Holder], None] | None = None,
) -> Post:
    """All the steps in this process. What stops the post is in the ledger afterwards; only bugs are raised.

    A post whose slot lies ahead stays planned: the clock takes it out.
    """
    tell = on_progress or (lambda _step, _part: None)
    try:
        return _walk(engine, post_id, tell, waiting)
    except LeaseLost:
        # Another worker took the post over while this one stalled, or a person took it away from both: read again.
        return walk(engine, post_id, on_progress=on_progress, waiting=waiting)


def _walk(
    engine: Engine, post_id: str, tell: Callable[[str, float], None], waiting: Callable[[Holder], None] | None
) -> Post:
    with hold(engine, post_id, waiting=waiting) as lease:
        post = resume(engine, lease)
        try:
            if post.state is PostState.PROCESSING:
                post = _followed(engine, post_id, tell)
            while post.state in UNFINISHED and not is_ahead(engine, post):
                originals = fetch(engine, lease, on_progress=lambda part: tell("fetch", part))
                rendition = prepare(engine, lease, originals, on_progress=lambda part: tell("prepare", part))
                try:
                    cleared = check(engine, lease, rendition)
                    publish(engine, lease, rendition, cleared, on_progress=lambda part: tell("publish", part))
                except OverLimit as over:
                    if not creator_limit.may_fit(engine, post_id, over):
                        raise
                    continue
                post = _followed(engine, post_id, tell)
        except LeaseLost:
            raise
        except AirdateError as error:
            log.debug("stopped", exc_info=True)
            post = fail(engine, lease, error)
    return post


def is_ahead(engine: Engine, post: Post) -> bool:
    """Whether the post waits for a slot that lies ahead."""
    return post.state is PostState.PLANNED and post.slot is not None and post.slot > engine.ledger.now()


def resume(engine: Engine, lease: Lease) -> Post:
    """Take up a post that the engine itself had held: whoever runs it again says that the cause is mended.

    A photo post whose request was on its way when its worker ended is brought to where that leads.
    """
    if (settled := pulling.settle(engine, lease)) is not None:
        return settled
    post = posts.get(engine.ledger, lease.post_id)
    if post.state is PostState.HELD and post.error is not None and post.error["code"] not in ("held", "too_late"):
        return posts.move(
            engine.ledger, post.id, PostState.PLANNED, who=lease.owner, why="run again", epoch=lease.epoch, error=None
        )
    return post


def _followed(engine: Engine, post_id: str, tell: Callable[[str, float], None]) -> Post:
    budget = engine.settings.poll_budget_seconds
    return follow(engine, post_id, Watch(budget, lambda _state: tell("follow", 0.0)))
