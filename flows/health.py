"""Whether Prefect is as Airdate needs it: its API, the worker, the deployments and their schedules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import yaml  # type: ignore[import-untyped]
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound

from airdate.doctor.check import Check, guarded, right, wrong
from airdate.errors import Transient
from deployments import DECLARATION, POOL
from flows.start import open_client

SILENT = timedelta(seconds=90)
"""A worker says every 30 s that it lives."""

UP = "run `airdate up`"


def look() -> list[Check]:
    """Ask the API that Prefect's settings name."""
    try:
        with open_client() as client:
            there = client.api_healthcheck()
            if there is not None:
                raise Transient("prefect_unreachable", f"the Prefect API does not answer: {type(there).__name__}")
            return [
                right("Prefect API", f"{client.api_url} answers"),
                guarded("worker", lambda: _worker(client)),
                *_deployments(client),
            ]
    except Transient as away:
        return [wrong("Prefect API", away.message, f"{UP}, or see that the server at PREFECT_API_URL runs")]


def _worker(client: SyncPrefectClient) -> Check:
    try:
        workers = client.read_workers_for_work_pool(POOL)
    except ObjectNotFound:
        return wrong("worker", f"this Prefect API does not know the pool {POOL}", f"{UP}, which makes it")
    beats = [each.last_heartbeat_time for each in workers if each.last_heartbeat_time]
    newest = max(beats, default=None)
    if newest is None:
        return wrong("worker", f"no worker has ever worked for the pool {POOL}", UP)
    silent = datetime.now(UTC) - newest
    if silent > SILENT:
        said = f"the last worker of the pool {POOL} was heard {silent.total_seconds():.0f} s ago"
        return wrong("worker", said, f"{UP}, or start the worker's service")
    return right("worker", f"a worker of the pool {POOL} was heard {silent.total_seconds():.0f} s ago")


def _deployments(client: SyncPrefectClient) -> list[Check]:
    declared = {entry["name"]: entry for entry in yaml.safe_load(DECLARATION.read_text())["deployments"]}
    known = {
        found.name: found
        for found in client.read_deployments(work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL])))
    }
    missing = sorted(declared.keys() - known.keys())
    if missing:
        there = wrong("deployments", f"not there: {', '.join(missing)}", f"{UP}, which deploys them")
    else:
        there = right("deployments", f"all are there: {', '.join(sorted(declared))}")
    paused = sorted(name for name in declared.keys() & known.keys() if _is_paused(known[name]))
    if paused:
        said = f"paused: {', '.join(paused)}; what they bring back or keep alive waits"
        return [there, wrong("schedules", said, "resume them on their pages in Prefect")]
    return [there, right("schedules", "all that are there run")]


def _is_paused(deployment: DeploymentResponse) -> bool:
    return deployment.paused or any(not schedule.active for schedule in deployment.schedules)
