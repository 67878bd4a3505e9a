"""A small web server that shows a folder, as an operator's would, and can be told to do it wrongly."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class PullServer:
    """What it does, and what was asked of it.

    Attributes:
        wrong: `redirect`, `missing` or `other bytes`; None serves the folder as it is.
        asked: the paths, in order, each with the client's User-Agent.
    """

    url: str = ""
    wrong: str | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    waiting: str | None = None
    go_on: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def keeping_waiting(self, client: str) -> Iterator[None]:
        """Answer nothing to clients of this name for as long as the `with` lasts."""
        self.waiting = client
        try:
            yield
        finally:
            self.waiting = None
            self.go_on.set()


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *arguments: Any, server_facts: PullServer, **options: Any) -> None:
        self.facts = server_facts
        super().__init__(*arguments, **options)

    def do_GET(self) -> None:
        self.facts.asked.append((self.path, self.headers.get("User-Agent", "")))
        if self.facts.waiting and self.facts.waiting in self.facts.asked[-1][1]:
            self.facts.go_on.wait(30)
            self.close_connection = True
        elif self.facts.wrong == "redirect":
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.facts.wrong == "missing":
            self.send_error(404)
        elif self.facts.wrong == "other bytes":
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def serving(folder: Path) -> Iterator[PullServer]:
    """Serve the folder on a free port of this machine for as long as the `with` lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = PullServer()
    handler = functools.partial(_Handler, server_facts=facts, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        facts.url = f"http://127.0.0.1:{server.server_address[1]}/"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield facts
        server.shutdown()
        thread.join()
