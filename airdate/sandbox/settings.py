"""What can be set: rules for all, and what is true of each creator and its app."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from airdate.sandbox.rules import Profile
from airdate.sandbox.seed import Seed


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
        consent: what the creator does on the consent page, at once; with `page` a person decides on a visible one.
        verified_prefixes: what the apps proved to own, for pulls: domains, with all below, or beginnings of URLs.
        webhook_url: where every event is sent; none when empty.
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
    consent: Literal["agrees", "refuses", "page"] = "agrees"
    verified_prefixes: tuple[str, ...] = ()
    webhook_url: str | None = Field(None, pattern="^https?://")


class Creator(BaseModel):
    """A creator's account and the app it authorised, as they stand now.

    Attributes:
        audited: whether the app passed the audit.
        web: whether the app is a web app, which has other redirect addresses and sends no PKCE; else a desktop app.
        private: whether the account is.
        banned: TikTok lets the creator post nothing.
        target: whether the account is a target user of the app; others cannot authorise an app that is not live.
        old_app: TikTok on the creator's phone is too old for photo drafts.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    audited: bool
    web: bool = False
    private: bool
    nickname: str
    max_video_post_duration_sec: int = Field(ge=1)
    comment_disabled: bool = False
    duet_disabled: bool = False
    stitch_disabled: bool = False
    banned: bool = False
    target: bool = True
    old_app: bool = False

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
