"""The third step: a film that TikTok accepts, with as little change as possible."""

from __future__ import annotations

import asyncio
import threading

from prefect import task

from airdate import steps
from airdate.post import Original, Rendition
from blocks.rendition_profile import standard_profile
from tasks.progress import progress
from tasks.work import POLICY, Work, in_thread


@task(name="Prepare the film", task_run_name="prepare", **POLICY)
async def prepare(work: Work, originals: tuple[Original, ...]) -> Rendition:
    """Probe, plan, render and verify; nothing to do is the best plan."""
    cancel = threading.Event()
    told = progress("The film on its way to what TikTok accepts")
    profile = await standard_profile()
    try:
        return await in_thread(
            steps.prepare, work.engine, work.lease, originals, on_progress=told, cancel=cancel, profile=profile
        )
    except asyncio.CancelledError:
        cancel.set()
        raise
