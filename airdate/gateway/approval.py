"""The body of `asset.approved`, read strictly: what a DAM's people approved, and how it is to be posted."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from airdate.errors import WrongUsage
from airdate.post import Form, Mode, Options, Privacy

EVENT = "asset.approved"

SOURCE = "approval"
"""What the ledger calls deliveries and posts that come this way."""

MOST_MEDIA = 35
"""TikTok shows at most 35 pictures in one post (TikTok, Photo Post reference)."""


def _read_instant(value: object) -> datetime:
    """ISO 8601 with an offset. Numbers and dates alone are not guessed at: the one has no unit, the other no zone."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        if found is not None and found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("it is no instant; write it like 2026-11-24T18:00:00+01:00")


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("it holds a NUL character")
    return text


_Instant = Annotated[datetime, BeforeValidator(_read_instant)]
_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_./:|-]{1,255}$")]
_Text = Annotated[str, AfterValidator(_without_nul)]
_Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]{64}$", to_lower=True)]


class _Part(BaseModel):
    """Fields we do not know are the sender's own; those we know have their type, or null where they may be missing."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class Media(_Part):
    """One film or picture: where it is, and its SHA-256 if the sender knows it."""

    url: str = Field(max_length=8000, repr=False)
    sha256: _Sha256 | None = None


class Rights(_Part):
    """Until when it may be published."""

    ends_at: _Instant | None = None


class Disclosure(_Part):
    """What the post has to disclose."""

    own_brand: bool = False
    branded_content: bool = False
    ai_generated: bool = False


class Approval(_Part):
    """What was approved.

    Attributes:
        revision: the sender's own version of the asset.
        account: the account's name; None where there is only one.
        privacy: None takes the account's standing choice.
        mode: None takes the account's.
        form: what photos become; `as` in the body.
        title: of a photo post.
    """

    asset_id: _Id
    revision: _Id | None = None
    media: Annotated[list[Media], Field(min_length=1, max_length=MOST_MEDIA)]
    caption: _Text | None = None
    account: str | None = None
    publish_at: _Instant | None = None
    rights: Rights | None = None
    privacy: Privacy | None = None
    mode: Mode | None = None
    form: Form = Field(Form.SLIDESHOW, alias="as")
    title: _Text | None = None
    disclosure: Disclosure | None = None

    @property
    def rights_end(self) -> datetime | None:
        """When the rights end; None if they do not."""
        return self.rights.ends_at if self.rights else None

    def approved_revision(self, delivery_id: str) -> str:
        """What was approved: the sender's revision, else the media's hashes, else this delivery alone."""
        hashes = [media.sha256 for media in self.media]
        return self.revision or (",".join(filter(None, hashes)) if all(hashes) else delivery_id)

    def key(self, delivery_id: str, account: str) -> str:
        """The post's key (contract, section 1): source, asset, revision and account, each with its length."""
        parts = (SOURCE, self.asset_id, self.approved_revision(delivery_id), account)
        return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()

    def options(self, mode: Mode) -> Options:
        """How it is to appear."""
        disclosed = self.disclosure or Disclosure()
        return Options(
            caption=self.caption or "",
            privacy=self.privacy,
            mode=mode,
            form=self.form,
            title=self.title or "",
            own_brand=disclosed.own_brand,
            branded_content=disclosed.branded_content,
            ai_generated=disclosed.ai_generated,
        )


class _Event(_Part):
    type: Literal["asset.approved"]
    data: Approval


def read_approval(body: bytes) -> Approval:
    """Read a delivery's body.

    Raises:
        WrongUsage: a field is missing or is not what it must be; the message names each, never its value.
    """
    try:
        return _Event.model_validate_json(body).data
    except ValidationError as failed:
        wrong = "; ".join(_said(error) for error in failed.errors(include_input=False, include_context=False))
        raise WrongUsage(
            "approval_invalid",
            f"the approval cannot be read: {wrong}",
            item=SOURCE,
            rule=f"the body of {EVENT}, with its fields and their types",
            fix="correct what the sender's template writes, and send it again",
        ) from None


def _said(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"])
    why = str(error["msg"]).removeprefix("Value error, ")
    return f"{place}: {why}" if place else why
