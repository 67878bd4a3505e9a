# ruff: noqa: PLC0415  (each command imports what it needs, so that --help answers at once)
"""The commands of `airdate posts`."""

from __future__ import annotations

from typing import Annotated

import typer

from airdate.commands.declared import Json, PostName, runs_of
from airdate.console import Answer

group = typer.Typer(help="What became of posts.")


@group.command("list")
def show_all(_json: Json = False) -> Answer:
    """Show all posts."""
    from airdate.commands import posts

    return posts.show_all()


@group.command("show")
def show(post_id: Annotated[str, typer.Argument(metavar="ID")], _json: Json = False) -> Answer:
    """Show one post: what came in, what was changed and why, what was sent, and what happened."""
    from airdate.commands import posts

    return posts.show(post_id)


@group.command("follow")
def follow(
    post_id: Annotated[str | None, typer.Argument(metavar="ID")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All posts that TikTok has not decided.")] = False,
    _json: Json = False,
) -> Answer:
    """Ask TikTok about a post until it has decided, or until AIRDATE_POLL_BUDGET_SECONDS have passed."""
    from airdate.commands import posts

    return posts.follow(post_id, everything=everything)


@group.command("retry")
def retry(context: typer.Context, post: PostName, _json: Json = False) -> Answer:
    """Bring back a post that failed, was cancelled or missed, or that Airdate held; it is sent anew."""
    from airdate.commands import decisions

    return decisions.retry(post, runs_of(context))


@group.command("resolve")
def resolve(
    post: PostName,
    published: Annotated[bool, typer.Option("--published", help="It is live.")] = False,
    not_published: Annotated[bool, typer.Option("--not-published", help="It never went live.")] = False,
    post_id: Annotated[str | None, typer.Option(metavar="N", help="TikTok's id of the live post.")] = None,
    reason: Annotated[str | None, typer.Option(metavar="T", help="How you know; kept in the post's story.")] = None,
    _json: Json = False,
) -> Answer:
    """Say what became of a post that TikTok has forgotten; look at the creator's account first."""
    from airdate.commands import decisions

    return decisions.resolve(post, decisions.Finding(published, not_published, post_id, reason))
