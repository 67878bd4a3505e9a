"""Everything the sandbox knows: its settings, its creators, their tokens and posts, and what it was asked.

It lives on one event loop. All but the faults and the recorded calls is in its folder too, as of the last answer.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from airdate.sandbox.calls import Calls
from airdate.sandbox.clock import Clock
from airdate.sandbox.deliveries import Delivery
from airdate.sandbox.faults import CallName, Faults, ProcessingFault
from airdate.sandbox.film import Film
from airdate.sandbox.jobs import Jobs
from airdate.sandbox.posts import Post, Pull, Upload
from airdate.sandbox.rules import Chunks
from airdate.sandbox.seed import SEEDS
from airdate.sandbox.settings import Creator, Rules
from airdate.sandbox.store import Shelf, Store
from airdate.sandbox.tokens import Token, Tokens

WINDOW_S = 60.0
"""TikTok's rate windows are sliding ones of a minute."""

UPLOAD_URL_S = 3600.0
"""An upload URL lives for one hour (TikTok, Direct Post reference)."""

PULL_S = 3600.0
"""A pull may take one hour from its init (TikTok, Media Transfer Guide)."""

FIRST_ID = 7_500_000_000_000_000_000
"""TikTok's ids have 19 digits, more than 2^53."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where uploads go.

    Attributes:
        host: the upload host's name as written in URLs; None to use the one the caller called us by.
    """

    host: str | None
    port: int


