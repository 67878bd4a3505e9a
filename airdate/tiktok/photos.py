"""The request of a photo post: TikTok fetches the pictures from addresses of ours (TikTok, Photo Post reference)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airdate.errors import NeedsPerson, OutcomeUnknown, Who
from airdate.post import Mode, Options
from airdate.tiktok.answers import CreatorInfo

DIRECT_POST, MEDIA_UPLOAD = "DIRECT_POST", "MEDIA_UPLOAD"
"""`post_mode`; the reference's table prints the first with a space, its examples with the underscore that works."""


@dataclass(frozen=True, slots=True)
class OpenPull:
    """A photo post that TikTok took.

    Attributes:
        publish_id: opaque, at most 64 characters; None when the answer lacks it.
    """

    publish_id: str | None
    log_id: str | None = None

    @classmethod
    def read(cls, data: Mapping[str, Any], log_id: str | None = None) -> OpenPull:
        """From `data`."""
        found = data.get("publish_id")
        return cls(found if isinstance(found, str) and found else None, log_id)


def init_unknown(what: str, *, item: str | None = None, log_id: str | None = None) -> OutcomeUnknown:
    """The error of a request that may have made a post: a person looks, and nobody asks again."""
    return OutcomeUnknown(
        "init_unknown",
        f"TikTok was asked to fetch and post the pictures, and whether it does is not known: {what}",
        item=item,
        rule="a request that may have made a post is never sent again",
        fix="look at the creator's account, then say what you found with `airdate posts resolve`",
        who=Who.OPERATOR,
        log_id=log_id,
    )


def photo_request(options: Options, creator: CreatorInfo | None, urls: Sequence[str]) -> dict[str, Any]:
    """The body of the init.

    Args:
        creator: what TikTok said of the creator just now; None for a draft, which does not ask.
        urls: of the pictures, in their order.

    Raises:
        NeedsPerson: no privacy level was chosen; TikTok forbids a default.
    """
    return {
        "media_type": "PHOTO",
        "post_mode": MEDIA_UPLOAD if options.mode is Mode.INBOX else DIRECT_POST,
        "post_info": _texts(options) | ({} if creator is None else _direct(options, creator)),
        "source_info": {
            "source": "PULL_FROM_URL",
            "photo_images": list(urls),
            "photo_cover_index": (options.cover_photo or 1) - 1,
        },
    }


def _texts(options: Options) -> dict[str, Any]:
    """Title and description, which a draft carries too; what there is none of is left out."""
    texts = {"title": options.title, "description": options.caption}
    return {name: text for name, text in texts.items() if text}


def _direct(options: Options, creator: CreatorInfo) -> dict[str, Any]:
    """What a person chose, less what the creator forbids everywhere."""
    if options.privacy is None:
        raise NeedsPerson(
            "privacy_unset",
            "nobody chose who may see the post",
            item="privacy",
            rule="TikTok, Content Sharing Guidelines: a person chooses, there is no default",
            fix=f"choose one of {', '.join(creator.privacy_level_options) or 'the levels the account offers'}",
        )
    return {
        "privacy_level": options.privacy.value,
        "disable_comment": not options.allow_comment or creator.comment_disabled,
        "auto_add_music": options.auto_music,
        "brand_content_toggle": options.branded_content,
        "brand_organic_toggle": options.own_brand,
    }
