"""The domain: what a person asks for, and the facts that travel from step to step.

Everything here is frozen, typed and small: paths and hashes, never bytes, never a secret, never a signed URL.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from airdate.errors import Refused, WrongUsage

CAPTION_UNITS = 2200
"""Longest caption of a video, in UTF-16 code units (TikTok, Direct Post reference)."""

PHOTO_CAPTION_UNITS = 4000
"""Longest caption of a photo post, which TikTok calls its description (TikTok, Photo Post reference)."""

TITLE_UNITS = 90
"""Longest title of a photo post; a video has none (TikTok, Photo Post reference)."""

MOST_PHOTOS = 35
"""Pictures of one photo post (TikTok, Photo Post reference)."""


class Privacy(StrEnum):
    """TikTok's four privacy levels; each account offers a part of them."""

    PUBLIC = "PUBLIC_TO_EVERYONE"
    FRIENDS = "MUTUAL_FOLLOW_FRIENDS"
    FOLLOWERS = "FOLLOWER_OF_CREATOR"
    SELF_ONLY = "SELF_ONLY"


class Mode(StrEnum):
    """`direct` posts; `inbox` leaves a draft that the creator finishes in TikTok's app."""

    DIRECT = "direct"
    INBOX = "inbox"


class Form(StrEnum):
    """What photos become: a film that shows them in turn, or TikTok's own photo post. A film stays a film."""

    SLIDESHOW = "slideshow"
    PHOTO = "photo"


class Transfer(StrEnum):
    """How TikTok gets what it is asked to take: we send a film, or it fetches photos from our address."""

    UPLOAD = "upload"
    PULL = "pull"


class PostState(StrEnum):
    """Where a post stands; `airdate.ledger.transitions` holds the moves that are allowed."""

    PLANNED = "planned"
    PREPARING = "preparing"
    READY = "ready"
    PUBLISHING = "publishing"
    PROCESSING = "processing"
    PUBLISHED = "published"
    DELIVERED = "delivered"
    HELD = "held"
    CANCELLED = "cancelled"
    MISSED = "missed"
    FAILED = "failed"


class SubmissionState(StrEnum):
    """Where one init at TikTok stands."""

    INTENDED = "intended"
    ASKED = "asked"
    OPEN = "open"
    COMMITTING = "committing"
    ACCEPTED = "accepted"
    COMPLETE = "complete"
    FAILED = "failed"
    ABANDONED = "abandoned"
    UNKNOWN = "unknown"


class PlanKind(StrEnum):
    """How an original becomes a rendition."""

    KEEP = "keep"
    REMUX = "remux"
    FILTER = "filter"
    AUDIO = "audio"
    ENCODE = "encode"
    SLIDESHOW = "slideshow"
    PHOTO = "photo"
    REFUSE = "refuse"


class LatePolicy(StrEnum):
    """What to do with a post that is later than its lateness allows."""

    HOLD = "hold"
    PUBLISH = "publish"
    MISS = "miss"


@dataclass(frozen=True, slots=True)
class AssetRef:
    """Which asset, and which revision of it was approved.

    Attributes:
        source: `file`, `url`, or a connector's name.
        asset_id: the path, URL or id within the source.
        revision: what was approved: a content hash or the source's own version; None until known.
    """

    source: str
    asset_id: str
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """All that changes how one post appears. Comment, duet and stitch are off until a person allows them.

    Attributes:
        cover_ms: the film's picture at this millisecond is the cover; None leaves it to TikTok.
        form: what photos become.
        title: of a photo post; its caption is what TikTok calls the description.
        auto_music: let TikTok add music to a photo post.
        cover_photo: the cover of a photo post, counted from 1; None means the first.
    """

    caption: str = ""
    privacy: Privacy | None = None
    mode: Mode = Mode.DIRECT
    allow_comment: bool = False
    allow_duet: bool = False
    allow_stitch: bool = False
    own_brand: bool = False
    branded_content: bool = False
    ai_generated: bool = False
    cover_ms: int | None = None
    form: Form = Form.SLIDESHOW
    title: str = ""
    auto_music: bool = False
    cover_photo: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values, for the ledger."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Options:
        """The reverse of `as_dict`; what an older version did not write has its default."""
        privacy = values.get("privacy")
        return cls(
            **{
                **values,
                "privacy": Privacy(privacy) if privacy else None,
                "mode": Mode(values["mode"]),
                "form": Form(values.get("form", Form.SLIDESHOW)),
            }
        )


