"""Login Kit's consent: where the browser is sent to, and what the creator decides there (TikTok, Login Kit)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from airdate.sandbox.page import HEADERS, PAGES
from airdate.sandbox.seed import Seed
from airdate.sandbox.state import State
from airdate.sandbox.tokens import CODE_S, Consent

AUTHORIZE = "/v2/auth/authorize/"

LONGEST_REDIRECT = 511
"""Characters of a redirect address (TikTok, Login Kit)."""

SCOPES = {
    "user.info.basic": "See your name and your picture",
    "user.info.profile": "See your handle, your bio and your profile's address",
    "user.info.stats": "See how many followers, likes and videos you have",
    "video.list": "See your public videos",
    "video.publish": "Post to your account",
    "video.upload": "Leave drafts in your inbox",
}
"""What the page says each scope is for."""

_CHALLENGE = re.compile(r"[0-9a-f]{64}")
"""Lower-case hex of a SHA-256, where RFC 7636 has base64url."""

_DESKTOP_HOSTS = ("localhost", "127.0.0.1")


class _Denied(Exception):
    """The browser goes back without a code; carries what it takes along."""

    def __init__(self, error: str, description: str, **more: str) -> None:
        super().__init__(error)
        self.answer = {"error": error, "error_description": description, **more}


@dataclass(frozen=True, slots=True)
class _Wish:
    """A question for consent that keeps the rules."""

    app: Seed
    scopes: tuple[str, ...]
    redirect_uri: str
    state: str
    challenge: str | None


def ask(state: State, query: Mapping[str, str]) -> Response:
    """The browser comes with an app's wish: show it, or let the app's own creator decide at once, as the rule says."""
    if (app := _app(state, query)) is None:
        return _nowhere()
    try:
        wish = _wish(state, app, query)
        if state.rules.consent == "page":
            return _page(state, wish, query)
        if state.rules.consent == "refuses":
            raise _Denied("access_denied", "User cancelled authorization")
        return _back(query, _granted(state, wish, app.name, wish.scopes), 302)
    except _Denied as no:
        return _back(query, no.answer, 302)


def decide(state: State, query: Mapping[str, str], form: Sequence[tuple[str, str]]) -> Response:
    """The creator pressed a button on the page."""
    if (app := _app(state, query)) is None:
        return _nowhere()
    chosen = dict(form)
    try:
        wish = _wish(state, app, query)
        if chosen.get("answer") != "allow":
            raise _Denied("access_denied", "User cancelled authorization")
        ticked = {value for name, value in form if name == "scope"}
        scopes = tuple(scope for scope in wish.scopes if scope in ticked)
        if not scopes or chosen.get("creator") not in state.seeds:
            raise _Denied("access_denied", "User granted nothing")
        return _back(query, _granted(state, wish, chosen["creator"], scopes), 303)
    except _Denied as no:
        return _back(query, no.answer, 303)


def _app(state: State, query: Mapping[str, str]) -> Seed | None:
    """The app, if it and the address to go back to can be believed."""
    app = next((seed for seed in state.seeds.values() if seed.client_key == query.get("client_key")), None)
    if app is None:
        return None
    return app if _is_redirect(query.get("redirect_uri", ""), web=state.creators[app.name].web) else None


def _wish(state: State, app: Seed, query: Mapping[str, str]) -> _Wish:
    if query.get("response_type") != "code":
        raise _Denied("unsupported_response_type", "response_type must be code")
    scopes = query.get("scope", "").split(",")
    if not set(scopes) <= set(app.scope.split(",")):
        raise _Denied("invalid_scope", "scope is missing, unknown or not comma-separated")
    if not query.get("state"):
        raise _Denied("invalid_request", "state is missing")
    challenge = query.get("code_challenge")
    if state.creators[app.name].web:
        if challenge is not None or "code_challenge_method" in query:
            raise _Denied("invalid_request", "a web app sends no code_challenge")
    elif query.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge or ""):
        raise _Denied("invalid_request", "code_challenge must be 64 lower-case hex digits")
    return _Wish(app, tuple(scopes), query["redirect_uri"], query["state"], challenge)


def _is_redirect(uri: str, *, web: bool) -> bool:
    """Whether such an app may register the address; the sandbox registers all that may be."""
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return False
    plain = not parts.query and not parts.fragment and parts.username is None and bool(parts.hostname)
    if web:
        allowed = parts.scheme == "https"
    else:
        allowed = parts.scheme in ("http", "https") and parts.hostname in _DESKTOP_HOSTS and port is not None
    return plain and allowed and len(uri) <= LONGEST_REDIRECT and "?" not in uri and "#" not in uri


def _granted(state: State, wish: _Wish, creator: str, scopes: tuple[str, ...]) -> dict[str, str]:
    if not state.creators[creator].target:
        raise _Denied("access_denied", "This account is no target user", error_type="non_sandbox_target")
    until = state.now() + CODE_S
    consent = Consent(wish.app.name, creator, scopes, wish.redirect_uri, wish.challenge, until)
    return {"code": state.tokens.consented(consent), "scopes": ",".join(scopes)}


def _back(query: Mapping[str, str], answer: dict[str, str], status: int) -> Response:
    return RedirectResponse(f"{query['redirect_uri']}?{urlencode({**answer, 'state': query.get('state', '')})}", status)


def _page(state: State, wish: _Wish, query: Mapping[str, str]) -> Response:
    to = urlsplit(wish.redirect_uri)
    page = PAGES.get_template("consent.html").render(
        app=wish.app,
        scopes=[(scope, SCOPES[scope]) for scope in wish.scopes],
        creators=[(seed, state.creators[name].nickname) for name, seed in state.seeds.items()],
        action=f"{AUTHORIZE}?{urlencode(dict(query))}",
        back=f"{to.scheme}://{to.netloc}",
    )
    # A browser asks the policy about the redirect that follows a form, too.
    allowed = f"form-action 'self' {to.scheme}://{to.netloc}"
    policy = HEADERS["Content-Security-Policy"].replace("form-action 'none'", allowed)
    return HTMLResponse(page, headers=HEADERS | {"Content-Security-Policy": policy})


def _nowhere() -> Response:
    """Where to send the browser is not known, or not to be believed."""
    return PlainTextResponse("Something went wrong: client_key or redirect_uri", 400)
