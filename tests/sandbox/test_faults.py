from __future__ import annotations

import httpx
import pytest
from sandbox_client import Client, put

from airdate.sandbox.running import Control

SIZE, CHUNK = 12_000_000, 6_000_000


def test_a_gateway_speaks_html(demo: Client, control: Control) -> None:
    control.fault("init", status=502, html=True)
    answer = demo.init(1000)
    assert answer.status_code == 502
    assert answer.headers["content-type"].startswith("text/html")
    assert "<h1>502</h1>" in answer.text
    assert demo.init(1000).status_code == 200, "once"
    assert len(control.posts()) == 1


def test_a_fault_waits_its_turn(demo: Client, control: Control) -> None:
    control.fault("status", status=401, code="access_token_invalid", after=2, times=2)
    publish_id = demo.init(1000).json()["data"]["publish_id"]
    assert [demo.status(publish_id).status_code for _ in range(5)] == [200, 200, 401, 401, 200]


def test_a_fault_may_last_until_it_is_cleared(demo: Client, control: Control) -> None:
    control.fault("status", status=429, retry_after=7, times=None)
    for _ in range(3):
        answer = demo.status("v_pub_file~v2-1.1")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
        assert answer.json()["error"]["code"] == "rate_limit_exceeded"
    control.reset()
    assert demo.status("v_pub_file~v2-1.1").status_code == 400


def test_spam_at_creator_info_comes_with_200(demo: Client, control: Control) -> None:
    control.fault("creator_info", status=200, code="reached_active_user_cap")
    answer = demo.creator_info()
    assert answer.status_code == 200
    assert answer.json()["error"]["code"] == "reached_active_user_cap"


def test_a_lost_answer_to_an_init_has_done_its_work(demo: Client, control: Control) -> None:
    control.fault("init", lose_answer=True)
    with pytest.raises(httpx.TransportError):
        demo.init(1000)
    assert len(control.posts()) == 1
    assert [(call["lost"], call["status"]) for call in control.calls("init")] == [(True, None)]


def test_a_reset_has_not(demo: Client, control: Control) -> None:
    control.fault("init", reset=True)
    with pytest.raises(httpx.TransportError):
        demo.init(1000)
    assert control.posts() == []


def test_a_rotation_whose_answer_is_lost(demo: Client, control: Control) -> None:
    control.fault("token", lose_answer=True)
    with pytest.raises(httpx.TransportError):
        demo.refresh()
    assert demo.refresh().json()["error"] == "invalid_grant"


def test_an_oauth_error_with_200(demo: Client, control: Control) -> None:
    control.fault("token", status=200, code="temporarily_unavailable")
    answer = demo.refresh()
    assert answer.status_code == 200
    assert answer.json()["error"] == "temporarily_unavailable"
    assert "access_token" in demo.refresh().json(), "the token was not spent"


def test_fields_may_be_strange_or_missing(demo: Client, control: Control) -> None:
    publish_id = demo.init(1000).json()["data"]["publish_id"]
    control.fault("status", data={"status": "PUBLISH_SUCCESS"}, omit=["uploaded_bytes"])
    assert demo.data(publish_id) == {"status": "PUBLISH_SUCCESS"}
    control.fault("token", omit=["refresh_token", "expires_in"])
    assert set(demo.http.post("/v2/oauth/token/", data={}).json()) == {"error", "error_description", "log_id"}


@pytest.fixture
def url(demo: Client) -> str:
    return demo.init(SIZE, CHUNK, 2).json()["data"]["upload_url"]


@pytest.fixture
def chunk() -> bytes:
    return bytes(CHUNK)


@pytest.mark.parametrize("status", [416, 503, 404])
def test_a_status_takes_no_byte(demo: Client, control: Control, url: str, chunk: bytes, status: int) -> None:
    control.fault("upload", status=status)
    assert put(url, chunk, 0, SIZE).status_code == status
    assert control.posts()[0]["received"] == 0
    assert put(url, chunk, 0, SIZE).status_code == 206


def test_an_upload_breaks_at_its_byte(control: Control, url: str, chunk: bytes) -> None:
    control.fault("upload", reset_at_byte=8_000_000)
    assert put(url, chunk, 0, SIZE).status_code == 206, "the byte is in the second chunk"
    with pytest.raises(httpx.TransportError):
        put(url, chunk, CHUNK, SIZE)
    assert control.posts()[0]["received"] == CHUNK
    assert put(url, chunk, CHUNK, SIZE).status_code == 201


def test_a_lost_answer_to_a_chunk_that_is_in(control: Control, url: str, chunk: bytes) -> None:
    control.fault("upload", lose_answer=True)
    with pytest.raises(httpx.TransportError):
        put(url, chunk, 0, SIZE)
    assert control.posts()[0]["received"] == CHUNK
    assert put(url, chunk, 0, SIZE).status_code == 416


def test_a_url_expires_at_a_chunk(control: Control, url: str, chunk: bytes) -> None:
    control.fault("upload", expire=True, after=1)
    assert [put(url, chunk, first, SIZE).status_code for first in (0, CHUNK, CHUNK)] == [206, 403, 403]


def test_a_url_may_be_forgotten(control: Control, url: str, chunk: bytes) -> None:
    control.fault("upload", forget=True)
    assert [put(url, chunk, 0, SIZE).status_code for _ in range(2)] == [404, 404]


def test_a_fault_that_cannot_be_is_refused(control: Control) -> None:
    for call, fault in (("init", {"expire": True}), ("upload", {"code": "x"}), ("status", {"typo": 1})):
        with pytest.raises(httpx.HTTPStatusError, match="422"):
            control.fault(call, **fault)


def test_settings_that_cannot_be_are_refused(control: Control) -> None:
    for wrong in ({"profile": "lax"}, {"typo": 1}, {"creators": {"demo": {"typo": 1}}}):
        with pytest.raises(httpx.HTTPStatusError, match="422"):
            control.settings(**wrong)
    assert control.settings()["profile"] == "strict"
