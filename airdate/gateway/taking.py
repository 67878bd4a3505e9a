"""From an approval to the request that the ledger can record. Nothing is written here."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from airdate.engine import Engine
from airdate.errors import NeedsPerson, Refused, WrongUsage
from airdate.gateway.approval import SOURCE, Approval, Media
from airdate.intake import Intake
from airdate.ledger import accounts, posts
from airdate.ledger.accounts import Account
from airdate.post import AssetRef, Consent, Mode, Options, PostRequest, check_options
from airdate.redact import redact
from airdate.settings import Settings, origin_of
from airdate.sources.origins import SETTING, allowed_origins, parse_url
from airdate.sources.reference import reference


def take(engine: Engine, approval: Approval, delivery_id: str) -> Intake:
    """The request that an approval means; its privacy is None when neither it nor the account says one.

    Raises:
        WrongUsage: its options do not go together, or a URL is none.
        Refused: its rights end before it can go out, or no account could publish it.
        NeedsPerson: its account is unknown or unnamed, or its media lie at an origin the operator did not list.
    """
    account = _account(engine, approval)
    options = _options(approval, account)
    key = approval.key(delivery_id, account.name)
    slot = _slot(engine, approval, key)
    media = [_asset(engine.settings, each) for each in approval.media]
    request = PostRequest(
        key=key,
        account=account.name,
        assets=tuple(asset for asset, _ in media),
        options=options,
        consent=Consent("standing", f"delivery {delivery_id}", engine.ledger.now()),
        slot=slot,
        late_minutes=_late_minutes(slot, approval.rights_end),
        origin=SOURCE,
    )
    return Intake(request, tuple(locator for _, locator in media))


def _account(engine: Engine, approval: Approval) -> Account:
    if approval.account is not None:
        return accounts.get(engine.ledger, approval.account)
    known = accounts.listed(engine.ledger)
    if len(known) == 1:
        return known[0]
    names = ", ".join(account.name for account in known)
    raise NeedsPerson(
        "account_unset",
        f"the approval names no account, and there are {len(known)}",
        item="account",
        rule="an approval without an account goes to the only one there is",
        fix=f"have the sender name one of {names}" if names else "add an account with `airdate account add`",
    )


def _options(approval: Approval, account: Account) -> Options:
    options = approval.options(approval.mode or account.mode)
    if options.mode is Mode.DIRECT and options.privacy is None:
        options = replace(options, privacy=account.privacy)
    check_options(options)
    return options


def _slot(engine: Engine, approval: Approval, key: str) -> datetime | None:
    """When the post is due. Rights are kept by the lateness of its slot, so with them it has one, even if it is now."""
    now = engine.ledger.now()
    slot, rights_end = approval.publish_at, approval.rights_end
    if rights_end is None:
        return slot
    if rights_end <= max(slot or now, now):
        raise Refused(
            "rights_ended",
            f"the rights end at {rights_end:%Y-%m-%d %H:%M:%S %Z}, before it could go out",
            item=approval.asset_id,
            rule="an asset goes out while there are rights to it",
            fix="renew the rights, or give an earlier publish_at, and approve it again",
        )
    if slot is not None:
        return slot
    known = posts.by_key(engine.ledger, key)
    return known.slot if known is not None else now


def _late_minutes(slot: datetime | None, rights_end: datetime | None) -> int | None:
    """How late the post may go out: until the rights end, in whole minutes."""
    if slot is None or rights_end is None:
        return None
    return int((rights_end - slot).total_seconds() // 60)


def _asset(settings: Settings, media: Media) -> tuple[AssetRef, str]:
    """One film or picture, pinned to the hash that was approved, and its URL, which may be signed."""
    try:
        url = str(parse_url(media.url))
    except WrongUsage as wrong:
        # Without the text itself: what is no http URL cannot be redacted as one.
        raise WrongUsage(wrong.code, wrong.message, item="media", rule=wrong.rule, fix=wrong.fix) from None
    origin = origin_of(url)
    if origin not in allowed_origins(settings.allowed_origins):
        raise NeedsPerson(
            "origin_not_allowed",
            f"the approval names a medium at {origin}, which is not listed",
            item=redact(url),
            rule="an approval may name media of listed origins only",
            fix=f"add {origin} to {SETTING} if you trust it, and have the approval sent again",
        )
    asset, locator = reference(url)
    return replace(asset, revision=media.sha256), locator
