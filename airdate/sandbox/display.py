"""TikTok's Display API, as far as a publisher needs it: the creator, and the posts that everybody can see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airdate.sandbox.answers import Refusal
from airdate.sandbox.film import Film
from airdate.sandbox.posting import Asked
from airdate.sandbox.posts import Post

AVATAR = "https://example.com/avatar.jpeg"

USER_SCOPES = {
    "open_id": "user.info.basic",
    "union_id": "user.info.basic",
    "avatar_url": "user.info.basic",
    "avatar_url_100": "user.info.basic",
    "avatar_large_url": "user.info.basic",
    "display_name": "user.info.basic",
    "bio_description": "user.info.profile",
    "profile_deep_link": "user.info.profile",
    "is_verified": "user.info.profile",
    "username": "user.info.profile",
    "follower_count": "user.info.stats",
    "following_count": "user.info.stats",
    "likes_count": "user.info.stats",
    "video_count": "user.info.stats",
}
"""Fields of user/info, and the scope each needs (TikTok, Get User Info)."""

VIDEO_FIELDS = (
    "id",
    "create_time",
    "cover_image_url",
    "share_url",
    "video_description",
    "duration",
    "height",
    "width",
    "title",
    "embed_html",
    "embed_link",
    "like_count",
    "comment_count",
    "share_count",
    "view_count",
)
"""Fields of a video (TikTok, Video Object); those of which the sandbox knows nothing are left out."""

LONGEST_PAGE = 20
"""Videos in one answer of video/list, and ids in one question of video/query."""

USUAL_PAGE = 10


async def user_info(asked: Asked) -> dict[str, Any]:
    """The creator, as far as the granted scopes reach."""
    state, token = asked.state, asked.token
    wanted = _fields(asked, tuple(USER_SCOPES))
    if not {USER_SCOPES[name] for name in wanted} <= set(token.scopes):
        raise Refusal("scope_not_authorized")
    seed = state.seeds[token.creator]
    known = {
        "open_id": state.open_id(token.app, token.creator),
        "union_id": f"union{seed.open_id}",
        "avatar_url": AVATAR,
        "avatar_url_100": AVATAR,
        "avatar_large_url": AVATAR,
        "display_name": asked.creator.nickname,
        "bio_description": "",
        "profile_deep_link": f"https://www.tiktok.com/@{seed.username}",
        "is_verified": False,
        "username": seed.username,
        "follower_count": 0,
        "following_count": 0,
        "likes_count": 0,
        "video_count": sum(1 for _ in _public(asked)),
    }
    return {"user": {name: known[name] for name in wanted}}


async def video_list(asked: Asked) -> dict[str, Any]:
    """The creator's public posts, newest first, page by page: the cursor is the time of the last one, in ms."""
    wanted = _fields(asked, VIDEO_FIELDS)
    count, cursor = asked.body.get("max_count", USUAL_PAGE), asked.body.get("cursor", 0)
    if type(count) is not int or not 1 <= count <= LONGEST_PAGE or type(cursor) is not int or cursor < 0:
        raise Refusal("invalid_params", "The max_count or the cursor is incorrect")
    public = sorted(_public(asked), key=lambda post: post.ready_at, reverse=True)
    older = [post for post in public if not cursor or _milliseconds(post) < cursor]
    page = older[:count]
    return {
        "videos": [_shown(asked, post, wanted) for post in page],
        "cursor": _milliseconds(page[-1]) if page else cursor,
        "has_more": len(older) > count,
    }


async def video_query(asked: Asked) -> dict[str, Any]:
    """Those of the named posts that are the creator's and public."""
    wanted = _fields(asked, VIDEO_FIELDS)
    filters = asked.body.get("filters")
    ids = filters.get("video_ids") if isinstance(filters, dict) else None
    if not isinstance(ids, list) or not 1 <= len(ids) <= LONGEST_PAGE or not all(isinstance(id_, str) for id_ in ids):
        raise Refusal("invalid_params", "The video_ids are empty or incorrect")
    return {"videos": [_shown(asked, post, wanted) for post in _public(asked) if str(post.post_id) in ids]}


def _fields(asked: Asked, known: tuple[str, ...]) -> list[str]:
    wanted = [name for name in asked.query.get("fields", "").split(",") if name]
    if not wanted or not set(wanted) <= set(known):
        raise Refusal("invalid_params", "The fields are empty or incorrect")
    return wanted


def _public(asked: Asked) -> Iterator[Post]:
    now = asked.state.now()
    return (post for post in asked.state.posts_of(asked.token.creator) if post.is_public(now))


def _milliseconds(post: Post) -> int:
    return int(post.ready_at * 1000)


def _shown(asked: Asked, post: Post, wanted: list[str]) -> dict[str, Any]:
    """The video object, with the fields that were asked for."""
    username = asked.state.seeds[post.creator].username
    url = f"https://www.tiktok.com/@{username}/{'photo' if post.photos else 'video'}/{post.post_id}"
    known: dict[str, Any] = {
        "id": str(post.post_id),
        "create_time": int(post.ready_at),
        "share_url": url,
        "title": post.info.get("title", ""),
        "video_description": post.info.get("description", post.info.get("title", "")),
        "embed_link": f"https://www.tiktok.com/embed/v2/{post.post_id}",
        "like_count": 0,
        "comment_count": 0,
        "share_count": 0,
        "view_count": 0,
    }
    if isinstance(post.found, Film) and post.found.seconds:
        known |= {"duration": int(post.found.seconds), "width": post.found.width, "height": post.found.height}
    return {name: known[name] for name in wanted if name in known}
