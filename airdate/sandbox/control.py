"""The control API: what a test or a rehearsal orders, and what it may look at afterwards."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airdate.redact import redact
from airdate.sandbox import oauth, processing, pulling, webhooks
from airdate.sandbox.faults import CallName, Order
from airdate.sandbox.film import Film
from airdate.sandbox.guard import only_from_here
from airdate.sandbox.photos import Album
from airdate.sandbox.posts import Post, Pull, Status, Upload
from airdate.sandbox.state import State

PATH = "/@control"


class GrantWish(BaseModel):
    """A consent without a browser.

    Attributes:
        app: by the name of its seed; the creator's own when left out.
        scope: comma-separated; everything the app may ask for when left out.
    """

    model_config = ConfigDict(extra="forbid")

    creator: str = "demo"
    app: str | None = None
    scope: str | None = None


class DisconnectWish(BaseModel):
    """A creator who takes a consent back.

    Attributes:
        app: by the name of its seed; the creator's own when left out.
        reason: of the event `authorization.removed`.
    """

    model_config = ConfigDict(extra="forbid")

    creator: str = "demo"
    app: str | None = None
    reason: int = Field(webhooks.DISCONNECTED_BY_USER, ge=0, le=5)


class SettingsWish(BaseModel):
    """Settings to change: the rules of all, and by name those of creators (`audited` is their app's)."""

    model_config = ConfigDict(extra="allow")

    creators: dict[str, dict[str, Any]] = Field(default_factory=dict)


class ClockWish(BaseModel):
    """What to do with the clock.

    Attributes:
        advance_seconds: put it forward.
        skew_seconds: have it be so far ahead of the real time, or behind it when negative.
    """

    model_config = ConfigDict(extra="forbid")

    advance_seconds: float = Field(0, ge=0)
    skew_seconds: float | None = None


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
        ("GET", "/posts/{publish_id}/bytes/{index}", control.show_bytes),
        ("POST", "/posts/{publish_id}/finish", control.finish_draft),
        ("POST", "/posts/{publish_id}/take_down", control.take_down),
        ("POST", "/disconnect", control.disconnect),
        ("GET", "/webhooks", control.list_webhooks),
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
        state, creator, app = self._state, self._known(wish.creator), self._known(wish.app or wish.creator)
        seed = state.seeds[app]
        scope = wish.scope or seed.scope
        if not set(scope.split(",")) <= set(seed.scope.split(",")):
            raise HTTPException(422, f"the app has only the scopes {seed.scope}")
        return {
            "client_key": seed.client_key,
            "client_secret": seed.client_secret,
            "open_id": state.open_id(app, creator),
            "refresh_token": oauth.issue(state, app, creator, tuple(scope.split(","))).refresh,
            "scope": scope,
        }

    def _known(self, name: str) -> str:
        if name not in self._state.seeds:
            raise HTTPException(404, f"no creator {name}; there are {', '.join(self._state.seeds)}")
        return name

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
        await asyncio.gather(*(processing.settled(self._state, post) for post in self._state.posts.values()))
        return JSONText([shown(self._state, post) for post in self._state.posts.values()])

    async def show_post(self, publish_id: str) -> Response:
        post = _post(self._state, publish_id)
        await processing.settled(self._state, post)
        return JSONText(shown(self._state, post))

    async def show_bytes(self, publish_id: str, index: int = 0) -> Response:
        """What came of a film, or of the photo of that number, from 0."""
        media = _post(self._state, publish_id).media
        paths = media.paths if isinstance(media, Pull) else (media.path,)
        if not 0 <= index < len(paths) or not paths[index].exists():
            raise HTTPException(404, "no byte of it has come")
        return FileResponse(paths[index], media_type="application/octet-stream")

    async def finish_draft(self, publish_id: str) -> Response:
        """The creator posts a draft from the inbox."""
        post = _post(self._state, publish_id)
        if post.status(self._state.now()) is not Status.SEND_TO_USER_INBOX:
            raise HTTPException(409, "it is no draft that waits in the inbox")
        post.posted_at = self._state.now()
        self._state.posts.save(publish_id)
        return JSONText(shown(self._state, post))

    async def take_down(self, publish_id: str) -> Response:
        """Nobody sees the post any longer: moderation or the creator took it away."""
        post = _post(self._state, publish_id)
        if post.status(self._state.now()) is not Status.PUBLISH_COMPLETE:
            raise HTTPException(409, "it is not published")
        post.taken_down_at = self._state.now()
        self._state.posts.save(publish_id)
        return JSONText(shown(self._state, post))

    async def disconnect(self, wish: DisconnectWish) -> dict[str, int]:
        """The creator removes the app, in TikTok's own settings; what is not decided yet fails."""
        state, app = self._state, self._known(wish.app or wish.creator)
        grants = state.tokens.grants_of(app, self._known(wish.creator))
        for grant in grants:
            state.tokens.revoke(grant)
        for post in state.posts_of(wish.creator):
            if post.app == app and post.status(state.now()) in (Status.PROCESSING_UPLOAD, Status.PROCESSING_DOWNLOAD):
                pulling.stop(state, post, "auth_removed", "the creator removed the app")
        webhooks.consent_ended(state, app, wish.creator, wish.reason)
        return {"ended": len(grants)}

    async def list_webhooks(self) -> list[dict[str, Any]]:
        return [delivery.shown() for delivery in self._state.deliveries.values()]

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
        self._state.rules = rules
        self._state.creators.update(creators)
        return _settings(self._state)

    async def advance_clock(self, wish: ClockWish) -> dict[str, float]:
        if wish.skew_seconds is not None:
            self._state.clock.skew(wish.skew_seconds)
        self._state.clock.advance(wish.advance_seconds)
        return {"now": self._state.now()}

    async def reset(self) -> dict[str, Any]:
        """Everything as it began, but for the tokens."""
        self._state.reset()
        return _settings(self._state)


def shown(state: State, post: Post) -> dict[str, Any]:
    """All there is to know about a post, but for its upload's token and the queries of its addresses."""
    now, media = state.now(), post.media
    film = post.found if isinstance(post.found, Film) else None
    album = post.found if isinstance(post.found, Album) else None
    chunks = media.chunks if isinstance(media, Upload) else None
    return {
        "publish_id": post.publish_id,
        "app": post.app,
        "creator": post.creator,
        "mode": "direct" if post.direct else "inbox",
        "kind": "photos" if post.photos else "film",
        "state": post.status(now).value,
        "fail_reason": post.fail_reason if post.status(now) is Status.FAILED else None,
        "why": post.why,
        "post_id": str(post.post_id) if post.is_public(now) else None,
        "taken_down": post.taken_down_at is not None,
        "options": post.info,
        "urls": [redact(url) for url in media.urls] if isinstance(media, Pull) else None,
        "size": chunks.size if chunks else media.received if media.complete else None,
        "chunk_size": chunks.chunk if chunks else None,
        "total_chunk_count": chunks.count if chunks else None,
        "received": media.received,
        "taken": media.taken if isinstance(media, Upload) else None,
        "complete": media.complete,
        "sha256": film.sha256 if film else None,
        "photos": [asdict(picture) for picture in album.pictures] if album else None,
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
