"""Tokens and consent codes: issued, rotated, expired, revoked."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

CODE_S = 600.0
"""How long a consent code may be traded; TikTok does not say, OAuth recommends ten minutes at most."""


@dataclass(frozen=True, slots=True)
class Token:
    """An access or a refresh token.

    Attributes:
        grant: the consent it comes from; revoking kills all tokens of it.
        expires_at: in the sandbox's time.
    """

    creator: str
    scopes: tuple[str, ...]
    grant: int
    expires_at: float


@dataclass(frozen=True, slots=True)
class Pair:
    """What a trade gives."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Consent:
    """What a creator agreed to, until its code is traded.

    Attributes:
        challenge: lower-case hex of the verifier's SHA-256 (TikTok's own form, not that of RFC 7636).
    """

    creator: str
    scopes: tuple[str, ...]
    redirect_uri: str
    challenge: str
    expires_at: float

    def verifies(self, verifier: str) -> bool:
        """Whether the verifier is the one that the challenge was made of."""
        return hmac.compare_digest(hashlib.sha256(verifier.encode()).hexdigest(), self.challenge)


class Tokens:
    """All that are alive, by their value."""

    def __init__(self) -> None:
        self._access: dict[str, Token] = {}
        self._refresh: dict[str, Token] = {}
        self._consents: dict[str, Consent] = {}
        self._grants = 0

    def issue(
        self,
        creator: str,
        scopes: tuple[str, ...],
        *,
        access_until: float,
        refresh_until: float,
        grant: int | None = None,
    ) -> Pair:
        """A new pair, of a new grant unless one is named."""
        if grant is None:
            self._grants += 1
            grant = self._grants
        pair = Pair(f"act.{secrets.token_urlsafe(32)}", f"rft.{secrets.token_urlsafe(32)}", scopes)
        self._access[pair.access] = Token(creator, scopes, grant, access_until)
        self._refresh[pair.refresh] = Token(creator, scopes, grant, refresh_until)
        return pair

    def access(self, value: str, now: float) -> Token | None:
        """The access token of that value, if it lives."""
        token = self._access.get(value)
        return token if token and now < token.expires_at else None

    def spend(self, refresh: str, creator: str, now: float) -> Token | None:
        """Kill a refresh token and return what it was, if it lived and is this creator's."""
        token = self._refresh.get(refresh)
        if token is None or token.creator != creator or now >= token.expires_at:
            return None
        del self._refresh[refresh]
        return token

    def end_access(self, grant: int) -> None:
        """Kill the access tokens of a grant."""
        self._access = {value: token for value, token in self._access.items() if token.grant != grant}

    def revoke(self, grant: int) -> None:
        """Kill all tokens of a grant."""
        self.end_access(grant)
        self._refresh = {value: token for value, token in self._refresh.items() if token.grant != grant}

    def consented(self, consent: Consent) -> str:
        """The code of a consent; it holds signs that must be percent-decoded, as TikTok's does."""
        code = f"{secrets.token_urlsafe(24)}*0!{secrets.randbelow(10_000)}.s1"
        self._consents[code] = consent
        return code

    def trade(self, code: str, now: float) -> Consent | None:
        """The consent of a code, once."""
        consent = self._consents.pop(code, None)
        return consent if consent and now < consent.expires_at else None
