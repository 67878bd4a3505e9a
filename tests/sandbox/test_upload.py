from __future__ import annotations

import hashlib
import socket
from urllib.parse import urlsplit

import httpx
import pytest
from sandbox_client import Client, padded, put

from airdate.sandbox.running import Control

SIZE, CHUNK, COUNT = 12_000_001, 6_000_000, 2


@pytest.fixture(scope="module")
def big() -> bytes:
    """Bytes in two chunks that are no film; what is uploaded is not looked at before the end."""
    return bytes(range(256)) * (SIZE // 256) + bytes(SIZE % 256)


@pytest.fixture
def opened(demo: Client) -> dict[str, str]:
    return demo.init(SIZE, CHUNK, COUNT).json()["data"]


def rules(control: Control) -> list[str]:
    return [broken["rule"] for broken in control.broken() if broken["rule"] != "stale_creator_info"]


def test_a_film_arrives_whole(demo: Client, control: Control, film: bytes) -> None:
    body = padded(film, 66_259_900)
    demo.creator_info()
    opened = demo.init(66_259_900, 11_043_316, 6).json()["data"]
    url, sizes = opened["upload_url"], []
    with httpx.Client(trust_env=False, verify=False, timeout=30) as http:
        for index in range(6):
            first = index * 11_043_316
            last = 66_259_899 if index == 5 else first + 11_043_315
            headers = {"Content-Type": "video/mp4", "Content-Range": f"bytes {first}-{last}/66259900"}
            answer = http.put(url, content=body[first : last + 1], headers=headers)
            assert answer.content == b""
            assert answer.headers["content-range"] == f"bytes 0-{last + 1}/66259900"
            sizes.append(answer.status_code)
            if index < 5:
                assert demo.data(opened["publish_id"]) == {"status": "PROCESSING_UPLOAD", "uploaded_bytes": last + 1}
    assert sizes == [206] * 5 + [201]
    [post] = control.posts()
    assert post["sha256"] == hashlib.sha256(body).hexdigest()
    assert (post["size"], post["chunk_size"], post["total_chunk_count"]) == (66_259_900, 11_043_316, 6)
    assert control.bytes_of(opened["publish_id"]) == body
    control.advance(2)
    assert demo.data(opened["publish_id"]) == {"status": "PUBLISH_COMPLETE"}
    assert control.broken() == []


@pytest.mark.parametrize(("kind", "shown"), [("count", "0-6000000"), ("last", "0-5999999"), ("none", None)])
def test_progress_is_a_count_or_an_index(
    opened: dict[str, str], control: Control, big: bytes, kind: str, shown: str | None
) -> None:
    control.settings(progress_header=kind)
    answer = put(opened["upload_url"], big[:CHUNK], 0, SIZE)
    assert answer.headers.get("content-range") == (f"bytes {shown}/{SIZE}" if shown else None)


@pytest.mark.parametrize(
    ("first", "length", "headers", "status", "rule"),
    [
        (0, CHUNK, {"Content_Range": ""}, 416, "no_content_range"),
        (0, CHUNK, {"Content_Range": "bytes=0-5999999/12000001"}, 400, "bad_content_range"),
        (0, CHUNK, {"Content_Range": "bytes 0-5999998/12000001"}, 400, "wrong_length"),
        (0, CHUNK, {"Content_Range": "bytes 0-5999999/12000002"}, 416, "wrong_range"),
        (0, CHUNK, {"Content_Type": "application/octet-stream"}, 400, "wrong_content_type"),
        (0, CHUNK, {"Content_Type": ""}, 400, "wrong_content_type"),
        (0, CHUNK, {"Authorization": "Bearer act.secret"}, 400, "bearer_on_upload_host"),
        (0, 1000, {}, 416, "wrong_range"),
        (1000, 1000, {}, 416, "wrong_range"),
        (CHUNK, SIZE - CHUNK, {}, 416, "out_of_order"),
    ],
)
def test_a_wrong_chunk_is_refused_and_recorded(
    opened: dict[str, str],
    control: Control,
    big: bytes,
    first: int,
    length: int,
    headers: dict[str, str],
    status: int,
    rule: str,
) -> None:
    answer = put(opened["upload_url"], big[first : first + length], first, SIZE, **headers)
    assert (answer.status_code, answer.content) == (status, b"")
    assert rules(control) == [rule]
    assert put(opened["upload_url"], big[:CHUNK], 0, SIZE).status_code == 206, "the upload goes on"


def test_a_refused_chunk_leaves_the_connection_usable(opened: dict[str, str], big: bytes) -> None:
    headers = {"Content-Type": "video/mp4", "Content-Range": f"bytes 0-{CHUNK - 1}/{SIZE}"}
    with httpx.Client(trust_env=False, verify=False) as http:
        assert http.put(opened["upload_url"], content=big[:CHUNK]).status_code == 400
        assert http.put(opened["upload_url"], content=big[:CHUNK], headers=headers).status_code == 206


def test_a_body_without_a_length_is_refused(opened: dict[str, str], control: Control) -> None:
    headers = {"Content-Type": "video/mp4", "Content-Range": f"bytes 0-{CHUNK - 1}/{SIZE}"}
    answer = httpx.put(opened["upload_url"], content=iter([b"x"]), headers=headers, trust_env=False, verify=False)
    assert answer.status_code == 400
    assert rules(control) == ["no_content_length"]


@pytest.mark.parametrize("expected", [416, 206])
def test_a_range_that_is_in_already(opened: dict[str, str], control: Control, big: bytes, expected: int) -> None:
    control.settings(repeated_range=expected)
    put(opened["upload_url"], big[:CHUNK], 0, SIZE)
    again = put(opened["upload_url"], bytes(CHUNK), 0, SIZE)
    assert again.status_code == expected
    assert put(opened["upload_url"], big[CHUNK:], CHUNK, SIZE).status_code == 201
    assert control.bytes_of(opened["publish_id"]) == big, "what is in stays as it is"
    assert rules(control) == []


def test_a_wrong_length_may_look_like_a_broken_gateway(opened: dict[str, str], control: Control, big: bytes) -> None:
    control.settings(wrong_length=502)
    headers = {"Content_Range": f"bytes 0-{CHUNK - 1}/{SIZE}"}
    assert put(opened["upload_url"], big[:1000], 0, SIZE, **headers).status_code == 502


def test_a_url_lives_for_an_hour(demo: Client, opened: dict[str, str], control: Control, big: bytes) -> None:
    control.advance(3599)
    assert put(opened["upload_url"], big[:CHUNK], 0, SIZE).status_code == 206
    control.advance(1)
    assert put(opened["upload_url"], big[CHUNK:], CHUNK, SIZE).status_code == 403
    assert demo.data(opened["publish_id"]) == {"status": "PROCESSING_UPLOAD", "uploaded_bytes": CHUNK}


def test_an_unknown_url_is_not_found(opened: dict[str, str], big: bytes) -> None:
    url = opened["upload_url"]
    assert put(url[:-1] + ("0" if url[-1] != "0" else "1"), big[:CHUNK], 0, SIZE).status_code == 404
    assert put(url.replace("/upload?", "/video?"), big[:CHUNK], 0, SIZE).status_code == 404
    assert httpx.get(url, trust_env=False, verify=False).status_code == 405


def test_half_a_chunk_counts_for_nothing(demo: Client, opened: dict[str, str], big: bytes) -> None:
    url = urlsplit(opened["upload_url"])
    head = (
        f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: video/mp4\r\n"
        f"Content-Length: {CHUNK}\r\nContent-Range: bytes 0-{CHUNK - 1}/{SIZE}\r\n\r\n"
    )
    with socket.create_connection((url.hostname, url.port)) as half:
        half.sendall(head.encode() + bytes(3_000_000))
        # A client that gives up opens another connection while the server may still wait on the first.
        assert put(opened["upload_url"], big[:CHUNK], 0, SIZE).status_code == 206
    assert demo.data(opened["publish_id"])["uploaded_bytes"] == CHUNK
    assert put(opened["upload_url"], big[CHUNK:], CHUNK, SIZE).status_code == 201
    assert demo.control.bytes_of(opened["publish_id"]) == big


def test_who_asks_before_sending_is_told_to_go_on(opened: dict[str, str], big: bytes) -> None:
    url = urlsplit(opened["upload_url"])
    head = (
        f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: video/mp4\r\n"
        f"Content-Length: {CHUNK}\r\nContent-Range: bytes 0-{CHUNK - 1}/{SIZE}\r\nExpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection((url.hostname, url.port)) as connection:
        connection.sendall(head.encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(big[:CHUNK])
        assert connection.recv(1000).startswith(b"HTTP/1.1 206 ")
