"""The fourth step: everything that can be known before TikTok is asked to take the film."""

from __future__ import annotations

from prefect import task

from airdate import steps
from airdate.clearance import Clearance
from airdate.post import Rendition
from tasks.work import POLICY, Work, in_thread


@task(name="Check with TikTok", task_run_name="check", **POLICY)
async def check(work: Work, rendition: Rendition) -> Clearance:
    """Compare the post with what TikTok allows this creator now; never cached."""
    return await in_thread(steps.check, work.engine, work.lease, rendition)
