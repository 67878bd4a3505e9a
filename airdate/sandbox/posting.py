"""The JSON calls of a post: creator_info, the two inits, status, cancel, and the creator's own list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airdate.sandbox import processing
from airdate.sandbox.answers import Refusal
from airdate.sandbox.calls import Call
from airdate.sandbox.posts import PUBLIC, Post
from airdate.sandbox.rules import Chunks, is_post_info, unknown_fields
from airdate.sandbox.state import Creator, State
from airdate.sandbox.tokens import Token

FRESH_S = 60.0
"""creator_info must be asked anew before every post (TikTok, Content Sharing Guidelines); ours is the minute."""

BAD_POST_INFO = "The request post info is empty or incorrect"
BAD_SOURCE_INFO = "The request source info is empty or incorrect"

USER_FIELDS = {
    "open_id": "user.info.basic",
    "union_id": "user.info.basic",
    "avatar_url": "user.info.basic",
    "display_name": "user.info.basic",
    "username": "user.info.profile",
    "is_verified": "user.info.profile",
    "video_count": "user.info.stats",
}
"""Fields of user/info that we have, and the scope each needs."""

LONGEST_PAGE = 20
"""Videos in one answer of video/list."""


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


async def init_direct(asked: Asked) -> dict[str, Any]:
    """Open a direct post."""
    info = asked.body.get("post_info")
    if not isinstance(info, dict) or not is_post_info(info):
        raise Refusal("invalid_params", BAD_POST_INFO)
    chunks = _chunks(asked)
    _may_post(asked, info.get("privacy_level"))
    _note_unwise(asked, info)
    return _opened(asked, chunks, info)


async def init_inbox(asked: Asked) -> dict[str, Any]:
    """Open a draft; nothing but the film goes into it."""
    chunks = _chunks(asked)
    if asked.creator.banned:
        raise Refusal("spam_risk_user_banned_from_posting")
    now = asked.state.now()
    pending = sum(post.pending_share(now) for post in asked.state.posts_of(asked.token.creator))
    if pending >= asked.state.rules.pending_shares:
        raise Refusal("spam_risk_too_many_pending_share")
    if "post_info" in asked.body:
        asked.broke("post_info_in_inbox", "TikTok drops post_info of a draft without a word")
    return _opened(asked, chunks, None)


async def status(asked: Asked) -> dict[str, Any]:
    """Where a post stands."""
    state, post = asked.state, _own_post(asked)
    if state.now() >= post.ready_at:
        await processing.settled(post)
    return post.fetched(state.now())


async def cancel(asked: Asked) -> None:
    """Only a pull can be cancelled, and an upload is none."""
    _own_post(asked)
    raise Refusal("publish_not_cancellable")


async def user_info(asked: Asked) -> dict[str, Any]:
    """The creator, as far as the granted scopes reach."""
    seed = asked.state.seeds[asked.token.creator]
    wanted = [name for name in asked.query.get("fields", "").split(",") if name]
    if not wanted or not set(wanted) <= set(USER_FIELDS):
        raise Refusal("invalid_params", "The fields are empty or incorrect")
    if not {USER_FIELDS[name] for name in wanted} <= set(asked.token.scopes):
        raise Refusal("scope_not_authorized")
    now = asked.state.now()
    known = {
        "open_id": seed.open_id,
        "union_id": f"union{seed.open_id}",
        "avatar_url": "https://example.com/avatar.jpeg",
        "display_name": asked.creator.nickname,
        "username": seed.username,
        "is_verified": False,
        "video_count": sum(post.is_public(now) for post in asked.state.posts_of(seed.name)),
    }
    return {"user": {name: known[name] for name in wanted}}


async def video_list(asked: Asked) -> dict[str, Any]:
    """The creator's public posts, newest first, in one page."""
    state, now = asked.state, asked.state.now()
    wanted = [name for name in asked.query.get("fields", "").split(",") if name]
    count = asked.body.get("max_count", 10)
    if not wanted or not isinstance(count, int) or not 1 <= count <= LONGEST_PAGE:
        raise Refusal("invalid_params", "The fields or max_count are incorrect")
    username = state.seeds[asked.token.creator].username
    public = [post for post in state.posts_of(asked.token.creator) if post.is_public(now)]
    videos = [
        {
            "id": str(post.post_id),
            "title": post.info.get("title", ""),
            "create_time": int(post.ready_at),
            "share_url": f"https://www.tiktok.com/@{username}/video/{post.post_id}",
        }
        for post in public[:count]
    ]
    page = [{name: video[name] for name in wanted if name in video} for video in videos]
    return {"videos": page, "cursor": 0, "has_more": len(public) > count}


