"""From what a person, a form or an approval wrote to a request the ledger can record. Nothing is written here."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from airdate.engine import Engine
from airdate.errors import WrongUsage
from airdate.files import seal
from airdate.ledger import accounts
from airdate.ledger.accounts import Account
from airdate.post import (
    AssetRef,
    Consent,
    LatePolicy,
    Mode,
    Options,
    PostRequest,
    Privacy,
    check_cover_photo,
    check_options,
    derive_key,
)
from airdate.sources.files import resolve_file
from airdate.sources.reference import reference


@dataclass(frozen=True, slots=True)
class Intake:
    """A request and where its bytes are; the locators may be signed URLs, so they are not shown."""

    request: PostRequest
    locators: tuple[str, ...] = field(repr=False)


def intake(
    engine: Engine,
    *,
    sources: Sequence[str],
    account: str,
    options: Options,
    consent: Consent,
    origin: str,
    key: str | None = None,
    slot: datetime | None = None,
    zone: str | None = None,
    late_minutes: int | None = None,
    late_policy: LatePolicy = LatePolicy.HOLD,
) -> Intake:
    """Check all that can be checked without a call, and make the request.

    A local file is hashed here, because its content is its key.

    Raises:
        WrongUsage: no source, a file that is not there, options that do not go together.
        Refused: a caption or a file that TikTok cannot take.
        NeedsPerson: the account is unknown.
    """
    if not sources:
        raise WrongUsage(
            "source_missing",
            "a post needs at least one source",
            item="source",
            fix="give a file or a URL; several photos make one post, in order",
        )
    holder = accounts.get(engine.ledger, account)
    options = with_standing_privacy(options, holder)
    check_options(options)
    check_cover_photo(options, len(sources))
    found = [reference(source) for source in sources]
    assets = tuple(_pinned(asset, locator) for asset, locator in found)
    request = PostRequest(
        key=key or derive_key(account, options.mode, assets),
        account=account,
        assets=assets,
        options=options,
        consent=consent,
        slot=slot,
        zone=zone,
        late_minutes=late_minutes,
        late_policy=late_policy,
        origin=origin,
    )
    return Intake(request, tuple(locator for _, locator in found))


def with_standing_privacy(options: Options, account: Account) -> Options:
    """Options with the account's standing choice where none was made.

    Raises:
        WrongUsage: direct mode, and neither the request nor the account says who may see the post.
    """
    if options.mode is Mode.INBOX or options.privacy is not None:
        return options
    if account.privacy is None:
        raise WrongUsage(
            "privacy_unset",
            "nobody said who may see the post, and TikTok forbids a default",
            item="privacy",
            rule="TikTok, Content Sharing Guidelines: privacy is chosen by hand; one of " + ", ".join(Privacy),
            fix="give --privacy, or add the account with a standing choice",
        )
    return replace(options, privacy=account.privacy)


def _pinned(asset: AssetRef, locator: str) -> AssetRef:
    """A file's revision is its content; a URL's is not known before it is fetched."""
    if asset.source != "file":
        return asset
    return replace(asset, revision=seal(resolve_file(locator)).sha256)


def parse_slot(text: str) -> datetime:
    """An instant in ISO 8601 with its offset.

    Raises:
        WrongUsage: it is no instant, or it has no zone.
    """
    try:
        slot = datetime.fromisoformat(text)
    except ValueError:
        slot = None
    if slot is None or slot.tzinfo is None:
        raise WrongUsage(
            "slot_invalid",
            "this is no instant" if slot is None else "this time has no zone, so it names no instant",
            item=text,
            rule="ISO 8601 with an offset",
            fix="write it like 2026-11-24T18:00:00+01:00",
        )
    return slot


def command_consent(now: datetime) -> Consent:
    """The consent of whoever typed the command."""
    try:
        who = getpass.getuser()
    except (KeyError, OSError):
        who = "unknown user"
    return Consent(kind="command", who=who, at=now)
