"""What happens by itself as the sandbox's clock goes on."""

from __future__ import annotations

import asyncio

import httpx

from airdate.sandbox import processing, pulling, webhooks
from airdate.sandbox.posts import Pull
from airdate.sandbox.state import State

EVERY_S = 0.1
"""How often the clock is looked at; it may be put forward at any time."""


async def run(state: State) -> None:
    """Take up what an earlier sandbox left undone, then go with the clock until cancelled."""
    _resume(state)
    async with httpx.AsyncClient(trust_env=False, timeout=webhooks.ANSWERED_WITHIN_S) as http:
        while True:
            now = state.now()
            pulling.lapse(state, now)
            webhooks.observe(state, now)
            webhooks.send_due(state, http, now)
            await asyncio.sleep(EVERY_S)


def _resume(state: State) -> None:
    for post in state.posts.values():
        if post.received_at is not None and post.found is None:
            processing.examine(state, post)
        elif isinstance(post.media, Pull) and not post.media.complete and not post.stopped:
            pulling.begin(state, post, post.media)
