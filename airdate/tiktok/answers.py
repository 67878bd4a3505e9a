"""What TikTok answers, typed. The parsers take what was seen on the real server, not only what its pages promise.

Fields without a value are left out; ids come as numbers, strings, lists or one scalar; the token endpoint reports
failures under HTTP 200; a gateway answers HTML. Ids are strings here always: they exceed 2^53, which the next JSON
reader may not survive.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

OK = "ok"

LONGEST_PUBLISH_ID = 100
"""The ledger's column; TikTok's ids have at most 64 characters."""

LONGEST_REASON = 200
"""The ledger's column; TikTok's reasons are single words."""

LONGEST_LIFE_S = 10 * 366 * 86400
"""A token that is said to live longer is one whose life is not known: such an instant may not even exist."""

MOST_DIGITS = 18
"""Of a number: what fits the ledger's columns."""

MISSPELT_POST_IDS = "publicaly_available_post_id"
"""TikTok's own spelling; the right one appears in other people's code, so it is read after this."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What every answer is wrapped in.

    Attributes:
        code: `ok` and nothing else means success, whatever the HTTP status; None when the body is no envelope.
        message: TikTok's words; the whole body when it is no envelope.
        data: empty when left out. Not shown, because the token endpoint's holds the tokens.
    """

    code: str | None
    message: str
    log_id: str | None
    data: Mapping[str, Any] = field(repr=False)

    @classmethod
    def read(cls, body: bytes) -> Envelope:
        """The envelope of a JSON call; whatever cannot be read as one has code None."""
        answer = _object(body)
        error = answer.get("error")
        if not isinstance(error, dict):
            return cls(None, _shown(body), None, {})
        log_id = _text(error.get("log_id")) or _text(error.get("logid"))
        data = answer.get("data")
        return cls(
            _text(error.get("code")), _text(error.get("message")) or "", log_id, data if isinstance(data, dict) else {}
        )

    @classmethod
    def read_oauth(cls, body: bytes) -> Envelope:
        """The flat answer of the token endpoint, in the same form: `ok` only if there is a token and no error."""
        answer = _object(body)
        error, log_id = answer.get("error"), _text(answer.get("log_id"))
        if isinstance(error, dict) and error.get("code") != OK:
            return cls.read(body)
        if isinstance(error, str) and error not in ("", OK):
            return cls(error, _text(answer.get("error_description")) or "", log_id, {})
        if _text(answer.get("access_token")):
            return cls(OK, "", log_id, answer)
        return cls(None, "the token endpoint answered without a token", log_id, {})

    @classmethod
    def read_revoked(cls, status: int, body: bytes) -> Envelope:
        """The answer to a revoke in the same form: a success is empty, or `{}` (TikTok, Manage User Access Tokens)."""
        answer = cls.read_oauth(body)
        is_done = answer.code is None and status == HTTPStatus.OK and not body.lstrip().startswith(b"<")
        return cls(OK, "", answer.log_id, {}) if is_done else answer


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """A pair of tokens. What TikTok leaves out is None.

    Attributes:
        expires_in: seconds the access token lives.
        refresh_token: the next one; the one that was sent is dead.
        refresh_expires_in: seconds the refresh token lives.
        scopes: what the creator granted.
    """

    access_token: str = field(repr=False)
    expires_in: int | None
    refresh_token: str | None = field(repr=False)
    refresh_expires_in: int | None
    open_id: str | None
    scopes: tuple[str, ...]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> TokenGrant:
        """From the token endpoint's answer, which has an access token."""
        scope = data.get("scope")
        names = scope if isinstance(scope, list) else re.split(r"[,\s]+", scope) if isinstance(scope, str) else []
        return cls(
            access_token=_text(data.get("access_token")) or "",
            expires_in=_seconds(data.get("expires_in")),
            refresh_token=_text(data.get("refresh_token")),
            refresh_expires_in=_seconds(data.get("refresh_expires_in")),
            open_id=_text(data.get("open_id")),
            scopes=tuple(name for name in map(_text, names) if name),
        )


