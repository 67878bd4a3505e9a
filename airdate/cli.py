# ruff: noqa: PLC0415  (each command imports what it needs: --help answers at once, and probe never waits for Prefect)
"""The command `airdate`: options in, one function elsewhere, an answer out. The only module here that knows Prefect."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airdate.commands.account_group import group as account_group
from airdate.commands.calendar_group import group as calendar_group
from airdate.commands.declared import Host, Json, Sources, runs_of
from airdate.commands.posts_group import group as posts_group
from airdate.commands.rehearse_group import group as rehearse_group
from airdate.console import Answer, Console, failed, run
from airdate.media.profile import Cover, Duration, Framing
from airdate.post import Form, Mode, Options, Outcome, Privacy
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
app.add_typer(account_group, name="account")
app.add_typer(calendar_group, name="calendar")
app.add_typer(posts_group, name="posts")
app.add_typer(rehearse_group, name="rehearse")

OUTCOME = tuple(Outcome().as_dict())
ACCOUNT = (
    "name",
    "target",
    "client_key",
    "open_id",
    "audited",
    "mode",
    "kind",
    "privacy",
    "scopes",
    "access_expires_at",
    "refresh_expires_at",
    "blocked",
    "day",
    "error",
)
CALENDAR = ("calendar", "added", "changed", "unchanged", "cancelled", "kept", "warnings", "error")
FREEZE = ("frozen", "since", "who", "reason", "in_flight", "cannot_be_stopped", "waiting", "error")
REHEARSAL = (
    "seed",
    "rounds",
    "seconds",
    "blows",
    "mended",
    "outcomes",
    "violations",
    "failed",
    "home",
    "error",
)
MACHINE = ("prefect", "gateway", "sandbox", "error")

SHAPES = {
    "publish": OUTCOME,
    "probe": ("files", "error"),
    "prepare": ("out", "plan", "reasons", "input", "output", "sha256", "size", "pictures", "error"),
    "posts list": ("posts", "error"),
    "posts show": (*OUTCOME, "events", "submissions", "pictures"),
    "posts follow": (*OUTCOME, "posts"),
    "posts retry": OUTCOME,
    "posts resolve": OUTCOME,
    "account add": ACCOUNT,
    "account connect": ACCOUNT,
    "account show": ACCOUNT,
    "account refresh": ACCOUNT,
    "account revoke": (*ACCOUNT, "unfinished"),
    "account list": ("accounts", "error"),
    "calendar plan": CALENDAR,
    "calendar apply": CALENDAR,
    "calendar list": ("posts", "error"),
    "calendar move": OUTCOME,
    "calendar hold": OUTCOME,
    "calendar cancel": OUTCOME,
    "calendar release": OUTCOME,
    "doctor": ("checks", "error"),
    "drain": ("runs", "error"),
    "freeze": FREEZE,
    "unfreeze": FREEZE,
    "rehearse chaos": REHEARSAL,
    "up": MACHINE,
    "demo": ("prefect", "gateway", "sandbox", "posts", "error"),
    "sandbox": ("api", "upload", "auth", "page", "control", "error"),
    "gateway": ("gateway", "error"),
}
"""The fields of each command's document, so that an early error leaves none of them out."""


def main() -> None:
    """Run the command line of this process."""
    sys.exit(run(app, sys.argv[1:] or ["--help"], SHAPES))


