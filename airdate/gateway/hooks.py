"""The web side of the gateway: one route for approvals, one for health, and nothing else.

A delivery is stored before it is answered, and looked into afterwards: senders give up after a few seconds, and what
was answered with 200 never comes again.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence

from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect

from airdate.engine import Engine
from airdate.errors import Transient
from airdate.gateway.approval import EVENT, SOURCE
from airdate.gateway.signatures import Signed, is_genuine
from airdate.ledger import deliveries

log = logging.getLogger(__name__)

MAX_BODY = 256 * 1024
"""Bytes of a delivery; an approval of 35 media has a few thousand."""

READ_S = 10.0
"""How long a sender may take for its body."""

SECURITY_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


class _Rejected(Exception):
    """The request is answered with this status and no body; the connection ends, for bytes may still be coming."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


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
        try:
            signed = _signed(request)
            body = await _body(request, read_s)
            if signed is None or not is_genuine(keys, signed, body, engine.ledger.now()):
                raise _Rejected(401, "its signature or its stamp is not right")
            if await asyncio.to_thread(_store, engine, signed, body):
                accepted()
        except _Rejected as rejected:
            log.warning("%s delivery rejected with %d: %s", SOURCE, rejected.status, rejected)
            return Response(status_code=rejected.status, headers={"connection": "close"})
        except ClientDisconnect:
            return Response(status_code=400)
        return Response(status_code=200)

    return app


def _signed(request: Request) -> Signed | None:
    """The security headers; None when one is missing. Of one that is there twice nobody knows which was signed."""
    values = {name: request.headers.getlist(name) for name in SECURITY_HEADERS}
    if any(len(found) > 1 for found in values.values()):
        raise _Rejected(400, "a security header is there twice")
    if not all(values.values()):
        return None
    return Signed(*(values[name][0] for name in SECURITY_HEADERS))


async def _body(request: Request, read_s: float) -> bytes:
    """The raw bytes that were signed."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > MAX_BODY:
        raise _Rejected(413, f"it announces {declared} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(read_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise _Rejected(413, f"it has more than {MAX_BODY} bytes")
    except TimeoutError:
        raise _Rejected(408, f"its body took more than {read_s:.0f} s") from None
    return bytes(body)


def _store(engine: Engine, signed: Signed, body: bytes) -> bool:
    """Store a genuine delivery; False when it was here before, or is of no interest."""
    kind = _kind(body)
    if kind != EVENT:
        log.info("%s delivery %s of type %r ignored", SOURCE, signed.id, kind[:60])
        return False
    try:
        is_new = deliveries.accept(engine.ledger, SOURCE, signed.id, body)
    except Transient as away:
        raise _Rejected(503, str(away)) from None
    log.info("%s delivery %s of type %s %s", SOURCE, signed.id, kind, "stored" if is_new else "was here before")
    return is_new


def _kind(body: bytes) -> str:
    """The event's type. What cannot be read is rejected, so that the sender sees it and nothing is lost unseen."""
    try:
        event = json.loads(body.decode("utf-8"))
        kind = event["type"]
    except (ValueError, RecursionError, TypeError, KeyError):
        raise _Rejected(400, "its body is no JSON object with a type") from None
    if not isinstance(kind, str):
        raise _Rejected(400, "its type is no text")
    return kind
