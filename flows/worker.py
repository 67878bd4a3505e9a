"""The process worker of one machine, with what Prefect's own command lacks. `python -m flows.worker`.

Told to end, `prefect worker start` leaves its runs behind as "Running" for ever, or goes on taking new ones. This
one takes no new run, lets those at work end for a while, and stops what is left; and when it begins it takes up
what an earlier one left behind when it was killed.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import anyio
import anyio.to_thread
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.settings import get_current_settings
from prefect.states import AwaitingRetry, Crashed
from prefect.utilities.services import critical_service_loop
from prefect.workers.process import ProcessWorker

from airdate.calendar import tick
from airdate.draining import Draining
from airdate.engine import Engine
from airdate.errors import AirdateError
from airdate.redact import configure_logging
from airdate.settings import load_settings
from deployments import POOL
from flows.deploy import QUEUES
from flows.heed import heed
from flows.leftovers import private_files
from flows.process import WORKER_PID
from flows.start import start_run

log = logging.getLogger("airdate.worker")

DRAIN_S = 20.0
"""How long runs may go on after the worker was told to end. Longer ones lose nothing: an upload resumes."""

WATCH_EVERY_S = 10.0
"""Enough to bring a post back within 15 s; a look is a query or two."""

TELL_EVERY_S = 0.5

CLOCK_RUNS = 2
"""Runs of the clock that may be at work beside the posts'."""


MOST_RUNS = 3
"""A run that died with its worker this often is not begun again."""

YOUNG = timedelta(seconds=10)
"""A run may be pending this long before its worker has put its name on it."""


async def work() -> None:
    """Work until told to end by SIGTERM or SIGINT."""
    limit = CLOCK_RUNS + sum(runs or 0 for runs in QUEUES.values())
    worker = ProcessWorker(work_pool_name=POOL, name=f"airdate {socket.gethostname()}", limit=limit)
    settings = get_current_settings().worker
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with worker:
            await tidy(worker.client, worker.name)
            loop = partial(critical_service_loop, jitter_range=0.3, backoff=4)
            draining = Draining(load_settings().home)
            async with anyio.create_task_group() as loops:
                loops.start_soon(partial(loop, partial(take, worker, draining), settings.query_seconds))
                loops.start_soon(tell, worker, draining)
                loops.start_soon(partial(loop, worker.sync_with_backend, settings.heartbeat_seconds))
                loops.start_soon(watch, worker.client)
                _announce(worker.name)
                await anext(aiter(signals))
                loops.cancel_scope.cancel()
            await drain(worker)
            draining.end()
    log.info("ended")


async def take(worker: ProcessWorker, draining: Draining) -> None:
    """Take the runs that are due, unless the worker is being emptied."""
    if draining.is_wanted:
        # Said here, between two takings, so that no run can be on its way into the worker when it is read.
        draining.say(is_draining=True, runs=int(worker.limiter.borrowed_tokens))
        return
    draining.say(is_draining=False, runs=int(worker.limiter.borrowed_tokens))
    await worker.get_and_submit_flow_runs()


async def tell(worker: ProcessWorker, draining: Draining) -> None:
    """Keep saying how many runs are left while the worker is being emptied."""
    while True:
        await anyio.sleep(TELL_EVERY_S)
        if draining.is_told:
            draining.say(is_draining=True, runs=int(worker.limiter.borrowed_tokens))


def _announce(name: str) -> None:
    """Say on standard output that runs are taken; what runs print goes to standard error with our own log."""
    sys.stdout.write(json.dumps({"worker": name}) + "\n")
    sys.stdout.flush()
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())


async def watch(client: PrefectClient) -> None:
    """Bring back, within seconds, the posts whose run was killed; the clock's next tick may be a minute away."""
    while True:
        await anyio.sleep(WATCH_EVERY_S)
        try:
            with await anyio.to_thread.run_sync(_open) as engine:
                await heed(client, engine)
                await anyio.to_thread.run_sync(_bring_back, engine)
        except AirdateError as failed:
            log.warning("%s", failed)
        except Exception:  # a look that fails must not take the runs at work with it
            log.exception("the look for posts left behind failed")


def _open() -> Engine:
    # The calendar file is the tick's: a worker may be on another host than the file.
    return Engine.open(load_settings().model_copy(update={"calendar": None}))


def _bring_back(engine: Engine) -> None:
    for post_id in tick(engine, start_run).back:
        log.warning("%s was left behind by its run, and is brought back", post_id)


async def drain(worker: ProcessWorker) -> None:
    """Let the runs at work end, and stop those that take too long; the worker then reports them as crashed."""
    log.info("ending; %d runs are at work", worker.limiter.borrowed_tokens)
    with anyio.move_on_after(DRAIN_S):
        while worker.limiter.borrowed_tokens:  # noqa: ASYNC110 (a limiter tells nobody when it is empty)
            await anyio.sleep(0.1)
    for run_id in worker.limiter.statistics().borrowers:
        if isinstance(run_id, UUID):
            await _stop(worker.client, run_id)


async def _stop(client: PrefectClient, run_id: UUID) -> None:
    run = await client.read_flow_run(run_id)
    if run.infrastructure_pid and run.infrastructure_pid.isdecimal():
        log.warning("%s takes too long and is stopped; its post goes on from the ledger", run.name)
        try:
            os.kill(int(run.infrastructure_pid), signal.SIGKILL)
        except ProcessLookupError:
            return


async def tidy(client: PrefectClient, worker_name: str) -> None:
    """Take up what an earlier worker of this name left behind when it was killed: its runs died with it.

    A post's run is begun again, for it may have died before the ledger knew of it; by the ledger it does the
    next thing that is allowed. The clock's are not: the next one does their work, and so it does for those that
    came due while no worker ran.
    """
    late = FlowRunFilter(
        tags=FlowRunFilterTags(all_=["clock"]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        next_scheduled_start_time=FlowRunFilterNextScheduledStartTime(before_=datetime.now(UTC)),
    )
    async for run in _runs(client, late):
        await client.delete_flow_run(run.id)
    begun = [StateType.PENDING, StateType.RUNNING]
    async for run in _runs(client, FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=begun)))):
        if _was_ours(run, worker_name):
            again = "clock" not in run.tags and run.run_count < MOST_RUNS
            message = "the worker was stopped while it ran"
            state: State[None] = AwaitingRetry(message=message) if again else Crashed(message=message)
            await client.set_flow_run_state(run.id, state, force=True)
            log.warning("%s was left behind; now %s", run.name, state.name)


def _was_ours(run: FlowRun, worker_name: str) -> bool:
    holder = run.labels.get("prefect.worker.name")
    if holder is None and run.state is not None:
        return run.state.type is StateType.PENDING and datetime.now(UTC) - run.state.timestamp > YOUNG
    return holder == worker_name


async def _runs(client: PrefectClient, wanted: FlowRunFilter) -> AsyncIterator[FlowRun]:
    """All runs of the pool that fit; a page holds at most 200."""
    pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL]))
    found: list[FlowRun] = []
    while page := await client.read_flow_runs(flow_run_filter=wanted, work_pool_filter=pool, offset=len(found)):
        found += page
    for run in found:
        yield run


def main() -> None:
    """Work for the pool of the API that Prefect's settings name."""
    settings = load_settings()
    configure_logging(settings.log_level)
    os.environ[WORKER_PID] = str(os.getpid())
    with private_files(settings.home):
        anyio.run(work)


if __name__ == "__main__":
    main()
