"""The sixth step: what TikTok makes of it."""

from __future__ import annotations

from prefect import task
from prefect.logging import get_run_logger

from airdate import steps
from airdate.following import Watch
from airdate.ledger.posts import Post
from tasks.work import POLICY, Work, in_thread


@task(name="Wait for TikTok's decision", task_run_name="follow", **POLICY)
async def follow(work: Work) -> Post:
    """Ask TikTok until it has decided, for some minutes at most; `follow-posts` asks on."""
    log = get_run_logger()
    watch = Watch(work.engine.settings.poll_budget_seconds, lambda state: log.info("TikTok: %s", state))
    return await in_thread(steps.follow, work.engine, work.post_id, watch)
