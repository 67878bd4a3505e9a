"""The clock's look at the ledger: runs for what comes due, and new ones for what its worker left."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from airdate import pull_store
from airdate.calendar import tick
from airdate.engine import Engine
from airdate.ledger import deliveries
from airdate.redact import redact
from airdate.store import eviction
from flows import process
from flows.heed import heed
from flows.start import start_run
from flows.telling import tell
from tasks.work import in_thread


@flow(name="calendar-tick", persist_result=False)
async def calendar_tick() -> State[Any]:
    """Apply the calendar file if one is set, make one run for each post that is due or soon will be, and tidy up."""
    process.begin()
    with await in_thread(Engine.open) as engine:
        async with get_client() as client:
            await heed(client, engine)
        ticked = await in_thread(tick, engine, start_run)
        await tell(engine)
        await in_thread(pull_store.sweep, engine.ledger, engine.settings.pull_dir)
        await in_thread(eviction.sweep, engine)
        await in_thread(deliveries.forget, engine.ledger)
    done = f"{len(ticked.runs)} runs, {len(ticked.back)} of them for posts brought back; {len(ticked.late)} too late"
    done = "; ".join([done, *ticked.stops])
    if ticked.errors:
        return Failed(message=redact(f"{done}; " + "; ".join(map(str, ticked.errors))))
    # A name of its own, so that people see it in the list of runs.
    return Completed(name="PublishingWaits", message=done) if ticked.stops else Completed(message=done)
