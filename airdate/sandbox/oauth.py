"""Login Kit: the token endpoint and revoking (TikTok, Manage User Access Tokens, November 2026)."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from airdate.sandbox import webhooks
from airdate.sandbox.answers import OAuthRefusal
from airdate.sandbox.seed import Seed
from airdate.sandbox.state import State
from airdate.sandbox.tokens import Pair

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def read_form(body: bytes) -> list[tuple[str, str]]:
    """The fields of a form, in order."""
    return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)


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
        "open_id": state.open_id(seed.name, pair.creator),
        "refresh_token": pair.refresh,
        "refresh_expires_in": state.rules.refresh_token_seconds,
        "scope": ",".join(pair.scopes),
        "token_type": "Bearer",
    }


def revoke(state: State, form: dict[str, str]) -> dict[str, Any]:
    """End a consent and all tokens of it."""
    seed = _app(state, form)
    known = state.tokens.access(form.get("token", ""), state.now())
    if known is None or known.app != seed.name:
        raise OAuthRefusal("invalid_request", "The access token is invalid.")
    state.tokens.revoke(known.grant)
    webhooks.consent_ended(state, known.app, known.creator, webhooks.REVOKED_BY_DEVELOPER)
    return {}


def issue(state: State, app: str, creator: str, scopes: tuple[str, ...], *, grant: str | None = None) -> Pair:
    """A pair with the lifetimes of the settings."""
    now, rules = state.now(), state.rules
    return state.tokens.issue(
        app,
        creator,
        scopes,
        access_until=now + rules.access_token_seconds,
        refresh_until=now + rules.refresh_token_seconds,
        grant=grant,
    )


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
    if consent is None or consent.app != seed.name:
        raise OAuthRefusal("invalid_grant", "Authorization code is expired.")
    if consent.redirect_uri != form.get("redirect_uri"):
        raise OAuthRefusal("invalid_grant", "Redirect_uri is not matched with the uri when requesting code.")
    verifier = form.get("code_verifier")
    if (verifier is not None and not _VERIFIER.fullmatch(verifier)) or not consent.verifies(verifier):
        raise OAuthRefusal("invalid_grant", "Code verifier or code challenge is invalid.")
    return issue(state, seed.name, consent.creator, consent.scopes)


def _refresh(state: State, seed: Seed, form: dict[str, str]) -> Pair:
    spent = state.tokens.spend(form.get("refresh_token", ""), seed.name, state.now())
    if spent is None:
        raise OAuthRefusal("invalid_grant", "Refresh token is invalid or expired.")
    if state.rules.old_access_token == "dies":  # noqa: S105
        state.tokens.end_access(spent.grant)
    return issue(state, seed.name, spent.creator, spent.scopes, grant=spent.grant)
