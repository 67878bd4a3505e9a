"""The fifth step: the film goes to TikTok, once."""

from __future__ import annotations

from prefect import task

from airdate import steps
from airdate.clearance import Clearance
from airdate.ledger.posts import Post
from airdate.post import Rendition
from tasks.progress import progress
from tasks.work import POLICY, Work, in_thread


@task(name="Send it to TikTok", task_run_name="publish", **POLICY)
async def publish(work: Work, rendition: Rendition, clearance: Clearance) -> Post:
    """Open a submission and bring every byte; by the ledger, so that a second try never makes a second post."""
    told = progress("The film on its way to TikTok")
    return await in_thread(steps.publish, work.engine, work.lease, rendition, clearance, on_progress=told)
