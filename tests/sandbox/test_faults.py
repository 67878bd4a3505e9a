from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import httpx
import pytest
from sandbox_client import POST_INFO, Client, WebHost, put

from airdate.sandbox.running import Control

SIZE, CHUNK = 12_000_000, 6_000_000


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_gateway_speaks_html(demo: Client, control: Control, status: int) -> None:
    control.fault("init", status=status, html=True)
    answer = demo.init(1000)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert f"<h1>{status}</h1>" in answer.text
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
    assert control.posts()[0]["taken"] == CHUNK
    control.settings(repeated_range=206)
    assert put(url, chunk, 0, SIZE).status_code == 206
    assert (control.posts()[0]["received"], control.posts()[0]["taken"]) == (CHUNK, 2 * CHUNK)


def test_a_url_expires_at_a_chunk(control: Control, url: str, chunk: bytes) -> None:
    control.fault("upload", expire=True, after=1)
    assert [put(url, chunk, first, SIZE).status_code for first in (0, CHUNK, CHUNK)] == [206, 403, 403]


def test_a_url_may_be_forgotten(control: Control, url: str, chunk: bytes) -> None:
    control.fault("upload", forget=True)
    assert [put(url, chunk, 0, SIZE).status_code for _ in range(2)] == [404, 404]


def test_an_answer_may_drip(demo: Client, control: Control) -> None:
    control.fault("creator_info", bytes_per_second=1000)
    begun = time.monotonic()
    answer = demo.creator_info()
    assert time.monotonic() - begun > 0.3
    assert answer.json()["data"]["creator_nickname"] == "Airdate Demo"


def test_a_chunk_may_be_taken_slowly(control: Control, url: str, chunk: bytes) -> None:
    control.fault("upload", bytes_per_second=12_000_000)
    begun = time.monotonic()
    assert put(url, chunk, 0, SIZE).status_code == 206
    assert time.monotonic() - begun > 0.4
    assert control.bytes_of(control.posts()[0]["publish_id"]) == chunk


def test_the_clock_may_be_wrong(demo: Client, control: Control) -> None:
    for skew in (-300, 400):
        control.skew(skew)
        shown = parsedate_to_datetime(demo.creator_info().headers["date"]).timestamp()
        assert abs(shown - time.time() - skew) < 5
    control.reset()
    shown = parsedate_to_datetime(demo.creator_info().headers["date"]).timestamp()
    assert abs(shown - time.time()) < 5


def test_a_token_may_live_shortly_and_may_not_say_so(demo: Client, control: Control) -> None:
    control.settings(access_token_seconds=30)
    assert demo.refresh().json()["expires_in"] == 30
    control.advance(30)
    assert demo.creator_info().status_code == 401
    control.fault("token", omit=["expires_in"])
    assert "expires_in" not in demo.refresh().json()
    assert demo.creator_info().status_code == 200


def test_an_access_token_may_die_in_the_middle(demo: Client, control: Control) -> None:
    publish_id = demo.init(1000).json()["data"]["publish_id"]
    control.fault("status", status=401, code="access_token_invalid", after=2, times=None)
    assert [demo.status(publish_id).status_code for _ in range(4)] == [200, 200, 401, 401]


def test_a_429_may_say_when(demo: Client, control: Control) -> None:
    control.fault("creator_info", status=429)
    control.fault("creator_info", status=429, retry_after=3)
    answers = [demo.creator_info() for _ in range(3)]
    assert [(answer.status_code, answer.headers.get("retry-after")) for answer in answers] == [
        (429, None),
        (429, "3"),
        (200, None),
    ]
    control.fault("upload", status=429, retry_after=3)
    opened = demo.init(1000).json()["data"]
    assert put(opened["upload_url"], bytes(1000), 0, 1000).headers["retry-after"] == "3"


def test_an_id_may_come_after_some_polls(public: Client, control: Control, film: bytes) -> None:
    publish_id = public.post(film, privacy_level="PUBLIC_TO_EVERYONE")
    control.fault("status", omit=["publicaly_available_post_id"], times=2)
    assert ["publicaly_available_post_id" in public.data(publish_id) for _ in range(3)] == [False, False, True]


def test_an_answer_may_hold_more_than_is_known(demo: Client, control: Control) -> None:
    control.fault("init", data={"publish_type": "NEW", "nested": {"a": [1]}})
    opened = demo.init(1000).json()["data"]
    assert set(opened) == {"publish_id", "upload_url", "publish_type", "nested"}


def test_a_lost_answer_to_the_init_of_a_pull(demo: Client, control: Control, host: WebHost, film: bytes) -> None:
    """The one that must never be asked again: it goes live by itself."""
    control.settings(verified_prefixes=["127.0.0.1"])
    control.fault("init", lose_answer=True)
    source = {"source": "PULL_FROM_URL", "video_url": host.put("film.mp4", film)}
    with pytest.raises(httpx.TransportError):
        demo.call("/v2/post/publish/video/init/", {"post_info": POST_INFO, "source_info": source})
    [post] = control.posts()
    assert demo.pulled(post["publish_id"]) == {"status": "PUBLISH_COMPLETE"}


def test_a_fault_that_cannot_be_is_refused(control: Control) -> None:
    for call, fault in (("init", {"expire": True}), ("upload", {"code": "x"}), ("status", {"typo": 1})):
        with pytest.raises(httpx.HTTPStatusError, match="422"):
            control.fault(call, **fault)


def test_settings_that_cannot_be_are_refused(control: Control) -> None:
    for wrong in ({"profile": "lax"}, {"typo": 1}, {"creators": {"demo": {"typo": 1}}}):
        with pytest.raises(httpx.HTTPStatusError, match="422"):
            control.settings(**wrong)
    assert control.settings()["profile"] == "strict"
