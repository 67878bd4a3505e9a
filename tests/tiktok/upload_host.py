"""A strict upload host on a raw socket, one that can break in any way a real one was seen to."""

from __future__ import annotations

import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Put:
    """One request as it arrived."""

    line: str
    headers: dict[str, str]
    connection: int
    body: bytes = b""

    @property
    def range(self) -> tuple[int, int]:
        first, last = re.fullmatch(r"bytes (\d+)-(\d+)/\d+", self.headers["content-range"]).groups()
        return int(first), int(last)


@dataclass
class Host:
    """Keeps the film it is sent; `faults` are used up, one a request, `None` for none."""

    total: int
    faults: list[Fault | None] = field(default_factory=list)
    film: bytearray = field(default_factory=bytearray)
    puts: list[Put] = field(default_factory=list)
    count_header: bool = True
    tls: ssl.SSLContext | None = None
    closing: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Host:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections = 0
        self._open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()

    @property
    def url(self) -> str:
        port = self._listener.getsockname()[1]
        scheme = "https" if self.tls else "http"
        return f"{scheme}://127.0.0.1:{port}/up%7Eload/../x?upload_id=75&upload_token=%2fcanary"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections += 1
            self._open.append(connection)
            threading.Thread(target=self._talk, args=(connection, self._connections), daemon=True).start()

    def _talk(self, connection: socket.socket, number: int) -> None:
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            while (put := self._head(connection, number)) is not None:
                self.puts.append(put)
                fault = self.faults.pop(0) if self.faults else None
                if not (fault or take)(self, connection, put):
                    break
        except OSError:
            pass
        finally:
            connection.close()

    def _head(self, connection: socket.socket, number: int) -> Put | None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            part = connection.recv(1)
            if not part:
                return None
            head += part
        line, *lines = head.decode("ascii").rstrip().split("\r\n")
        pairs = [entry.split(": ", 1) for entry in lines]
        return Put(line, {name.lower(): value for name, value in pairs}, number)


Fault = Callable[[Host, socket.socket, Put], bool]
"""Handles one request; True keeps the connection."""


def read(connection: socket.socket, put: Put, upto: int | None = None) -> None:
    """Read the body, or its first `upto` bytes."""
    length = int(put.headers["content-length"]) if upto is None else upto
    while len(put.body) < length:
        part = connection.recv(min(65536, length - len(put.body)))
        if not part:
            return
        put.body += part


def say(connection: socket.socket, status: int, body: bytes = b"", **headers: str) -> None:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)


def take(host: Host, connection: socket.socket, put: Put) -> bool:
    """What TikTok does: the next range in order, else 416; nothing of a body that breaks off."""
    read(connection, put)
    if len(put.body) < int(put.headers["content-length"]):
        return False
    first, _ = put.range
    if first != len(host.film):
        say(connection, 416, Content_Range=f"bytes 0-{len(host.film)}/{host.total}")
        return True
    host.film += put.body
    told = len(host.film) - (0 if host.count_header else 1)
    status = 201 if len(host.film) == host.total else 206
    say(connection, status, Content_Range=f"bytes 0-{told}/{host.total}")
    return True


def answer(status: int, body: bytes = b"", **headers: str) -> Fault:
    """Read everything, keep nothing, answer that."""

    def fault(host: Host, connection: socket.socket, put: Put) -> bool:
        read(connection, put)
        say(connection, status, body, **headers)
        return True

    return fault


def early(status: int, after: int = 1000, body: bytes = b"", **headers: str) -> Fault:
    """Answer after the first bytes and hang up with the rest unread, which resets the connection."""

    def fault(host: Host, connection: socket.socket, put: Put) -> bool:
        read(connection, put, after)
        say(connection, status, body, **headers)
        return False

    return fault


def reset(after: int) -> Fault:
    """Read so many bytes, then reset."""

    def fault(host: Host, connection: socket.socket, put: Put) -> bool:
        read(connection, put, after)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    return fault


def stored_but_unanswered(host: Host, connection: socket.socket, put: Put) -> bool:
    """Take the chunk and hang up without a word."""
    read(connection, put)
    host.film += put.body
    return False


def deaf(host: Host, connection: socket.socket, put: Put) -> bool:
    """Keep the connection and never read on, until the test is over."""
    host.closing.wait()
    return False