@dataclass(frozen=True, slots=True)
class Consent:
    """Who agreed to this post, when, and by which act (contract, section 5).

    Attributes:
        kind: `command`, `form` or `standing`.
        who: the operating system's user, a Prefect run or a delivery id.
        at: when, aware.
        texts: version of the declarations that were shown.
    """

    kind: str
    who: str
    at: datetime
    texts: str = "2026-11"


@dataclass(frozen=True, slots=True)
class PostRequest:
    """One intended publication, as asked for by a command, a calendar row, a form or an approval.

    Attributes:
        key: what makes the request the same request when it is asked twice.
        slot: the aware instant it is due; None means now.
        zone: the zone the slot was written in, for people.
        late_minutes: how late it may go out; None means no limit.
        origin: `command`, `form`, `calendar:NAME` or `approval`.
    """

    key: str
    account: str
    assets: tuple[AssetRef, ...]
    options: Options
    consent: Consent
    slot: datetime | None = None
    zone: str | None = None
    late_minutes: int | None = None
    late_policy: LatePolicy = LatePolicy.HOLD
    origin: str = "command"


@dataclass(frozen=True, slots=True)
class Original:
    """The bytes of an asset as fetched.

    Attributes:
        path: where they lie on this host.
        size: in bytes.
    """

    ref: AssetRef
    path: Path
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Rendition:
    """What is sent to TikTok: a film, or the fitted pictures of a photo post.

    Attributes:
        path: the film, or the list of the pictures (`airdate.photo_set`).
        sha256: of the film, or of the pictures' bytes in their order.
        size: in bytes, of the same.
        reasons: plain words on what was decided and why, in order.
        duration_s: seconds of the finished film; 0 for pictures.
        limit_s: the longest film that the creator could post when it was made; None for pictures.
        cover_ms: the picture that stands for the film where the post names none; None leaves it to TikTok.
        pictures: folder of its pictures for people; None if there are none.
        content_type: `video/mp4` for every film we make; a kept original may only be MP4 too.
    """

    path: Path
    sha256: str
    size: int
    plan: PlanKind
    reasons: tuple[str, ...]
    duration_s: float
    content_type: str = "video/mp4"
    limit_s: float | None = None
    cover_ms: int | None = None
    pictures: Path | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a post stands, for people and scripts; the `publish` object of the contract."""

    post_id: str | None = None
    key: str | None = None
    account: str | None = None
    target: str | None = None
    state: PostState | None = None
    unconfirmed: bool = False
    slot: datetime | None = None
    publish_id: str | None = None
    tiktok_post_ids: tuple[str, ...] = ()
    rendition: dict[str, Any] | None = None
    error: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The contract's fields, in its order; times as ISO 8601."""
        return {
            "post_id": self.post_id,
            "key": self.key,
            "account": self.account,
            "target": self.target,
            "state": self.state.value if self.state else None,
            "unconfirmed": self.unconfirmed,
            "slot": self.slot.isoformat() if self.slot else None,
            "publish_id": self.publish_id,
            "tiktok_post_ids": list(self.tiktok_post_ids),
            "rendition": self.rendition,
            "error": self.error,
        }


