"""Login Kit: the consent page, the token endpoint and revoking (TikTok, Manage User Access Tokens, November 2026)."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi.responses import PlainTextResponse, RedirectResponse, Response

from airdate.sandbox.answers import OAuthRefusal
from airdate.sandbox.seed import Seed
from airdate.sandbox.state import State
from airdate.sandbox.tokens import CODE_S, Consent, Pair

AUTHORIZE = "/v2/auth/authorize/"

_CHALLENGE = re.compile(r"[0-9a-f]{64}")
"""Lower-case hex of a SHA-256, where RFC 7636 has base64url."""

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")

_DESKTOP_HOSTS = ("localhost", "127.0.0.1")
"""The sandbox's apps are desktop apps: any port, any path, no query."""


def read_form(body: bytes) -> dict[str, str]:
    """The fields of a form; of a repeated one the last."""
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def token(state: State, form: dict[str, str]) -> dict[str, Any]:
    """Trade a code or a refresh token for a pair."""
    seed = _app(state, form)
    trades: dict[str, Callable[[State, Seed, dict[str, str]], Pair]] = {
        "authorization_code": _trade_code,
        "refresh_token": _refresh,
    }
    trade = trades.get(form.get("grant_type", ""))
    if trade is None:
        raise OAuthRefusal("unsupported_grant_type", "Grant type is not supported.")
    pair = trade(state, seed, form)
    return {
        "access_token": pair.access,
        "expires_in": state.rules.access_token_seconds,
        "open_id": seed.open_id,
        "refresh_token": pair.refresh,
        "refresh_expires_in": state.rules.refresh_token_seconds,
        "scope": ",".join(pair.scopes),
        "token_type": "Bearer",
    }


def revoke(state: State, form: dict[str, str]) -> dict[str, Any]:
    """End a consent and all tokens of it."""
    seed = _app(state, form)
    known = state.tokens.access(form.get("token", ""), state.now())
    if known is None or known.creator != seed.name:
        raise OAuthRefusal("invalid_request", "The access token is invalid.")
    state.tokens.revoke(known.grant)
    return {}


def issue(state: State, creator: str, scopes: tuple[str, ...], *, grant: int | None = None) -> Pair:
    """A pair with the lifetimes of the settings."""
    now, rules = state.now(), state.rules
    return state.tokens.issue(
        creator,
        scopes,
        access_until=now + rules.access_token_seconds,
        refresh_until=now + rules.refresh_token_seconds,
        grant=grant,
    )


def authorize(state: State, query: Mapping[str, str]) -> Response:
    """The consent page: the app's creator agrees to everything at once, or refuses."""
    seed = next((seed for seed in state.seeds.values() if seed.client_key == query.get("client_key")), None)
    redirect_uri = query.get("redirect_uri", "")
    if seed is None or not _is_desktop_redirect(redirect_uri):
        # Where to send the browser is not known, or not to be believed.
        return PlainTextResponse("Something went wrong: client_key or redirect_uri", 400)
    answer = _refusal_of_consent(seed, query)
    if answer is None and state.rules.consent == "refuses":
        answer = {"error": "access_denied", "error_description": "User cancelled authorization"}
    if answer is None:
        scope = query["scope"]
        until = state.now() + CODE_S
        consent = Consent(seed.name, tuple(scope.split(",")), redirect_uri, query["code_challenge"], until)
        answer = {"code": state.tokens.consented(consent), "scopes": scope}
    return RedirectResponse(f"{redirect_uri}?{urlencode({**answer, 'state': query.get('state', '')})}", 302)


def _refusal_of_consent(seed: Seed, query: Mapping[str, str]) -> dict[str, str] | None:
    if query.get("response_type") != "code":
        return {"error": "unsupported_response_type", "error_description": "response_type must be code"}
    scopes = query.get("scope", "").split(",")
    if not set(scopes) <= set(seed.scope.split(",")):
        return {"error": "invalid_scope", "error_description": "scope is missing, unknown or not comma-separated"}
    if not query.get("state"):
        return {"error": "invalid_request", "error_description": "state is missing"}
    if query.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(query.get("code_challenge", "")):
        return {"error": "invalid_request", "error_description": "code_challenge must be 64 lower-case hex digits"}
    return None


def _is_desktop_redirect(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        return (
            parts.scheme in ("http", "https")
            and parts.hostname in _DESKTOP_HOSTS
            and parts.port is not None
            and not parts.query
            and not parts.fragment
            and parts.username is None
        )
    except ValueError:
        return False


def _app(state: State, form: dict[str, str]) -> Seed:
    seed = next((seed for seed in state.seeds.values() if seed.client_key == form.get("client_key")), None)
    known = seed is not None and hmac.compare_digest(
        seed.client_secret.encode(), form.get("client_secret", "").encode()
    )
    if seed is None or not known:
        raise OAuthRefusal("invalid_client", "Client key or secret is incorrect.")
    return seed


def _trade_code(state: State, seed: Seed, form: dict[str, str]) -> Pair:
    consent = state.tokens.trade(form.get("code", ""), state.now())
    if consent is None or consent.creator != seed.name:
        raise OAuthRefusal("invalid_grant", "Authorization code is expired.")
    if consent.redirect_uri != form.get("redirect_uri"):
        raise OAuthRefusal("invalid_grant", "Redirect_uri is not matched with the uri when requesting code.")
    verifier = form.get("code_verifier", "")
    if not _VERIFIER.fullmatch(verifier) or not consent.verifies(verifier):
        raise OAuthRefusal("invalid_grant", "Code verifier or code challenge is invalid.")
    return issue(state, seed.name, consent.scopes)


def _refresh(state: State, seed: Seed, form: dict[str, str]) -> Pair:
    spent = state.tokens.spend(form.get("refresh_token", ""), seed.name, state.now())
    if spent is None:
        raise OAuthRefusal("invalid_grant", "Refresh token is invalid or expired.")
    if state.rules.old_access_token == "dies":  # noqa: S105
        state.tokens.end_access(spent.grant)
    return issue(state, seed.name, spent.scopes, grant=spent.grant)
