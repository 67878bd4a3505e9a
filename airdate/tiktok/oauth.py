"""Login Kit: where a creator is asked for consent, what comes back, and how a consent begins and ends.

TikTok departs from RFC 6749 and 7636 in ways that break stock libraries: `client_key`, scopes separated by commas,
and a challenge in hex (TikTok, Login Kit for Web and for Desktop, November 2026).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import parse_qsl, urlencode, urlsplit

from airdate.errors import AirdateError, NeedsPerson, WrongUsage
from airdate.redact import register
from airdate.tiktok.answers import Envelope, TokenGrant
from airdate.tiktok.client import TikTok
from airdate.tiktok.codes import Where, error_for

LONGEST_REDIRECT = 511
"""Characters of a redirect address (TikTok, Login Kit: fewer than 512)."""

VERIFIER_BYTES = 48
"""Makes 64 characters; TikTok takes 43 to 128."""

DESKTOP_HOSTS = ("localhost", "127.0.0.1")

NOT_A_TARGET = "non_sandbox_target"
"""TikTok's `error_type` when an app in TikTok's own sandbox does not list the account as a target user."""

NOT_KNOWN = ("invalid_request", "invalid_grant", "access_token_invalid")
"""What TikTok says to a token it does not know, or no longer."""

AGAIN = "run `airdate account connect` again"


class AppKind(StrEnum):
    """How the app is registered in TikTok's portal; each kind has its own redirect addresses, and only one has PKCE."""

    DESKTOP = "desktop"
    WEB = "web"


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """One question to a creator, from the consent page to the code that comes back.

    Attributes:
        scopes: what is asked for.
        redirect_uri: the same here, in the portal and at the exchange, to the last slash.
        state: comes back unchanged, or the answer is not to our question.
        verifier: of PKCE; a web app has none, and TikTok may refuse one that sends it.
    """

    client_key: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str = field(repr=False)
    verifier: str | None = field(repr=False)

    @classmethod
    def begin(cls, kind: AppKind, client_key: str, redirect_uri: str, scopes: Sequence[str]) -> ConsentRequest:
        """A question with a state and a verifier of its own.

        Raises:
            WrongUsage: no app of this kind can register the address.
        """
        check_redirect(kind, redirect_uri)
        verifier = register(secrets.token_urlsafe(VERIFIER_BYTES)) if kind is AppKind.DESKTOP else None
        return cls(client_key, redirect_uri, tuple(scopes), secrets.token_urlsafe(32), verifier)

    def url(self, auth_url: str) -> str:
        """Where the creator's browser goes."""
        query = {
            "client_key": self.client_key,
            "response_type": "code",
            "scope": ",".join(self.scopes),
            "redirect_uri": self.redirect_uri,
            "state": self.state,
        }
        if self.verifier is not None:
            query |= {"code_challenge": challenge_of(self.verifier), "code_challenge_method": "S256"}
        return f"{auth_url}?{urlencode(query)}"

    def code_from(self, redirected: str) -> str:
        """The code in the address that TikTok sent the browser to, decoded once.

        Raises:
            NeedsPerson: it is another address, its state is not ours, or consent was refused.
        """
        if redirected.partition("?")[0] != self.redirect_uri:
            raise NeedsPerson(
                "consent_address_wrong",
                "this is not the address that TikTok sends the browser back to",
                item="the redirected address",
                rule=f"it begins with {self.redirect_uri} and a question mark",
                fix=f"copy the whole address from the browser, after TikTok sent it back; {AGAIN}",
            )
        answer = dict(parse_qsl(redirected.partition("?")[2].partition("#")[0], keep_blank_values=True))
        # A refusal may lack the state (TikTok, Login Kit): it does no harm, as nothing is stored either way.
        if "state" in answer or "error" not in answer:
            self._check_state(answer.get("state", ""))
        if answer.get("error"):
            raise _refusal(answer)
        if not answer.get("code"):
            raise NeedsPerson(
                "consent_code_missing",
                "TikTok sent the browser back without a code",
                rule="an allowed consent comes with a code",
                fix=AGAIN,
            )
        # A form's blank is a plus sign; a code holds no blanks.
        return register(answer["code"].replace(" ", "+"))

    def _check_state(self, state: str) -> None:
        if not hmac.compare_digest(state.encode(), self.state.encode()):
            raise NeedsPerson(
                "consent_state_wrong",
                "the answer belongs to another question than the one that was asked",
                item="state",
                rule="TikTok sends back the state of the question (RFC 6749, 10.12)",
                fix=f"close the old page; {AGAIN}, and use only the address it prints",
            )


