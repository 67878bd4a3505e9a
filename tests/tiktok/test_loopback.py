"""The listener that waits for the browser: one address is heard, whatever else a browser does."""

from __future__ import annotations

import socket
import threading
from urllib.parse import urlsplit

import httpx
import pytest

from airdate.errors import NeedsPerson
from airdate.tiktok.loopback import Loopback


def test_it_listens_on_this_machine_alone_and_hears_its_address() -> None:
    with Loopback() as listener:
        assert urlsplit(listener.redirect_uri).hostname == "127.0.0.1"
        answer = httpx.get(f"{listener.redirect_uri}?code=a%2Bb&state=s", trust_env=False)
        assert listener.wait(5) == f"{listener.redirect_uri}?code=a%2Bb&state=s"
    assert "You can close this window" in answer.text
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    with pytest.raises(httpx.ConnectError):
        httpx.get(listener.redirect_uri, trust_env=False)


def test_silent_connections_and_other_paths_are_not_waited_for(capfd: pytest.CaptureFixture[str]) -> None:
    with Loopback() as listener:
        at = urlsplit(listener.redirect_uri)
        silent = [socket.create_connection((at.hostname, at.port)) for _ in range(5)]
        for path in ("/favicon.ico", "/callback", "/callback/", "/callback/more?code=x"):
            assert httpx.get(f"http://{at.netloc}{path}", trust_env=False).status_code == 404
        assert listener.wait(0.01) is None
        threading.Timer(0.05, lambda: httpx.get(f"{listener.redirect_uri}?code=CANARY", trust_env=False)).start()
        assert listener.wait(10) == f"{listener.redirect_uri}?code=CANARY"
        for connection in silent:
            connection.close()
    assert "CANARY" not in "".join(capfd.readouterr())


def test_a_fixed_address_is_taken_as_it_was_registered() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NeedsPerson) as caught:
            Loopback(f"http://localhost:{port}/back")
        assert caught.value.code == "port_taken"
    with Loopback(f"http://localhost:{port}/back") as listener:
        httpx.get(f"http://127.0.0.1:{port}/back?code=c", trust_env=False)
        assert listener.wait(5) == f"http://localhost:{port}/back?code=c"