@app.callback()
def begin(context: typer.Context) -> None:
    """Logs go to standard error, redacted, from the first line on."""
    _console(context).runs = lambda: _runs(load_settings())
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
    profile: Annotated[
        str | None, typer.Option(metavar="NAME", help="standard, fast, quality, or a TOML file; else AIRDATE_PROFILE.")
    ] = None,
    framing: Annotated[Framing | None, typer.Option(help="What to do where picture and frame differ in shape.")] = None,
    seconds_per_photo: Annotated[
        float | None, typer.Option(metavar="S", help="How long a slideshow shows each photo.")
    ] = None,
    ken_burns: Annotated[
        bool | None, typer.Option("--ken-burns/--no-ken-burns", help="Let the photos of a slideshow move slowly.")
    ] = None,
    music: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Sound of a slideshow, looped or cut to its length.")
    ] = None,
    crossfade: Annotated[
        float | None, typer.Option(metavar="S", help="How long one photo takes to become the next; 0 cuts.")
    ] = None,
    on_beat: Annotated[
        bool, typer.Option("--on-beat", help="Let the photos of a slideshow change on the music's beat.")
    ] = False,
    titles: Annotated[
        Path | None,
        typer.Option(
            metavar="FONT",
            help="Write each photo's caption onto it, in this font. TikTok's audit forbids burnt-in promotional text.",
        ),
    ] = None,
    loudness: Annotated[
        str | None, typer.Option(metavar="LUFS", help="Bring sound to this loudness, such as -14; `off` leaves it.")
    ] = None,
    safe_zones: Annotated[
        bool, typer.Option("--safe-zones", help="Fit the picture where TikTok's buttons and texts do not cover it.")
    ] = False,
    duration: Annotated[
        Duration | None, typer.Option(help="What to do with a film that is too long: refuse it, or cut its end off.")
    ] = None,
    cover: Annotated[
        Cover | None, typer.Option(help="Which picture is named as the cover; `first` leaves it to TikTok.")
    ] = None,
    salvage: Annotated[bool, typer.Option("--salvage", help="Convert damaged input, with a warning.")] = False,
    pictures: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Put cover, contact sheet and before/after there, as small JPEGs."),
    ] = None,
    _json: Json = False,
) -> Answer:
    """Make a film that TikTok accepts, of one film or of photos in order; nothing is sent."""
    from airdate.commands import media

    making = media.Making(
        profile=profile,
        framing=framing,
        seconds_per_photo=seconds_per_photo,
        crossfade=crossfade,
        ken_burns=ken_burns,
        music=music,
        on_beat=on_beat,
        titles=titles,
        loudness=loudness,
        safe_zones=safe_zones,
        duration=duration,
        cover=cover,
        salvage=salvage,
    )
    return media.prepare(sources, out, making, pictures)


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
    as_: Annotated[
        Form, typer.Option("--as", help="What photos become: one film, or TikTok's own photo post.")
    ] = Form.SLIDESHOW,
    title: Annotated[str, typer.Option(help="Of a photo post, at most 90 UTF-16 units; its text is --caption.")] = "",
    auto_music: Annotated[bool, typer.Option("--auto-music", help="Let TikTok add music to a photo post.")] = False,
    cover_photo: Annotated[
        int | None, typer.Option(metavar="N", help="The cover of a photo post, counted from 1; else the first.")
    ] = None,
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
        form=as_,
        title=title,
        auto_music=auto_music,
        cover_photo=cover_photo,
    )
    wish = work.Wish(tuple(sources), account, options, mode, at, key)
    return work.publish(wish, runs_of(context), _console(context).say)


def _runs(settings: Settings) -> Runs | None:
    """The Prefect of this home's `airdate up`, else the one that PREFECT_API_URL names, else none."""
    from airdate.commands.opened import ELSEWHERE, FOLLOWER
    from airdate.commands.publish import Runs
    from airdate.up import running

    follower = ELSEWHERE
    if (machine := running(settings.home)) is not None:
        from airdate.environment import prefect_environment

        os.environ.update(prefect_environment(settings, machine.prefect_api))
        follower = FOLLOWER
    elif not os.environ.get("PREFECT_API_URL"):
        return None
    from flows import start

    return Runs(start.start_run, start.wait_for, start.link_to, follower)


def _console(context: typer.Context) -> Console:
    console: Console = context.obj
    return console


@app.command()
def freeze(
    reason: Annotated[str, typer.Option(metavar="T", help="Why; whoever is stopped by it reads it.")],
    _json: Json = False,
) -> Answer:
    """Stop all publishing, and say what is on its way and what can no longer be stopped."""
    from airdate.commands import freeze as work

    return work.freeze(reason)


@app.command()
def unfreeze(context: typer.Context, _json: Json = False) -> Answer:
    """Let publishing go on after a freeze; what waited is taken out at once."""
    from airdate.commands import freeze as work

    return work.unfreeze(runs_of(context))


@app.command()
def drain(context: typer.Context, _json: Json = False) -> Answer:
    """Have this home's worker take no new run, and wait until those at work have ended: before a restart."""
    from airdate.commands import drain as work

    return work.drain(load_settings().home, _console(context).say)


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
def doctor(
    context: typer.Context,
    first_contact: Annotated[
        str | None, typer.Option(metavar="ACCOUNT", help="Post two private films, and record what TikTok answers.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Agree to what --first-contact posts.")] = False,
    _json: Json = False,
) -> Answer:
    """Look at everything that must be right, each with its fix; nothing is changed and nothing is posted."""
    from airdate.commands import doctor as work

    if first_contact is not None:
        return work.meet(first_contact, is_agreed=yes, say=_console(context).say)
    if _runs(load_settings()) is None:
        return work.doctor(None)
    from flows import health

    return work.doctor(health.look)


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

    if _runs(load_settings()) is None:
        raise Transient(
            "prefect_unset",
            "no Prefect is known that could take posts out; they wait",
            item="PREFECT_API_URL",
            fix="run `airdate up` in this home, or set PREFECT_API_URL",
        )
    from flows.telling import start_approved

    return start_approved(post, at=at, name=name)
