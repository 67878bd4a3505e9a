"""`airdate demo`: the whole chain on this machine, with real films, a real Prefect and the local TikTok.

It uses the `airdate up --sandbox` of this home if one runs, else one in a home of its own (`demo` inside the home), so
that it never touches real accounts. The posts are made as a person makes them in Prefect's form: by the API.
"""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from airdate.environment import base_environment
from airdate.errors import NeedsPerson, Transient
from airdate.media.demo import make_demo_photos, make_demo_video
from airdate.post import Privacy
from airdate.processes import Child, wait_until
from airdate.settings import Settings
from airdate.up import DEMO, Addresses, running

START_S = 300.0
POST_S = 300.0
END_S = 45.0

STEPS = {
    "write-down": "writing it down",
    "fetch": "fetching the asset",
    "prepare": "preparing the film",
    "check": "checking with TikTok",
    "publish": "sending it to TikTok",
    "follow": "waiting for TikTok's decision",
    "report": "writing the report",
}
"""The tasks' run names, as a person would say them."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One post of the demo.

    Attributes:
        what: what was posted.
        state: the type of the run's last state (`COMPLETED`, `FAILED`, …).
        message: that state's sentence.
        link: the run's page in Prefect.
    """

    what: str
    state: str
    message: str
    link: str


@dataclass(frozen=True, slots=True)
class _Wish:
    what: str
    sources: tuple[str, ...]


def demo(
    settings: Settings,
    sources: Sequence[str] = (),
    *,
    keep: bool = False,
    say: Callable[[str], None],
) -> tuple[Addresses, list[Shown]]:
    """Publish to the sandbox and tell where to look.

    Args:
        sources: films, or photos, of your own, one post each; without any, a film and a photo set are made.
        keep: leave everything running until Ctrl-C.

    Raises:
        NeedsPerson: a process did not start, or a run failed for a reason that a person must mend.
        Transient: Prefect stopped answering.
    """
    with _machine(settings, say) as addresses:
        wishes = [_Wish(Path(source).name, (_placed(source),)) for source in sources]
        if not wishes:
            say("Making a film and four photos …")
            wishes = _made(settings.home / "demo" / "media")
        shown = _published(addresses, wishes)
        say(_told(addresses, shown))
        _check(shown)
        if keep:
            say("All of it stays until Ctrl-C.")
            _until_interrupted()
        elif running(settings.home) is None:
            say("To look around in there, give --keep.")
    return addresses, shown


def _placed(source: str) -> str:
    """A source as the worker can find it, whose folder is another."""
    return source if "://" in source else str(Path(source).absolute())


@contextmanager
def _machine(settings: Settings, say: Callable[[str], None]) -> Iterator[Addresses]:
    """The running `airdate up --sandbox` of this home, or one of our own for as long as it is needed."""
    known = running(settings.home)
    if known is not None and known.sandbox is not None:
        yield known
        return
    home = settings.home / "demo"
    home.mkdir(parents=True, exist_ok=True)
    if (own := running(home)) is not None:
        yield own
        return
    say("Starting Prefect, a worker and the sandbox …")
    child = Child("up", ["-P", "-m", "airdate", "up", "--sandbox"], _environment(settings, home), home, home / "logs")
    child.start()
    try:
        wait_until(child, lambda: running(home) is not None, within_s=START_S, pause=time.sleep)
        started = running(home)
        assert started is not None  # noqa: S101 (just waited for)
        yield started
    finally:
        child.end(END_S)


def _environment(settings: Settings, home: Path) -> dict[str, str]:
    """Nothing of the operator's but the programs: no calendar, no ledger and no secret of theirs is for the demo."""
    ours = {name: text for name, text in base_environment().items() if not name.startswith("AIRDATE_")}
    programs = {
        "AIRDATE_FFMPEG": settings.ffmpeg,
        "AIRDATE_FFPROBE": settings.ffprobe,
        "AIRDATE_ENCODER": settings.encoder,
    }
    return ours | {"AIRDATE_HOME": str(home)} | {name: str(path) for name, path in programs.items() if path}


