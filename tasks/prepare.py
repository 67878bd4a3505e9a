"""The third step: a film that TikTok accepts, with as little change as possible."""

from __future__ import annotations

import asyncio
import logging
import threading

from prefect import task
from prefect.artifacts import acreate_markdown_artifact

from airdate import previews, steps
from airdate.post import Original, Rendition
from blocks.rendition_profile import standard_profile
from tasks.progress import progress
from tasks.work import POLICY, Work, in_thread

log = logging.getLogger(__name__)


@task(name="Prepare the film", task_run_name="prepare", **POLICY)
async def prepare(work: Work, originals: tuple[Original, ...]) -> Rendition:
    """Probe, plan, render and verify; nothing to do is the best plan."""
    cancel = threading.Event()
    told = progress("The film on its way to what TikTok accepts")
    profile = await standard_profile()
    try:
        rendition = await in_thread(
            steps.prepare, work.engine, work.lease, originals, on_progress=told, cancel=cancel, profile=profile
        )
    except asyncio.CancelledError:
        cancel.set()
        raise
    await _show(work, rendition)
    return rendition


async def _show(work: Work, rendition: Rendition) -> None:
    """The rendition's pictures on a page of the run; without them the work goes on."""
    try:
        pictures = await in_thread(previews.found, rendition.pictures)
        if pictures.files:
            page = await in_thread(previews.markdown, pictures)
            key = f"pictures-{work.post_id.replace('_', '-')}"
            await acreate_markdown_artifact(page, key=key, description="What the film looks like")
    except Exception as failed:  # noqa: BLE001 (whatever Prefect's client raises)
        log.warning("the pictures could not be shown: %s", type(failed).__name__)
