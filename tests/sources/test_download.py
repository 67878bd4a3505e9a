"""Downloads from a server that answers as wrongly as real ones do."""

from __future__ import annotations

import gzip
import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import Event

import pytest
from downloading import CANARY, sha256

from airdate.errors import Refused, Transient
from airdate.settings import Settings
from airdate.sources.download import Downloaded, Expected, Limits, download
from airdate.sources.retry import MAX_ATTEMPTS, MAX_WAIT_S

JPEG = b"\xff\xd8\xff\xe0" + bytes(2000)


class Clock:
    """Seconds that pass only when a test lets them."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_whole_film(get, server) -> None:
    server.answer(server.film("Content-Type: video/mp4"))
    seen: list[tuple[int, int | None]] = []
    got = get(on_progress=lambda done, total: seen.append((done, total)))
    size = len(server.FILM)
    assert got == Downloaded(get.target, size, sha256(server.FILM), "video/mp4", "film.mp4")
    assert get.target.read_bytes() == server.FILM
    assert [path.name for path in get.target.parent.iterdir()] == ["film"]
    assert seen[-1] == (size, size)
    assert server.requests[0].headers["accept-encoding"] == "identity"
    assert f"sig={CANARY}" in server.requests[0].path


def test_a_film_of_unknown_length(get, server) -> None:
    chunks = f"{len(server.FILM):x}\r\n".encode() + server.FILM + b"\r\n0\r\n\r\n"
    server.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunks)
    assert get().sha256 == sha256(server.FILM)


# What answers instead of the film


@pytest.mark.parametrize(
    "content_type",
    ["text/html", "TEXT/HTML; charset=utf-8", "application/json", "application/problem+json", "application/xhtml+xml"],
)
def test_a_page_with_status_200_is_no_film(content_type: str, get, server) -> None:
    server.answer(server.reply("200 OK", server.FILM, f"Content-Type: {content_type}"))
    refused = get.fails(Refused)
    assert (refused.code, refused.exit_code) == ("url_not_media", 3)
    assert refused.fix


def test_a_page_that_says_it_is_a_film(get, server) -> None:
    server.answer(server.reply("200 OK", b"<!doctype html>" + bytes(5000), "Content-Type: video/mp4"))
    assert get.fails(Refused).code == "url_not_media"
    assert list(get.target.parent.iterdir()) == []


def test_a_short_text_that_says_it_is_a_film(get, server) -> None:
    server.answer(server.reply("200 OK", b"expired", "Content-Type: video/mp4"))
    assert get.fails(Refused).code == "url_not_media"


def test_other_bytes_are_refused_by_the_first_of_them(get, server) -> None:
    server.answer(server.reply("200 OK", bytes(5_000_000)))
    seen: list[int] = []
    assert get.fails(Refused, on_progress=lambda done, total: seen.append(done)).code == "url_not_media"
    assert seen == []


def test_a_redirect_to_a_login_page(get, server) -> None:
    page = server.reply("200 OK", b"<html>log in</html>", "Content-Type: text/html")
    server.answer(server.redirect("/login?back=film"), page)
    assert get.fails(Refused).code == "url_not_media"


@pytest.mark.parametrize(
    "status", ["400 Bad Request", "401 Unauthorized", "403 Forbidden", "404 Not Found", "410 Gone"]
)
def test_4xx_is_refused_and_not_repeated(status: str, get, server) -> None:
    server.answer(server.reply(status, b"{}", "Content-Type: application/json"))
    refused = get.fails(Refused)
    assert (refused.code, refused.exit_code) == ("source_refused", 3)
    assert status in refused.message
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", ["204 No Content", "206 Partial Content", "304 Not Modified", "302 Found"])
def test_other_answers_hold_no_film(status: str, get, server) -> None:
    server.answer(f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n".encode())
    assert get.fails(Refused).code == "source_refused"


def test_a_loop_of_redirects(get, server) -> None:
    server.answer(server.redirect("/again"))
    assert get.fails(Refused).code == "redirect_loop"
    assert len(server.requests) == 6


def test_a_gzip_bomb_is_refused_unread(get, server) -> None:
    bomb = gzip.compress(server.FILM[:24] + bytes(50_000_000))
    server.answer(server.reply("200 OK", bomb, "Content-Encoding: gzip", "Content-Type: video/mp4"))
    assert get.fails(Refused).code == "content_encoded"
    assert not get.part.exists()


def test_a_word_left_over_from_an_upload_is_no_coding(get, server) -> None:
    server.answer(server.film("Content-Encoding: aws-chunked"))
    assert get().sha256 == sha256(server.FILM)


def test_too_large_by_its_header(get, server, settings) -> None:
    server.answer(server.film())
    small = settings.model_copy(update={"max_source_bytes": 1000})
    refused = get.fails(Refused, settings=small)
    assert refused.code == "source_too_large"
    assert "AIRDATE_MAX_SOURCE_BYTES" in refused.fix
    assert not get.part.exists()


def test_too_large_by_counting(get, server, settings) -> None:
    server.answer(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + server.FILM)
    small = settings.model_copy(update={"max_source_bytes": 1000})
    seen: list[int] = []
    refused = get.fails(Refused, settings=small, on_progress=lambda done, total: seen.append(done))
    assert refused.code == "source_too_large"
    assert max(seen, default=0) <= 1000
    assert list(get.target.parent.iterdir()) == []


@pytest.mark.parametrize("head", [b"Content-Length: 0\r\n", b""])
def test_nothing_at_all(head: bytes, get, server) -> None:
    server.answer(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + head + b"\r\n")
    assert get.fails(Refused).code == "media_empty"


def test_another_size_or_content_than_was_approved(get, server) -> None:
    server.answer(server.film())
    assert get.fails(Refused, expected=Expected(size=5)).code == "changed_since_approval"
    assert get.fails(Refused, expected=Expected(sha256="0" * 64)).code == "changed_since_approval"
    assert get(expected=Expected(len(server.FILM), sha256(server.FILM))).size == len(server.FILM)


def test_a_disk_without_room(get, server) -> None:
    server.answer(server.reply("200 OK", server.FILM, length=10**18))
    settings = Settings(allowed_origins=(server.origin,), max_source_bytes=10**19, _env_file=None)
    full = get.fails(Transient, settings=settings)
    assert (full.code, full.exit_code) == ("disk_full", 5)
    assert str(10**18) in full.message


# Faults that pass


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 507])
def test_a_fault_that_passes(status: int, get, server) -> None:
    server.answer(server.reply(f"{status} Later", b"<html>", "Content-Type: text/html"), server.film())
    assert get().size == len(server.FILM)
    assert len(get.waits) <= 1


def test_a_fault_that_does_not_pass(get, server) -> None:
    server.answer(server.reply("503 Service Unavailable"))
    fault = get.fails(Transient)
    assert (fault.code, fault.exit_code) == ("source_unavailable", 5)
    assert len(server.requests) == MAX_ATTEMPTS
    assert len(get.waits) == MAX_ATTEMPTS - 1
    assert all(0 <= wait <= 4 for wait in get.waits)


def test_retry_after_in_both_forms_and_capped(get, server) -> None:
    def busy(after: str) -> bytes:
        return server.reply("429 Too Many Requests", b"", f"Retry-After: {after}")

    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    server.answer(busy("7"), busy(soon), busy("86400"), busy("in a while"), server.film())
    get()
    assert get.waits[0] == 7
    assert 25 < get.waits[1] <= 30
    assert get.waits[2] == MAX_WAIT_S
    assert get.waits[3] <= 4


def test_nobody_listens(get, server, settings) -> None:
    server.close()
    fault = get.fails(Transient)
    assert (fault.code, fault.exit_code) == ("source_unreachable", 5)


def test_a_host_without_an_address(tmp_path: Path, settings) -> None:
    with pytest.raises(Transient) as fault:
        download("https://no-such-host.invalid/a.mp4", tmp_path / "a", settings=settings, pause=lambda _seconds: None)
    assert (fault.value.code, fault.value.exit_code) == ("source_unreachable", 5)


def test_a_server_that_says_nothing(get, server) -> None:
    server.answer(b"")
    assert get.fails(Transient).code == "source_unreachable"


def test_a_server_that_waits_too_long(get, server) -> None:
    released = Event()

    def wait(_request) -> bytes:
        released.wait(5)
        return b""

    server.answer(wait)
    try:
        assert get.fails(Transient, limits=Limits(read_s=0.02)).code == "source_unreachable"
    finally:
        released.set()


def test_a_server_that_keeps_within_the_timeout_of_a_read(get, server) -> None:
    released, waited_in_vain = Event(), Event()

    def wait(_request) -> bytes:
        if not released.wait(5):
            waited_in_vain.set()
        return b""

    server.answer(wait)
    try:
        assert get.fails(Transient, limits=Limits(read_s=60, total_s=1.0)).code == "source_too_slow"
    finally:
        released.set()
    assert not waited_in_vain.is_set()
    assert len(server.requests) == 1


def test_a_trickle_is_a_stall_and_is_gone_on_from(get, server) -> None:
    clock = Clock()
    server.answer(server.film())
    pieces: list[int] = []

    def slow_at_first(done: int, total: int | None) -> None:
        pieces.append(done)
        clock.now += 31 if len(pieces) == 1 else 0

    got = get(clock=clock, on_progress=slow_at_first, limits=Limits(floor_bytes_per_s=10_000, floor_s=30))
    assert got.sha256 == sha256(server.FILM)
    assert get.starts() == [None, pieces[0]]


def test_the_whole_download_has_an_end(get, server) -> None:
    clock = Clock()
    server.answer(server.film())

    def slowly(done: int, total: int | None) -> None:
        clock.now += 200

    fault = get.fails(Transient, clock=clock, on_progress=slowly, limits=Limits(total_s=100))
    assert (fault.code, fault.exit_code, len(server.requests)) == ("source_too_slow", 5, 1)
    assert get.part.exists()


# Secrets and names


def test_credentials_stay_with_their_origin(get, server, second_server, tmp_path: Path) -> None:
    settings = Settings(allowed_origins=(server.origin, second_server.origin), _env_file=None)
    server.answer(server.redirect("/here"), server.redirect(second_server.url("/there")))
    second_server.answer(second_server.film())
    get(settings=settings, credentials={"Authorization": f"Bearer {CANARY}"})
    assert [request.headers.get("authorization") for request in server.requests] == [f"Bearer {CANARY}"] * 2
    assert "authorization" not in second_server.requests[0].headers


def test_logs_hold_no_signature(get, server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "airdate")
    server.answer(server.film(upto=100_000), server.reply("503 Later"), server.film('ETag: "v2"'))
    get()
    assert "attempt 1 of 5" in caplog.text
    assert CANARY not in caplog.text


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="a.mov"', "a.mp4"),
        ("attachment; filename=\"plain.mp4\"; filename*=UTF-8''%C3%9Cbung%20%E2%82%AC.mp4", "Übung €.mp4"),
        ('attachment; filename="../../etc/passwd"', "passwd.mp4"),
        (r'attachment; filename="C:\\films\\x.mp4"', "x.mp4"),
        ("attachment; filename*=UTF-8''a%00%0a%E2%80%AEb.mp4", "ab.mp4"),
        (f'attachment; filename="{"x" * 500}.mp4"', "x" * 120 + ".mp4"),
        ('attachment; filename=".."', "asset.mp4"),
        ("attachment; filename*=bogus''%FF.mp4", "ÿ.mp4"),
        ("inline", "film.mp4"),
    ],
)
def test_names_for_people(header: str, name: str, get, server) -> None:
    server.answer(server.film(f"Content-Disposition: {header}"))
    assert get().filename == name
    assert get.target.exists()


def test_the_type_is_the_contents(get, server) -> None:
    server.answer(server.reply("200 OK", JPEG, "Content-Type: application/octet-stream"))
    got = get("/photo.mp4")
    assert (got.content_type, got.filename) == ("image/jpeg", "photo.jpg")
