from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import httpx
import pytest

from airdate.errors import NeedsPerson, OutcomeUnknown, Refused, Transient, WaitUntil
from airdate.post import Options, Privacy
from airdate.tiktok.answers import CreatorInfo
from airdate.tiktok.chunks import ChunkPlan
from airdate.tiktok.client import GrantRefused, PostInfo, TikTok, TokenRefused

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
OK = {"code": "ok", "message": "", "log_id": "2026OK"}
OPEN = {"publish_id": "v_pub_file~v2-1.75", "upload_url": "https://u.tiktokapis.com/?upload_token=canary"}
STATUS = {"data": {"status": "PROCESSING_UPLOAD"}, "error": OK}
CREATOR = CreatorInfo.read({"privacy_level_options": ["SELF_ONLY"], "duet_disabled": True})
PLAN = ChunkPlan.for_size(66_259_900)

Answer = httpx.Response | Exception


class Fake:
    """TikTok, with the answers laid out; it keeps what it was asked and what was waited."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.waits: list[float] = []
        self.gates: list[str] = []
        http = httpx.Client(transport=httpx.MockTransport(self._answer), follow_redirects=True)
        self.tiktok = TikTok("https://api.example/", http, gate=self._gate, pause=self.waits.append, now=lambda: NOW)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @contextmanager
    def _gate(self, call: str) -> Iterator[None]:
        self.gates.append(call)
        yield

    def body(self) -> dict[str, object]:
        return json.loads(self.requests[-1].content)


def ok(data: dict[str, object]) -> httpx.Response:
    return httpx.Response(200, json={"data": data, "error": OK})


def error(status: int, code: str, **headers: str) -> httpx.Response:
    body = {"error": {"code": code, "message": "told so", "log_id": "2026L"}}
    return httpx.Response(status, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_a_direct_init_says_exactly_what_was_chosen() -> None:
    fake = Fake(ok(OPEN))
    options = Options(
        caption="Tag #a 🎬", privacy=Privacy.SELF_ONLY, allow_duet=True, allow_stitch=True, own_brand=True
    )
    opened = fake.tiktok.init_video("act.one", PostInfo.of(options, CREATOR), PLAN)
    request = fake.requests[0]
    assert (opened.publish_id, opened.upload_url, opened.log_id) == (OPEN["publish_id"], OPEN["upload_url"], "2026OK")
    assert str(request.url) == "https://api.example/v2/post/publish/video/init/"
    assert request.headers["Authorization"] == "Bearer act.one"
    assert request.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert fake.gates == ["init"]
    assert fake.body() == {
        "post_info": {
            "title": "Tag #a 🎬",
            "privacy_level": "SELF_ONLY",
            "disable_comment": True,
            "disable_duet": True,
            "disable_stitch": False,
            "brand_content_toggle": False,
            "brand_organic_toggle": True,
            "is_aigc": False,
        },
        "source_info": {
            "source": "FILE_UPLOAD",
            "video_size": 66_259_900,
            "chunk_size": 11_043_316,
            "total_chunk_count": 6,
        },
    }


def test_without_caption_and_cover_the_fields_are_left_out() -> None:
    plain = PostInfo.of(Options(privacy=Privacy.SELF_ONLY), CREATOR).as_dict()
    assert {"title", "video_cover_timestamp_ms"} & set(plain) == set()
    assert (
        PostInfo.of(Options(privacy=Privacy.SELF_ONLY, cover_ms=0), CREATOR).as_dict()["video_cover_timestamp_ms"] == 0
    )


def test_there_is_no_privacy_by_default() -> None:
    with pytest.raises(NeedsPerson, match="nobody chose"):
        PostInfo.of(Options(), CREATOR)


def test_an_inbox_init_carries_the_film_alone() -> None:
    fake = Fake(ok(OPEN))
    fake.tiktok.init_inbox("act.one", PLAN)
    assert fake.requests[0].url.path == "/v2/post/publish/inbox/video/init/"
    assert set(fake.body()) == {"source_info"}


@pytest.mark.parametrize(
    "fault",
    [
        httpx.Response(502, text="<html>bad gateway</html>"),
        httpx.Response(500, json={"error": {"code": "internal_error"}}),
        httpx.Response(200, text="<html>please log in to the hotel</html>"),
        httpx.Response(200, json=["ok"]),
        httpx.Response(200, json={"error": OK}),
        httpx.Response(200, json={"data": {"publish_id": "only"}, "error": OK}),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("refused"),
        httpx.RemoteProtocolError("hung up"),
    ],
)
def test_what_passes_by_itself_is_tried_again(fault: Answer) -> None:
    fake = Fake(fault, fault, ok(OPEN))
    assert fake.tiktok.init_inbox("act.one", PLAN).publish_id == OPEN["publish_id"]
    assert fake.gates == ["init"] * 3
    assert len(fake.waits) == 2
    assert fake.waits[0] <= 1.0
    assert fake.waits[1] <= 2.0


def test_after_five_attempts_it_is_left_to_the_run() -> None:
    fake = Fake(*[httpx.Response(503, text="<html>busy</html>", headers={"x-tt-logid": "2026H"})] * 5)
    with pytest.raises(Transient) as failed:
        fake.tiktok.status("act.one", "v_pub")
    assert (failed.value.code, failed.value.log_id, len(fake.waits)) == ("http_503", "2026H", 4)


@pytest.mark.parametrize(
    ("answer", "shortest", "longest"),
    [
        (error(429, "rate_limit_exceeded", Retry_After="7"), 7, 7),
        (error(429, "rate_limit_exceeded", Retry_After="Sun, 22 Nov 2026 09:30:20 GMT"), 20, 20),
        (error(429, "rate_limit_exceeded", Retry_After="soon"), 10, 60),
        (error(429, "rate_limit_exceeded"), 10, 60),
        (httpx.Response(429, text="<html>slow down</html>"), 10, 60),
        (httpx.Response(503, headers={"Retry-After": "9"}), 9, 9),
    ],
)
def test_a_rate_is_waited_out_and_replayed(answer: httpx.Response, shortest: float, longest: float) -> None:
    fake = Fake(answer, httpx.Response(200, json=STATUS))
    fake.tiktok.status("act.one", "v_pub")
    assert shortest <= fake.waits[0] <= longest


def test_a_wait_of_more_than_a_minute_belongs_to_the_run() -> None:
    fake = Fake(error(429, "rate_limit_exceeded", Retry_After="3600"))
    with pytest.raises(WaitUntil) as later:
        fake.tiktok.status("act.one", "v_pub")
    assert (later.value.not_before - NOW).total_seconds() == 3600
    assert fake.waits == []


@pytest.mark.parametrize("status", [200, 403])
def test_a_cap_is_not_waited_for_here(status: int) -> None:
    fake = Fake(error(status, "spam_risk_too_many_posts"))
    with pytest.raises(WaitUntil):
        fake.tiktok.creator_info("act.one")
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        error(401, "access_token_invalid"),
        error(200, "access_token_invalid"),
        httpx.Response(401),
        httpx.Response(401, text="<html>no</html>"),
    ],
)
def test_a_refused_token_is_the_sessions_matter(answer: httpx.Response) -> None:
    fake = Fake(answer)
    with pytest.raises(TokenRefused) as refused:
        fake.tiktok.status("act.one", "v_pub")
    assert refused.value.code == "access_token_invalid"
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    ("answer", "raised", "code"),
    [
        (error(401, "scope_not_authorized"), NeedsPerson, "scope_not_authorized"),
        (error(400, "invalid_params"), NeedsPerson, "invalid_params"),
        (error(400, "brand_new_rule"), NeedsPerson, "brand_new_rule"),
        (httpx.Response(404, text="nothing here"), NeedsPerson, "http_404"),
        (error(403, "privacy_level_option_mismatch"), Refused, "privacy_level_option_mismatch"),
    ],
)
def test_a_refusal_is_asked_once(answer: httpx.Response, raised: type[Exception], code: str) -> None:
    fake = Fake(answer)
    with pytest.raises(raised) as refused:
        fake.tiktok.init_inbox("act.one", PLAN)
    assert type(refused.value) is raised
    assert refused.value.code == code  # type: ignore[attr-defined]
    assert ("told so" in str(refused.value)) or ("nothing here" in str(refused.value))
    assert len(fake.requests) == 1


@pytest.mark.parametrize("code", ["invalid_publish_id", "invalid_params", "invalid_param"])
def test_an_id_tiktok_forgot_leaves_the_outcome_open(code: str) -> None:
    with pytest.raises(OutcomeUnknown) as unknown:
        Fake(error(400, code)).tiktok.status("act.one", "v_pub")
    assert unknown.value.code == code
    assert unknown.value.log_id == "2026L"


@pytest.mark.parametrize("ask", [lambda t: t.status("act.one", "p"), lambda t: t.refresh("k", "s", "rft.old")])
def test_a_redirect_is_not_followed(ask: Callable[[TikTok], object]) -> None:
    fake = Fake(httpx.Response(307, headers={"Location": "https://evil.example/"}))
    with pytest.raises(NeedsPerson) as refused:
        ask(fake.tiktok)
    assert refused.value.code == "tiktok_redirect"
    assert len(fake.requests) == 1


def test_an_endless_answer_is_no_answer() -> None:
    class Endless(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b" " * 65536

    fake = Fake(httpx.Response(200, stream=Endless()), httpx.Response(200, json=STATUS))
    assert fake.tiktok.status("act.one", "v_pub").status == "PROCESSING_UPLOAD"


GRANT = {"access_token": "act.new", "expires_in": 7200, "refresh_token": "rft.new", "scope": "video.publish"}


def test_a_refresh_is_a_form_without_a_bearer() -> None:
    fake = Fake(httpx.Response(200, json=GRANT))
    grant = fake.tiktok.refresh("key", "s3cr&t", "rft.old")
    request = fake.requests[0]
    assert (grant.access_token, grant.refresh_token, grant.expires_in) == ("act.new", "rft.new", 7200)
    assert "Authorization" not in request.headers
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(request.content.decode()) == {
        "client_key": ["key"],
        "client_secret": ["s3cr&t"],
        "grant_type": ["refresh_token"],
        "refresh_token": ["rft.old"],
    }


def oauth(status: int, word: str) -> httpx.Response:
    return httpx.Response(status, json={"error": word, "error_description": "told so", "log_id": "2026O"})


@pytest.mark.parametrize("status", [200, 400, 401])
def test_a_dead_grant_is_known_under_any_status(status: int) -> None:
    fake = Fake(oauth(status, "invalid_grant"))
    with pytest.raises(GrantRefused) as refused:
        fake.tiktok.refresh("key", "secret", "rft.old")
    assert (refused.value.code, refused.value.log_id) == ("invalid_grant", "2026O")
    assert "lost" not in refused.value.message


@pytest.mark.parametrize("status", [200, 503])
def test_a_fault_of_the_login_is_tried_again(status: int) -> None:
    fake = Fake(oauth(status, "server_error"), httpx.Response(200, json=GRANT))
    assert fake.tiktok.refresh("key", "secret", "rft.old").access_token == "act.new"


@pytest.mark.parametrize(
    ("fault", "is_told"), [(httpx.ReadError("reset"), True), (httpx.ConnectError("refused"), False)]
)
def test_a_rotation_that_may_have_been_lost_is_told(fault: Exception, is_told: bool) -> None:
    fake = Fake(fault, oauth(200, "invalid_grant"))
    with pytest.raises(GrantRefused) as refused:
        fake.tiktok.refresh("key", "secret", "rft.old")
    assert ("lost" in refused.value.message) is is_told


@pytest.mark.parametrize("word", ["invalid_client", "invalid_request", "something_else"])
def test_a_wrong_configuration_stops_at_once(word: str) -> None:
    fake = Fake(oauth(400, word))
    with pytest.raises(NeedsPerson) as refused:
        fake.tiktok.refresh("key", "secret", "rft.old")
    assert type(refused.value) is NeedsPerson
    assert refused.value.code == word


def test_no_secret_gets_into_an_error() -> None:
    fake = Fake(*[httpx.LocalProtocolError("Illegal header value b'Bearer act.canarycanary'")] * 5)
    with pytest.raises(Transient) as failed:
        fake.tiktok.status("act.canarycanary", "v_pub")
    assert "canary" not in str(failed.value)


@pytest.mark.parametrize(
    "value", ["9" * 5000, "999999999999", "Fri, 31 Dec 9999 23:59:59 GMT", "Sat, 01 Jan 2033 00:00:00 GMT"]
)
def test_no_host_puts_a_post_off_for_longer_than_a_day(value: str) -> None:
    fake = Fake(error(429, "rate_limit_exceeded", Retry_After=value))
    with pytest.raises(WaitUntil) as waits:
        fake.tiktok.status("act.one", "v_pub")
    assert waits.value.not_before == NOW + timedelta(days=1)


def test_a_word_about_publish_ids_at_init_is_a_refusal() -> None:
    fake = Fake(error(400, "invalid_publish_id"))
    with pytest.raises(NeedsPerson) as refused:
        fake.tiktok.init_inbox("act.one", PLAN)
    assert (refused.value.code, refused.value.exit_code) == ("invalid_publish_id", 4)
