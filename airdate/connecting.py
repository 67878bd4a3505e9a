"""How an account comes to Airdate, and how it leaves: the creator's consent, from the browser to the ledger, and back.

No secret passes the browser. What comes back is believed only with the state of our own question, traded at once, and
stored with its tokens in one transaction; before that nothing is stored at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from airdate.clearance import SCOPES
from airdate.engine import Engine
from airdate.errors import AirdateError, NeedsPerson, Transient, Who
from airdate.ledger import Ledger, accounts, grants
from airdate.ledger.accounts import REVOKED, Account, Consented
from airdate.ledger.grants import Kept, lock_of
from airdate.ledger.locks import locked
from airdate.post import Mode, Privacy
from airdate.tiktok import oauth, tokens
from airdate.tiktok.answers import TokenGrant
from airdate.tiktok.client import GrantRefused, TikTok
from airdate.tiktok.loopback import Loopback
from airdate.tiktok.oauth import AppKind, ConsentRequest
from airdate.tiktok.session import check_origin
from airdate.tiktok.transport import open_http

LIMIT_S = 600.0
"""How long a creator may take; TikTok's page has a limit of its own."""

WHO_SCOPE = "user.info.basic"


@dataclass(frozen=True, slots=True)
class Wish:
    """Which account is wanted.

    Attributes:
        redirect_uri: what the portal knows; None takes a free port of this machine, which a desktop app may.
        scopes: wanted besides what the mode needs.
    """

    name: str
    client_key: str
    client_secret: str = field(repr=False)
    audited: bool
    mode: Mode
    privacy: Privacy | None
    kind: AppKind
    redirect_uri: str | None
    scopes: tuple[str, ...] = ()

    @property
    def asked_scopes(self) -> tuple[str, ...]:
        """As few as will do: a scope that the app does not have makes TikTok refuse them all."""
        return tuple(dict.fromkeys((WHO_SCOPE, SCOPES[self.mode], *self.scopes)))


def connect(
    engine: Engine,
    wish: Wish,
    *,
    show: Callable[[str], None],
    pasted: Callable[[float], str | None],
    limit_s: float = LIMIT_S,
) -> Account:
    """Have a creator consent, and store the account.

    Args:
        show: brings the consent page to the creator; it gets the page's address.
        pasted: for a web app: waits that many seconds for the address to which TikTok sent the browser.

    Raises:
        NeedsPerson: consent was refused, took too long, lacks a scope, or is another creator's; nothing is stored.
        WrongUsage: no app of this kind can have that redirect address.
        Transient: TikTok does not answer; or the ledger does not, and the grant is kept in the home.
    """
    known = {account.name: account for account in accounts.listed(engine.ledger)}.get(wish.name)
    if known is not None:
        check_origin(known, engine.settings.tiktok_api_url)
    with _told(wish.name), _answer(wish, pasted) as (redirect_uri, wait):
        asked = ConsentRequest.begin(wish.kind, wish.client_key, redirect_uri, wish.asked_scopes)
        show(asked.url(engine.settings.tiktok_auth_url))
        redirected = wait(limit_s)
    if redirected is None:
        raise NeedsPerson(
            "consent_timeout",
            f"no consent came within {limit_s / 60:.0f} minutes",
            item=wish.name,
            who=Who.CREATOR,
            fix="run `airdate account connect` again when the creator is there",
        )
    with _told(wish.name):
        return _store(engine, wish, asked, asked.code_from(redirected))


def revoke(engine: Engine, name: str) -> Account:
    """End the consent at TikTok and forget the tokens; the account stays, stopped.

    Raises:
        NeedsPerson: the account is unknown, of another origin, or TikTok does not accept the app's credentials.
        Transient: TikTok does not answer; nothing is changed.
    """
    ledger = engine.ledger
    grants.take_up(ledger, name)
    account = accounts.get(ledger, name)
    check_origin(account, engine.settings.tiktok_api_url)
    if account.is_revoked:
        return account
    with open_tiktok(engine) as tiktok:
        access_token = _last_token(engine, tiktok, account)
        try:
            _end(engine, tiktok, account, access_token)
        except NeedsPerson as refused:
            if refused.code not in oauth.NOT_KNOWN:
                raise
            # It died before its time: by an earlier try that could not write this down, or by the creator's own hand.
            _end(engine, tiktok, account, _last_token(engine, tiktok, account, refused=access_token))
    return accounts.get(ledger, name)


