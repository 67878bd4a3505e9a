"""Taking a delivery in over HTTP: its body within bounds of size and time, and what a rejection looks like."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from starlette.requests import ClientDisconnect

log = logging.getLogger(__name__)

READ_S = 10.0
"""How long a sender may take for its body."""


class Rejected(Exception):
    """The request is answered with this status and no body; the connection ends, for bytes may still be coming.

    Attributes:
        status: of HTTP; the reason is for our log alone.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


async def answered(source: str, take: Callable[[], Awaitable[None]]) -> Response:
    """200 when `take` stored the delivery, or knew it; else what it was rejected with."""
    try:
        await take()
    except Rejected as rejected:
        log.warning("%s delivery rejected with %d: %s", source, rejected.status, rejected)
        return Response(status_code=rejected.status, headers={"connection": "close"})
    except ClientDisconnect:
        return Response(status_code=400)
    return Response(status_code=200)


async def read_body(request: Request, *, most: int, within_s: float) -> bytes:
    """The raw bytes that were signed.

    Args:
        most: bytes it may have.

    Raises:
        Rejected: it is too large, or too slow.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most:
        raise Rejected(413, f"it announces {declared} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(within_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise Rejected(413, f"it has more than {most} bytes")
    except TimeoutError:
        raise Rejected(408, f"its body took more than {within_s:.0f} s") from None
    return bytes(body)