def utf16_units(text: str) -> int:
    """Length as TikTok counts it: an emoji is two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def derive_key(account: str, mode: Mode, assets: tuple[AssetRef, ...]) -> str:
    """The key of a request that names none: sha256 of account, mode and sources (contract, section 1).

    Caption, privacy and slot are left out on purpose: the same film with another caption is the same post until
    somebody says otherwise with a key of their own.
    """
    parts: list[str | None] = [account, mode.value]
    for asset in assets:
        parts += [asset.revision] if asset.source == "file" else [asset.source, asset.asset_id, asset.revision]
    digest = hashlib.sha256()
    for part in parts:
        text = part or ""
        digest.update(f"{len(text)}:{text}".encode())
    return digest.hexdigest()


def check_options(options: Options) -> None:
    """Raise `WrongUsage` or `Refused` for what no account could publish.

    Sources: TikTok, Direct Post and Photo Post reference (caption, title), Content Sharing Guidelines (branded
    content), and the inbox endpoints, which carry none of privacy, disclosure or the AI label.
    """
    is_photo = options.form is Form.PHOTO
    _check_units("caption_too_long", "caption", options.caption, PHOTO_CAPTION_UNITS if is_photo else CAPTION_UNITS)
    _check_units("title_too_long", "title", options.title, TITLE_UNITS)
    if is_photo:
        _check_photo(options)
    else:
        _check_film(options)
    if options.cover_ms is not None and options.cover_ms < 0:
        raise WrongUsage(
            "cover_negative",
            f"the cover time {options.cover_ms} ms is before the film begins",
            item="cover_ms",
            rule="0 or more milliseconds",
            fix="give a time inside the film",
        )
    if options.mode is Mode.INBOX:
        _check_inbox(options)
    elif options.branded_content and options.privacy is Privacy.SELF_ONLY:
        raise Refused(
            "branded_content_private",
            "branded content visibility cannot be set to private",
            item="privacy",
            rule="TikTok, Content Sharing Guidelines: a paid partnership is public or for friends",
            fix="choose another privacy level, or take the paid partnership off",
        )


def _check_units(code: str, name: str, text: str, most: int) -> None:
    units = utf16_units(text)
    if units > most:
        raise Refused(
            code,
            f"the {name} has {units} UTF-16 units, {units - most} more than TikTok takes",
            item=name,
            rule=f"at most {most} UTF-16 units; an emoji counts two or more",
            fix=f"shorten it by {units - most} units",
        )


def _check_film(options: Options) -> None:
    for_photos = {
        "title": bool(options.title),
        "auto_music": options.auto_music,
        "cover_photo": options.cover_photo is not None,
    }
    _refuse_given(
        for_photos,
        "film_carries_no_options",
        "a film",
        rule="TikTok, Direct Post reference: title, music by TikTok and cover photo belong to photo posts",
        fix="post the photos with --as photo, or leave these out; a film's text is its caption",
    )


def _check_photo(options: Options) -> None:
    for_films = {
        "allow_duet": options.allow_duet,
        "allow_stitch": options.allow_stitch,
        "ai_generated": options.ai_generated,
        "cover_ms": options.cover_ms is not None,
    }
    _refuse_given(
        for_films,
        "photo_carries_no_options",
        "a photo post",
        rule="TikTok, Photo Post reference: duet, stitch, the AI label and a cover time have no form for photos",
        fix="leave them out, or post the photos as a slideshow film, which carries them",
    )
    if options.cover_photo is not None and not 1 <= options.cover_photo <= MOST_PHOTOS:
        raise WrongUsage(
            "cover_photo_outside",
            f"there is no photo {options.cover_photo}",
            item="cover_photo",
            rule=f"photos are counted from 1, and a post has at most {MOST_PHOTOS}",
            fix="give the number of one of the post's photos",
        )


def check_cover_photo(options: Options, count: int) -> None:
    """Raise `WrongUsage` when the cover is none of the post's `count` photos."""
    if options.cover_photo is not None and options.cover_photo > count:
        raise WrongUsage(
            "cover_photo_outside",
            f"there is no photo {options.cover_photo} among {count}",
            item="cover_photo",
            rule="photos are counted from 1",
            fix="give the number of one of the post's photos",
        )


def _check_inbox(options: Options) -> None:
    is_photo = options.form is Form.PHOTO
    carried_by_none = {
        "privacy": options.privacy is not None,
        "allow_comment": options.allow_comment,
        "allow_duet": options.allow_duet,
        "allow_stitch": options.allow_stitch,
        "own_brand": options.own_brand,
        "branded_content": options.branded_content,
        "ai_generated": options.ai_generated,
        "cover_ms": options.cover_ms is not None,
        "auto_music": options.auto_music,
    }
    _refuse_given(
        carried_by_none,
        "inbox_carries_no_options",
        "a draft in the creator's inbox",
        rule="TikTok, Photo Post reference: a draft takes title, description and cover besides the photos"
        if is_photo
        else "TikTok, Upload reference: the inbox endpoint takes the film alone",
        fix="leave them to the creator, or post with mode direct",
    )


def _refuse_given(given: dict[str, bool], code: str, what: str, *, rule: str, fix: str) -> None:
    """Refuse what cannot be carried, by name: dropped without a word, it would be missed only when the post is out."""
    names = [name for name, is_given in given.items() if is_given]
    if names:
        raise WrongUsage(code, f"{what} cannot carry {', '.join(names)}", item=names[0], rule=rule, fix=fix)