@contextmanager
def open_tiktok(engine: Engine) -> Iterator[TikTok]:
    """TikTok's login, which counts no calls of an account."""
    with open_http() as http:
        yield TikTok(engine.settings.tiktok_api_url, http, gate=lambda _call: nullcontext(), pause=engine.pause)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Errors name the account; one that passes by itself says to connect again, for nobody else will."""
    try:
        yield
    except AirdateError as error:
        error.item = error.item or name
        if isinstance(error, Transient):
            error.fix, error.who = error.fix or oauth.AGAIN, Who.OPERATOR
        raise


@contextmanager
def _answer(wish: Wish, pasted: Callable[[float], str | None]) -> Iterator[tuple[str, Callable[[float], str | None]]]:
    """The redirect address, and how the answer to it is waited for."""
    if wish.kind is AppKind.WEB:
        yield wish.redirect_uri or "", pasted
        return
    if wish.redirect_uri is not None:
        oauth.check_redirect(wish.kind, wish.redirect_uri)
    with Loopback(wish.redirect_uri) as listener:
        yield listener.redirect_uri, listener.wait


def _store(engine: Engine, wish: Wish, asked: ConsentRequest, code: str) -> Account:
    ledger = engine.ledger
    with locked(ledger, lock_of(wish.name)), open_tiktok(engine) as tiktok:
        grants.take_up_held(ledger, wish.name)
        seen_version, asked_at = accounts.version(ledger, wish.name), ledger.now()
        given = oauth.trade(tiktok, asked, wish.client_secret, code)
        account = _consented(engine, wish, given)
        _check_scopes(wish, given.scopes or asked.scopes)
        creator = f"{account.client_key}:{account.open_id}"
        kept = Kept(wish.name, creator, seen_version, tokens.grant_of(given, asked_at), account)
        if not grants.store(ledger, kept, engine.pause):
            raise NeedsPerson(
                "account_replaced",
                "the account was added by somebody else while the creator consented",
                item=wish.name,
                fix="look at it with `airdate account show`, then connect again if it is not the one",
            )
    return accounts.get(ledger, wish.name)


def _consented(engine: Engine, wish: Wish, given: TokenGrant) -> Consented:
    if not given.open_id or not given.refresh_token:
        raise Transient(
            "answer_incomplete",
            "TikTok's answer to the consent lacks the open id or the refresh token, so nothing is stored",
            item=wish.name,
            fix=oauth.AGAIN,
        )
    return Consented(
        name=wish.name,
        api_url=engine.settings.tiktok_api_url,
        client_key=wish.client_key,
        client_secret=wish.client_secret,
        open_id=given.open_id,
        audited=wish.audited,
        mode=wish.mode,
        privacy=wish.privacy,
    )


def _check_scopes(wish: Wish, granted: tuple[str, ...]) -> None:
    if (needed := SCOPES[wish.mode]) not in granted:
        raise NeedsPerson(
            "scope_missing",
            f"the creator did not grant {needed}, so nothing is stored; granted: {', '.join(granted) or 'nothing'}",
            item=wish.name,
            rule=f"an account in {wish.mode} mode needs {needed} (TikTok, Scopes)",
            who=Who.CREATOR,
            fix=f"{oauth.AGAIN} and have the creator leave that box ticked",
        )


def _end(engine: Engine, tiktok: TikTok, account: Account, access_token: str | None) -> None:
    """End the consent at TikTok, if there is a token left to do it by, and forget it here."""
    ledger, name = engine.ledger, account.name
    with locked(ledger, lock_of(name)):
        if access_token is not None:
            held = accounts.secrets(ledger, name)
            oauth.revoke(tiktok, account.client_key, held.client_secret, held.access_token or access_token)
        stopped = NeedsPerson(
            REVOKED,
            "the consent was ended here",
            item=name,
            rule="a post goes out only with the creator's consent",
            fix=f"`airdate account connect {name}` asks for a new one",
        )
        accounts.erase(ledger, name, stopped.as_dict())


def _last_token(engine: Engine, tiktok: TikTok, account: Account, *, refused: str | None = None) -> str | None:
    """An access token that TikTok still knows, by which it ends the consent; None when the consent is dead already.

    Args:
        refused: one that TikTok did not know.
    """
    ledger: Ledger = engine.ledger
    if account.blocked is not None:
        held = accounts.secrets(ledger, account.name).access_token
        alive = account.access_expires_at is None or account.access_expires_at > ledger.now()
        return held if alive and held != refused else None
    try:
        if refused is not None:
            return tokens.replaced(ledger, tiktok, account.name, refused, engine.pause)
        return tokens.fresh(ledger, tiktok, account.name, engine.pause)
    except GrantRefused:
        return None
