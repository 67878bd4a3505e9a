"""The clock's questions to TikTok about the posts it has not decided, and about those that are watched on."""

from __future__ import annotations

import asyncio
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from airdate.engine import Engine
from airdate.errors import AirdateError
from airdate.following import Swept, sweep
from airdate.redact import redact
from flows import process

# Nothing is imported from `tasks` here: it would bring the media engine along, and this is to be one light process.


@flow(name="follow-posts", persist_result=False)
async def follow_posts() -> State[Any]:
    """Ask about the posts that are due to be looked at, of all accounts, within TikTok's rates."""
    process.begin()
    try:
        swept = await asyncio.to_thread(_swept)
    except AirdateError as failed:
        return Failed(message=redact(str(failed)))
    except Exception as bug:  # noqa: BLE001 (a strange text may hold a secret, and Prefect shows it to all)
        return Failed(message=redact(f"a bug in Airdate: {type(bug).__name__}: {bug}"))
    said = f"{swept.asked} asked about, {len(swept.decided)} decided, {swept.left} left to the next round"
    faults = [f"{account}: {error.code}" for account, error in swept.faults.items()]
    return Completed(message=said + (f"; not all of {', '.join(faults)}" if faults else ""))


def _swept() -> Swept:
    with Engine.open() as engine:
        return sweep(engine)
