# ruff: noqa: PLC0415  (each command imports what it needs, so that --help answers at once)
"""The commands of `airdate account`: options in, one function elsewhere, an answer out."""

from __future__ import annotations

from typing import Annotated

import typer

from airdate.commands.declared import Json
from airdate.console import Answer
from airdate.post import Mode, Privacy

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
