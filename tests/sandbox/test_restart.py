"""A sandbox that is killed goes on where it was: nobody's token, post or half an upload is lost."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import httpx
import pytest
from sandbox_client import Client, WebHost, free_pair, padded, photo, put, serve_in_child

from airdate.sandbox.running import Control, RunningSandbox
from airdate.sandbox.server import SandboxAddresses
from airdate.sandbox.store import Shelf, Store, claimed

pytestmark = pytest.mark.e2e

SIZE, CHUNK = 12_000_000, 6_000_000


@contextmanager
def child(port: int, folder: Path) -> Iterator[tuple[Control, SandboxAddresses]]:
    """A sandbox in a process of its own, that is killed at the end."""
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=serve_in_child, args=(port, folder, there))
    process.start()
    try:
        assert here.poll(20)
        addresses = SandboxAddresses(**json.loads(here.recv()))
        yield Control(addresses.control), addresses
    finally:
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()


def half_a_chunk(url: str, body: bytes) -> socket.socket:
    """A PUT of the second chunk that is on its way."""
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port))
    head = (
        f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: video/mp4\r\n"
        f"Content-Length: {CHUNK}\r\nContent-Range: bytes {CHUNK}-{SIZE - 1}/{SIZE}\r\n\r\n"
    )
    connection.sendall(head.encode() + body[CHUNK : CHUNK + 3_000_000])
    return connection


def test_an_upload_survives_a_kill(tmp_path: Path, film: bytes) -> None:
    port, body = free_pair(), padded(film, SIZE)
    with child(port, tmp_path) as (control, addresses), httpx.Client(base_url=addresses.api, trust_env=False) as http:
        control.settings(daily_cap=7, creators={"demo": {"nickname": "Still here"}})
        control.advance(600)
        grant = control.grant("demo")
        client = Client(control, grant, http, refresh_token=grant["refresh_token"])
        client.refresh()
        done = client.post(film)
        opened = client.init(SIZE, CHUNK, 2).json()["data"]
        assert put(opened["upload_url"], body[:CHUNK], 0, SIZE).status_code == 206
        cut = half_a_chunk(opened["upload_url"], body)
        now = control.advance(0)
    cut.close()
    with child(port, tmp_path) as (control, again), httpx.Client(base_url=again.api, trust_env=False) as http:
        assert again == addresses
        client = Client(control, grant, http, access=client.access, refresh_token=client.refresh_token)
        assert client.data(opened["publish_id"]) == {"status": "PROCESSING_UPLOAD", "uploaded_bytes": CHUNK}
        assert "access_token" in client.refresh().json()
        assert client.creator_info().json()["data"]["creator_nickname"] == "Still here"
        assert control.settings()["daily_cap"] == 7
        assert control.advance(0) >= now
        assert put(opened["upload_url"], body[:CHUNK], 0, SIZE).status_code == 416, "that one is in"
        assert put(opened["upload_url"], body[CHUNK:], CHUNK, SIZE).status_code == 201
        control.advance(5)
        control.post(opened["publish_id"])
        assert client.data(opened["publish_id"]) == {"status": "PUBLISH_COMPLETE"}
        assert control.bytes_of(opened["publish_id"]) == body
        assert client.data(done) == {"status": "PUBLISH_COMPLETE"}
        assert control.bytes_of(done) == film
        control.reset()
        assert control.posts() == []
        assert list((tmp_path / "films").iterdir()) == []
        assert client.creator_info().status_code == 200, "tokens outlive a reset"


def test_what_was_begun_is_done_after_a_restart(tmp_path: Path, film: bytes, host: WebHost) -> None:
    with RunningSandbox(tmp_path) as sandbox, httpx.Client(base_url=sandbox.addresses.api, trust_env=False) as http:
        sandbox.control.settings(verified_prefixes=["127.0.0.1"])
        grant = sandbox.control.grant("demo")
        client = Client(sandbox.control, grant, http, refresh_token=grant["refresh_token"])
        client.refresh()
        pulled = client.init_photos([host.put("slow.jpg", None)], oddity="\ud83d").json()["data"]["publish_id"]
        opened = client.init(len(film)).json()["data"]
        put(opened["upload_url"], film, 0, len(film))
    host.put("slow.jpg", photo())
    with RunningSandbox(tmp_path) as sandbox, httpx.Client(base_url=sandbox.addresses.api, trust_env=False) as http:
        client = Client(sandbox.control, grant, http, access=client.access)
        assert client.pulled(pulled) == {"status": "PUBLISH_COMPLETE"}
        assert client.data(opened["publish_id"]) == {"status": "PUBLISH_COMPLETE"}


def test_an_earlier_sandboxs_posts_fill_no_cap(tmp_path: Path, film: bytes) -> None:
    for _ in range(2):
        with RunningSandbox(tmp_path) as sandbox, httpx.Client(base_url=sandbox.addresses.api, trust_env=False) as http:
            sandbox.control.settings(daily_cap=1, pending_shares=1)
            grant = sandbox.control.grant("demo")
            client = Client(sandbox.control, grant, http, refresh_token=grant["refresh_token"])
            client.refresh()
            client.post(film, inbox=True)
            client.post(film)
            assert client.creator_info().json()["error"]["code"] == "spam_risk_too_many_posts"


def test_a_home_may_be_moved(tmp_path: Path, film: bytes, host: WebHost) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    with RunningSandbox(before) as sandbox, httpx.Client(base_url=sandbox.addresses.api, trust_env=False) as http:
        sandbox.control.settings(verified_prefixes=["127.0.0.1"])
        grant = sandbox.control.grant("demo")
        client = Client(sandbox.control, grant, http, refresh_token=grant["refresh_token"])
        client.refresh()
        posted = client.post(film)
        pulled = client.init_photos([host.put("a.jpg", photo())]).json()["data"]["publish_id"]
        assert client.pulled(pulled) == {"status": "PUBLISH_COMPLETE"}
    before.rename(after)
    with RunningSandbox(after) as sandbox:
        assert sandbox.control.bytes_of(posted) == film
        assert sandbox.control.bytes_of(pulled) == photo()
        cover = httpx.get(f"{sandbox.addresses.page}/covers/{posted}", trust_env=False, verify=False)
        assert cover.content[:2] == b"\xff\xd8"


def test_a_minute_goes_on(tmp_path: Path) -> None:
    codes = []
    for _ in range(2):
        with RunningSandbox(tmp_path) as sandbox, httpx.Client(base_url=sandbox.addresses.api, trust_env=False) as http:
            grant = sandbox.control.grant("demo")
            client = Client(sandbox.control, grant, http, refresh_token=grant["refresh_token"])
            client.refresh()
            codes += [client.init(1000).status_code for _ in range(4)]
    assert codes == [200] * 6 + [429] * 2


def test_a_second_sandbox_of_a_folder_disturbs_nobody(tmp_path: Path) -> None:
    with RunningSandbox(tmp_path) as first:
        grant = first.control.grant("demo")
        with RunningSandbox(tmp_path) as second, httpx.Client(base_url=second.addresses.api, trust_env=False) as http:
            client = Client(second.control, grant, http, refresh_token=grant["refresh_token"])
            assert client.refresh().json()["error"] == "invalid_grant"
        first.control.settings(daily_cap=3)
    with claimed(tmp_path) as own:
        assert own == tmp_path
        assert (own / "state.db").stat().st_mode & 0o777 == 0o600


def test_what_another_version_wrote_is_forgotten(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write("numbers", "a", "1.5")
    store.write("numbers", "b", '{"not": "a number"}')
    store.write("numbers", "c", "2.5")
    shelf = Shelf[float](store, "numbers", float)
    assert dict(shelf) == {"a": 1.5, "c": 2.5}
    shelf["a"] = 3.5
    del shelf["c"]
    assert [name for name, _ in store.read("numbers")] == ["a"]
    store.close()


def test_writing_down_costs_no_time(tmp_path: Path) -> None:
    store = Store(tmp_path)
    shelf = Shelf[list[float]](store, "windows", list[float])
    begun = monotonic()
    for number in range(1000):
        shelf[str(number % 10)] = [1.0, 2.0, 3.0]
    assert monotonic() - begun < 1.0, "a millisecond each would be felt"
    store.close()
