"""The JSON calls of a post but its init: creator_info, status and cancel; and what every call is handed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airdate.sandbox import processing, pulling
from airdate.sandbox.answers import Refusal
from airdate.sandbox.calls import Call
from airdate.sandbox.posts import Post, Status
from airdate.sandbox.settings import Creator
from airdate.sandbox.state import State
from airdate.sandbox.tokens import Token


@dataclass(frozen=True, slots=True)
class Asked:
    """An authorised call.

    Attributes:
        upload_origin: `scheme://host:port` for upload URLs.
        call: its record.
    """

    state: State
    token: Token
    body: Mapping[str, Any]
    query: Mapping[str, str]
    upload_origin: str
    call: Call

    @property
    def creator(self) -> Creator:
        """Whose call it is."""
        return self.state.creators[self.token.creator]

    @property
    def audited(self) -> bool:
        """Whether the app that calls passed TikTok's audit."""
        return self.state.creators[self.token.app].audited

    def broke(self, rule: str, detail: str) -> None:
        """Record a broken rule that TikTok itself lets pass."""
        self.state.calls.broke(self.call, rule, detail)


Work = Callable[[Asked], Awaitable[dict[str, Any] | None]]


async def creator_info(asked: Asked) -> dict[str, Any]:
    """What the creator allows now. Caps come with HTTP 200 here, as TikTok means it."""
    creator, state = asked.creator, asked.state
    if creator.banned:
        raise Refusal("spam_risk_user_banned_from_posting", status=200)
    if state.is_capped(asked.token.creator):
        raise Refusal("spam_risk_too_many_posts", status=200)
    state.asked_creator_info(asked.token.creator)
    return {
        "creator_avatar_url": "https://example.com/avatar.jpeg",
        "creator_username": state.seeds[asked.token.creator].username,
        "creator_nickname": creator.nickname,
        "privacy_level_options": list(creator.privacy_levels),
        "comment_disabled": creator.comment_disabled,
        "duet_disabled": creator.duet_disabled or creator.private,
        "stitch_disabled": creator.stitch_disabled or creator.private,
        "max_video_post_duration_sec": creator.max_video_post_duration_sec,
    }


async def status(asked: Asked) -> dict[str, Any]:
    """Where a post stands."""
    state, post = asked.state, _own_post(asked)
    if state.now() >= post.ready_at:
        await processing.settled(state, post)
    return post.fetched(state.now())


async def cancel(asked: Asked) -> None:
    """End a pull that is on its way; an upload is none."""
    state, post = asked.state, _own_post(asked)
    if post.status(state.now()) is not Status.PROCESSING_DOWNLOAD:
        raise Refusal("publish_not_cancellable")
    pulling.stop(state, post, "publish_cancelled", "cancelled by its API")


def _own_post(asked: Asked) -> Post:
    publish_id = asked.body.get("publish_id")
    if not isinstance(publish_id, str) or not publish_id:
        raise Refusal("invalid_params", "The publish_id is empty or incorrect")
    post = asked.state.posts.get(publish_id)
    if post is None:
        raise Refusal("invalid_publish_id")
    asked.call.publish_id = publish_id
    if (post.app, post.creator) != (asked.token.app, asked.token.creator):
        raise Refusal("token_not_authorized_for_specified_publish_id")
    return post
