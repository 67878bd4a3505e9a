"""Tokens and consent codes: issued, rotated, expired, revoked. They outlive the process, as TikTok's outlive ours."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from airdate.sandbox.store import Shelf, Store

CODE_S = 600.0
"""How long a consent code may be traded; TikTok does not say, OAuth recommends ten minutes at most."""


@dataclass(frozen=True, slots=True)
class Token:
    """An access or a refresh token.

    Attributes:
        app: who may use it, by the name of the app's seed.
        creator: whose account it opens.
        grant: the consent it comes from; revoking kills all tokens of it.
        expires_at: in the sandbox's time.
    """

    app: str
    creator: str
    scopes: tuple[str, ...]
    grant: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class Pair:
    """What a trade gives."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    creator: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Consent:
    """What a creator agreed to, until its code is traded.

    Attributes:
        challenge: lower-case hex of the verifier's SHA-256 (TikTok's own form, not that of RFC 7636); None for a web
            app, which sends none.
    """

    app: str
    creator: str
    scopes: tuple[str, ...]
    redirect_uri: str
    challenge: str | None
    expires_at: float

    def verifies(self, verifier: str | None) -> bool:
        """Whether the verifier is the one that the challenge was made of; there is either both of them or none."""
        if self.challenge is None or verifier is None:
            return self.challenge is None and verifier is None
        return hmac.compare_digest(hashlib.sha256(verifier.encode()).hexdigest(), self.challenge)


class Tokens:
    """All that are alive, by their value."""

    def __init__(self, store: Store) -> None:
        self._access: Shelf[Token] = Shelf(store, "access", Token)
        self._refresh: Shelf[Token] = Shelf(store, "refresh", Token)
        self._consents: Shelf[Consent] = Shelf(store, "consents", Consent)

    def issue(
        self,
        app: str,
        creator: str,
        scopes: tuple[str, ...],
        *,
        access_until: float,
        refresh_until: float,
        grant: str | None = None,
    ) -> Pair:
        """A new pair, of a new grant unless one is named."""
        grant = grant or secrets.token_hex(8)
        pair = Pair(f"act.{secrets.token_urlsafe(32)}", f"rft.{secrets.token_urlsafe(32)}", creator, scopes)
        self._access[pair.access] = Token(app, creator, scopes, grant, access_until)
        self._refresh[pair.refresh] = Token(app, creator, scopes, grant, refresh_until)
        return pair

    def access(self, value: str, now: float) -> Token | None:
        """The access token of that value, if it lives."""
        token = self._access.get(value)
        return token if token and now < token.expires_at else None

    def spend(self, refresh: str, app: str, now: float) -> Token | None:
        """Kill a refresh token and return what it was, if it lived and is this app's."""
        token = self._refresh.get(refresh)
        if token is None or token.app != app or now >= token.expires_at:
            return None
        del self._refresh[refresh]
        return token

    def end_access(self, grant: str) -> None:
        """Kill the access tokens of a grant."""
        _end(self._access, grant)

    def revoke(self, grant: str) -> None:
        """Kill all tokens of a grant."""
        _end(self._access, grant)
        _end(self._refresh, grant)

    def grants_of(self, app: str, creator: str) -> set[str]:
        """The consents of a creator to an app that tokens live of."""
        return {token.grant for token in self._refresh.values() if (token.app, token.creator) == (app, creator)}

    def consented(self, consent: Consent) -> str:
        """The code of a consent; it holds signs that must be percent-decoded, as TikTok's does."""
        code = f"{secrets.token_urlsafe(24)}*0!{secrets.randbelow(10_000)}.s1"
        self._consents[code] = consent
        return code

    def trade(self, code: str, now: float) -> Consent | None:
        """The consent of a code, once."""
        consent = self._consents.pop(code, None)
        return consent if consent and now < consent.expires_at else None


def _end(shelf: Shelf[Token], grant: str) -> None:
    for value in [value for value, token in shelf.items() if token.grant == grant]:
        del shelf[value]
