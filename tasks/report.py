"""The last step: the record of the post, as a page of the run."""

from __future__ import annotations

from prefect import task
from prefect.artifacts import acreate_markdown_artifact

from airdate import steps
from airdate.engine import Engine
from airdate.ledger.posts import Post
from airdate.redact import redact
from tasks.work import POLICY, in_thread


@task(name="Write the report", task_run_name="report", **POLICY)
async def report(engine: Engine, post: Post) -> None:
    """Show what came in, what was changed and why, what was sent, and where it is."""
    told = await in_thread(steps.report, engine, post.id)
    await acreate_markdown_artifact(
        redact(told.markdown()), key=f"post-{post.id.replace('_', '-')}", description="What happened to this post"
    )
