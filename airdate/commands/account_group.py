# ruff: noqa: PLC0415  (each command imports what it needs, so that --help answers at once)
"""The commands of `airdate account`: options in, one function elsewhere, an answer out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from airdate.commands.declared import Json
from airdate.console import Answer
from airdate.post import Mode, Privacy

if TYPE_CHECKING:
    from airdate.console import Console

group = typer.Typer(help="TikTok accounts that may be published to.")


@group.command("add")
def add(
    name: str,
    client_key: Annotated[str, typer.Option(help="The client key of your TikTok app.")],
    open_id: Annotated[str, typer.Option(help="The creator's open id under that app.")],
    client_secret: Annotated[
        str | None, typer.Option(metavar="-", help="`-`: line 1 of standard input; else the environment.")
    ] = None,
    refresh_token: Annotated[
        str | None, typer.Option(metavar="-", help="`-`: the next line of standard input; else the environment.")
    ] = None,
    audited: Annotated[bool, typer.Option("--audited", help="TikTok has audited the app.")] = False,
    mode: Annotated[Mode, typer.Option(help="Post, or leave a draft, where a post does not say.")] = Mode.DIRECT,
    privacy: Annotated[Privacy | None, typer.Option(help="The standing choice of the account's owner.")] = None,
    _json: Json = False,
) -> Answer:
    """Store an account, without a browser and without a call; secrets never stand in an argument."""
    from airdate.commands import account

    return account.add(
        account.NewAccount(name, client_key, open_id, client_secret, refresh_token, audited, mode, privacy)
    )


@group.command("list")
def show_all(_json: Json = False) -> Answer:
    """Show all accounts, without their secrets."""
    from airdate.commands import account

    return account.show_all()


@group.command("show")
def show(name: str, _json: Json = False) -> Answer:
    """Show one account: mode, scopes, privacy, how long its tokens live, and the day's posts against the cap."""
    from airdate.commands import account

    return account.show(name)


@group.command("connect")
def connect(
    context: typer.Context,
    name: str,
    client_key: Annotated[str, typer.Option(help="The client key of your TikTok app.")],
    client_secret: Annotated[
        str | None, typer.Option(metavar="-", help="`-`: line 1 of standard input; else the environment.")
    ] = None,
    audited: Annotated[bool, typer.Option("--audited", help="TikTok has audited the app.")] = False,
    mode: Annotated[Mode, typer.Option(help="Post, or leave a draft, where a post does not say.")] = Mode.DIRECT,
    privacy: Annotated[Privacy | None, typer.Option(help="The standing choice of the account's owner.")] = None,
    web: Annotated[bool, typer.Option("--web/--desktop", help="How the app is registered in TikTok's portal.")] = False,
    redirect_uri: Annotated[
        str | None, typer.Option(metavar="URL", help="The registered address; a desktop app may leave it out.")
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option(metavar="SCOPE", help="Ask for this one too, such as video.list.")
    ] = None,
    _json: Json = False,
) -> Answer:
    """Have a creator consent in the browser, and store the account with what TikTok grants."""
    from airdate.commands import consent
    from airdate.tiktok.oauth import AppKind

    kind = AppKind.WEB if web else AppKind.DESKTOP
    wanted = consent.Connection(
        name, client_key, client_secret, audited, mode, privacy, kind, redirect_uri, tuple(scope or ())
    )
    console: Console = context.obj
    return consent.connect(wanted, console.say)


@group.command("refresh")
def refresh(name: str, _json: Json = False) -> Answer:
    """Renew the access token if it is due; there is no call while it is not."""
    from airdate.commands import consent

    return consent.refresh(name)


@group.command("revoke")
def revoke(name: str, _json: Json = False) -> Answer:
    """End the creator's consent at TikTok and erase the tokens; the account stays listed."""
    from airdate.commands import consent

    return consent.revoke(name)
