"""The web side of the gateway: a route for approvals, one for TikTok's events, one for health, and nothing else.

A delivery is stored before it is answered, and looked into afterwards: senders give up after a few seconds, and what
was answered with 200 never comes again.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence

from fastapi import FastAPI, Request, Response

from airdate.engine import Engine
from airdate.errors import Transient
from airdate.gateway import tiktok
from airdate.gateway.approval import EVENT, SOURCE
from airdate.gateway.receiving import READ_S, Rejected, answered, read_body
from airdate.gateway.signatures import Signed, is_genuine
from airdate.ledger import deliveries

log = logging.getLogger(__name__)

MAX_BODY = 256 * 1024
"""Bytes of a delivery; an approval of 35 media has a few thousand."""

SECURITY_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


def build_app(
    engine: Engine, keys: Sequence[bytes], accepted: Callable[[], None], *, read_s: float = READ_S
) -> FastAPI:
    """The hooks as a web application.

    Args:
        keys: of the webhook secrets.
        accepted: told after each new delivery was stored.
        read_s: seconds a body may take.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/hooks/approvals")
    async def approvals(request: Request) -> Response:
        async def take() -> None:
            signed = _signed(request)
            body = await read_body(request, most=MAX_BODY, within_s=read_s)
            if signed is None or not is_genuine(keys, signed, body, engine.ledger.now()):
                raise Rejected(401, "its signature or its stamp is not right")
            if await asyncio.to_thread(_store, engine, signed, body):
                accepted()

        return await answered(SOURCE, take)

    @app.post("/hooks/tiktok")
    async def events(request: Request) -> Response:
        async def take() -> None:
            headers = request.headers.getlist(tiktok.SIGNATURE_HEADER)
            body = await read_body(request, most=tiktok.MAX_BODY, within_s=read_s)
            if await asyncio.to_thread(tiktok.store, engine, headers, body):
                accepted()

        return await answered(tiktok.SOURCE, take)

    return app


def _signed(request: Request) -> Signed | None:
    """The security headers; None when one is missing. Of one that is there twice nobody knows which was signed."""
    values = {name: request.headers.getlist(name) for name in SECURITY_HEADERS}
    if any(len(found) > 1 for found in values.values()):
        raise Rejected(400, "a security header is there twice")
    if not all(values.values()):
        return None
    return Signed(*(values[name][0] for name in SECURITY_HEADERS))


def _store(engine: Engine, signed: Signed, body: bytes) -> bool:
    """Store a genuine delivery; False when it was here before, or is of no interest."""
    kind = _kind(body)
    if kind != EVENT:
        log.info("%s delivery %s of type %r ignored", SOURCE, signed.id, kind[:60])
        return False
    try:
        is_new = deliveries.accept(engine.ledger, SOURCE, signed.id, body)
    except Transient as away:
        raise Rejected(503, str(away)) from None
    log.info("%s delivery %s of type %s %s", SOURCE, signed.id, kind, "stored" if is_new else "was here before")
    return is_new


def _kind(body: bytes) -> str:
    """The event's type. What cannot be read is rejected, so that the sender sees it and nothing is lost unseen."""
    try:
        event = json.loads(body.decode("utf-8"))
        kind = event["type"]
    except (ValueError, RecursionError, TypeError, KeyError):
        raise Rejected(400, "its body is no JSON object with a type") from None
    if not isinstance(kind, str):
        raise Rejected(400, "its type is no text")
    return kind
