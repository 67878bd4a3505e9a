"""What people and accidents do to runs in Prefect, told to the ledger.

Prefect's page has a button that cancels a run. To whoever presses it, it calls the post off; to the ledger, a run
that is gone looks like one whose worker died, and its post would be brought back and go out after all.
"""

from __future__ import annotations

import logging
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterIdempotencyKey,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType

from airdate import decisions
from airdate.calendar.tick import AT_WORK, HORIZON, bring_back
from airdate.engine import Engine
from airdate.errors import AirdateError
from airdate.ledger import posts
from airdate.ledger.posts import Post
from airdate.post import PostState
from flows.start import key_of
from tasks.work import in_thread

log = logging.getLogger("airdate.heed")

CALLED_OFF = (StateType.CANCELLED, StateType.CANCELLING)
BROKEN = (StateType.CRASHED, StateType.FAILED)
OVER = FlowRunFilterState(type=FlowRunFilterStateType(any_=[*CALLED_OFF, *BROKEN]))

PAGE = 100
"""Runs asked for at once; Prefect answers at most 200."""

WHY = "its run was cancelled in Prefect"


async def heed(client: PrefectClient, engine: Engine) -> None:
    """Hold each post whose present run a person cancelled, and bring back each whose run broke before it began.

    To be called before the clock's look, which takes a run that is gone for one to be made again.
    """
    by_key = {key_of(post): post for post in await in_thread(_at_work, engine)}
    by_run = {first: post for post in by_key.values() if (first := await in_thread(_first_run, engine, post))}
    keys, ids = sorted(by_key), sorted(by_run)
    for start in range(0, len(keys), PAGE):
        wanted = FlowRunFilterIdempotencyKey(any_=keys[start : start + PAGE])
        for run in await client.read_flow_runs(flow_run_filter=FlowRunFilter(idempotency_key=wanted, state=OVER)):
            await in_thread(_heed, engine, by_key[str(run.idempotency_key)], run)
    for start in range(0, len(ids), PAGE):
        some = FlowRunFilterId(any_=ids[start : start + PAGE])
        for run in await client.read_flow_runs(flow_run_filter=FlowRunFilter(id=some, state=OVER)):
            await in_thread(_heed, engine, by_run[run.id], run)


def _at_work(engine: Engine) -> list[Post]:
    return posts.listed(engine.ledger, states=AT_WORK, due_before=engine.ledger.now() + HORIZON)


def _first_run(engine: Engine, post: Post) -> UUID | None:
    """The run that a person's form recorded the post by, as long as no later turn has taken its place."""
    if post.origin != "form" or post.turn != 1:
        return None
    who = posts.story(engine.ledger, post.id)[0].who
    return UUID(who.removeprefix("run ")) if who.startswith("run ") else None


def _heed(engine: Engine, post: Post, run: FlowRun) -> None:
    try:
        if run.state_type in CALLED_OFF:
            decisions.hold(engine, post.id, who="Prefect", why=WHY)
            log.warning("%s is held: %s", post.id, WHY)
        elif post.state is PostState.PLANNED and bring_back(engine, post):
            log.warning("%s is brought back: its run broke before it began", post.id)
    except AirdateError as late:
        log.warning("%s", late)
