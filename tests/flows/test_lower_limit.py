"""A run whose film turns out to be longer than the creator may post by now prepares it once more, and no oftener."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest
from ledger_making import plan_post
from prefect.logging import disable_run_logger

from airdate.clearance import OverLimit
from airdate.engine import Engine
from airdate.ledger import posts
from airdate.ledger.posts import Post
from airdate.post import PostState
from flows import publish_post as module


@pytest.mark.parametrize("helps", [True, False])
def test_a_lower_limit_means_one_more_rendition(engine: Engine, monkeypatch: pytest.MonkeyPatch, helps: bool) -> None:
    post = plan_post(engine.ledger)
    made_for: list[int] = []

    async def prepare(*_: object) -> None:
        made_for.append(600 if not made_for else 60)
        posts.store(engine.ledger, post.id, rendition={"limit_s": made_for[-1]})

    async def check(*_: object) -> None:
        if len(made_for) == 1 or not helps:
            raise OverLimit("demo", 90.0, 60)

    async def nothing(*_: object) -> None: ...

    async def follow(*_: object) -> Post:
        return replace(posts.get(engine.ledger, post.id), state=PostState.PUBLISHED)

    steps = SimpleNamespace(fetch=nothing, prepare=prepare, check=check, publish=nothing, follow=follow)
    monkeypatch.setattr(module, "tasks", steps)
    work = SimpleNamespace(engine=engine, post_id=post.id, lease=None)
    with disable_run_logger():
        if helps:
            assert asyncio.run(module._walked(work, again=False)).state is PostState.PUBLISHED
        else:
            with pytest.raises(OverLimit):
                asyncio.run(module._walked(work, again=False))
    assert made_for == [600, 60]
