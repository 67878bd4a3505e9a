from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sandbox_client import Client

from airdate.sandbox.consent import AUTHORIZE
from airdate.sandbox.running import Control

VERIFIER = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
DESKTOP, WEB = "http://127.0.0.1:3455/callback/", "https://brand.example/tiktok/callback"
SCOPES = ("user.info.basic", "video.publish", "video.upload")


def wish(client: Client, redirect_uri: str = DESKTOP, **changed: str) -> dict[str, str]:
    query = {
        "client_key": client.grant["client_key"],
        "response_type": "code",
        "scope": ",".join(SCOPES),
        "redirect_uri": redirect_uri,
        "state": "a state",
        "disable_auto_auth": "1",
    }
    if redirect_uri == DESKTOP:
        query |= {"code_challenge": hashlib.sha256(VERIFIER.encode()).hexdigest(), "code_challenge_method": "S256"}
    return query | changed


def answered(answer: httpx.Response, status: int = 303) -> dict[str, str]:
    assert answer.status_code == status
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def trade(client: Client, code: str, redirect_uri: str = DESKTOP, **more: str) -> dict[str, str]:
    form = {name: client.grant[name] for name in ("client_key", "client_secret")}
    form |= {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    return client.http.post("/v2/oauth/token/", data=form | more).json()


@pytest.fixture
def press(demo: Client, control: Control) -> Callable[..., dict[str, str]]:
    """Open the page and press a button of its form, as a browser does."""
    control.settings(consent="page")

    def pressed(button: str, scopes: tuple[str, ...] = SCOPES, creator: str = "demo") -> dict[str, str]:
        page = demo.http.get(AUTHORIZE, params=wish(demo))
        assert page.status_code == 200
        [action] = re.findall(r'<form method="post" action="([^"]+)"', page.text)
        return answered(demo.http.post(unescape(action), data={"creator": creator, "scope": scopes, "answer": button}))

    return pressed


def test_the_page_tells_who_asks_for_what(demo: Client, control: Control) -> None:
    control.settings(consent="page", creators={"public": {"nickname": "<b>Bold</b>"}})
    page = demo.http.get(AUTHORIZE, params=wish(demo))
    assert page.headers["content-type"].startswith("text/html")
    assert "form-action 'self' http://127.0.0.1:3455;" in page.headers["content-security-policy"]
    assert re.findall(r'name="scope" value="([^"]+)" checked', page.text) == list(SCOPES)
    for shown in (demo.grant["client_key"], "@airdate_demo", "&lt;b&gt;Bold&lt;/b&gt;", 'value="cancel"'):
        assert shown in page.text
    assert demo.http.get("/@creator/style/creator.css").headers["content-type"].startswith("text/css")


def test_to_allow_gives_a_code(demo: Client, press: Callable[..., dict[str, str]]) -> None:
    back = press("allow")
    assert (back["scopes"], back["state"]) == (",".join(SCOPES), "a state")
    answer = trade(demo, back["code"], code_verifier=VERIFIER)
    assert (answer["open_id"], answer["scope"]) == (demo.grant["open_id"], ",".join(SCOPES))


def test_to_untick_gives_less(demo: Client, press: Callable[..., dict[str, str]]) -> None:
    back = press("allow", ("video.upload", "user.info.basic", "video.list"))
    assert back["scopes"] == "user.info.basic,video.upload", "nothing that was not asked for"
    demo.access = trade(demo, back["code"], code_verifier=VERIFIER)["access_token"]
    assert demo.creator_info().json()["error"]["code"] == "scope_not_authorized"
    assert demo.init(1000, inbox=True).json()["error"]["code"] == "ok"


@pytest.mark.parametrize(("button", "scopes"), [("cancel", SCOPES), ("allow", ())])
def test_to_refuse_gives_none(press: Callable[..., dict[str, str]], button: str, scopes: tuple[str, ...]) -> None:
    back = press(button, scopes)
    assert (back["error"], back["state"]) == ("access_denied", "a state")
    assert "code" not in back


def test_another_creator_may_allow_the_app(
    demo: Client, public: Client, control: Control, press: Callable[..., dict[str, str]]
) -> None:
    """The app stays the unaudited one; the account is a public one; and the app has its own id for it."""
    pair = trade(demo, press("allow", creator="public")["code"], code_verifier=VERIFIER)
    assert pair["open_id"] not in (demo.grant["open_id"], public.grant["open_id"])
    assert pair["open_id"] == control.grant("public", app="demo")["open_id"]
    demo.access, demo.refresh_token = pair["access_token"], pair["refresh_token"]
    assert demo.creator_info().json()["data"]["creator_username"] == "airdate_public"
    refused = demo.init(1000, privacy_level="SELF_ONLY").json()["error"]["code"]
    assert refused == "unaudited_client_can_only_post_to_private_accounts"
    assert public.init(1000, privacy_level="SELF_ONLY").json()["error"]["code"] == "ok"
    assert demo.refresh().json()["open_id"] == pair["open_id"]


def test_who_is_no_target_user_cannot(demo: Client, control: Control, press: Callable[..., dict[str, str]]) -> None:
    control.settings(creators={"demo": {"target": False}})
    back = press("allow")
    assert (back["error"], back["error_type"]) == ("access_denied", "non_sandbox_target")
    control.settings(consent="agrees")
    assert answered(demo.http.get(AUTHORIZE, params=wish(demo)), 302)["error_type"] == "non_sandbox_target"


def test_a_web_app_sends_no_pkce(demo: Client, control: Control) -> None:
    control.settings(creators={"demo": {"web": True}})
    back = answered(demo.http.get(AUTHORIZE, params=wish(demo, WEB)), 302)
    assert "access_token" in trade(demo, back["code"], WEB)
    again = answered(demo.http.get(AUTHORIZE, params=wish(demo, WEB)), 302)
    assert trade(demo, again["code"], WEB, code_verifier=VERIFIER)["error"] == "invalid_grant"
    refused = answered(demo.http.get(AUTHORIZE, params=wish(demo, WEB, code_challenge="0" * 64)), 302)
    assert refused["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("web", "uri", "taken"),
    [
        (False, "http://localhost:3455/callback", True),
        (False, "https://127.0.0.1:3455/", True),
        (False, "http://127.0.0.1/callback/", False),
        (False, "http://127.0.0.1:3455/?", False),
        (False, f"http://127.0.0.1:3455/{'a' * 500}", False),
        (False, WEB, False),
        (True, WEB, True),
        (True, "http://brand.example/callback", False),
        (True, "https://brand.example/callback#part", False),
        (True, "https://user@brand.example/callback", False),
        (True, "/callback", False),
    ],
)
def test_redirect_addresses(demo: Client, control: Control, web: bool, uri: str, taken: bool) -> None:
    control.settings(creators={"demo": {"web": web}})
    assert demo.http.get(AUTHORIZE, params=wish(demo, uri)).status_code == (302 if taken else 400)


def test_the_page_of_an_unknown_app_goes_nowhere(demo: Client) -> None:
    assert demo.http.get(AUTHORIZE, params=wish(demo, client_key="unknown")).status_code == 400
    assert demo.http.post(AUTHORIZE, data={"answer": "allow"}).status_code == 400
