"""A download that was cut off goes on where it stopped, and never splices two versions of a file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from threading import Event

import pytest
from downloading import CANARY, sha256

from airdate.errors import Refused, Transient
from airdate.sources.download import Expected
from airdate.sources.retry import MAX_ATTEMPTS


def test_cut_films_are_gone_on_from(get, server) -> None:
    server.answer(server.film(upto=100_000), server.film(upto=200_000), server.film())
    assert get().sha256 == sha256(server.FILM)
    assert get.starts() == [None, 100_000, 200_000]
    assert server.requests[1].headers["if-range"] == '"v1"'


def test_a_later_call_goes_on(get, server) -> None:
    server.answer(server.film(upto=100_000), server.reply("503 Later"))
    get.fails(Transient)
    server.requests.clear()
    server.answer(server.film())
    assert get().sha256 == sha256(server.FILM)
    assert get.starts() == [100_000]


def test_a_killed_process_is_gone_on_from(get, server, settings) -> None:
    held, killed = Event(), Event()

    def hold(request) -> bytes:
        held.set()
        killed.wait(20)
        return server.film()(request)

    server.answer(server.film(upto=150_000), hold)
    program = (
        "import sys; from pathlib import Path; from airdate.settings import Settings;"
        "from airdate.sources.download import download;"
        "download(sys.argv[1], Path(sys.argv[2]), settings=Settings(), pause=lambda s: None)"
    )
    environment = {**os.environ, "AIRDATE_ALLOWED_ORIGINS": server.origin}
    child = subprocess.Popen([sys.executable, "-c", program, server.url(), str(get.target)], env=environment)
    try:
        assert held.wait(20)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        killed.set()
    assert not get.target.exists()
    server.requests.clear()
    server.answer(server.film())
    assert get("/film.mp4").sha256 == sha256(server.FILM)
    assert get.starts() == [150_000]


def test_a_server_that_ignores_ranges(get, server) -> None:
    whole = server.reply("200 OK", server.FILM, 'ETag: "v1"')
    server.answer(server.film(upto=100_000), whole)
    assert get().sha256 == sha256(server.FILM)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(('ETag: "v2"',), id="other ETag"),
        pytest.param(("X: y",), id="no ETag"),
        pytest.param(('ETag: W/"v1"',), id="weak ETag"),
        pytest.param(('ETag: "v1"', "Last-Modified: Thu, 02 Jan 2025 00:00:00 GMT"), id="other date"),
    ],
)
def test_a_206_of_another_version_is_never_spliced(headers: tuple[str, ...], get, server) -> None:
    old = ('ETag: "v1"', "Last-Modified: Wed, 01 Jan 2025 00:00:00 GMT")
    new = server.film(*headers, content=server.OTHER_FILM)
    server.answer(server.film(*old, upto=100_000), new)
    assert get().sha256 == sha256(server.OTHER_FILM)
    assert get.starts() == [None, 100_000, None]


@pytest.mark.parametrize(
    "span", ["bytes 100000-300123/300124", "bytes 99999-300023/300024", "bytes */300024", "", "bytes 100000-300023/*"]
)
def test_a_206_with_another_span_is_never_spliced(span: str, get, server) -> None:
    size = len(server.FILM)
    assert size == 300_024
    wrong = server.reply("206 Partial Content", bytes(size - 100_000), 'ETag: "v1"', f"Content-Range: {span}")
    server.answer(server.film(upto=100_000), wrong, server.film())
    assert get().sha256 == sha256(server.FILM)
    assert get.starts() == [None, 100_000, None]


def test_a_file_that_keeps_changing_is_given_up(get, server) -> None:
    versions = iter(range(100))

    def changing(request) -> bytes:
        return server.film(f'ETag: "{next(versions)}"', upto=100_000)(request)

    server.answer(changing)
    assert get.fails(Transient).exit_code == 5
    assert len(server.requests) == MAX_ATTEMPTS


NEVER_SETTLED = ("Date: Wed, 01 Jan 2025 00:00:30 GMT", "Last-Modified: Wed, 01 Jan 2025 00:00:00 GMT")
SETTLED = ("Date: Wed, 01 Jan 2025 00:01:00 GMT", "Last-Modified: Wed, 01 Jan 2025 00:00:00 GMT")


@pytest.mark.parametrize("headers", [("X: none",), ('ETag: W/"v1"',), ('ETag: W/"v1"', *SETTLED), NEVER_SETTLED])
def test_without_a_strong_validator_it_begins_anew(headers: tuple[str, ...], get, server) -> None:
    server.answer(server.film(*headers, upto=100_000), server.film(*headers))
    assert get().sha256 == sha256(server.FILM)
    assert get.starts() == [None, None]


def test_a_settled_date_is_a_validator(get, server) -> None:
    server.answer(server.film(*SETTLED, upto=100_000), server.film(*SETTLED))
    assert get().sha256 == sha256(server.FILM)
    assert get.starts() == [None, 100_000]
    assert server.requests[1].headers["if-range"] == "Wed, 01 Jan 2025 00:00:00 GMT"


def test_a_known_hash_needs_no_validator(get, server) -> None:
    server.answer(server.film("X: none", upto=100_000), server.film("X: none"))
    assert get(expected=Expected(sha256=sha256(server.FILM))).size == len(server.FILM)
    assert get.starts() == [None, 100_000]
    assert "if-range" not in server.requests[1].headers


def test_pieces_that_do_not_make_up_the_hash_are_thrown_away(get, server) -> None:
    splice = server.film("X: none", content=server.OTHER_FILM, upto=100_000)
    server.answer(splice, server.film("X: none"))
    assert get(expected=Expected(sha256=sha256(server.FILM))).sha256 == sha256(server.FILM)
    assert get.starts() == [None, 100_000, None]


def test_416_on_a_complete_part(get, server) -> None:
    server.answer(server.film(upto=100_000), server.reply("503 Later"))
    get.fails(Transient)
    get.part.write_bytes(server.FILM)
    server.answer(server.reply("416 Range Not Satisfiable", b"", f"Content-Range: bytes */{len(server.FILM)}"))
    got = get()
    assert (got.sha256, got.filename) == (sha256(server.FILM), "film.mp4")


@pytest.mark.parametrize("total", ["5", "100000", "*"])
def test_416_on_anything_else_begins_anew(total: str, get, server) -> None:
    refused = server.reply("416 Range Not Satisfiable", b"", f"Content-Range: bytes */{total}")
    server.answer(server.film(upto=100_000), refused, server.film())
    assert get().sha256 == sha256(server.FILM)
    assert get.starts() == [None, 100_000, None]


@pytest.mark.parametrize("status", ["200 OK", "206 Partial Content"])
def test_a_link_that_expired_keeps_the_part_for_a_fresh_one(status: str, get, server) -> None:
    span = "Content-Range: bytes 100000-300023/300024"
    login = server.reply(status, b"<html>", "Content-Type: text/html", 'ETag: "v1"', span)
    server.answer(server.film(upto=100_000), login)
    assert get.fails(Refused).code == "url_not_media"
    server.requests.clear()
    server.answer(server.film())
    assert get(f"/dir/film.mp4?sig=fresh-{CANARY}").sha256 == sha256(server.FILM)
    assert get.starts() == [100_000]


@pytest.mark.parametrize("sidecar", ["", "[]", "{}", '{"total": 5}', "\x00"])
def test_a_damaged_sidecar_is_worth_nothing(sidecar: str, get, server) -> None:
    get.target.parent.mkdir(parents=True)
    get.part.write_bytes(server.OTHER_FILM)
    get.part.with_name("film.part.json").write_text(sidecar)
    server.answer(server.film())
    assert get().sha256 == sha256(server.FILM)
    assert get.starts() == [None]


def test_the_sidecar_knows_no_address(get, server) -> None:
    server.answer(server.film(upto=100_000), server.reply("503 Later"))
    get.fails(Transient)
    sidecar = get.part.with_name("film.part.json").read_text()
    assert json.loads(sidecar)["etag"] == '"v1"'
    assert CANARY not in sidecar
