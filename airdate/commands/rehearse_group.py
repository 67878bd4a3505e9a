# ruff: noqa: PLC0415  (each command imports what it needs, so that --help answers at once)
"""The commands of `airdate rehearse`."""

from __future__ import annotations

from typing import Annotated

import typer

from airdate.commands.declared import Json
from airdate.console import Answer, Console

group = typer.Typer(help="Bad days on purpose, in a sandbox of their own.")


@group.callback()
def begin() -> None:
    """Bad days on purpose, in a sandbox of their own."""


@group.command("chaos")
def chaos(
    context: typer.Context,
    rounds: Annotated[int, typer.Option(metavar="N", min=1, help="How many posts go out.")] = 50,
    seed: Annotated[int | None, typer.Option(metavar="S", help="Draw what an earlier rehearsal drew.")] = None,
    first: Annotated[int, typer.Option(metavar="N", min=1, help="The first round; to play one of a seed again.")] = 1,
    _json: Json = False,
) -> Answer:
    """Kill workers at random instants while TikTok fails at random; each post must go out once, or not at all."""
    from airdate.commands import rehearse

    console: Console = context.obj
    return rehearse.chaos(rounds, seed, first, console.say)
