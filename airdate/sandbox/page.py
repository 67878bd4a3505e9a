"""The creator's page: what was posted, to be looked at as a viewer would."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import FileResponse, HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from airdate.sandbox.guard import only_from_here
from airdate.sandbox.posts import Post, Status
from airdate.sandbox.state import State

PATH = "/@creator"

FOLDER = Path(__file__).parent / "pages"

REFRESH_S = 3
"""How often the page is loaded anew while something is still on its way."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

PRIVACY = {
    "PUBLIC_TO_EVERYONE": "Everyone",
    "MUTUAL_FOLLOW_FRIENDS": "Friends",
    "FOLLOWER_OF_CREATOR": "Followers",
    "SELF_ONLY": "Only me",
}

_TAG = re.compile(r"([#@][\w.]+)")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a caption."""

    text: str
    is_tag: bool


@dataclass(frozen=True, slots=True)
class Card:
    """One post as the page shows it.

    Attributes:
        tone: `good`, `busy` or `bad`.
        labels: those TikTok puts on a film.
        switches: what viewers may do: name and whether it is on.
        percent: of the upload.
    """

    publish_id: str
    post_id: str | None
    direct: bool
    state: str
    tone: str
    reason: str | None
    why: str | None
    playable: bool
    caption: tuple[Part, ...]
    privacy: str | None
    labels: tuple[str, ...]
    switches: tuple[tuple[str, bool], ...]
    size: str
    facts: str | None
    when: str
    percent: int


def routes(state: State, host: str) -> APIRouter:
    """The page, its style, and the films it plays; for callers on this machine only."""
    router = APIRouter(prefix=PATH, dependencies=[Depends(only_from_here(host))])
    pages = Environment(loader=PackageLoader("airdate.sandbox", "pages"), autoescape=True, undefined=StrictUndefined)
    template = pages.get_template("creator.html")

    @router.get("")
    @router.get("/{creator}")
    async def show(creator: str | None = None) -> Response:
        names = list(state.creators) if creator is None else [creator]
        if not set(names) <= set(state.creators):
            raise HTTPException(404, f"no creator {creator}")
        now = state.now()
        shelves = [
            (state.seeds[name], state.creators[name], [_card(post, now) for post in state.posts_of(name)])
            for name in names
        ]
        # Those who posted come first: people open this page to see what they did.
        shelves.sort(key=lambda shelf: not shelf[2])
        busy = any(card.tone == "busy" for _, _, cards in shelves for card in cards)
        page = template.render(shelves=shelves, refresh=REFRESH_S if busy else None)
        return HTMLResponse(page, headers=HEADERS)

    @router.get("/style/creator.css")
    async def style() -> Response:
        return FileResponse(FOLDER / "creator.css", media_type="text/css", headers=HEADERS)

    @router.get("/films/{publish_id}")
    async def film(publish_id: str) -> Response:
        """The bytes as they came; ranges are answered, so that a browser can seek."""
        upload = _post(state, publish_id).upload
        if not upload.complete:
            raise HTTPException(404, "the film is not all there")
        return FileResponse(upload.path, media_type=upload.content_type, headers=HEADERS)

    @router.get("/covers/{publish_id}")
    async def cover(publish_id: str) -> Response:
        post = _post(state, publish_id)
        if post.film is None or post.film.poster is None:
            raise HTTPException(404, "there is no picture")
        return Response(post.film.poster, media_type="image/jpeg", headers=HEADERS)

    return router


def _post(state: State, publish_id: str) -> Post:
    if publish_id not in state.posts:
        raise HTTPException(404, "no such post")
    return state.posts[publish_id]


def _card(post: Post, now: float) -> Card:
    status, info, film, upload = post.status(now), post.info, post.film, post.upload
    switches = tuple((name, not info.get(f"disable_{name}", False)) for name in ("comment", "duet", "stitch"))
    label, tone = _state(post, status)
    return Card(
        publish_id=post.publish_id,
        post_id=str(post.post_id) if post.is_public(now) else None,
        direct=post.direct,
        state=label,
        tone=tone,
        reason=post.fail_reason if status is Status.FAILED else None,
        why=film.why if film and status is Status.FAILED else None,
        playable=upload.complete,
        caption=_parts(str(info.get("title", ""))),
        privacy=PRIVACY.get(str(info.get("privacy_level"))),
        labels=_labels(post),
        switches=switches if post.direct else (),
        size=_bytes(upload.chunks.size),
        facts=f"{film.width} × {film.height} · {film.fps:.4g} fps · {film.seconds:.1f} s"
        if film and film.fps
        else None,
        when=datetime.fromtimestamp(post.received_at or post.created_at, UTC).strftime("%d %b %Y %H:%M:%S UTC"),
        percent=100 * upload.received // upload.chunks.size,
    )


def _state(post: Post, status: Status) -> tuple[str, str]:
    if status is Status.PROCESSING_UPLOAD:
        return ("Processing" if post.upload.complete else "Uploading"), "busy"
    if status is Status.FAILED:
        return "Failed", "bad"
    return {Status.SEND_TO_USER_INBOX: "Draft in the inbox", Status.PUBLISH_COMPLETE: "Posted"}[status], "good"


def _labels(post: Post) -> tuple[str, ...]:
    """As TikTok labels a film; a partnership wins over the creator's own brand."""
    branded, own = post.info.get("brand_content_toggle"), post.info.get("brand_organic_toggle")
    commercial = "Paid partnership" if branded else "Promotional content" if own else None
    made = "Creator labeled as AI-generated" if post.info.get("is_aigc") else None
    return tuple(label for label in (commercial, made) if label)


def _parts(caption: str) -> tuple[Part, ...]:
    return tuple(Part(text, index % 2 == 1) for index, text in enumerate(_TAG.split(caption)) if text)


def _bytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
