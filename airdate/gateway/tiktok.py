"""TikTok's own events: a delivery is checked and stored, answered, and heeded afterwards.

Its sender is known by the secret of the app it names; there may be several apps, and an app has many accounts.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence

from sqlalchemy import select

from airdate.engine import Engine
from airdate.errors import AirdateError, NeedsPerson, Transient
from airdate.following import heed
from airdate.gateway.receiving import Rejected
from airdate.ledger import Ledger, deliveries
from airdate.ledger.deliveries import Delivery
from airdate.ledger.schema import accounts
from airdate.outcome import error_record
from airdate.redact import redact
from airdate.tiktok.webhooks import Event, Signature

log = logging.getLogger(__name__)

SOURCE = "tiktok"
"""What the ledger calls deliveries that come this way."""

SIGNATURE_HEADER = "tiktok-signature"

MAX_BODY = 64 * 1024
"""Bytes of a delivery; TikTok's have a few hundred."""


def store(engine: Engine, headers: Sequence[str], body: bytes) -> bool:
    """Store a genuine delivery; False when it was here before.

    Args:
        headers: every `TikTok-Signature` of the request.

    Raises:
        Rejected: it is not TikTok's, or the ledger is away.
    """
    try:
        event = _genuine(engine, headers, body)
        name = hashlib.sha256(body).hexdigest()
        is_new = deliveries.accept(engine.ledger, SOURCE, name, body)
    except Transient as away:
        raise Rejected(503, str(away)) from None
    log.info("%s event %s %s", SOURCE, redact(event.kind[:60]), "stored" if is_new else "was here before")
    return is_new


def heed_all(engine: Engine) -> int:
    """Heed each waiting event.

    Returns:
        How many still wait, because the ledger was away; they are to be tried again.

    Raises:
        Transient: the ledger does not answer.
    """
    with engine.store.locked("tiktok-events"):
        return sum(not _is_heeded(engine, delivery) for delivery in deliveries.waiting(engine.ledger, SOURCE))


def _is_heeded(engine: Engine, delivery: Delivery) -> bool:
    """Heed one; whatever it meets, it is over then, unless the ledger was away: the sweep asks TikTok anyhow."""
    try:
        event = Event.read(delivery.body)
        post = heed(engine, event) if event is not None else None
        deliveries.relayed(engine.ledger, delivery, post_id=post.id if post is not None else None)
    except Transient as away:
        log.warning("a %s event waits: %s", SOURCE, away)
        return False
    except AirdateError as failed:
        log.warning("a %s event could not be heeded: %s", SOURCE, failed)
        deliveries.relayed(engine.ledger, delivery, error=error_record(failed))
    except Exception as bug:  # noqa: BLE001 (one event must not block the others; its error says that it is a bug)
        log.error("a %s event met a bug: %s", SOURCE, redact(f"{type(bug).__name__}: {bug}"))
        fix = "report it with the gateway's log; TikTok is asked about its post all the same"
        error = NeedsPerson("bug", "a bug in Airdate stopped it", item=delivery.id, fix=fix)
        deliveries.relayed(engine.ledger, delivery, error=error_record(error))
    return True


def _genuine(engine: Engine, headers: Sequence[str], body: bytes) -> Event:
    signature = Signature.read(headers[0]) if len(headers) == 1 else None
    if signature is None or not signature.is_timely(engine.ledger.now()):
        raise Rejected(401, "its signature is missing, malformed or old")
    event = Event.read(body)
    if event is None or not signature.is_of(_client_secrets(engine.ledger, event.client_key), body):
        raise Rejected(401, "it is not signed with the secret of an app we know")
    return event


def _client_secrets(ledger: Ledger, client_key: str) -> set[str]:
    """The secrets of the app that is named; more than one while it is changed account by account."""
    query = select(accounts.c.client_secret).where(accounts.c.client_key == client_key)
    with ledger.read() as connection:
        sealed = list(connection.execute(query).scalars())
    found = set()
    for each in sealed:
        try:
            found.add(ledger.vault.unseal(each))
        except NeedsPerson as wrong_key:
            log.error("the client secret of an account cannot be opened: %s", wrong_key)
    return found
