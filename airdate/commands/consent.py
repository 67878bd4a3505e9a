"""`airdate account connect`, `refresh` and `revoke`: the commands that ask TikTok."""

from __future__ import annotations

import select
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

from airdate import connecting, standing
from airdate.commands import account as known
from airdate.commands.opened import open_engine
from airdate.console import Answer
from airdate.engine import Engine
from airdate.errors import WrongUsage
from airdate.ledger import accounts
from airdate.ledger.accounts import Account
from airdate.post import Mode, Privacy
from airdate.tiktok.oauth import AppKind
from airdate.tiktok.session import Session

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Connection:
    """The command line of `account connect`, read; `client_secret` is `-` or None."""

    name: str
    client_key: str
    client_secret: str | None
    audited: bool
    mode: Mode
    privacy: Privacy | None
    kind: AppKind
    redirect_uri: str | None
    scopes: tuple[str, ...]


def connect(wanted: Connection, say: Say) -> Answer:
    """Have a creator consent in a browser, and store the account.

    Raises:
        WrongUsage: a bad name, or an address or a secret that is missing.
        NeedsPerson: no consent came, or not enough of it; nothing is stored.
        Transient: TikTok or the ledger does not answer.
    """
    known.check(wanted.name, {"--client-secret": wanted.client_secret}, wanted.mode, wanted.privacy)
    if wanted.kind is AppKind.WEB and wanted.redirect_uri is None:
        raise WrongUsage(
            "redirect_uri_missing",
            "a web app has an address of its own to which TikTok sends the browser back",
            item="--redirect-uri",
            rule="https, and the same as in TikTok's portal (TikTok, Login Kit for Web)",
            fix="give it with `--redirect-uri`, or register the app for desktop and leave --web out",
        )
    with open_engine() as engine:
        client_secret = known.secret("--client-secret", wanted.client_secret, engine.settings.tiktok_client_secret)
        wish = connecting.Wish(
            name=wanted.name,
            client_key=wanted.client_key,
            client_secret=client_secret,
            audited=wanted.audited,
            mode=wanted.mode,
            privacy=wanted.privacy,
            kind=wanted.kind,
            redirect_uri=wanted.redirect_uri,
            scopes=wanted.scopes,
        )
        account = connecting.connect(
            engine, wish, show=lambda url: _show(url, wanted, say), pasted=lambda limit_s: _pasted(limit_s, say)
        )
        return _answer(engine, account, f"{account.name} is connected: {account.kind}, {', '.join(account.scopes)}")


def refresh(name: str) -> Answer:
    """Renew the access token if it is due; no call while it is not.

    Raises:
        NeedsPerson: the creator must consent again.
        Transient: TikTok does not answer.
    """
    with open_engine() as engine:
        with Session(engine.settings, engine.ledger, name, engine.pause) as session:
            before = session.account.token_version
            session.refresh_if_due()
            account = session.account
        until = standing.left(account.access_expires_at, engine.ledger.now())
        did = "has a new access token" if account.token_version != before else "has an access token that is not due"
        return _answer(engine, account, f"{name} {did}; it lives {until}")


def revoke(name: str) -> Answer:
    """End the consent at TikTok and forget the tokens.

    Raises:
        NeedsPerson: the account is unknown, or TikTok does not accept the app's credentials.
        Transient: TikTok does not answer; nothing is changed.
    """
    with open_engine() as engine:
        account = connecting.revoke(engine, name)
        waiting = accounts.undecided(engine.ledger, name)
        words = f"the consent of {name} is ended and its tokens are erased; the account stays listed"
        if waiting:
            words += f"\nnot finished, and nothing will be sent for them: {', '.join(waiting)}"
        answer = _answer(engine, account, words)
        return Answer({**answer.document, "unfinished": waiting}, words)


def _answer(engine: Engine, account: Account, words: str) -> Answer:
    warning = standing.warning(account, engine.ledger.now())
    document = standing.facts(engine.ledger, account) | {"error": None}
    return Answer(document, "\n".join(filter(None, (words, warning))))


def _show(url: str, wanted: Connection, say: Say) -> None:
    say(f"Have the creator of {wanted.name} open this address, and allow what it asks:\n\n{url}\n")
    threading.Thread(target=_open_browser, args=(url,), name="browser", daemon=True).start()


def _open_browser(url: str) -> None:
    """Open it by $BROWSER, or whatever there is; a machine without one has the printed address.

    In a process of its own: some browsers return only when they are closed, and some write to standard output.
    """
    subprocess.run(
        [sys.executable, "-m", "webbrowser", url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )


def _pasted(limit_s: float, say: Say) -> str | None:
    """The next line of standard input, if it comes in time; empty when there is none to come."""
    say("Then paste the whole address to which TikTok sent the browser, and press Enter:")
    ready, _, _ = select.select([sys.stdin], [], [], limit_s)
    return sys.stdin.readline().strip() if ready else None
