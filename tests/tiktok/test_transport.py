"""A call ends in time, and its faults have the names that httpx gives them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from airdate.tiktok.transport import CALL_LIMIT_S, open_http


@contextmanager
def host(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """The origin of a host that answers each connection with `answer`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=answering, args=(connection,), daemon=True).start()

        def answering(connection: socket.socket) -> None:
            with connection:
                try:
                    answer(connection)
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def ask(origin: str, limit_s: float = CALL_LIMIT_S) -> httpx.Response:
    with open_http(limit_s) as http:
        return http.post(f"{origin}/v2/x/?fields=a", content=b"{}", headers={"X-Said": "yes"})


def test_a_call_and_its_answer_are_whole() -> None:
    heard = []

    def answer(connection: socket.socket) -> None:
        asked = b""
        while not asked.endswith(b"{}"):
            asked += connection.recv(65536)
        heard.append(asked)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Id: 7\r\n\r\n{}")

    with host(answer) as origin:
        got = ask(origin)
    assert (got.status_code, got.headers["x-id"], got.content) == (200, "7", b"{}")
    assert heard[0].startswith(b"POST /v2/x/?fields=a HTTP/1.1\r\n")
    assert heard[0].endswith(b"\r\n\r\n{}")
    assert b"X-Said: yes" in heard[0]


@pytest.mark.parametrize("drop", [b"X-A: b\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"], ids=["headers", "interim answers"])
def test_an_answer_that_drips_ends_by_its_whole_time(drop: bytes) -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" if drop.startswith(b"X") else b"")
        while True:
            connection.sendall(drop)
            time.sleep(0.02)

    with host(answer) as origin:
        began = time.monotonic()
        with pytest.raises(httpx.TimeoutException):
            ask(origin, 0.5)
    assert time.monotonic() - began < 10


def test_faults_have_httpxs_names() -> None:
    with (
        host(lambda connection: connection.close()) as origin,
        pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)),
    ):
        ask(origin)
    with pytest.raises(httpx.ConnectError):
        ask(origin)
