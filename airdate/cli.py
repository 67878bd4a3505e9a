# ruff: noqa: PLC0415  (each command imports what it needs: --help answers at once, and probe never waits for Prefect)
"""The command `airdate`: options in, one function elsewhere, an answer out. The only module here that knows Prefect."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airdate.console import Answer, Console, failed, run
from airdate.media.profile import Framing
from airdate.post import Mode, Options, Outcome, Privacy
from airdate.redact import configure_logging
from airdate.settings import Settings, load_settings

if TYPE_CHECKING:
    from datetime import datetime

    from airdate.commands.publish import Runs
    from airdate.ledger.posts import Post

app = typer.Typer(
    help="An approved asset to a live TikTok post: once, right, and with a record of how.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
account_app = typer.Typer(help="TikTok accounts that may be published to.")
calendar_app = typer.Typer(help="Posts planned in a file.")
posts_app = typer.Typer(help="What became of posts.")
app.add_typer(account_app, name="account")
app.add_typer(calendar_app, name="calendar")
app.add_typer(posts_app, name="posts")

OUTCOME = tuple(Outcome().as_dict())
ACCOUNT = (
    "name",
    "target",
    "client_key",
    "open_id",
    "audited",
    "mode",
    "privacy",
    "scopes",
    "access_expires_at",
    "refresh_expires_at",
    "blocked",
    "error",
)
CALENDAR = ("calendar", "added", "changed", "unchanged", "cancelled", "kept", "error")
MACHINE = ("prefect", "gateway", "sandbox", "error")

SHAPES = {
    "publish": OUTCOME,
    "probe": ("files", "error"),
    "prepare": ("out", "plan", "reasons", "input", "output", "sha256", "size", "error"),
    "posts list": ("posts", "error"),
    "posts show": (*OUTCOME, "events", "submissions"),
    "posts follow": (*OUTCOME, "posts"),
    "posts retry": OUTCOME,
    "posts resolve": OUTCOME,
    "account add": ACCOUNT,
    "account list": ("accounts", "error"),
    "calendar plan": CALENDAR,
    "calendar apply": CALENDAR,
    "calendar list": ("posts", "error"),
    "calendar move": OUTCOME,
    "calendar hold": OUTCOME,
    "calendar cancel": OUTCOME,
    "calendar release": OUTCOME,
    "up": MACHINE,
    "demo": ("prefect", "gateway", "sandbox", "posts", "error"),
    "sandbox": ("api", "upload", "auth", "page", "control", "error"),
    "gateway": ("gateway", "error"),
}
"""The fields of each command's document, so that an early error leaves none of them out."""

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document on standard output.")]
Host = Annotated[str, typer.Option(help="Where to listen.")]
PostName = Annotated[str, typer.Argument(metavar="ID", help="A post's id, or its key, such as calendar/row.")]
Reason = Annotated[str, typer.Option(metavar="T", help="Why; it is kept in the post's story.")]
Sources = Annotated[list[str], typer.Argument(metavar="SOURCE…", help="A file or a URL; several photos in order.")]


def main() -> None:
    """Run the command line of this process."""
    sys.exit(run(app, sys.argv[1:] or ["--help"], SHAPES))


@app.callback()
def begin(context: typer.Context) -> None:
    """Logs go to standard error, redacted, from the first line on."""
    if context.invoked_subcommand is not None:
        configure_logging(load_settings().log_level)


@app.command()
def demo(
    context: typer.Context,
    sources: Annotated[
        list[str] | None, typer.Argument(metavar="[SOURCE…]", help="Films or photos of your own, one post each.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running until Ctrl-C.")] = False,
    _json: Json = False,
) -> Answer:
    """Show the whole chain on a local Prefect and the local TikTok, with real media; nothing leaves this machine."""
    from dataclasses import asdict

    from airdate import demo as chain
    from airdate.errors import NeedsPerson

    addresses, posts = chain.demo(load_settings(), sources or [], keep=keep, say=_console(context).say)
    found = {**addresses.as_dict(), "posts": [asdict(post) for post in posts], "error": None}
    stopped = [post for post in posts if post.state != "COMPLETED"]
    if not stopped:
        return Answer(found)
    error = NeedsPerson(
        "demo_incomplete",
        f"{len(stopped)} of {len(posts)} posts did not go live",
        item=stopped[0].what,
        rule="each of the demo's posts is published",
        fix=f"see {stopped[0].link}",
    )
    return failed(error, found)


@app.command()
def probe(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="Films and photos.")], _json: Json = False
) -> Answer:
    """Say what a file is, what TikTok would say, and what would be done with it and why."""
    from airdate.commands import media

    return media.probe(files)