@dataclass(frozen=True, slots=True)
class CreatorInfo:
    """What a creator allows at this moment (TikTok, Query Creator Info); the fields keep TikTok's names.

    Attributes:
        creator_nickname: the display name, which the person who consents must see.
        max_video_post_duration_sec: None when TikTok does not say.
    """

    creator_username: str | None
    creator_nickname: str | None
    creator_avatar_url: str | None = field(repr=False)
    privacy_level_options: tuple[str, ...]
    comment_disabled: bool
    duet_disabled: bool
    stitch_disabled: bool
    max_video_post_duration_sec: int | None
    log_id: str | None = None

    @classmethod
    def read(cls, data: Mapping[str, Any], log_id: str | None = None) -> CreatorInfo:
        """From `data`; what is left out is not disabled and not limited."""
        options = data.get("privacy_level_options")
        return cls(
            creator_username=_text(data.get("creator_username")),
            creator_nickname=_text(data.get("creator_nickname")),
            creator_avatar_url=_text(data.get("creator_avatar_url")),
            privacy_level_options=tuple(
                level for level in map(_text, options if isinstance(options, list) else []) if level
            ),
            comment_disabled=data.get("comment_disabled") is True,
            duet_disabled=data.get("duet_disabled") is True,
            stitch_disabled=data.get("stitch_disabled") is True,
            max_video_post_duration_sec=_seconds(data.get("max_video_post_duration_sec")),
            log_id=log_id,
        )


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """An upload TikTok opened.

    Attributes:
        publish_id: opaque, at most 64 characters.
        upload_url: a secret: who has it can send the film.
    """

    publish_id: str
    upload_url: str = field(repr=False)
    log_id: str | None = None

    @classmethod
    def read(cls, data: Mapping[str, Any], log_id: str | None = None) -> OpenUpload | None:
        """From `data`; None when one of the two is missing."""
        publish_id, upload_url = _text(data.get("publish_id")), _text(data.get("upload_url"))
        if publish_id is None or upload_url is None or len(publish_id) > LONGEST_PUBLISH_ID:
            return None
        return cls(publish_id, upload_url, log_id)


@dataclass(frozen=True, slots=True)
class PublishStatus:
    """Where a submission stands (TikTok, Get Post Status).

    Attributes:
        status: TikTok's word; an unknown one means still processing.
        post_ids: ids of posts that are public now; a private post has none.
        uploaded_bytes: a count; None when left out.
    """

    status: str
    fail_reason: str | None = None
    post_ids: tuple[str, ...] = ()
    uploaded_bytes: int | None = None
    log_id: str | None = None

    @classmethod
    def read(cls, data: Mapping[str, Any], log_id: str | None = None) -> PublishStatus | None:
        """From `data`; None when there is no status in it."""
        status = _text(data.get("status"))
        if status is None:
            return None
        return cls(
            status=status,
            fail_reason=(_text(data.get("fail_reason")) or "")[:LONGEST_REASON] or None,
            post_ids=_ids(data.get(MISSPELT_POST_IDS)) or _ids(data.get("publicly_available_post_id")),
            uploaded_bytes=_whole(data.get("uploaded_bytes")),
            log_id=log_id,
        )


@dataclass(frozen=True, slots=True)
class Video:
    """A post as the creator's list shows it (TikTok, Display API).

    Attributes:
        texts: its title and its description, as far as they were asked for and there.
        created_at: seconds since the epoch; None when left out.
    """

    id: str
    texts: tuple[str, ...] = ()
    created_at: int | None = None
    share_url: str | None = None


@dataclass(frozen=True, slots=True)
class VideoPage:
    """One answer of video/list or video/query.

    Attributes:
        cursor: where the next page begins; None when there is none.
    """

    videos: tuple[Video, ...]
    cursor: int | None = None
    log_id: str | None = None

    @classmethod
    def read(cls, data: Mapping[str, Any], log_id: str | None = None) -> VideoPage | None:
        """From `data`; None when it holds no list, which must not be taken for an empty one."""
        found = data.get("videos")
        if not isinstance(found, list):
            return None
        cursor = _whole(data.get("cursor")) if data.get("has_more") is True else None
        videos = tuple(video for video in map(_video, found) if video is not None)
        return cls(videos, cursor, log_id) if len(videos) == len(found) else None


def _video(entry: object) -> Video | None:
    name = _text(entry.get("id")) if isinstance(entry, dict) else None
    if name is None or not isinstance(entry, dict):
        return None
    texts = tuple(text for text in map(_text, (entry.get("title"), entry.get("video_description"))) if text)
    return Video(name, texts, _whole(entry.get("create_time")), _text(entry.get("share_url")))


def _object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`; empty when there is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _shown(body: bytes) -> str:
    return " ".join(body.decode("utf-8", "replace").split())


def _text(value: object) -> str | None:
    """A non-empty string; numbers are written out.

    What no database takes goes: NUL, and halves of an emoji, which JSON can spell and UTF-8 cannot.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return str(value).replace("\0", "").encode("utf-8", "replace").decode() or None


def _whole(value: object) -> int | None:
    """A whole number that is not negative, also from a string of digits."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= MOST_DIGITS:
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value < 10**MOST_DIGITS else None


def _seconds(value: object) -> int | None:
    """A whole number above zero: TikTok leaves a field out, and some clients saw a 0 in its place."""
    seconds = _whole(value) or None
    return seconds if seconds is not None and seconds <= LONGEST_LIFE_S else None


def _ids(value: object) -> tuple[str, ...]:
    found = value if isinstance(value, list) else [value]
    return tuple(name for name in map(_text, found) if name and name != "0")
