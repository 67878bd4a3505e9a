"""Everything the sandbox knows: its settings, its creators, their tokens and posts, and what it was asked.

It lives in memory, on one event loop; only the films lie on disk.
"""

from __future__ import annotations

import secrets
import shutil
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from airdate.sandbox.calls import Calls
from airdate.sandbox.clock import Clock
from airdate.sandbox.faults import CallName, Faults, ProcessingFault
from airdate.sandbox.posts import Post, Upload
from airdate.sandbox.rules import Chunks, Profile
from airdate.sandbox.seed import SEEDS, Seed
from airdate.sandbox.tokens import Tokens

WINDOW_S = 60.0
"""TikTok's rate windows are sliding ones of a minute."""

UPLOAD_URL_S = 3600.0
"""An upload URL lives for one hour (TikTok, Direct Post reference)."""

FIRST_ID = 7_500_000_000_000_000_000
"""TikTok's ids have 19 digits, more than 2^53."""


class Rules(BaseModel):
    """What `POST /@control/settings` changes for all creators.

    Attributes:
        profile: how the chunk rules are read.
        processing_seconds: from the last byte to the decision.
        public_id_seconds: from the decision to the id of a public post.
        access_token_seconds, refresh_token_seconds: 7200 and 15552000 by TikTok's newest page.
        oauth_error_status: the HTTP status of OAuth errors; real ones came with 200.
        old_access_token: whether it lives on to its end after a refresh.
        progress_header: `Content-Range` of an answered chunk as a count, as the last index, or not at all.
        repeated_range: the answer to a range that is in already.
        wrong_length: the answer to a body whose length is not that of its range.
        daily_cap: posts per creator in 24 h.
        pending_shares: unfinished drafts per creator in 24 h.
        consent: what the creator does on the consent page, at once.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    profile: Profile = Profile.STRICT
    processing_seconds: float = Field(1.5, ge=0)
    public_id_seconds: float = Field(1.0, ge=0)
    access_token_seconds: int = Field(7200, ge=1)
    refresh_token_seconds: int = Field(15_552_000, ge=1)
    oauth_error_status: Literal[200, 400, 401] = 200
    old_access_token: Literal["lives", "dies"] = "lives"  # noqa: S105
    progress_header: Literal["count", "last", "none"] = "count"
    repeated_range: Literal[206, 416] = 416
    wrong_length: Literal[400, 502] = 400
    daily_cap: int = Field(15, ge=0)
    pending_shares: int = Field(5, ge=0)
    consent: Literal["agrees", "refuses"] = "agrees"


class Creator(BaseModel):
    """A creator's account and the app it authorised, as they stand now.

    Attributes:
        audited: whether the app passed the audit.
        private: whether the account is.
        banned: TikTok lets the creator post nothing.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    audited: bool
    private: bool
    nickname: str
    max_video_post_duration_sec: int = Field(ge=1)
    comment_disabled: bool = False
    duet_disabled: bool = False
    stitch_disabled: bool = False
    banned: bool = False

    @classmethod
    def of(cls, seed: Seed) -> Creator:
        """As a creator begins."""
        return cls(
            audited=seed.audited,
            private=seed.private,
            nickname=seed.nickname,
            max_video_post_duration_sec=seed.max_seconds,
        )

    @property
    def privacy_levels(self) -> tuple[str, ...]:
        """What this account offers (TikTok, Query Creator Info)."""
        first = "FOLLOWER_OF_CREATOR" if self.private else "PUBLIC_TO_EVERYONE"
        return first, "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"


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
        """Begin empty; films of an earlier sandbox in `folder` are thrown away with the posts they belonged to."""
        self.films = folder / "films"
        self.clock = Clock(time)
        self.tokens = Tokens()
        self.calls = Calls()
        self.faults = Faults()
        self.seeds = {seed.name: seed for seed in SEEDS}
        self.upload_place = Places(None, 0)
        self.reset()

    def reset(self) -> None:
        """Everything as it began, but for the tokens: who has one keeps it."""
        shutil.rmtree(self.films, ignore_errors=True)
        self.films.mkdir(parents=True)
        self.clock.reset()
        self.calls.clear()
        self.faults.clear()
        self.rules = Rules()
        self.creators = {name: Creator.of(seed) for name, seed in self.seeds.items()}
        self.posts: dict[str, Post] = {}
        self._uploads: dict[str, Post] = {}
        self._windows: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)
        self._asked_info: dict[str, float] = {}

    def now(self) -> float:
        """The sandbox's time."""
        return self.clock.now()

    def within_rate(self, creator: str, path: str, per_minute: int) -> bool:
        """Take a place in the creator's sliding minute for this call; false when there is none left."""
        window, now = self._windows[creator, path], self.now()
        while window and now - window[0] >= WINDOW_S:
            window.popleft()
        if len(window) >= per_minute:
            return False
        window.append(now)
        return True

    def asked_creator_info(self, creator: str) -> None:
        """Remember that it was asked for just now."""
        self._asked_info[creator] = self.now()

    def creator_info_age(self, creator: str) -> float | None:
        """Seconds since it was last asked for; None when it never was."""
        asked = self._asked_info.get(creator)
        return None if asked is None else self.now() - asked

    def open_post(self, creator: str, chunks: Chunks, info: dict[str, Any] | None) -> Post:
        """A new post, or a new draft when there is no `info`, that waits for its film."""
        upload = Upload(
            id=str(_new_id()),
            token=str(uuid.uuid4()),
            chunks=chunks,
            expires_at=self.now() + UPLOAD_URL_S,
            path=self.films / uuid.uuid4().hex,
        )
        prefix = "v_inbox_file~v2." if info is None else "v_pub_file~v2-1."
        post = Post(
            publish_id=f"{prefix}{_new_id()}",
            creator=creator,
            direct=info is not None,
            info=info or {},
            post_id=_new_id(),
            created_at=self.now(),
            upload=upload,
        )
        self.posts[post.publish_id] = post
        self._uploads[upload.id] = post
        return post

    def post_of_upload(self, upload_id: str, token: str) -> Post | None:
        """The post whose upload URL has this id and token."""
        post = self._uploads.get(upload_id)
        known = post is not None and secrets.compare_digest(post.upload.token.encode(), token.encode())
        return post if known else None

    def posts_of(self, creator: str) -> Iterator[Post]:
        """A creator's posts, newest first."""
        return (post for post in reversed(self.posts.values()) if post.creator == creator)

    def is_capped(self, creator: str) -> bool:
        """Whether the creator's posts of the last 24 h are all that TikTok takes."""
        now = self.now()
        return sum(post.counts_today(now) for post in self.posts_of(creator)) >= self.rules.daily_cap

    def received(self, post: Post) -> None:
        """The last byte is in: from now on only processing decides."""
        now = self.now()
        post.capped = post.direct and self.is_capped(post.creator)
        post.fault = self.faults.take(CallName.PROCESSING, ProcessingFault) or ProcessingFault()
        post.received_at = now
        post.ready_at = now + self.rules.processing_seconds
        post.public_at = post.ready_at + self.rules.public_id_seconds


def _new_id() -> int:
    return FIRST_ID + secrets.randbelow(10**18)
