from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
from sandbox_client import Client

from airdate.sandbox.consent import AUTHORIZE
from airdate.sandbox.running import Control

VERIFIER = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"


def test_a_refresh_gives_a_new_pair_and_kills_the_token_sent(demo: Client) -> None:
    old = demo.refresh_token
    answer = demo.refresh().json()
    assert answer["expires_in"] == 7200
    assert answer["refresh_expires_in"] == 15_552_000
    assert answer["token_type"] == "Bearer"
    assert answer["open_id"] == demo.grant["open_id"]
    assert answer["refresh_token"] != old
    again = demo.refresh(old)
    assert again.status_code == 200
    assert again.json()["error"] == "invalid_grant"
    assert set(again.json()) == {"error", "error_description", "log_id"}


def test_of_two_refreshes_at_once_one_wins(demo: Client) -> None:
    token = demo.refresh_token
    with ThreadPoolExecutor(2) as pool:
        answers = [answer.json() for answer in pool.map(lambda _: demo.refresh(token), range(2))]
    assert sorted("access_token" in answer for answer in answers) == [False, True]
    assert next(a["error"] for a in answers if "error" in a) == "invalid_grant"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_key": "unknown"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"refresh_token": "rft.unknown"}, "invalid_grant"),
    ],
)
def test_oauth_errors_are_flat(demo: Client, control: Control, changed: dict[str, str], error: str) -> None:
    control.settings(oauth_error_status=400)
    answer = demo.refresh(**changed)
    assert answer.status_code == 400
    assert answer.json()["error"] == error


def test_the_token_endpoint_takes_no_json(demo: Client, control: Control) -> None:
    answer = demo.http.post("/v2/oauth/token/", json={"grant_type": "refresh_token"})
    assert answer.json()["error"] == "invalid_request"
    assert [broken["rule"] for broken in control.broken()] == ["not_a_form"]


def test_tokens_live_as_long_as_they_say(demo: Client, control: Control) -> None:
    control.advance(7199)
    assert demo.creator_info().status_code == 200
    control.advance(1)
    answer = demo.creator_info()
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "access_token_invalid"
    assert answer.json()["data"] == {}
    control.advance(15_552_000)
    assert demo.refresh().json()["error"] == "invalid_grant"


def test_the_old_access_token_may_die_with_a_refresh(demo: Client, control: Control) -> None:
    old = demo.access
    demo.refresh()
    assert demo.call("/v2/post/publish/creator_info/query/", Authorization=f"Bearer {old}").status_code == 200
    control.settings(old_access_token="dies")
    demo.refresh()
    assert demo.call("/v2/post/publish/creator_info/query/", Authorization=f"Bearer {old}").status_code == 401


def test_revoking_ends_the_whole_consent(demo: Client) -> None:
    form = {key: demo.grant[key] for key in ("client_key", "client_secret")}
    assert demo.http.post("/v2/oauth/revoke/", data={**form, "token": demo.access}).json() == {}
    assert demo.creator_info().status_code == 401
    assert demo.refresh().json()["error"] == "invalid_grant"


def test_another_apps_refresh_token_is_worth_nothing(demo: Client, public: Client) -> None:
    assert demo.refresh(public.refresh_token).json()["error"] == "invalid_grant"
    assert "access_token" in public.refresh().json()


def authorize(client: Client, **changed: str) -> dict[str, str]:
    query = {
        "client_key": client.grant["client_key"],
        "response_type": "code",
        "scope": "user.info.basic,video.publish",
        "redirect_uri": "http://127.0.0.1:3455/callback/",
        "state": "a state",
        "code_challenge": hashlib.sha256(VERIFIER.encode()).hexdigest(),
        "code_challenge_method": "S256",
    }
    answer = client.http.get(AUTHORIZE, params=query | changed)
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("http://127.0.0.1:3455/callback/?")
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def trade(client: Client, code: str, **changed: str) -> dict[str, str]:
    form = {
        "client_key": client.grant["client_key"],
        "client_secret": client.grant["client_secret"],
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": "http://127.0.0.1:3455/callback/",
        "code_verifier": VERIFIER,
    }
    return client.http.post("/v2/oauth/token/", data=form | changed).json()


def test_consent_gives_a_code_that_is_good_once(demo: Client) -> None:
    given = authorize(demo)
    assert given["scopes"] == "user.info.basic,video.publish"
    assert given["state"] == "a state"
    answer = trade(demo, given["code"])
    assert answer["scope"] == "user.info.basic,video.publish"
    assert trade(demo, given["code"])["error"] == "invalid_grant"


@pytest.mark.parametrize("changed", [{"code_verifier": VERIFIER[::-1]}, {"redirect_uri": "http://127.0.0.1:3455/"}])
def test_a_code_is_bound_to_its_verifier_and_address(demo: Client, changed: dict[str, str]) -> None:
    assert trade(demo, authorize(demo)["code"], **changed)["error"] == "invalid_grant"


def test_the_challenge_is_hex_not_that_of_the_rfc(demo: Client) -> None:
    refused = authorize(demo, code_challenge="38gG3vSUvMmW8j4JZITxcUMqGZRJaO_5p2wJ2rZNCkQ")
    assert refused["error"] == "invalid_request"


def test_a_creator_may_refuse(demo: Client, control: Control) -> None:
    control.settings(consent="refuses")
    refused = authorize(demo)
    assert refused["error"] == "access_denied"
    assert refused["state"] == "a state"


@pytest.mark.parametrize(
    "uri", ["https://example.com/callback/", "http://127.0.0.1/callback/", "http://127.0.0.1:3455/?a=b"]
)
def test_a_code_goes_to_no_address_that_was_not_registered(demo: Client, uri: str) -> None:
    query = {"client_key": demo.grant["client_key"], "redirect_uri": uri}
    assert demo.http.get(AUTHORIZE, params=query).status_code == 400


def test_a_grant_may_hold_less(client_of: Callable[..., Client]) -> None:
    client = client_of("demo", "user.info.basic,video.upload")
    answer = client.init(1000)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "scope_not_authorized"
    assert client.init(1000, inbox=True).json()["error"]["code"] == "ok"
