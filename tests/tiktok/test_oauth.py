"""Consent against the real sandbox: the question, what may come back, the exchange, and the end of a consent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from airdate.errors import NeedsPerson, Transient, WrongUsage
from airdate.sandbox.running import RunningSandbox
from airdate.sandbox.seed import DEMO
from airdate.tiktok import oauth
from airdate.tiktok.answers import Envelope
from airdate.tiktok.client import TikTok
from airdate.tiktok.oauth import AppKind, ConsentRequest, challenge_of

SCOPES = ("user.info.basic", "video.publish")
DESKTOP = "http://127.0.0.1:4711/callback/"
WEB = "https://brand.example/airdate/"


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    with RunningSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: RunningSandbox) -> RunningSandbox:
    running.control.reset()
    return running


@pytest.fixture
def tiktok(sandbox: RunningSandbox) -> Iterator[TikTok]:
    with httpx.Client(trust_env=False) as http:
        yield TikTok(sandbox.addresses.api, http, gate=lambda _call: nullcontext(), pause=lambda _seconds: None)


def ask(kind: AppKind = AppKind.DESKTOP, redirect_uri: str = DESKTOP) -> ConsentRequest:
    return ConsentRequest.begin(kind, DEMO.client_key, redirect_uri, SCOPES)


def allowed(sandbox: RunningSandbox, asked: ConsentRequest) -> str:
    """Where the browser is sent when the creator allows what was asked."""
    return httpx.get(asked.url(sandbox.addresses.auth), trust_env=False).headers["location"]


def came_back(asked: ConsentRequest, **answer: str) -> str:
    return f"{asked.redirect_uri}?{urlencode({'state': asked.state, **answer})}"


def test_the_challenge_is_tiktoks_hex() -> None:
    verifier = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
    assert challenge_of(verifier) == "dfc806def494bcc996f23e096484f171432a19944968eff9a76c09dab64d0a44"


def test_a_desktop_app_asks_with_commas_and_pkce_and_a_web_app_without() -> None:
    desktop = parse_qs(urlsplit(ask().url("https://t.example/auth/")).query)
    assert desktop["scope"] == ["user.info.basic,video.publish"]
    assert desktop["code_challenge_method"] == ["S256"]
    assert len(desktop["code_challenge"][0]) == 64
    web = parse_qs(urlsplit(ask(AppKind.WEB, WEB).url("https://t.example/auth/")).query)
    assert set(web) == {"client_key", "response_type", "scope", "redirect_uri", "state"}


def test_two_questions_share_nothing() -> None:
    first, second = ask(), ask()
    assert (first.state, first.verifier) != (second.state, second.verifier)
    assert first.state not in repr(first)
    assert str(first.verifier) not in repr(first)


@pytest.mark.parametrize(
    ("kind", "uri"),
    [
        (AppKind.WEB, "http://brand.example/"),
        (AppKind.WEB, "https://brand.example/?a=1"),
        (AppKind.WEB, "https://brand.example/#a"),
        (AppKind.WEB, "https://brand.example/" + "a" * 490),
        (AppKind.WEB, "brand"),
        (AppKind.DESKTOP, "http://127.0.0.1/callback/"),
        (AppKind.DESKTOP, "http://brand.example:80/"),
        (AppKind.DESKTOP, "http://127.0.0.1:99999/"),
    ],
)
def test_an_address_that_no_app_can_register_is_refused(kind: AppKind, uri: str) -> None:
    with pytest.raises(WrongUsage, match="redirect"):
        ask(kind, uri)


def test_the_whole_way_of_both_kinds(sandbox: RunningSandbox, tiktok: TikTok) -> None:
    for kind, uri in ((AppKind.DESKTOP, DESKTOP), (AppKind.WEB, WEB)):
        sandbox.control.settings(creators={"demo": {"web": kind is AppKind.WEB}})
        asked = ask(kind, uri)
        grant = oauth.trade(tiktok, asked, DEMO.client_secret, asked.code_from(allowed(sandbox, asked)))
        assert grant.open_id == DEMO.open_id
        assert grant.scopes == SCOPES
        assert (grant.expires_in, grant.refresh_expires_in) == (7200, 15552000)
        assert grant.access_token not in repr(grant)


def test_a_code_serves_once_and_with_its_own_verifier(sandbox: RunningSandbox, tiktok: TikTok) -> None:
    asked, other = ask(), ask()
    code = asked.code_from(allowed(sandbox, asked))
    stolen = ConsentRequest(asked.client_key, asked.redirect_uri, asked.scopes, other.state, other.verifier)
    with pytest.raises(NeedsPerson, match="verifier") as caught:
        oauth.trade(tiktok, stolen, DEMO.client_secret, code)
    assert caught.value.code == "invalid_grant"
    assert "account connect" in (caught.value.fix or "")
    with pytest.raises(NeedsPerson, match="code of this consent"):
        oauth.trade(tiktok, asked, DEMO.client_secret, code)


def test_a_code_whose_answer_was_lost_says_so(sandbox: RunningSandbox, tiktok: TikTok) -> None:
    asked = ask()
    code = asked.code_from(allowed(sandbox, asked))
    sandbox.control.fault("token", lose_answer=True)
    with pytest.raises(NeedsPerson, match="an attempt just before went unanswered"):
        oauth.trade(tiktok, asked, DEMO.client_secret, code)


def test_a_code_is_decoded_once() -> None:
    asked = ask()
    assert asked.code_from(f"{DESKTOP}?code=a%2521b%2Bc+d&state={asked.state}") == "a%21b+c+d"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"state": "another", "code": "c"}, "consent_state_wrong"),
        ({"state": "", "code": "c"}, "consent_state_wrong"),
        ({"state": "ä", "error": "access_denied"}, "consent_state_wrong"),
        ({}, "consent_code_missing"),
        ({"error": "access_denied", "error_description": "User cancelled"}, "access_denied"),
        ({"error": "access_denied", "error_type": "non_sandbox_target"}, "non_sandbox_target"),
        ({"error": "invalid_scope"}, "invalid_scope"),
        ({"error": "server_error"}, "server_error"),
        ({"error": "brand_new_word"}, "brand_new_word"),
    ],
)
def test_what_is_no_consent_needs_a_person(answer: dict[str, str], code: str) -> None:
    asked = ask()
    with pytest.raises(NeedsPerson) as caught:
        asked.code_from(came_back(asked, **answer))
    assert caught.value.code == code
    assert caught.value.fix


def test_a_refusal_without_a_state_is_a_refusal() -> None:
    with pytest.raises(NeedsPerson) as caught:
        ask().code_from(f"{DESKTOP}?error=access_denied")
    assert caught.value.code == "access_denied"


def test_another_address_is_not_believed() -> None:
    asked = ask()
    with pytest.raises(NeedsPerson, match="not the address"):
        asked.code_from(f"https://evil.example/?code=c&state={asked.state}")


def test_errors_under_http_200_are_errors(sandbox: RunningSandbox, tiktok: TikTok) -> None:
    asked = ask()
    code = asked.code_from(allowed(sandbox, asked))
    with pytest.raises(NeedsPerson) as caught:
        oauth.trade(tiktok, asked, "another secret", code)
    assert (caught.value.code, caught.value.exit_code) == ("invalid_client", 4)
    assert [call["status"] for call in sandbox.control.calls("token")] == [200]


def test_a_consent_ends(sandbox: RunningSandbox, tiktok: TikTok) -> None:
    asked = ask()
    grant = oauth.trade(tiktok, asked, DEMO.client_secret, asked.code_from(allowed(sandbox, asked)))
    oauth.revoke(tiktok, DEMO.client_key, DEMO.client_secret, grant.access_token)
    with pytest.raises(NeedsPerson, match="refresh token"):
        tiktok.refresh(DEMO.client_key, DEMO.client_secret, grant.refresh_token or "")
    with pytest.raises(NeedsPerson) as caught:
        oauth.revoke(tiktok, DEMO.client_key, DEMO.client_secret, grant.access_token)
    assert caught.value.code == "invalid_request"


def test_an_end_whose_answer_was_lost_is_an_end(sandbox: RunningSandbox, tiktok: TikTok) -> None:
    asked = ask()
    grant = oauth.trade(tiktok, asked, DEMO.client_secret, asked.code_from(allowed(sandbox, asked)))
    sandbox.control.fault("revoke", lose_answer=True)
    oauth.revoke(tiktok, DEMO.client_key, DEMO.client_secret, grant.access_token)
    assert len(sandbox.control.calls("revoke")) == 2


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, b"", "ok"),
        (200, b"{}", "ok"),
        (200, b'{"error": "", "log_id": "1"}', "ok"),
        (200, b'{"error": "invalid_client"}', "invalid_client"),
        (200, b"<html>maintenance</html>", None),
        (502, b"", None),
        (500, b"{}", None),
    ],
)
def test_only_a_success_reads_as_one(status: int, body: bytes, code: str | None) -> None:
    assert Envelope.read_revoked(status, body).code == code


def test_a_tiktok_that_is_away_is_temporary(tiktok: TikTok, sandbox: RunningSandbox) -> None:
    sandbox.control.fault("revoke", times=None, status=502, body="<html>bad gateway</html>")
    with pytest.raises(Transient):
        oauth.revoke(tiktok, DEMO.client_key, DEMO.client_secret, "act.whatever-it-is")