class State:
    """The whole of it."""

    def __init__(self, folder: Path, time: Callable[[], float]) -> None:
        """Go on where an earlier sandbox of this folder ended."""
        self.films = folder / "films"
        self.films.mkdir(parents=True, exist_ok=True)
        self._store = store = Store(folder)
        self.clock = Clock(time, Shelf[float](store, "clock", float))
        self.tokens = Tokens(store)
        self.calls = Calls()
        self.faults = Faults()
        self.seeds = {seed.name: seed for seed in SEEDS}
        self.upload_place = Places(None, 0)
        self.creators: Shelf[Creator] = Shelf(store, "creators", Creator)
        self.posts: Shelf[Post] = Shelf(store, "posts", Post)
        self.pulling, self.examining, self.sending = Jobs(), Jobs(), Jobs()
        self.deliveries: Shelf[Delivery] = Shelf(store, "deliveries", Delivery)
        self._rules: Shelf[Rules] = Shelf(store, "rules", Rules)
        self._windows: Shelf[list[float]] = Shelf(store, "windows", list[float])
        self._asked_info: Shelf[float] = Shelf(store, "asked_info", float)
        for post in self.posts.values():
            _move(post, self.films)
        self._uploads = {post.media.id: post for post in self.posts.values() if isinstance(post.media, Upload)}
        self._begin()

    def close(self) -> None:
        """Let go of the folder."""
        self._end_jobs()
        self._store.close()

    def reset(self) -> None:
        """Everything as it began, but for the tokens: who has one keeps it."""
        self._end_jobs()
        for shelf in (self.creators, self.posts, self.deliveries, self._rules, self._windows, self._asked_info):
            shelf.clear()
        self._uploads.clear()
        self.clock.reset()
        self.calls.clear()
        self.faults.clear()
        self._begin()

    @property
    def rules(self) -> Rules:
        """The settings of all."""
        return self._rules["rules"]

    @rules.setter
    def rules(self, rules: Rules) -> None:
        self._rules["rules"] = rules

    def now(self) -> float:
        """The sandbox's time."""
        return self.clock.now()

    def open_id(self, app: str, creator: str) -> str:
        """What the app knows the creator by; every app has another word for the same person."""
        own = self.seeds[app].open_id
        return own if app == creator else f"-000{hashlib.sha256(f'{own} {creator}'.encode()).hexdigest()[:32]}"

    def within_rate(self, token: Token, path: str, per_minute: int) -> bool:
        """Take a place in the creator's sliding minute for this call; false when there is none left."""
        name, now = f"{token.app} {token.creator} {path}", self.now()
        window = [at for at in self._windows.get(name, []) if 0 <= now - at < WINDOW_S]
        if len(window) >= per_minute:
            return False
        self._windows[name] = [*window, now]
        return True

    def asked_creator_info(self, creator: str) -> None:
        """Remember that it was asked for just now."""
        self._asked_info[creator] = self.now()

    def creator_info_age(self, creator: str) -> float | None:
        """Seconds since it was last asked for; None when it never was."""
        asked = self._asked_info.get(creator)
        return None if asked is None else self.now() - asked

    def open_upload(self, token: Token, chunks: Chunks, info: dict[str, Any] | None) -> tuple[Post, Upload]:
        """A new post, or a new draft when there is no `info`, that waits for its film."""
        upload = Upload(
            id=str(_new_id()),
            token=str(uuid.uuid4()),
            chunks=chunks,
            expires_at=self.now() + UPLOAD_URL_S,
            path=self._new_path(),
        )
        prefix = "v_inbox_file~v2." if info is None else "v_pub_file~v2-1."
        post = self._open(token, prefix, upload, info or {}, direct=info is not None)
        self._uploads[upload.id] = post
        return post, upload

    def open_pull(
        self, token: Token, urls: tuple[str, ...], info: dict[str, Any], *, direct: bool, photos: bool
    ) -> Post:
        """A new post or draft whose media are to be fetched."""
        prefix = "p_pub_url~v2." if photos else "v_pub_url~v2." if direct else "v_inbox_url~v2."
        paths = tuple(self._new_path() for _ in urls)
        pull = Pull(urls=urls, paths=paths, photos=photos, expires_at=self.now() + PULL_S)
        return self._open(token, prefix, pull, info, direct=direct)

    def post_of_upload(self, upload_id: str, token: str) -> tuple[Post, Upload] | None:
        """The post whose upload URL has this id and token, and its upload."""
        post = self._uploads.get(upload_id)
        if post is None or not isinstance(post.media, Upload):
            return None
        known = secrets.compare_digest(post.media.token.encode(), token.encode())
        return (post, post.media) if known else None

    def posts_of(self, creator: str) -> Iterator[Post]:
        """A creator's posts, newest first."""
        return (self.posts[name] for name in reversed(self.posts) if self.posts[name].creator == creator)

    def is_capped(self, creator: str) -> bool:
        """Whether the creator's posts of the last 24 h are all that TikTok takes.

        Those of an earlier sandbox are not counted: a demo that somebody runs for the eighth time today shall work.
        """
        now = self.now()
        return sum(post.counts_today(now) for post in self._own_posts_of(creator)) >= self.rules.daily_cap

    def has_too_many_drafts(self, creator: str) -> bool:
        """Whether the creator has as many unfinished drafts as TikTok allows; counted from the start, like the cap."""
        now = self.now()
        return sum(post.pending_share(now) for post in self._own_posts_of(creator)) >= self.rules.pending_shares

    def received(self, post: Post) -> None:
        """The last byte is in: from now on only processing decides."""
        now = self.now()
        post.capped = post.direct and self.is_capped(post.creator)
        post.fault = self.faults.take(CallName.PROCESSING, ProcessingFault) or ProcessingFault()
        post.received_at = now
        post.ready_at = now + self.rules.processing_seconds
        post.public_at = post.ready_at + self.rules.public_id_seconds
        self.posts.save(post.publish_id)

    def _end_jobs(self) -> None:
        for jobs in (self.pulling, self.examining, self.sending):
            jobs.cancel_all()

    def _begin(self) -> None:
        """Fill in what is not there yet, and throw away the films that belong to no post."""
        self._rules.setdefault("rules", Rules())
        for name, seed in self.seeds.items():
            self.creators.setdefault(name, Creator.of(seed))
        self._earlier = frozenset(self.posts)
        known = {path for post in self.posts.values() for path in _paths(post)}
        for path in self.films.iterdir():
            if path.with_suffix("") not in known:
                path.unlink()

    def _own_posts_of(self, creator: str) -> Iterator[Post]:
        return (post for post in self.posts_of(creator) if post.publish_id not in self._earlier)

    def _open(self, token: Token, prefix: str, media: Upload | Pull, info: dict[str, Any], *, direct: bool) -> Post:
        post = Post(
            publish_id=f"{prefix}{_new_id()}",
            app=token.app,
            creator=token.creator,
            direct=direct,
            info=info,
            media=media,
            post_id=_new_id(),
            created_at=self.now(),
        )
        self.posts[post.publish_id] = post
        return post

    def _new_path(self) -> Path:
        return self.films / uuid.uuid4().hex


def _paths(post: Post) -> tuple[Path, ...]:
    return post.media.paths if isinstance(post.media, Pull) else (post.media.path,)


def _move(post: Post, films: Path) -> None:
    """Look for its files in this folder: since they were written the home may have got another name."""
    if isinstance(post.media, Pull):
        post.media.paths = tuple(films / path.name for path in post.media.paths)
    else:
        post.media.path = films / post.media.path.name
    if isinstance(post.found, Film) and post.found.poster:
        post.found = replace(post.found, poster=films / post.found.poster.name)


def _new_id() -> int:
    return FIRST_ID + secrets.randbelow(10**18)
