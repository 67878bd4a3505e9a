"""Secrets that nobody may find again: what they are, in which forms they could show, and where to look for them."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import psycopg

from airdate.processes import free_port

ISSUED = re.compile(r"\b(?:act|rft)\.[\w.!~*-]{6,}|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
"""Tokens of creators, and of uploads, as the local TikTok makes them."""


@dataclass
class Canaries:
    """Secrets by name.

    Attributes:
        known: a name for people, and the secret.
    """

    known: dict[str, str] = field(default_factory=dict)

    def add_issued(self, state: Path) -> None:
        """Everything that the local TikTok handed out, from its own state file, where it may stand."""
        with closing(sqlite3.connect(f"file:{state}?mode=ro", uri=True)) as lines:
            rows = lines.execute("SELECT shelf, name, value FROM kept").fetchall()
        for shelf, name, value in rows:
            for token in ISSUED.findall(f"{name} {value}"):
                self.known[f"{shelf} {token[:8]}… ({len(self.known)})"] = token

    def found_in(self, data: bytes) -> list[str]:
        """The names of those that stand in `data`, as they are or as URLs, forms, JSON and base64 spell them."""
        return [name for name, secret in self.known.items() if any(form in data for form in _forms(secret))]

    def found_below(self, *folders: Path, but: tuple[str, ...]) -> list[str]:
        """Names and files, for every file below the folders whose path has none of `but` in it."""
        found = []
        for path in (path for folder in folders for path in folder.rglob("*")):
            if path.is_file() and not any(part in str(path) for part in but):
                found += [f"{name} in {path}" for name in self.found_in(path.read_bytes())]
        return found

    def found_in_tables(self, url: str) -> list[str]:
        """Names and tables of a PostgreSQL database."""
        found = []
        with psycopg.connect(url) as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            for (table,) in tables:
                rows = connection.execute(f'SELECT t::text FROM "{table}" t').fetchall()  # type: ignore[arg-type]
                found += [f"{name} in {table}" for name in self.found_in(repr(rows).encode())]
                binary = connection.execute(f'SELECT * FROM "{table}"').fetchall()  # type: ignore[arg-type]
                bytes_in = b"\n".join(bytes(cell) for row in binary for cell in row if isinstance(cell, bytes))
                found += [f"{name} in {table}, in clear" for name in self.found_in(bytes_in)]
        return found


def _forms(secret: str) -> set[bytes]:
    spelled = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), json.dumps(secret)[1:-1]}
    forms = {text.encode() for text in spelled}
    for before in range(3):
        # Base64 of a text that holds the secret at each of the three places a byte can have; the edges are others'.
        coded = base64.b64encode(b"\0" * before + secret.encode())
        inner = coded[4 if before else 0 :].rstrip(b"=")[:-1]
        forms |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return forms


@contextmanager
def watched_command_lines() -> Iterator[set[bytes]]:
    """All command lines of this machine that were seen while the block ran."""
    seen: set[bytes] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes())
                except OSError:
                    continue

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def film_host(folder: Path) -> Iterator[str]:
    """The origin of a web server with the folder's files; it does not look at queries."""
    port = free_port("127.0.0.1", 0)
    with ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{port}"
        server.shutdown()
