"""The clock's question to TikTok about every post it has not decided yet."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from airdate.engine import Engine
from airdate.following import sweep
from airdate.post import PostState
from flows import process
from tasks.work import in_thread


@flow(name="follow-posts", persist_result=False)
async def follow_posts() -> State[Any]:
    """Ask once about each post in processing, of all accounts."""
    process.begin()
    with await in_thread(Engine.open) as engine:
        asked = await in_thread(sweep, engine)
    decided = sum(post.state is not PostState.PROCESSING for post in asked)
    return Completed(message=f"{len(asked)} asked about, {decided} decided")
