"""The creator's page: what was posted, to be looked at as a viewer would."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import FileResponse, HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from airdate.sandbox.film import Film
from airdate.sandbox.guard import only_from_here
from airdate.sandbox.photos import Album
from airdate.sandbox.posts import Post, Pull, Status, Upload
from airdate.sandbox.state import State

PATH = "/@creator"

FOLDER = Path(__file__).parent / "pages"

PAGES = Environment(loader=PackageLoader("airdate.sandbox", "pages"), autoescape=True, undefined=StrictUndefined)

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
        photos: whether it is made of them.
        pictures: the numbers of those that can be shown.
        sha256: of what came, the film or each photo.
        switches: what viewers may do: name and whether it is on.
        progress: how much of it came.
    """

    publish_id: str
    post_id: str | None
    direct: bool
    state: str
    tone: str
    reason: str | None
    why: str | None
    playable: bool
    poster: bool
    photos: bool
    pictures: tuple[int, ...]
    sha256: tuple[str, ...]
    title: str | None
    caption: tuple[Part, ...]
    privacy: str | None
    labels: tuple[str, ...]
    switches: tuple[tuple[str, bool], ...]
    size: str
    facts: str | None
    when: str
    progress: str


def routes(state: State, host: str) -> APIRouter:
    """The page, its style, and the films it plays; for callers on this machine only."""
    router = APIRouter(prefix=PATH, dependencies=[Depends(only_from_here(host))])
    template = PAGES.get_template("creator.html")

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

    _show_media(router, state)
    return router


def _show_media(router: APIRouter, state: State) -> None:
    """The films, their covers and the photos."""

    @router.get("/films/{publish_id}")
    async def film(publish_id: str) -> Response:
        """The bytes as they came; ranges are answered, so that a browser can seek."""
        media = _post(state, publish_id).media
        if not media.complete:
            raise HTTPException(404, "the film is not all there")
        return FileResponse(media.path, media_type=media.content_type, headers=HEADERS)

    @router.get("/covers/{publish_id}")
    async def cover(publish_id: str) -> Response:
        found = _post(state, publish_id).found
        if not isinstance(found, Film) or found.poster is None:
            raise HTTPException(404, "there is no picture")
        return FileResponse(found.poster, media_type="image/jpeg", headers=HEADERS)

    @router.get("/photos/{publish_id}/{index}")
    async def photo(publish_id: str, index: int) -> Response:
        post = _post(state, publish_id)
        if not isinstance(post.found, Album) or not 0 <= index < len(post.found.pictures):
            raise HTTPException(404, "there is no such photo")
        kind = post.found.pictures[index].kind
        if kind is None or not isinstance(post.media, Pull):
            raise HTTPException(404, "it is no picture")
        return FileResponse(post.media.paths[index], media_type=kind, headers=HEADERS)


def _post(state: State, publish_id: str) -> Post:
    if publish_id not in state.posts:
        raise HTTPException(404, "no such post")
    return state.posts[publish_id]


def _card(post: Post, now: float) -> Card:
    status, info, found, media = post.status(now), post.info, post.found, post.media
    film = found if isinstance(found, Film) else None
    pictures = found.pictures if isinstance(found, Album) else ()
    names = ("comment",) if post.photos else ("comment", "duet", "stitch")
    switches = tuple((name, not info.get(f"disable_{name}", False)) for name in names)
    label, tone = _state(post, status)
    size = media.chunks.size if isinstance(media, Upload) else media.received
    return Card(
        publish_id=post.publish_id,
        post_id=str(post.post_id) if post.is_public(now) else None,
        direct=post.direct,
        state=label,
        tone=tone,
        reason=post.fail_reason if status is Status.FAILED else None,
        why=post.why if status is Status.FAILED else None,
        playable=media.complete and not post.photos,
        poster=film is not None and film.poster is not None,
        photos=post.photos,
        pictures=tuple(index for index, picture in enumerate(pictures) if picture.kind),
        sha256=(film.sha256,) if film else tuple(picture.sha256 for picture in pictures),
        title=str(info.get("title", "")) if post.photos else None,
        caption=_parts(str(info.get("description" if post.photos else "title", ""))),
        privacy=PRIVACY.get(str(info.get("privacy_level"))),
        labels=_labels(post),
        switches=switches if post.direct else (),
        size=_bytes(size),
        facts=f"{film.width} × {film.height} · {film.fps:.4g} fps · {film.seconds:.1f} s"
        if film and film.fps
        else ", ".join(f"{picture.width} × {picture.height}" for picture in pictures) or None,
        when=datetime.fromtimestamp(post.received_at or post.created_at, UTC).strftime("%d %b %Y %H:%M:%S UTC"),
        progress=f"{100 * media.received // size} %" if isinstance(media, Upload) else _bytes(media.received),
    )


def _state(post: Post, status: Status) -> tuple[str, str]:
    if post.taken_down_at is not None:
        return "Taken down", "bad"
    if status in (Status.PROCESSING_UPLOAD, Status.PROCESSING_DOWNLOAD):
        coming = "Uploading" if isinstance(post.media, Upload) else "Downloading"
        return ("Processing" if post.media.complete else coming), "busy"
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
