"""What stops all publishing, told to Prefect as an event once for each pause, so that an automation can tell people."""

from __future__ import annotations

import logging
from typing import Any

from prefect.events import Event, Resource
from prefect.events.clients import get_events_client

from airdate import brake, gates
from airdate.engine import Engine
from airdate.ledger import switches
from airdate.ledger.switches import INCIDENT, Switch
from airdate.redact import redact
from tasks.work import in_thread

log = logging.getLogger("airdate.telling")

PAUSED = "airdate.publishing.paused"
"""The name of the event that an automation waits for."""


async def tell(engine: Engine) -> None:
    """Tell of each freeze and each pause of an incident that was not told yet; what cannot be told now, next time."""
    for switch in await in_thread(switches.untold, engine.ledger):
        try:
            async with get_events_client(reconnection_attempts=1) as events:
                await events.emit(event_of(switch))
        except Exception as away:  # noqa: BLE001 (whatever keeps an event back must not keep posts from going out)
            log.warning("Prefect could not be told of %s: %s", switch.name, redact(f"{type(away).__name__}: {away}"))
            return
        await in_thread(switches.mark_told, engine.ledger, switch)


def event_of(switch: Switch) -> Event:
    """The event about a switch that is on."""
    said = redact(gates.sentence(switch))
    facts: dict[str, Any] = {"reason": said, "until": switch.until.isoformat() if switch.until else None}
    if switch.name.startswith(INCIDENT):
        incident = brake.incident_of(switch)
        facts |= {"code": incident.code, "accounts": list(incident.accounts), "log_ids": list(incident.log_ids)}
    resource = {"prefect.resource.id": f"airdate.switch.{redact(switch.name)}", "prefect.resource.name": said}
    return Event(event=PAUSED, resource=Resource(resource), payload=facts)
