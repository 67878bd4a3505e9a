"""The control API: what a test or a rehearsal orders, and what it may look at afterwards."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airdate.sandbox import oauth, processing
from airdate.sandbox.faults import CallName, Order
from airdate.sandbox.guard import only_from_here
from airdate.sandbox.posts import Post, Status
from airdate.sandbox.state import State

PATH = "/@control"


class GrantWish(BaseModel):
    """A consent without a browser.

    Attributes:
        scope: comma-separated; everything the app may ask for when left out.
    """

    model_config = ConfigDict(extra="forbid")

    creator: str = "demo"
    scope: str | None = None


class SettingsWish(BaseModel):
    """Settings to change: the rules of all, and by name those of creators (`audited` is their app's)."""

    model_config = ConfigDict(extra="allow")

    creators: dict[str, dict[str, Any]] = Field(default_factory=dict)


class ClockWish(BaseModel):
    """How far to put the clock forward."""

    model_config = ConfigDict(extra="forbid")

    advance_seconds: float = Field(ge=0)


def routes(state: State, host: str) -> APIRouter:
    """All of it, for callers on this machine only."""
    router = APIRouter(prefix=PATH, dependencies=[Depends(only_from_here(host))])
    control = _Control(state)
    for method, path, work in (
        ("POST", "/grant", control.grant),
        ("POST", "/faults", control.order_fault),
        ("GET", "/faults", control.list_faults),
        ("DELETE", "/faults", control.clear_faults),
        ("GET", "/calls", control.list_calls),
        ("GET", "/broken", control.list_broken),
        ("GET", "/posts", control.list_posts),
        ("GET", "/posts/{publish_id}", control.show_post),
        ("GET", "/posts/{publish_id}/bytes", control.show_bytes),
        ("POST", "/posts/{publish_id}/finish", control.finish_draft),
        ("GET", "/settings", control.show_settings),
        ("POST", "/settings", control.change_settings),
        ("POST", "/clock", control.advance_clock),
        ("POST", "/reset", control.reset),
    ):
        router.add_api_route(path, work, methods=[method], response_model=None)
    return router


class _Control:
    """The work of each route; FastAPI reads what it takes from its parameters."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def grant(self, wish: GrantWish) -> dict[str, str]:
        seed = self._state.seeds.get(wish.creator)
        if seed is None:
            raise HTTPException(404, f"no creator {wish.creator}; there are {', '.join(self._state.seeds)}")
        scope = wish.scope or seed.scope
        if not set(scope.split(",")) <= set(seed.scope.split(",")):
            raise HTTPException(422, f"the app has only the scopes {seed.scope}")
        return {
            "client_key": seed.client_key,
            "client_secret": seed.client_secret,
            "open_id": seed.open_id,
            "refresh_token": oauth.issue(self._state, seed.name, tuple(scope.split(","))).refresh,
            "scope": scope,
        }

    async def order_fault(self, order: Order) -> list[dict[str, Any]]:
        try:
            self._state.faults.order(order)
        except ValidationError as wrong:
            raise HTTPException(422, wrong.errors(include_url=False, include_context=False)) from None
        return self._state.faults.listed()

    async def list_faults(self) -> list[dict[str, Any]]:
        return self._state.faults.listed()

    async def clear_faults(self) -> list[dict[str, Any]]:
        self._state.faults.clear()
        return []

    async def list_calls(self, call: CallName | None = None) -> Response:
        return JSONText(self._state.calls.calls(call))

    async def list_broken(self) -> Response:
        return JSONText(self._state.calls.broken())

    async def list_posts(self) -> Response:
        await asyncio.gather(*(processing.settled(post) for post in self._state.posts.values()))
        return JSONText([shown(self._state, post) for post in self._state.posts.values()])

    async def show_post(self, publish_id: str) -> Response:
        post = _post(self._state, publish_id)
        await processing.settled(post)
        return JSONText(shown(self._state, post))

    async def show_bytes(self, publish_id: str) -> Response:
        upload = _post(self._state, publish_id).upload
        if not upload.path.exists():
            raise HTTPException(404, "no byte of it has come")
        return FileResponse(upload.path, media_type="application/octet-stream")

    async def finish_draft(self, publish_id: str) -> Response:
        """The creator posts a draft from the inbox."""
        post = _post(self._state, publish_id)
        if post.status(self._state.now()) is not Status.SEND_TO_USER_INBOX:
            raise HTTPException(409, "it is no draft that waits in the inbox")
        post.posted_at = self._state.now()
        return JSONText(shown(self._state, post))

    async def show_settings(self) -> dict[str, Any]:
        return _settings(self._state)

    async def change_settings(self, wish: SettingsWish) -> dict[str, Any]:
        unknown = sorted(set(wish.creators) - set(self._state.creators))
        if unknown:
            raise HTTPException(404, f"no creator {', '.join(unknown)}; there are {', '.join(self._state.creators)}")
        try:
            rules = type(self._state.rules).model_validate(
                {**self._state.rules.model_dump(), **(wish.model_extra or {})}
            )
            creators = {
                name: type(known).model_validate({**known.model_dump(), **wish.creators.get(name, {})})
                for name, known in self._state.creators.items()
            }
        except ValidationError as wrong:
            raise HTTPException(422, wrong.errors(include_url=False, include_context=False)) from None
        self._state.rules, self._state.creators = rules, creators
        return _settings(self._state)

    async def advance_clock(self, wish: ClockWish) -> dict[str, float]:
        self._state.clock.advance(wish.advance_seconds)
        return {"now": self._state.now()}

    async def reset(self) -> dict[str, Any]:
        """Everything as it began, but for the tokens."""
        self._state.reset()
        return _settings(self._state)


def shown(state: State, post: Post) -> dict[str, Any]:
    """All there is to know about a post, but for its upload's token."""
    chunks, film = post.upload.chunks, post.film
    return {
        "publish_id": post.publish_id,
        "creator": post.creator,
        "mode": "direct" if post.direct else "inbox",
        "state": post.status(state.now()).value,
        "fail_reason": post.fail_reason if post.status(state.now()) is Status.FAILED else None,
        "why": film.why if film else None,
        "post_id": str(post.post_id) if post.is_public(state.now()) else None,
        "options": post.info,
        "size": chunks.size,
        "chunk_size": chunks.chunk,
        "total_chunk_count": chunks.count,
        "received": post.upload.received,
        "complete": post.upload.complete,
        "sha256": film.sha256 if film else None,
        "width": film.width if film else None,
        "height": film.height if film else None,
        "fps": film.fps if film else None,
        "seconds": film.seconds if film else None,
        "created_at": post.created_at,
        "received_at": post.received_at,
    }


class JSONText(JSONResponse):
    """JSON in ASCII: what was recorded may hold half of an emoji, which UTF-8 has no bytes for."""

    def render(self, content: Any) -> bytes:
        """As `json.dumps` writes it."""
        return json.dumps(content).encode()


def _post(state: State, publish_id: str) -> Post:
    if publish_id not in state.posts:
        raise HTTPException(404, f"no post {publish_id}")
    return state.posts[publish_id]


def _settings(state: State) -> dict[str, Any]:
    creators = {name: creator.model_dump() for name, creator in state.creators.items()}
    return {**state.rules.model_dump(mode="json"), "creators": creators}
