"""The clock's look at the tokens: accounts that post seldom stay alive, and an end of a consent is told in time."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from airdate.engine import Engine
from airdate.keeping import keep
from airdate.redact import redact
from flows import process
from tasks.work import in_thread


@flow(name="keep-tokens", persist_result=False)
async def keep_tokens() -> State[Any]:
    """Renew each account's tokens once a week, and warn 30, 14 and 7 days before a refresh token ends."""
    process.begin()
    with await in_thread(Engine.open) as engine:
        kept = await in_thread(keep, engine)
    said = [f"renewed: {', '.join(kept.renewed) or 'none needed it'}", *kept.warnings, *map(str, kept.errors)]
    if kept.stopped:
        said.append(f"stopped until a person acts: {', '.join(kept.stopped)}")
    message = redact("; ".join(said))
    if kept.errors:
        return Failed(message=message)
    # A name of its own, once for each warning, so that an automation can tell somebody.
    return Completed(name="ConsentEndsSoon", message=message) if kept.warnings else Completed(message=message)
