"""The second step: the asset comes to this host."""

from __future__ import annotations

from prefect import task

from airdate import steps
from airdate.post import Original
from tasks.progress import progress
from tasks.work import POLICY, Work, in_thread


@task(name="Fetch the asset", task_run_name="fetch", **POLICY)
async def fetch(work: Work) -> tuple[Original, ...]:
    """Bring the bytes of every asset of the post here, resumed where an earlier try stopped."""
    told = progress("The asset on its way here")
    return await in_thread(steps.fetch, work.engine, work.lease, on_progress=told)
