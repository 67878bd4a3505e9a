"""The three inits: a direct post of a film, a draft of one, and photos, posted or as a draft."""

from __future__ import annotations

from typing import Any

from airdate.sandbox import pulling
from airdate.sandbox.answers import Refusal
from airdate.sandbox.ownership import is_address, is_verified
from airdate.sandbox.posting import Asked
from airdate.sandbox.posts import PUBLIC, Post, Pull
from airdate.sandbox.rules import DRAFT_TEXTS, MAX_PHOTOS, PHOTO_INFO, VIDEO_INFO, Chunks, PostInfo

FRESH_S = 60.0
"""creator_info must be asked anew before every post (TikTok, Content Sharing Guidelines); ours is the minute."""

BAD_POST_INFO = "The request post info is empty or incorrect"
BAD_SOURCE_INFO = "The request source info is empty or incorrect"


async def direct(asked: Asked) -> dict[str, Any]:
    """Open a direct post of a film."""
    info = asked.body.get("post_info")
    if not isinstance(info, dict) or not VIDEO_INFO.takes(info):
        raise Refusal("invalid_params", BAD_POST_INFO)
    source = _source(asked)
    _may_post(asked, info.get("privacy_level"))
    _note_unwise(asked, info, VIDEO_INFO)
    return _opened(asked, source, info)


async def inbox(asked: Asked) -> dict[str, Any]:
    """Open a draft of a film; nothing else goes into it."""
    source = _source(asked)
    _may_leave_draft(asked)
    if "post_info" in asked.body:
        asked.broke("post_info_in_inbox", "TikTok drops post_info of a draft without a word")
    return _opened(asked, source, None)


async def photos(asked: Asked) -> dict[str, Any]:
    """Open a post or a draft of photos, and begin to fetch them."""
    mode, info = asked.body.get("post_mode"), asked.body.get("post_info", {})
    if asked.body.get("media_type") != "PHOTO":
        raise Refusal("invalid_params", "The media type is invalid")
    if mode not in ("DIRECT_POST", "MEDIA_UPLOAD"):
        raise Refusal("invalid_params", "The post mode is invalid")
    if ("video.publish" if mode == "DIRECT_POST" else "video.upload") not in asked.token.scopes:
        raise Refusal("scope_not_authorized")
    if not PHOTO_INFO.takes(info) and (mode == "DIRECT_POST" or info != {}):
        raise Refusal("invalid_params", BAD_POST_INFO)
    urls = _photo_urls(asked)
    if mode == "DIRECT_POST":
        _may_post(asked, info.get("privacy_level"))
        _note_unwise(asked, info, PHOTO_INFO)
    else:
        _may_leave_draft(asked)
        if asked.creator.old_app:
            raise Refusal("app_version_check_failed")
        for name in sorted(set(info) - set(DRAFT_TEXTS)):
            asked.broke("post_info_in_inbox", f"TikTok drops {name} of a draft without a word")
    post = asked.state.open_pull(asked.token, urls, info, direct=mode == "DIRECT_POST", photos=True)
    return _pulled(asked, post)


def _source(asked: Asked) -> Chunks | str:
    """The chunk plan of an upload that keeps the rules, or the address of a pull that does."""
    source = asked.body.get("source_info")
    if not isinstance(source, dict) or not source:
        raise Refusal("invalid_params", BAD_SOURCE_INFO)
    if source.get("source") == "PULL_FROM_URL":
        return _verified(asked, [source.get("video_url")])[0]
    numbers = [source.get(name) for name in ("video_size", "chunk_size", "total_chunk_count")]
    if source.get("source") != "FILE_UPLOAD" or not all(type(number) is int for number in numbers):
        raise Refusal("invalid_params", BAD_SOURCE_INFO)
    chunks = Chunks(*(int(number) for number in numbers if number is not None))
    if refusal := chunks.refusal(asked.state.rules.profile):
        raise Refusal("invalid_params", refusal)
    return chunks


