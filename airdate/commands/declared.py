"""What the declarations of several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from airdate.commands.publish import Runs
    from airdate.console import Console

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document on standard output.")]
Host = Annotated[str, typer.Option(help="Where to listen.")]
PostName = Annotated[str, typer.Argument(metavar="ID", help="A post's id, or its key, such as calendar/row.")]
Reason = Annotated[str, typer.Option(metavar="T", help="Why; it is kept in the post's story.")]
Sources = Annotated[list[str], typer.Argument(metavar="SOURCE…", help="A file or a URL; several photos in order.")]


def runs_of(context: typer.Context) -> Runs | None:
    """The Prefect that takes posts out, as the front door knows it; None when there is none."""
    console: Console = context.obj
    return console.runs()