def _made(folder: Path) -> list[_Wish]:
    folder.mkdir(parents=True, exist_ok=True)
    film = folder / "demo.mp4"
    if not film.exists():
        make_demo_video(film)
    photos = make_demo_photos(folder / "photos")
    return [
        _Wish("a film", (str(film),)),
        _Wish(f"{len(photos)} photos as a slideshow", tuple(str(photo) for photo in photos)),
    ]


def _published(addresses: Addresses, wishes: Sequence[_Wish]) -> list[Shown]:
    """Start a run for each wish and watch them all to their end."""
    # The server of one machine is near, whatever proxy the environment names.
    with httpx.Client(base_url=addresses.prefect_api, trust_env=False, timeout=30) as api, _bars() as bars:
        runs = [
            (wish, _start(api, wish), bars.add_task(wish.what, total=len(STEPS), step="waiting")) for wish in wishes
        ]
        ended: dict[str, dict[str, Any]] = {}
        until = time.monotonic() + POST_S
        while len(ended) < len(runs):
            for _, run, bar in runs:
                facts = _ask(api, "GET", f"/flow_runs/{run}")
                if (facts["state"] or {}).get("type") in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
                    ended[run] = facts["state"]
                    bars.update(bar, completed=len(STEPS), step=facts["state"]["name"].lower())
                elif step := _step(api, run):
                    bars.update(bar, completed=list(STEPS).index(step), step=STEPS[step])
            if time.monotonic() > until:
                raise Transient("demo_slow", f"the runs did not end within {POST_S:.0f} s", item=addresses.prefect)
            time.sleep(0.5)
    return [
        Shown(wish.what, ended[run]["type"], ended[run]["message"] or "", f"{addresses.prefect}/runs/flow-run/{run}")
        for wish, run, _ in runs
    ]


def _start(api: httpx.Client, wish: _Wish) -> str:
    deployment = _ask(api, "GET", "/deployments/name/publish-post/publish-post")["id"]
    parameters = {
        "source": list(wish.sources),
        "account": DEMO,
        "privacy": Privacy.SELF_ONLY.value,
        "caption": f"Airdate's demo: {wish.what} #airdate",
        # The same film again is the same post, unless it gets a key of its own.
        "key": f"demo-{uuid.uuid4().hex[:12]}",
    }
    run = _ask(api, "POST", f"/deployments/{deployment}/create_flow_run", {"parameters": parameters})
    return str(run["id"])


def _step(api: httpx.Client, run: str) -> str | None:
    """The newest step of the run that has begun."""
    tasks = _ask(api, "POST", "/task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
    begun = [task["name"] for task in tasks if task["name"] in STEPS]
    return max(begun, key=list(STEPS).index, default=None)


def _ask(api: httpx.Client, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """One call; Prefect on SQLite answers 503 while its database is busy, so a few tries."""
    for patience in (0.2, 0.5, 1.0, 2.0, 0.0):
        try:
            answer = api.request(method, path, json=body)
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.is_success:
            return answer.json()
        if answer is not None and answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
            raise NeedsPerson(
                "prefect_refused",
                f"Prefect answered {answer.status_code} to {path}",
                item=str(api.base_url),
                fix="see that the `airdate up` of this home is of the same version",
            )
        time.sleep(patience)
    raise Transient("prefect_unreachable", "Prefect does not answer", item=str(api.base_url))


def _bars() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[step]}"),
        TimeElapsedColumn(),
        console=Console(file=sys.stderr),
    )


def _told(addresses: Addresses, shown: Sequence[Shown]) -> str:
    lines = [f"{post.what}: {post.state.lower()}: {post.message}\n  {post.link}" for post in shown]
    page = (addresses.sandbox or {}).get("page")
    return "\n".join([*lines, f"The creator's page: {page}", f"Prefect: {addresses.prefect}"])


def _check(shown: Sequence[Shown]) -> None:
    wrong = [post for post in shown if post.state != "COMPLETED"]
    if wrong:
        raise NeedsPerson(
            "demo_failed",
            "; ".join(f"{post.what}: {post.message}" for post in wrong),
            item=wrong[0].link,
            fix="start `airdate demo --keep` and look at the run",
        )


def _until_interrupted() -> None:
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        return
