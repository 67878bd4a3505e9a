"""The init of a photo post: one attempt, and what each way it can end proves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from airdate.errors import AirdateError, NeedsPerson, OutcomeUnknown, Refused, Transient, WaitUntil
from airdate.tiktok.client import TikTok, TokenRefused
from airdate.tiktok.photos import OpenPull

Handler = Callable[[httpx.Request], httpx.Response]


def answer(status: int, code: str | None = None, *, data: dict[str, Any] | None = None, text: str = "") -> Handler:
    """A TikTok that always answers this; with a code in its envelope, else with a text."""
    body = {"data": data or {}, "error": {"code": code, "message": "", "log_id": "L1"}}
    return lambda _: httpx.Response(status, json=body) if code else httpx.Response(status, text=text)


def fault(kind: type[httpx.RequestError]) -> Handler:
    def break_off(request: httpx.Request) -> httpx.Response:
        raise kind("broken", request=request)

    return break_off


def ask(handler: Handler) -> tuple[int, OpenPull | AirdateError]:
    """How many requests left, and what came of it."""
    sent = 0

    def counted(request: httpx.Request) -> httpx.Response:
        nonlocal sent
        sent += 1
        return handler(request)

    asked = []
    with httpx.Client(transport=httpx.MockTransport(counted)) as http:
        tiktok = TikTok(
            "https://tiktok.example",
            http,
            gate=lambda _call: nullcontext(),
            pause=lambda _seconds: pytest.fail("it waits to ask again"),
            now=lambda: datetime(2026, 11, 23, tzinfo=UTC),
        )
        try:
            outcome: OpenPull | AirdateError = tiktok.init_photos("act.token", {}, lambda: asked.append(sent))
        except AirdateError as error:
            outcome = error
    assert asked == [0], "it is written down that it asks before anything leaves"
    return sent, outcome


def test_success_gives_the_publish_id() -> None:
    assert ask(answer(200, "ok", data={"publish_id": "p_pub_url~v2.1"})) == (1, OpenPull("p_pub_url~v2.1", "L1"))


def test_success_without_an_id_says_so() -> None:
    assert ask(answer(200, "ok")) == (1, OpenPull(None, "L1"))


@pytest.mark.parametrize(
    "handler",
    [
        fault(httpx.ReadTimeout),
        fault(httpx.WriteTimeout),
        fault(httpx.ReadError),
        fault(httpx.WriteError),
        fault(httpx.CloseError),
        fault(httpx.RemoteProtocolError),
        fault(httpx.DecodingError),
        fault(httpx.PoolTimeout),
        answer(500, "internal_error"),
        answer(503, "rate_limit_exceeded"),
        answer(500, "spam_risk_too_many_posts"),
        answer(502, text="<html>bad gateway"),
        answer(504, text=""),
        answer(200, text=""),
        answer(200, text="<html>welcome"),
        answer(200, "internal_error"),
        answer(400, "internal_error"),
        answer(400, text="<html>"),
        answer(403, text="<html>"),
        answer(404, text="<html>"),
        answer(408, text=""),
        answer(408, "request_timeout"),
        answer(303, text=""),
    ],
)
def test_what_proves_nothing_is_unknown_and_asked_once(handler: Handler) -> None:
    sent, outcome = ask(handler)
    assert sent == 1
    assert isinstance(outcome, OutcomeUnknown)
    assert outcome.code == "init_unknown"
    assert outcome.fix is not None


@pytest.mark.parametrize("kind", [httpx.ConnectError, httpx.ConnectTimeout])
def test_without_a_connection_nothing_was_sent(kind: type[httpx.RequestError]) -> None:
    sent, outcome = ask(fault(kind))
    assert sent == 1, "the loop that may ask again is the caller's, with the ledger in its hand"
    assert isinstance(outcome, Transient)
    assert outcome.code == "tiktok_unreachable"


@pytest.mark.parametrize(
    ("handler", "kind", "code"),
    [
        (answer(429, "rate_limit_exceeded"), WaitUntil, "rate_limit_exceeded"),
        (answer(429, text="<html>slow down"), WaitUntil, "http_429"),
        (answer(401, "access_token_invalid"), TokenRefused, "access_token_invalid"),
        (answer(401, text=""), TokenRefused, "access_token_invalid"),
        (answer(403, "spam_risk_too_many_posts"), WaitUntil, "spam_risk_too_many_posts"),
        (answer(200, "spam_risk_too_many_posts"), WaitUntil, "spam_risk_too_many_posts"),
        (answer(403, "url_ownership_unverified"), NeedsPerson, "url_ownership_unverified"),
        (answer(400, "app_version_check_failed"), NeedsPerson, "app_version_check_failed"),
        (answer(400, "privacy_level_option_mismatch"), Refused, "privacy_level_option_mismatch"),
        (answer(400, "a_new_word"), NeedsPerson, "a_new_word"),
        (answer(302, text=""), NeedsPerson, "tiktok_redirect"),
        (answer(307, text=""), NeedsPerson, "tiktok_redirect"),
    ],
)
def test_tiktoks_own_no_proves_that_nothing_was_made(handler: Handler, kind: type[AirdateError], code: str) -> None:
    sent, outcome = ask(handler)
    assert (sent, type(outcome)) == (1, kind)
    assert isinstance(outcome, AirdateError)
    assert outcome.code == code


def test_an_answer_that_drips_for_ever_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airdate.tiktok.client.CALL_LIMIT_S", -1.0)
    sent, outcome = ask(answer(200, "ok", data={"publish_id": "p_1"}))
    assert (sent, type(outcome)) == (1, OutcomeUnknown)


def test_what_stops_it_right_before_keeps_the_request_here() -> None:
    def never(_: httpx.Request) -> httpx.Response:
        pytest.fail("it was sent")

    def stop() -> None:
        raise Transient("lease_lost", "another worker has it")

    with httpx.Client(transport=httpx.MockTransport(never)) as http:
        tiktok = TikTok("https://tiktok.example", http, gate=lambda _: nullcontext(), pause=lambda _: None)
        with pytest.raises(Transient):
            tiktok.init_photos("act.token", {}, stop)
