"""`airdate account add`, `list` and `show`. Secrets come from standard input or the environment, never from argv."""

from __future__ import annotations

import getpass
import re
import sys
from dataclasses import dataclass

from pydantic import SecretStr

from airdate import standing
from airdate.console import Answer, table
from airdate.engine import Engine
from airdate.errors import WrongUsage
from airdate.ledger import accounts, grants
from airdate.post import Mode, Privacy
from airdate.redact import register
from airdate.settings import load_settings

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
    given = {"--client-secret": new.client_secret, "--refresh-token": new.refresh_token}
    check(new.name, given, new.mode, new.privacy)
    settings = load_settings()
    client_secret = secret("--client-secret", new.client_secret, settings.tiktok_client_secret)
    refresh_token = secret("--refresh-token", new.refresh_token, settings.tiktok_refresh_token)
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
        document = standing.facts(engine.ledger, account) | {"error": None}
    words = f"{account.name} is added for {account.api_url}"
    if not account.audited:
        words += "; its app counts as unaudited, so it may post SELF_ONLY to a private account"
    return Answer(document, words)


def show_all() -> Answer:
    """All accounts of this ledger."""
    with Engine.open() as engine:
        ledger = engine.ledger
        known = accounts.listed(ledger)
        found = [standing.facts(ledger, account) for account in known]
        now = ledger.now()
        rows = [
            (
                account.name,
                account.kind,
                account.privacy,
                ",".join(account.scopes),
                standing.life(account, account.access_expires_at, now),
                standing.life(account, account.refresh_expires_at, now),
                f"{each['day']['posts']}/{each['day']['posts_cap']}",
                (account.blocked or {}).get("code"),
                account.api_url,
            )
            for account, each in zip(known, found, strict=True)
        ]
        warnings = [said for account in known if (said := standing.warning(account, now))]
    head = ("name", "mode", "privacy", "scopes", "access", "refresh", "posts", "stopped by", "goes to")
    words = table(head, rows) if rows else "no account yet; add one with `airdate account connect`"
    return Answer({"accounts": found}, "\n".join([words, *warnings]))


def show(name: str) -> Answer:
    """One account.

    Raises:
        NeedsPerson: there is none of that name.
    """
    with Engine.open() as engine:
        grants.take_up(engine.ledger, name)
        account = accounts.get(engine.ledger, name)
        document = standing.facts(engine.ledger, account) | {"error": None}
        found = standing.lines(engine.ledger, account)
    width = max(len(label) for label, _ in found)
    return Answer(document, "\n".join([account.name, *(f"  {label.ljust(width)}  {said}" for label, said in found)]))


def check(name: str, given: dict[str, str | None], mode: Mode, privacy: Privacy | None) -> None:
    """See that name, secrets and mode are such as they may be.

    Args:
        given: by option, what stood in its place: `-`, or nothing.

    Raises:
        WrongUsage: they are not.
    """
    if not _NAME.fullmatch(name):
        raise WrongUsage(
            "account_name_invalid",
            "this cannot name an account",
            item=name,
            rule="1 to 100 letters, digits, dots, dashes and underscores, a letter or digit first",
            fix="choose another name",
        )
    for option, value in given.items():
        if value not in (None, "-"):
            register(value or "")
            raise WrongUsage(
                "secret_in_argument",
                "a secret stood in an argument, where every user of this machine can read it",
                item=option,
                rule="a secret comes from standard input or the environment",
                fix=f"write `{option} -` and pipe it in, or set {_variable(option)}; then renew the secret",
            )
    if mode is Mode.INBOX and privacy is not None:
        raise WrongUsage(
            "inbox_carries_no_options",
            "a draft in the creator's inbox carries no privacy",
            item="--privacy",
            rule="TikTok, Upload reference: the inbox endpoint takes the film alone",
            fix="leave --privacy out, or add the account with --mode direct",
        )


def secret(option: str, given: str | None, variable: SecretStr | None) -> str:
    """A secret from the next line of standard input, or from the environment.

    Raises:
        WrongUsage: it is in neither.
    """
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
    return register(value)


def _line(option: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"{option.strip('-').replace('-', ' ')}: ", sys.stderr).strip()
    return sys.stdin.readline().strip()


def _variable(option: str) -> str:
    return "AIRDATE_TIKTOK_" + option.strip("-").replace("-", "_").upper()