def _chunks(asked: Asked) -> Chunks:
    """The chunk plan of an upload that keeps the rules."""
    source = asked.body.get("source_info")
    if not isinstance(source, dict) or not source:
        raise Refusal("invalid_params", BAD_SOURCE_INFO)
    if source.get("source") == "PULL_FROM_URL" and isinstance(source.get("video_url"), str):
        raise Refusal("url_ownership_unverified")  # no address is verified for the sandbox's apps
    numbers = [source.get(name) for name in ("video_size", "chunk_size", "total_chunk_count")]
    if source.get("source") != "FILE_UPLOAD" or not all(type(number) is int for number in numbers):
        raise Refusal("invalid_params", BAD_SOURCE_INFO)
    chunks = Chunks(*(int(number) for number in numbers if number is not None))
    if refusal := chunks.refusal(asked.state.rules.profile):
        raise Refusal("invalid_params", refusal)
    return chunks


def _may_post(asked: Asked, privacy: object) -> None:
    """TikTok's rules on who may post what to whom (fact sheet, sections 5 and 20)."""
    creator = asked.creator
    if creator.banned:
        raise Refusal("spam_risk_user_banned_from_posting")
    if asked.state.is_capped(asked.token.creator):
        raise Refusal("spam_risk_too_many_posts")
    if privacy is None:
        raise Refusal("privacy_level_option_mismatch")
    if not creator.audited and (not creator.private or privacy == PUBLIC):
        raise Refusal("unaudited_client_can_only_post_to_private_accounts")
    if privacy not in creator.privacy_levels:
        raise Refusal("privacy_level_option_mismatch")
    if not creator.audited and privacy != "SELF_ONLY":
        raise Refusal("unaudited_client_can_only_post_to_private_accounts")


def _note_unwise(asked: Asked, info: dict[str, Any]) -> None:
    """Rules of TikTok's guidelines that its API does not enforce."""
    age = asked.state.creator_info_age(asked.token.creator)
    if age is None or age > FRESH_S:
        known = "never asked" if age is None else f"{age:.0f} s old"
        asked.broke(
            "stale_creator_info", f"init with creator_info {known}; it must be asked anew, within {FRESH_S:.0f} s"
        )
    if info.get("brand_content_toggle") and info.get("privacy_level") == "SELF_ONLY":
        asked.broke("branded_private", "branded content cannot be private")
    for name in ("brand_content_toggle", "brand_organic_toggle"):
        if name not in info:
            asked.broke("toggle_missing", f"{name} is required by the reference")
    for name in unknown_fields(info):
        asked.broke("unknown_field", f"post_info has no {name}")


def _opened(asked: Asked, chunks: Chunks, info: dict[str, Any] | None) -> dict[str, Any]:
    post = asked.state.open_post(asked.token.creator, chunks, info)
    asked.call.publish_id = post.publish_id
    upload = post.upload
    url = f"{asked.upload_origin}/upload?upload_id={upload.id}&upload_token={upload.token}"
    return {"publish_id": post.publish_id, "upload_url": url}


def _own_post(asked: Asked) -> Post:
    publish_id = asked.body.get("publish_id")
    if not isinstance(publish_id, str) or not publish_id:
        raise Refusal("invalid_params", "The publish_id is empty or incorrect")
    post = asked.state.posts.get(publish_id)
    if post is None:
        raise Refusal("invalid_publish_id")
    asked.call.publish_id = publish_id
    if post.creator != asked.token.creator:
        raise Refusal("token_not_authorized_for_specified_publish_id")
    return post
