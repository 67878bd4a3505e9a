"""The first step: what was asked for goes into the ledger, under its key."""

from __future__ import annotations

from prefect import task

from airdate import steps
from airdate.engine import Engine
from airdate.intake import Intake
from airdate.ledger.posts import Post
from tasks.work import POLICY, in_thread


@task(name="Write the post down", task_run_name="write-down", **POLICY)
async def record(engine: Engine, taken: Intake, who: str) -> Post:
    """Record the post; asking twice gives the same post."""
    return await in_thread(steps.record, engine, taken, who=who)
