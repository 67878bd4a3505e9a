"""Turns stored approvals into posts and runs; a delivery that cannot become one keeps the reason, and blocks no other.

Nothing here trusts that it runs once: the post has one key for an asset's revision and its account, and the run one
for the post and its turn.
"""

from __future__ import annotations

import logging

from airdate import steps
from airdate.engine import Engine, StartRun, run_name
from airdate.errors import AirdateError, NeedsPerson, Transient
from airdate.gateway.approval import SOURCE, read_approval
from airdate.gateway.taking import take
from airdate.intake import Intake
from airdate.ledger import deliveries, posts
from airdate.ledger.deliveries import Delivery
from airdate.ledger.posts import Post
from airdate.outcome import error_record
from airdate.post import Mode, PostState, Privacy
from airdate.redact import redact

log = logging.getLogger(__name__)

PRIVACY_UNSET = "privacy_unset"


def relay(engine: Engine, start_run: StartRun) -> int:
    """Make a post and its run of each waiting delivery.

    Returns:
        How many still wait, because the ledger or Prefect was away; they are to be tried again.

    Raises:
        Transient: the ledger does not answer.
    """
    with engine.store.locked("relay"):
        return sum(
            not _is_relayed(engine, delivery, start_run) for delivery in deliveries.waiting(engine.ledger, SOURCE)
        )


def _is_relayed(engine: Engine, delivery: Delivery, start_run: StartRun) -> bool:
    try:
        post = _recorded(engine, delivery)
    except Transient as away:
        return _waits(delivery, away)
    except AirdateError as refused:
        return _refuse(engine, delivery, refused)
    except Exception as bug:  # noqa: BLE001 (one delivery must not block the others; its error says that it is a bug)
        log.error("delivery %s met a bug: %s", delivery.id, redact(f"{type(bug).__name__}: {bug}"))
        fix = "report it with the gateway's log, and approve the asset again when it is mended"
        return _refuse(engine, delivery, NeedsPerson("bug", "a bug in Airdate stopped it", item=delivery.id, fix=fix))
    try:
        _start(engine, post, start_run)
    except AirdateError as away:
        return _waits(delivery, away)
    deliveries.relayed(engine.ledger, delivery, post_id=post.id)
    log.info("delivery %s is post %s, %s", delivery.id, post.id, post.state)
    return True


def _waits(delivery: Delivery, away: AirdateError) -> bool:
    log.warning("delivery %s waits: %s", delivery.id, away)
    return False


def _refuse(engine: Engine, delivery: Delivery, error: AirdateError) -> bool:
    """Keep the reason on the delivery, where a person can read it."""
    log.warning("delivery %s is refused: %s", delivery.id, error)
    record = {name: redact(value) if isinstance(value, str) else value for name, value in error_record(error).items()}
    deliveries.relayed(engine.ledger, delivery, error=record)
    return True


def _recorded(engine: Engine, delivery: Delivery) -> Post:
    """The post that the delivery asks for; held when nobody said who may see it.

    Raises:
        AirdateError: the approval cannot become a post.
    """
    taken = take(engine, read_approval(delivery.body), delivery.id)
    who = f"delivery {delivery.id}"
    known = posts.by_key(engine.ledger, taken.request.key)
    if known is not None and _lacked_privacy(known) and not _lacks_privacy(taken):
        why = "approved again, now with a privacy level"
        return posts.replan(engine.ledger, known.id, taken.request, taken.locators, who=who, why=why)
    post = steps.record(engine, taken, who=who)
    if known is None and _lacks_privacy(taken):
        return _held(engine, post, who)
    return post


def _lacks_privacy(taken: Intake) -> bool:
    return taken.request.options.mode is Mode.DIRECT and taken.request.options.privacy is None


def _lacked_privacy(post: Post) -> bool:
    return post.state is PostState.HELD and (post.error or {}).get("code") == PRIVACY_UNSET


def _held(engine: Engine, post: Post, who: str) -> Post:
    error = NeedsPerson(
        PRIVACY_UNSET,
        "neither the approval nor the account says who may see the post, and TikTok forbids a default",
        item="privacy",
        rule="TikTok, Content Sharing Guidelines: privacy is chosen by hand; one of " + ", ".join(Privacy),
        fix="approve it again with data.privacy, or after the account was given a standing choice",
    )
    return posts.move(engine.ledger, post.id, PostState.HELD, who=who, why=error.message, error=error_record(error))


def _start(engine: Engine, post: Post, start_run: StartRun) -> None:
    """Make the post's run, unless it has one or is not to go; whatever happened to it since, the clock sees to."""
    if post.state is not PostState.PLANNED or post.run_turn == post.turn:
        return
    ahead = post.slot is not None and post.slot > engine.ledger.now()
    start_run(post, at=post.slot if ahead else None, name=run_name(post))
    posts.mark_run(engine.ledger, post.id, post.turn)
