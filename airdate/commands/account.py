"""`airdate account`: who may be published to. Secrets come from standard input or the environment, never from argv."""

from __future__ import annotations

import getpass
import re
import sys
from dataclasses import dataclass

from airdate.console import Answer, table
from airdate.engine import Engine
from airdate.errors import WrongUsage
from airdate.ledger import accounts
from airdate.post import Mode, Privacy
from airdate.redact import register
from airdate.settings import Settings, load_settings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class NewAccount:
    """The command line of `account add`, read.

    Attributes:
        client_secret: `-` for standard input, None for the environment; anything else is refused.
        refresh_token: the same.
    """

    name: str
    client_key: str
    open_id: str
    client_secret: str | None
    refresh_token: str | None
    audited: bool
    mode: Mode
    privacy: Privacy | None


def add(new: NewAccount) -> Answer:
    """Store an account without a browser and without a call.

    Raises:
        WrongUsage: a bad name, or a secret that is missing or stood in an argument.
    """
    _check(new)
    settings = load_settings()
    client_secret, refresh_token = _secrets(new, settings)
    with Engine.open(settings) as engine:
        account = accounts.add(
            engine.ledger,
            name=new.name,
            api_url=settings.tiktok_api_url,
            client_key=new.client_key,
            open_id=new.open_id,
            client_secret=client_secret,
            refresh_token=refresh_token,
            audited=new.audited,
            mode=new.mode,
            privacy=new.privacy,
        )
    words = f"{account.name} is added for {account.api_url}"
    if not account.audited:
        words += "; its app counts as unaudited, so it may post SELF_ONLY to a private account"
    return Answer(account.as_dict() | {"error": None}, words)


def show_all() -> Answer:
    """All accounts of this ledger."""
    with Engine.open() as engine:
        known = accounts.listed(engine.ledger)
    head = ("name", "goes to", "mode", "privacy", "audited", "stopped by")
    rows = [
        (
            account.name,
            account.api_url,
            account.mode,
            account.privacy,
            account.audited,
            (account.blocked or {}).get("code"),
        )
        for account in known
    ]
    words = table(head, rows) if rows else "no account yet; add one with `airdate account add`"
    return Answer({"accounts": [account.as_dict() for account in known]}, words)


def _check(new: NewAccount) -> None:
    if not _NAME.fullmatch(new.name):
        raise WrongUsage(
            "account_name_invalid",
            "this cannot name an account",
            item=new.name,
            rule="1 to 100 letters, digits, dots, dashes and underscores, a letter or digit first",
            fix="choose another name",
        )
    for option, given in (("--client-secret", new.client_secret), ("--refresh-token", new.refresh_token)):
        if given not in (None, "-"):
            register(given or "")
            raise WrongUsage(
                "secret_in_argument",
                "a secret stood in an argument, where every user of this machine can read it",
                item=option,
                rule="a secret comes from standard input or the environment",
                fix=f"write `{option} -` and pipe it in, or set {_variable(option)}; then renew the secret",
            )
    if new.mode is Mode.INBOX and new.privacy is not None:
        raise WrongUsage(
            "inbox_carries_no_options",
            "a draft in the creator's inbox carries no privacy",
            item="--privacy",
            rule="TikTok, Upload reference: the inbox endpoint takes the film alone",
            fix="leave --privacy out, or add the account with --mode direct",
        )


def _secrets(new: NewAccount, settings: Settings) -> tuple[str, str]:
    """Client secret and refresh token; from standard input the client secret comes first."""
    found = []
    for option, given, variable in (
        ("--client-secret", new.client_secret, settings.tiktok_client_secret),
        ("--refresh-token", new.refresh_token, settings.tiktok_refresh_token),
    ):
        known = variable.get_secret_value() if variable is not None else ""
        value = _line(option) if given == "-" else known
        if not value:
            raise WrongUsage(
                "secret_missing",
                "standard input had no line for it" if given == "-" else "it was not given",
                item=option,
                rule="line 1 is the client secret, line 2 the refresh token, when both come from standard input",
                fix=f"pipe it in with `{option} -`, or set {_variable(option)}",
            )
        found.append(register(value))
    client_secret, refresh_token = found
    return client_secret, refresh_token


def _line(option: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"{option.strip('-').replace('-', ' ')}: ", sys.stderr).strip()
    return sys.stdin.readline().strip()


def _variable(option: str) -> str:
    return "AIRDATE_TIKTOK_" + option.strip("-").replace("-", "_").upper()
