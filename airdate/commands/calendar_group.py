# ruff: noqa: PLC0415  (each command imports what it needs, so that --help answers at once)
"""The commands of `airdate calendar`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airdate.commands.declared import Json, PostName, Reason, runs_of
from airdate.console import Answer

group = typer.Typer(help="Posts planned in a file.")


@group.command("plan")
def plan(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV; see docs/calendar.md.")], _json: Json = False
) -> Answer:
    """Show what applying a calendar file would change; nothing is written."""
    from airdate.commands import calendar

    return calendar.plan(file)


@group.command("apply")
def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV; see docs/calendar.md.")], _json: Json = False
) -> Answer:
    """Write a calendar file to the ledger: every row becomes a post, and a row that is gone cancels its post."""
    from airdate.commands import calendar

    return calendar.apply(file)


@group.command("list")
def show_all(_json: Json = False) -> Answer:
    """Show the posts of all calendars, by slot."""
    from airdate.commands import calendar

    return calendar.show_all()


@group.command("move")
def move(
    context: typer.Context,
    post: PostName,
    at: Annotated[str, typer.Option(metavar="ISO8601", help="The new slot, with its offset.")],
    _json: Json = False,
) -> Answer:
    """Give a post of which nothing was sent another slot."""
    from airdate.commands import decisions

    return decisions.move(post, at, runs_of(context))


@group.command("hold")
def hold(post: PostName, reason: Reason, _json: Json = False) -> Answer:
    """Stop a post until it is released; possible until its last byte is sent."""
    from airdate.commands import decisions

    return decisions.hold(post, reason)


@group.command("cancel")
def cancel(post: PostName, reason: Reason, _json: Json = False) -> Answer:
    """Call a post off; possible until its last byte is sent."""
    from airdate.commands import decisions

    return decisions.cancel(post, reason)


@group.command("release")
def release(context: typer.Context, post: PostName, _json: Json = False) -> Answer:
    """Let a held post go on."""
    from airdate.commands import decisions

    return decisions.release(post, runs_of(context))
