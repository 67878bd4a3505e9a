"""Pulls: the sandbox fetches the media as TikTok would, with no redirect, no second try and an hour at most."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from airdate.sandbox import processing
from airdate.sandbox.photos import LARGEST_BYTES
from airdate.sandbox.posts import Post, Pull
from airdate.sandbox.rules import CONTENT_TYPES, MAX_BYTES
from airdate.sandbox.state import State

SILENT_S = 30.0
"""A server that sends nothing for so long has failed."""

HEADERS = {"User-Agent": "TikTok-Sandbox/1.0", "Accept": "*/*", "Accept-Encoding": "identity"}


class _Failed(Exception):
    """The media cannot be had; the text says why."""


def begin(state: State, post: Post, pull: Pull) -> None:
    """Begin to fetch."""
    state.pulling.begin(post.publish_id, _pull(state, post, pull))


def stop(state: State, post: Post, reason: str, why: str) -> None:
    """Fail a post that is not decided yet, whatever comes of it still."""
    state.pulling.cancel(post.publish_id)
    _fail(state, post, reason, why)


def lapse(state: State, now: float) -> None:
    """End the pulls whose hour is over."""
    for publish_id in state.pulling:
        post = state.posts[publish_id]
        if now >= post.media.expires_at:
            stop(state, post, _reason(post), "it did not come within its hour")


async def _pull(state: State, post: Post, pull: Pull) -> None:
    pull.received = 0
    limit = LARGEST_BYTES if pull.photos else MAX_BYTES
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=SILENT_S, headers=HEADERS) as http:
            for number, (url, path) in enumerate(zip(pull.urls, pull.paths, strict=True), 1):
                try:
                    await _fetch(http, url, path, pull, limit)
                except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, _Failed) as failed:
                    why = str(failed) if isinstance(failed, _Failed) else type(failed).__name__
                    raise _Failed(f"address {number} of {len(pull.urls)}: {why}") from failed
    except _Failed as failed:
        _fail(state, post, _reason(post), str(failed))
    else:
        pull.complete = True
        processing.begin(state, post)


async def _fetch(http: httpx.AsyncClient, url: str, path: Path, pull: Pull, limit: int) -> None:
    """Get one file; of one that is too large no more is kept than shows it."""
    async with http.stream("GET", url, follow_redirects=False) as answer:
        if answer.status_code != 200:
            raise _Failed(f"HTTP {answer.status_code}")
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        pull.content_type = kind if kind in CONTENT_TYPES else pull.content_type
        size = 0
        with path.open("wb") as file:
            async for block in answer.aiter_raw():
                await asyncio.to_thread(file.write, block)
                size += len(block)
                pull.received += len(block)
                if size > limit:
                    return


def _reason(post: Post) -> str:
    return "photo_pull_failed" if post.photos else "video_pull_failed"


def _fail(state: State, post: Post, reason: str, why: str) -> None:
    post.stopped, post.stopped_why = reason, why
    state.posts.save(post.publish_id)
