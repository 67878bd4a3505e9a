"""The gateway's hooks, running on loopback in this process."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import uvicorn
from approval_making import sign
from sqlalchemy import select

from airdate.engine import Engine
from airdate.gateway.hooks import build_app
from airdate.gateway.signatures import keys_of
from airdate.ledger.schema import deliveries as table


@dataclass
class Hooks:
    """The running hooks, and how often they said that a delivery was stored."""

    url: str
    engine: Engine
    stored: int = 0

    def accepted(self) -> None:
        self.stored += 1

    def post(self, body: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
        headers = sign(body) if headers is None else headers
        return httpx.post(f"{self.url}/hooks/approvals", content=body, headers=headers, trust_env=False)

    def kept(self) -> list[str]:
        with self.engine.ledger.read() as connection:
            return sorted(connection.execute(select(table.c.id)).scalars())

    def raw(self, request: bytes, *, wait_s: float = 5) -> bytes:
        """Send these bytes and read to the end of the connection."""
        parts = urlsplit(self.url)
        with socket.create_connection((parts.hostname, parts.port), timeout=wait_s) as connection:
            connection.sendall(request)
            answer = b""
            while block := connection.recv(65536):
                answer += block
        return answer


class _Server(uvicorn.Server):
    """Ends within milliseconds; uvicorn's own loop looks ten times a second, which fifty tests would wait for."""

    async def main_loop(self) -> None:
        while not self.should_exit:  # noqa: ASYNC110 - a plain attribute, as in uvicorn's own loop
            await asyncio.sleep(0.005)


@contextmanager
def running(engine: Engine) -> Iterator[Hooks]:
    hooks = Hooks("", engine)
    app = build_app(engine, keys_of(engine.settings.webhook_secrets), hooks.accepted, read_s=0.3)
    server = _Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", server_header=False))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        hooks.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield hooks
        server.should_exit = True
        thread.join()
