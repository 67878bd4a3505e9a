"""A listener on this machine that waits for the one address to which TikTok sends the browser back (RFC 8252, 7.3)."""

from __future__ import annotations

import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit

from airdate.errors import NeedsPerson

HOST = "127.0.0.1"
PATH = "/callback/"

PAGE = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Airdate</title>
<body style="font: 18px/1.5 system-ui, sans-serif; margin: 20vh auto; max-width: 30em; padding: 0 1em">
<h1 style="font-size: 1.3em">You can close this window</h1>
<p>TikTok's answer has arrived. The command in your terminal says what came of it.</p>
"""

LONGEST_LINE_S = 10.0
"""Browsers open connections ahead and leave them silent; each has a thread, for no longer than this."""


class Loopback:
    """Listens for as long as the `with` lasts.

    Attributes:
        redirect_uri: what TikTok must send the browser to.
    """

    def __init__(self, redirect_uri: str | None = None) -> None:
        """Listen where `redirect_uri` says, or on a free port.

        Raises:
            NeedsPerson: the port is taken.
        """
        parts = urlsplit(redirect_uri or f"http://{HOST}:0{PATH}")
        try:
            self._server = _Server((HOST, parts.port or 0), _handler(parts.path or "/"))
        except OSError as taken:
            raise NeedsPerson(
                "port_taken",
                f"nothing can listen at {HOST}:{parts.port}: {taken.strerror}",
                item="--redirect-uri",
                fix="end what listens there, or register another port with the app",
            ) from None
        self.redirect_uri = redirect_uri or f"http://{HOST}:{self._server.server_address[1]}{PATH}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="consent", daemon=True)

    def __enter__(self) -> Loopback:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self, limit_s: float) -> str | None:
        """The address the browser came with; None when none came in time."""
        try:
            query = self._server.heard.get(timeout=limit_s)
        except queue.Empty:
            return None
        return f"{self.redirect_uri}?{query}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.heard: queue.Queue[str] = queue.Queue()
        super().__init__(address, handler)


def _handler(path: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = LONGEST_LINE_S
        server: _Server
        server_version = "Airdate"
        sys_version = ""

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            # Browsers also ask for an icon, and may look at a page before they show it.
            if asked.path != path or not asked.query:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(PAGE)))
            self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
            self.send_header("Cache-Control", "no-store")
            self.send_header("Referrer-Policy", "no-referrer")
            self.end_headers()
            self.wfile.write(PAGE)
            self.server.heard.put(asked.query)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's)
            """Nothing: the line would hold the code."""

    return Handler