def challenge_of(verifier: str) -> str:
    """TikTok's challenge: the SHA-256 in lower-case hex, where RFC 7636 has base64url."""
    return hashlib.sha256(verifier.encode()).hexdigest()


def trade(tiktok: TikTok, asked: ConsentRequest, client_secret: str, code: str) -> TokenGrant:
    """Trade a code for the first pair of tokens. A code serves once.

    Raises:
        NeedsPerson: TikTok does not accept the code or the app's credentials.
        Transient: TikTok does not answer.
    """
    form = {
        "client_key": asked.client_key,
        "client_secret": client_secret,
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": asked.redirect_uri,
    }
    if asked.verifier is not None:
        form["code_verifier"] = asked.verifier
    unanswered: list[AirdateError] = []
    try:
        grant = TokenGrant.read(tiktok.oauth("/v2/oauth/token/", form, unanswered).data)
    except NeedsPerson as refused:
        if refused.code != "invalid_grant":
            raise
        said = refused.message.partition("TikTok says: ")[2] or "no reason given"
        if unanswered:
            said += f"; an attempt just before went unanswered ({unanswered[-1].code}), and may have used it up"
        raise NeedsPerson(
            refused.code,
            f"TikTok does not accept the code of this consent: {said}",
            rule="a code serves once, for a short time, with the very redirect address it was asked with",
            fix=f"{AGAIN}; if it comes again, compare the redirect address with TikTok's portal",
            log_id=refused.log_id,
        ) from None
    for secret in (grant.access_token, grant.refresh_token):
        register(secret or "")
    return grant


def revoke(tiktok: TikTok, client_key: str, client_secret: str, access_token: str) -> None:
    """End a consent and all its tokens.

    Raises:
        NeedsPerson: TikTok does not accept the app's credentials.
        Transient: TikTok does not answer.
    """
    form = {"client_key": client_key, "client_secret": client_secret, "token": access_token}
    unanswered: list[AirdateError] = []
    try:
        tiktok.oauth("/v2/oauth/revoke/", form, unanswered, Envelope.read_revoked)
    except NeedsPerson as refused:
        # After an attempt that went unanswered, a refused token is one that the attempt has ended.
        if not unanswered or refused.code not in NOT_KNOWN:
            raise


def check_redirect(kind: AppKind, uri: str) -> None:
    """See that an app of this kind can register the address (TikTok, Login Kit).

    Raises:
        WrongUsage: it cannot.
    """
    parts = urlsplit(uri)
    try:
        port = parts.port
    except ValueError:
        port = None
    is_plain = bool(parts.hostname) and "?" not in uri and "#" not in uri and len(uri) <= LONGEST_REDIRECT
    if kind is AppKind.WEB and is_plain and parts.scheme == "https":
        return
    # TikTok takes https here too, but our listener has no certificate.
    if kind is AppKind.DESKTOP and is_plain and parts.scheme == "http" and parts.hostname in DESKTOP_HOSTS and port:
        return
    rule = (
        "a web app's begins with https"
        if kind is AppKind.WEB
        else "a desktop app's is http, on localhost or 127.0.0.1, with a port"
    )
    raise WrongUsage(
        "redirect_uri_invalid",
        "TikTok takes no such redirect address",
        item=uri,
        rule=f"{rule}; no query, no fragment, at most {LONGEST_REDIRECT} characters (TikTok, Login Kit)",
        fix="give the address that the app has in TikTok's portal with `--redirect-uri`",
    )


def _refusal(answer: dict[str, str]) -> AirdateError:
    code, said = answer["error"], answer.get("error_description", "")
    if NOT_A_TARGET in (answer.get("error_type"), code):
        return NeedsPerson(
            NOT_A_TARGET,
            "the app is in TikTok's sandbox, and this account is not one of its target users",
            rule="up to 10 target users for each sandbox of an app (TikTok, Sandbox)",
            fix="add the account as a target user in TikTok's portal, wait up to an hour, then "
            "`airdate account connect` again",
        )
    # What came through a browser is anybody's text; TikTok's words have no faults that pass by themselves here.
    known = error_for(code, said, http_status=400, now=datetime.now(UTC), where=Where.OAUTH)
    return NeedsPerson(known.code, known.message, fix=known.fix or AGAIN, who=known.who)