@app.command()
def prepare(
    sources: Sources,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the film goes.")],
    profile: Annotated[str, typer.Option(metavar="NAME", help="standard, fast or quality.")] = "standard",
    framing: Annotated[Framing | None, typer.Option(help="What to do where picture and frame differ in shape.")] = None,
    seconds_per_photo: Annotated[
        float | None, typer.Option(metavar="S", help="How long a slideshow shows each photo.")
    ] = None,
    salvage: Annotated[bool, typer.Option("--salvage", help="Convert damaged input, with a warning.")] = False,
    _json: Json = False,
) -> Answer:
    """Make a film that TikTok accepts, of one film or of photos in order; nothing is sent."""
    from airdate.commands import media

    return media.prepare(sources, out, media.Making(profile, framing, seconds_per_photo, salvage))


@app.command()
def publish(
    context: typer.Context,
    sources: Sources,
    account: Annotated[str, typer.Option(help="The account, by the name it was added under.")],
    privacy: Annotated[
        Privacy | None, typer.Option(help="Who may see it; required, unless the account has a standing choice.")
    ] = None,
    caption: Annotated[str, typer.Option(help="The text under the film, at most 2,200 UTF-16 units.")] = "",
    at: Annotated[
        str | None, typer.Option(metavar="ISO8601", help="When it goes out, with its offset; else now.")
    ] = None,
    mode: Annotated[Mode | None, typer.Option(help="Post, or leave a draft; else the account's mode.")] = None,
    as_: Annotated[str | None, typer.Option("--as", metavar="slideshow", help="What several photos become.")] = None,
    allow_comment: Annotated[bool, typer.Option("--allow-comment", help="Let people comment.")] = False,
    allow_duet: Annotated[bool, typer.Option("--allow-duet", help="Let people make duets.")] = False,
    allow_stitch: Annotated[bool, typer.Option("--allow-stitch", help="Let people stitch it.")] = False,
    own_brand: Annotated[bool, typer.Option("--own-brand", help="Disclose: the creator's own business.")] = False,
    branded_content: Annotated[
        bool, typer.Option("--branded-content", help="Disclose: a paid partnership with a third party.")
    ] = False,
    ai_generated: Annotated[bool, typer.Option("--ai-generated", help="Label it as made with AI.")] = False,
    cover_ms: Annotated[
        int | None, typer.Option(metavar="N", help="The picture at this millisecond is the cover.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="The name of this post; the same key is the same post.")] = None,
    _json: Json = False,
) -> Answer:
    """Publish one film, or photos in order, and follow it until TikTok decided."""
    from airdate.commands import publish as work

    options = Options(
        caption=caption,
        privacy=privacy,
        allow_comment=allow_comment,
        allow_duet=allow_duet,
        allow_stitch=allow_stitch,
        own_brand=own_brand,
        branded_content=branded_content,
        ai_generated=ai_generated,
        cover_ms=cover_ms,
    )
    wish = work.Wish(tuple(sources), account, options, mode, at, key, as_)
    return work.publish(wish, _runs(load_settings()), _console(context).say)


def _runs(settings: Settings) -> Runs | None:
    """The Prefect of this home's `airdate up`, else the one that PREFECT_API_URL names, else none."""
    from airdate.commands.publish import Runs
    from airdate.up import running

    follower = "the Prefect at PREFECT_API_URL"
    if (machine := running(settings.home)) is not None:
        from airdate.environment import prefect_environment

        os.environ.update(prefect_environment(settings, machine.prefect_api))
        follower = "the running `airdate up`"
    elif not os.environ.get("PREFECT_API_URL"):
        return None
    from flows import start

    return Runs(start.start_run, start.wait_for, start.link_to, follower)


def _console(context: typer.Context) -> Console:
    console: Console = context.obj
    return console


@account_app.command("add")
def account_add(
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


@account_app.command("list")
def account_list(_json: Json = False) -> Answer:
    """Show all accounts, without their secrets."""
    from airdate.commands import account

    return account.show_all()


@calendar_app.command("plan")
def calendar_plan(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV; see docs/calendar.md.")], _json: Json = False
) -> Answer:
    """Show what applying a calendar file would change; nothing is written."""
    from airdate.commands import calendar

    return calendar.plan(file)


@calendar_app.command("apply")
def calendar_apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV; see docs/calendar.md.")], _json: Json = False
) -> Answer:
    """Write a calendar file to the ledger: every row becomes a post, and a row that is gone cancels its post."""
    from airdate.commands import calendar

    return calendar.apply(file)


@calendar_app.command("list")
def calendar_list(_json: Json = False) -> Answer:
    """Show the posts of all calendars, by slot."""
    from airdate.commands import calendar

    return calendar.show_all()


@calendar_app.command("move")
def calendar_move(
    post: PostName,
    at: Annotated[str, typer.Option(metavar="ISO8601", help="The new slot, with its offset.")],
    _json: Json = False,
) -> Answer:
    """Give a post of which nothing was sent another slot."""
    from airdate.commands import decisions

    return decisions.move(post, at, _runs(load_settings()))


@calendar_app.command("hold")
def calendar_hold(post: PostName, reason: Reason, _json: Json = False) -> Answer:
    """Stop a post until it is released; possible until its last byte is sent."""
    from airdate.commands import decisions

    return decisions.hold(post, reason)


@calendar_app.command("cancel")
def calendar_cancel(post: PostName, reason: Reason, _json: Json = False) -> Answer:
    """Call a post off; possible until its last byte is sent."""
    from airdate.commands import decisions

    return decisions.cancel(post, reason)


@calendar_app.command("release")
def calendar_release(post: PostName, _json: Json = False) -> Answer:
    """Let a held post go on."""
    from airdate.commands import decisions

    return decisions.release(post, _runs(load_settings()))


@posts_app.command("list")
def posts_list(_json: Json = False) -> Answer:
    """Show all posts."""
    from airdate.commands import posts

    return posts.show_all()


@posts_app.command("show")
def posts_show(post_id: Annotated[str, typer.Argument(metavar="ID")], _json: Json = False) -> Answer:
    """Show one post: what came in, what was changed and why, what was sent, and what happened."""
    from airdate.commands import posts

    return posts.show(post_id)


@posts_app.command("follow")
def posts_follow(
    post_id: Annotated[str | None, typer.Argument(metavar="ID")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All posts that TikTok has not decided.")] = False,
    _json: Json = False,
) -> Answer:
    """Ask TikTok about a post until it has decided, or until AIRDATE_POLL_BUDGET_SECONDS have passed."""
    from airdate.commands import posts

    return posts.follow(post_id, everything=everything)


@posts_app.command("retry")
def posts_retry(post: PostName, _json: Json = False) -> Answer:
    """Bring back a post that failed, was cancelled or missed, or that Airdate held; it is sent anew."""
    from airdate.commands import decisions

    return decisions.retry(post, _runs(load_settings()))


@posts_app.command("resolve")
def posts_resolve(
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


@app.command()
def up(
    context: typer.Context,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Also run the local TikTok, with the account demo.")
    ] = False,
    host: Host = "127.0.0.1",
    prefect_port: Annotated[int | None, typer.Option(metavar="N", help="0 picks one.")] = None,
    gateway_port: Annotated[int | None, typer.Option(metavar="N", help="0 picks one.")] = None,
    _json: Json = False,
) -> None:
    """Run Prefect's server, a worker, the deployments and the gateway on this machine, until Ctrl-C."""
    from airdate import up as machine

    console = _console(context)

    def ready(addresses: machine.Addresses) -> None:
        console.document(addresses.as_dict())
        console.say(f"Everything runs. Prefect: {addresses.prefect}")

    machine.up(
        load_settings(),
        sandbox=sandbox,
        host=host,
        ports=machine.Ports(prefect=prefect_port, gateway=gateway_port),
        ready=ready,
    )


@app.command()
def sandbox(
    context: typer.Context,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", help="The API's; uploads take the next one. 0 picks both.")] = 4290,
    _json: Json = False,
) -> None:
    """Run the local TikTok until Ctrl-C; one JSON line on standard output says where it is."""
    from airdate.sandbox.server import SandboxAddresses, serve

    console = _console(context)

    def ready(addresses: SandboxAddresses) -> None:
        console.document(addresses.as_dict())
        console.say(f"The sandbox listens. What was posted: {addresses.page}")

    serve(host, port, folder=load_settings().home / "sandbox", ready=ready)


@app.command()
def gateway(
    context: typer.Context,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", help="0 picks one.")] = 4280,
    _json: Json = False,
) -> None:
    """Receive approvals until Ctrl-C; one JSON line on standard output says where."""
    from airdate.engine import Engine
    from airdate.gateway.serve import serve

    console = _console(context)

    def ready(address: str) -> None:
        console.document({"gateway": address})
        console.say(f"The gateway listens at {address}")

    with Engine.open() as engine:
        serve(engine, _start_run, host=host, port=port, ready=ready)


def _start_run(post: Post, *, at: datetime | None, name: str) -> str:
    """Make a run on the Prefect that is there by now; approvals wait in the ledger until there is one."""
    from airdate.errors import Transient

    runs = _runs(load_settings())
    if runs is None:
        raise Transient(
            "prefect_unset",
            "no Prefect is known that could take posts out; they wait",
            item="PREFECT_API_URL",
            fix="run `airdate up` in this home, or set PREFECT_API_URL",
        )
    return runs.start(post, at=at, name=name)