def _photo_urls(asked: Asked) -> tuple[str, ...]:
    source = asked.body.get("source_info")
    if not isinstance(source, dict) or source.get("source") != "PULL_FROM_URL":
        raise Refusal("invalid_params", BAD_SOURCE_INFO)
    urls, cover = source.get("photo_images"), source.get("photo_cover_index")
    if not isinstance(urls, list) or not 1 <= len(urls) <= MAX_PHOTOS:
        raise Refusal("invalid_params", BAD_SOURCE_INFO)
    if type(cover) is not int or not 0 <= cover < len(urls):
        raise Refusal("invalid_params", "The photo cover index is invalid")
    return _verified(asked, urls)


def _verified(asked: Asked, urls: list[Any]) -> tuple[str, ...]:
    if not all(is_address(url) for url in urls):
        raise Refusal("invalid_params", BAD_SOURCE_INFO)
    if not all(is_verified(url, asked.state.rules.verified_prefixes) for url in urls):
        raise Refusal("url_ownership_unverified")
    return tuple(urls)


def _may_post(asked: Asked, privacy: object) -> None:
    """TikTok's rules on who may post what to whom (fact sheet, sections 5 and 20)."""
    creator = asked.creator
    if creator.banned:
        raise Refusal("spam_risk_user_banned_from_posting")
    if asked.state.is_capped(asked.token.creator):
        raise Refusal("spam_risk_too_many_posts")
    if privacy is None:
        raise Refusal("privacy_level_option_mismatch")
    if not asked.audited and (not creator.private or privacy == PUBLIC):
        raise Refusal("unaudited_client_can_only_post_to_private_accounts")
    if privacy not in creator.privacy_levels:
        raise Refusal("privacy_level_option_mismatch")
    if not asked.audited and privacy != "SELF_ONLY":
        raise Refusal("unaudited_client_can_only_post_to_private_accounts")


def _may_leave_draft(asked: Asked) -> None:
    if asked.creator.banned:
        raise Refusal("spam_risk_user_banned_from_posting")
    if asked.state.has_too_many_drafts(asked.token.creator):
        raise Refusal("spam_risk_too_many_pending_share")


def _note_unwise(asked: Asked, info: dict[str, Any], known: PostInfo) -> None:
    """Rules of TikTok's guidelines that its API does not enforce."""
    age = asked.state.creator_info_age(asked.token.creator)
    if age is None or age > FRESH_S:
        asked_at = "never asked" if age is None else f"{age:.0f} s old"
        asked.broke(
            "stale_creator_info", f"init with creator_info {asked_at}; it must be asked anew, within {FRESH_S:.0f} s"
        )
    if info.get("brand_content_toggle") and info.get("privacy_level") == "SELF_ONLY":
        asked.broke("branded_private", "branded content cannot be private")
    for name in ("brand_content_toggle", "brand_organic_toggle"):
        if name not in info:
            asked.broke("toggle_missing", f"{name} is required by the reference")
    for name in known.unknown(info):
        asked.broke("unknown_field", f"post_info has no {name}")


def _opened(asked: Asked, source: Chunks | str, info: dict[str, Any] | None) -> dict[str, Any]:
    """Open a post of a film, or a draft when there is no `info`."""
    if isinstance(source, str):
        post = asked.state.open_pull(asked.token, (source,), info or {}, direct=info is not None, photos=False)
        return _pulled(asked, post)
    post, upload = asked.state.open_upload(asked.token, source, info)
    asked.call.publish_id = post.publish_id
    url = f"{asked.upload_origin}/upload?upload_id={upload.id}&upload_token={upload.token}"
    return {"publish_id": post.publish_id, "upload_url": url}


def _pulled(asked: Asked, post: Post) -> dict[str, Any]:
    asked.call.publish_id = post.publish_id
    if isinstance(post.media, Pull):
        pulling.begin(asked.state, post, post.media)
    return {"publish_id": post.publish_id}
