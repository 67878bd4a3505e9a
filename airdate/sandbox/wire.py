"""How a connection to the API is broken on purpose: uvicorn's own protocol, with its transport within reach."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import cast

from fastapi import Request
from fastapi.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time: closing sends a reset in place of a goodbye."""


class BreakableProtocol(H11Protocol):
    """Puts the transport into each request's state; ASGI alone has no word for hanging up."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection begins."""
        super().connection_made(transport)
        # asyncio does this by itself only for sockets that name their protocol; without it every answer, which goes
        # out in two writes, waits 40 ms for an acknowledgement.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, "transport": transport}


async def hang_up(request: Request) -> Response:
    """Reset the request's connection; the answer returned goes nowhere."""
    transport = cast(asyncio.Transport, request.state.transport)
    reset_on_close(transport.get_extra_info("socket"))
    transport.abort()
    await asyncio.sleep(0)  # uvicorn learns of it in the loop's next turn, and then drops the answer
    return Response()


def reset_on_close(connection: socket.socket) -> None:
    """Have closing this socket send a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
