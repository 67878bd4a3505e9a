"""What people want to hear of, told to Prefect as events: an approval that came in, and what stops all publishing."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from prefect.events import Event, RelatedResource, Resource
from prefect.events.clients import get_events_client

from airdate import brake, gates
from airdate.engine import Engine
from airdate.ledger import switches
from airdate.ledger.posts import Post
from airdate.ledger.switches import INCIDENT, Switch
from airdate.redact import redact
from flows.start import key_of, start_run
from tasks.work import in_thread

log = logging.getLogger("airdate.telling")

PAUSED = "airdate.publishing.paused"
"""The name of the event that an automation waits for."""


APPROVED = "airdate.asset.approved"
"""The name of the event that shows an approval in Prefect's feed."""


async def tell(engine: Engine) -> None:
    """Tell of each freeze and each pause of an incident that was not told yet; what cannot be told now, next time."""
    for switch in await in_thread(switches.untold, engine.ledger):
        if not await _is_told(event_of(switch)):
            return
        await in_thread(switches.mark_told, engine.ledger, switch)


def start_approved(post: Post, *, at: datetime | None, name: str) -> str:
    """The gateway's `StartRun`: the run that `start_run` makes, and the event that tells why there is one.

    The run is what counts: one that was made is not kept back because its event could not be told.
    """
    run = start_run(post, at=at, name=name)
    asyncio.run(_is_told(approval_of(post, run, name)))
    return run


async def _is_told(event: Event) -> bool:
    """Whether Prefect took the event; whatever keeps one back must not keep posts from going out."""
    try:
        async with get_events_client(reconnection_attempts=1) as events:
            await events.emit(event)
    except Exception as away:  # noqa: BLE001
        log.warning("Prefect could not be told of %s: %s", event.event, redact(f"{type(away).__name__}: {away}"))
        return False
    return True


def approval_of(post: Post, run: str, name: str) -> Event:
    """The event about an approval that became a post with a run; told again it is the same event, which Prefect drops.

    Args:
        name: how people recognise the run.
    """
    facts = {"post_id": post.id, "account": post.account, "assets": [redact(asset.asset_id) for asset in post.assets]}
    return Event(
        id=uuid5(NAMESPACE_OID, key_of(post)),
        event=APPROVED,
        resource=Resource({"prefect.resource.id": f"airdate.post.{post.id}", "prefect.resource.name": redact(name)}),
        related=[
            RelatedResource({"prefect.resource.id": f"prefect.flow-run.{run}", "prefect.resource.role": "flow-run"})
        ],
        payload={**facts, "slot": post.slot.isoformat() if post.slot else None},
    )


def event_of(switch: Switch) -> Event:
    """The event about a switch that is on."""
    said = redact(gates.sentence(switch))
    facts: dict[str, Any] = {"reason": said, "until": switch.until.isoformat() if switch.until else None}
    if switch.name.startswith(INCIDENT):
        incident = brake.incident_of(switch)
        facts |= {"code": incident.code, "accounts": list(incident.accounts), "log_ids": list(incident.log_ids)}
    resource = {"prefect.resource.id": f"airdate.switch.{redact(switch.name)}", "prefect.resource.name": said}
    return Event(event=PAUSED, resource=Resource(resource), payload=facts)
