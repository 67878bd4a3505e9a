"""Brings a Prefect server to what is declared: pool, queues, blocks, deployments. `python -m flows.deploy`.

Prefect's own command un-pauses what an operator paused and leaves behind what is no longer declared, so the
declaration is deployed only when it changed, pauses are put back, and what it no longer names is taken away.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml  # type: ignore[import-untyped]
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.workers.process import ProcessWorker

from airdate.errors import NeedsPerson
from airdate.redact import configure_logging
from airdate.settings import load_settings
from blocks import RenditionProfile, TikTokAccount, TikTokApp
from deployments import DECLARATION, POOL

log = logging.getLogger("airdate.deploy")

QUEUES = {"posts": 4, "clock": None}
"""The pool's queues, and how many of their runs may be at work at once; posts never take the clock's place.
Two cores begin half a run a second and an encode takes both, so more would only starve the server."""


async def deploy(home: Path) -> None:
    """Bring the server to what is declared.

    Raises:
        NeedsPerson: Prefect refused the declaration.
    """
    async with get_client() as client:
        await _provide_pool(client)
        for block in (TikTokApp, TikTokAccount, RenditionProfile):
            await block.aregister_type_and_schema(client=client)
        before = await _deployments(client)
        noted = home / "prefect" / "deployed"
        declared = _digest()
        names = {entry["name"] for entry in yaml.safe_load(DECLARATION.read_text())["deployments"]}
        if noted.exists() and noted.read_text() == declared and names <= {known.name for known in before}:
            log.info("the declaration has not changed")
            return
        await asyncio.to_thread(_prefect_deploy, home)
        for known in before:
            if known.name in names:
                await _pause_again(client, known)
            else:
                log.info("%s is no longer declared", known.name)
                await client.delete_deployment(known.id)
        noted.parent.mkdir(parents=True, exist_ok=True)
        noted.write_text(declared)
        log.info("deployed %s", ", ".join(sorted(names)))


async def _provide_pool(client: PrefectClient) -> None:
    """Make pool and queues if they are not there; what an operator changed in them stays."""
    try:
        await client.read_work_pool(POOL)
    except ObjectNotFound:
        pool = WorkPoolCreate(
            name=POOL, type="process", base_job_template=ProcessWorker.get_default_base_job_template()
        )
        await client.create_work_pool(pool)
    for name, limit in QUEUES.items():
        try:
            await client.create_work_queue(name=name, work_pool_name=POOL, concurrency_limit=limit)
        except ObjectAlreadyExists:
            continue


async def _deployments(client: PrefectClient) -> Sequence[DeploymentResponse]:
    return await client.read_deployments(work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL])))


def _prefect_deploy(home: Path) -> None:
    command = ["-P", "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(DECLARATION)]
    done = subprocess.run([sys.executable, *command], cwd=home, capture_output=True, text=True, check=False)
    if done.returncode:
        log.error("%s%s", done.stdout, done.stderr)
        raise NeedsPerson(
            "declaration_refused",
            "Prefect did not take the declaration",
            item=str(DECLARATION),
            fix="read what Prefect said above, and correct the file",
        )


async def _pause_again(client: PrefectClient, was: DeploymentResponse) -> None:
    """Put back the pauses that an operator had set before the deployment."""
    if was.paused:
        await client.pause_deployment(was.id)
    paused = {schedule.slug for schedule in was.schedules if not schedule.active}
    for schedule in await client.read_deployment_schedules(was.id):
        if schedule.slug in paused:
            await client.update_deployment_schedule(was.id, schedule.id, active=False)


def _digest() -> str:
    """What a deployment is made from: the declaration, and the flows, whose signatures are the forms."""
    digest = hashlib.sha256()
    for path in [DECLARATION, *sorted(Path(__file__).parent.glob("*.py"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def main() -> None:
    """Deploy to the API that Prefect's settings name."""
    settings = load_settings()
    configure_logging(settings.log_level)
    asyncio.run(deploy(settings.home))


if __name__ == "__main__":
    main()
