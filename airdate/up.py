"""`airdate up`: everything for one machine, from one command: Prefect server, deployments, worker, gateway, sandbox.

Every process is a child that dies with this one, however it ends. Told to end, it takes them down in order: first
what lets work in, then the worker, which lets its runs end for a while, then what they needed.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import logging
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, TextIO
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

import airdate
from airdate.environment import base_environment, prefect_environment, settings_environment, webhook_secret
from airdate.errors import NeedsPerson, Transient
from airdate.ledger import Ledger, accounts
from airdate.post import Mode
from airdate.processes import Child, free_port, wait_until
from airdate.settings import Settings

log = logging.getLogger(__name__)

PREFECT_PORT, GATEWAY_PORT, SANDBOX_PORT = 4200, 4280, 4290
"""Taken if they are free and no others are asked for; a home keeps the ports it had."""

LOOPBACK = "127.0.0.1"

SERVER_START_S = 180.0
"""An empty Prefect database takes 12 s on two idle cores, and several times that on busy ones."""

DEPLOY_S = 120.0
READY_S = 60.0
ASK_EVERY_S, SILENT_S = 5.0, 100.0
"""Prefect on SQLite can stop answering while its own writers wait for each other, for a minute and more."""

WORKER_END_S = 30.0
"""A little more than the worker's own time for letting runs end."""

SHADOWABLE = ("airdate", "flows", "tasks", "blocks", "deployments")
"""Our packages; four have names so common that another project may have them too."""

DEMO = "demo"
"""The account that `--sandbox` makes."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything is, once it is ready; the JSON line of the contract.

    Attributes:
        prefect: the UI; the API is under `/api`.
        gateway: where webhooks are received; None without webhook secrets.
        sandbox: `api`, `upload`, `auth`, `page`, `control`.
    """

    prefect: str
    gateway: str | None
    sandbox: dict[str, str] | None

    @property
    def prefect_api(self) -> str:
        """What `PREFECT_API_URL` must be."""
        return f"{self.prefect}/api"

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports that were asked for; None picks one."""

    prefect: int | None = None
    gateway: int | None = None


def running(home: Path) -> Addresses | None:
    """Where the `airdate up` of this home is, if one runs."""
    if not (home / "up.lock").exists() or not (home / "up.json").exists():
        return None
    with (home / "up.lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return Addresses(**json.loads((home / "up.json").read_text()))
    return None


def joined(settings: Settings) -> Settings:
    """The settings of a command beside the running `airdate up --sandbox` of its home: its TikTok is the sandbox.

    Who names a TikTok in the environment means that one.
    """
    machine = running(settings.home)
    if machine is None or machine.sandbox is None or "tiktok_api_url" in settings.model_fields_set:
        return settings
    return settings.model_copy(update=_turned_to(machine.sandbox))


def _turned_to(sandbox: dict[str, str]) -> dict[str, Any]:
    """The settings that turn Airdate to a sandbox."""
    return {
        "tiktok_api_url": sandbox["api"],
        "tiktok_auth_url": sandbox["auth"],
        "tiktok_upload_hosts": (sandbox["upload"].partition("://")[2].strip("/"),),
    }


def up(
    settings: Settings,
    *,
    sandbox: bool = False,
    host: str = "127.0.0.1",
    ports: Ports = Ports(),
    ready: Callable[[Addresses], None] = lambda _: None,
) -> None:
    """Run everything until SIGINT or SIGTERM.

    Args:
        sandbox: also run the local TikTok, and make the account `demo` with it.
        host: where Prefect and the gateway listen; the sandbox stays on this machine.
        ready: told once when everything is ready.

    Raises:
        NeedsPerson: another one runs in this home, a port is taken, a package is shadowed, or a process did not
            start.
    """
    check_packages()
    with ExitStack() as stack:
        stack.enter_context(_alone(settings.home))
        stop = stack.enter_context(_stopping())
        machine = stack.enter_context(_Machine.taken_down(settings, host, ports, stop))
        try:
            addresses = machine.bring_up(sandbox=sandbox)
        except _Stopped:
            return
        stack.enter_context(_published(settings.home, addresses))
        ready(addresses)
        machine.watch(f"{addresses.prefect_api}/health")


def check_packages() -> None:
    """See that our packages are ours.

    Raises:
        NeedsPerson: another project's package or module of the same name comes first.
    """
    ours = Path(airdate.__file__).resolve().parent.parent
    for name in SHADOWABLE:
        found = importlib.util.find_spec(name)
        place = Path(found.origin).resolve() if found is not None and found.origin else None
        if place is None or place != ours / name / "__init__.py":
            raise NeedsPerson(
                "package_shadowed",
                f"`import {name}` finds {place or 'nothing'} instead of Airdate's own package",
                item=name,
                rule=f"Airdate's packages lie together in {ours}",
                fix="install Airdate into an environment of its own, and start it from a folder without such a module",
            )


class _Stopped(Exception):
    """Told to end while still starting."""


class _Stop:
    """Whether somebody asked us to end; the second time, at once."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, _signal: int, _frame: FrameType | None) -> None:
        self.asked += 1

    def pause(self, seconds: float) -> None:
        """Wait, or raise when told to end."""
        if self.asked:
            raise _Stopped
        time.sleep(seconds)


@contextmanager
def _stopping() -> Iterator[_Stop]:
    stop = _Stop()
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    home.mkdir(parents=True, exist_ok=True)
    with (home / "up.lock").open("w") as lock:
        if not _locked(lock):
            raise NeedsPerson(
                "already_up",
                "another `airdate up` runs in this home",
                item=str(home),
                rule="one home, one `airdate up`",
                fix="use that one, end it first, or set AIRDATE_HOME to another folder",
            )
        yield


def _locked(lock: TextIO) -> bool:
    """Take the lock; `running` may hold it for a moment, so a few tries."""
    for _ in range(10):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False


@contextmanager
def _published(home: Path, addresses: Addresses) -> Iterator[None]:
    path, draft = home / "up.json", home / "up.json.draft"
    draft.write_text(json.dumps(addresses.as_dict()) + "\n")
    draft.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@dataclass
class _Machine:
    """The children of one `airdate up`."""

    settings: Settings
    host: str
    ports: Ports
    stop: _Stop
    children: list[Child] = field(default_factory=list)

    @classmethod
    @contextmanager
    def taken_down(cls, settings: Settings, host: str, ports: Ports, stop: _Stop) -> Iterator[_Machine]:
        """A machine whose children are ended when it is left."""
        machine = cls(settings, host, ports, stop)
        try:
            yield machine
        finally:
            machine.take_down()

    def bring_up(self, *, sandbox: bool) -> Addresses:
        """Begin everything and wait until it is ready."""
        known = self._known_ports()
        port = {
            "prefect": self._port("prefect", self.ports.prefect, known.get("prefect", PREFECT_PORT)),
            "gateway": self._port("gateway", self.ports.gateway, known.get("gateway", GATEWAY_PORT)),
            "sandbox": free_port(LOOPBACK, known.get("sandbox", SANDBOX_PORT), neighbours=1),
        }
        address = f"http://{_reachable(self.host)}:{port['prefect']}"
        prefect = prefect_environment(self.settings, f"{address}/api")
        # Below this level the server's database driver logs every value, what people type into forms among them.
        served = prefect | {"PREFECT_LOGGING_ROOT_LEVEL": "WARNING"}
        server = self._start("prefect", ["-P", "-m", "prefect", "server", "start", *self._at(port["prefect"])], served)
        there = self._bring_sandbox(port["sandbox"]) if sandbox else None
        if there is not None:
            port["sandbox"] = urlsplit(there["api"]).port or port["sandbox"]
        (self.settings.home / "ports.json").write_text(json.dumps(port))
        environment = settings_environment(self.settings) | prefect
        wait_until(server, lambda: _answers(f"{address}/api/health"), within_s=SERVER_START_S, pause=self.stop.pause)
        self._deploy(environment)
        worker = self._start("worker", ["-P", "-m", "flows.worker"], environment)
        gateway = None
        if self.settings.webhook_secrets:
            gateway = f"http://{_reachable(self.host)}:{port['gateway']}"
            child = self._start("gateway", ["-P", "-m", "airdate", "gateway", *self._at(port["gateway"])], environment)
            wait_until(child, lambda: _answers(f"{gateway}/healthz"), within_s=READY_S, pause=self.stop.pause)
        wait_until(worker, lambda: worker.announced() is not None, within_s=READY_S, pause=self.stop.pause)
        return Addresses(address, gateway, there)

    def watch(self, health: str) -> None:
        """Keep the children alive until told to end, and begin a Prefect server again that no longer answers."""
        heard = asked = time.monotonic()
        while not self.stop.asked:
            for child in self.children:
                child.revive()
            if (now := time.monotonic()) - asked > ASK_EVERY_S:
                asked = now
                if _answers(health):
                    heard = now
                elif now - heard > SILENT_S:
                    log.warning("Prefect has not answered for %.0f s; beginning it again", now - heard)
                    self.children[0].end(0)
                    self.children[0].start()
                    heard = now
            time.sleep(0.2)

    def take_down(self) -> None:
        """End the children: gateway, worker, then what they need; a second signal shortens the worker's time."""
        for child in reversed(self.children):
            child.end(WORKER_END_S if child.name == "worker" else 5.0, hurry=lambda: self.stop.asked > 1)

    def _start(self, name: str, arguments: list[str], environment: dict[str, str]) -> Child:
        home = self.settings.home
        child = Child(name, arguments, base_environment() | environment, home, home / "logs")
        child.start()
        self.children.append(child)
        return child

    def _at(self, port: int) -> list[str]:
        return ["--host", self.host, "--port", str(port)]

    def _port(self, name: str, asked: int | None, usual: int) -> int:
        port = free_port(self.host, asked if asked is not None else usual)
        if asked and port != asked:
            raise NeedsPerson(
                "port_taken",
                f"port {asked} is taken",
                item=f"--{name}-port",
                fix="end what listens there, or name another port; 0 picks one",
            )
        return port

    def _known_ports(self) -> dict[str, int]:
        path = self.settings.home / "ports.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def _bring_sandbox(self, port: int) -> dict[str, str]:
        """Run the local TikTok, make the account `demo` with it, and turn the settings to it."""
        there = self._start_sandbox(port)
        changed = _turned_to(there)
        if not self.settings.webhook_secrets:
            changed["webhook_secrets"] = (SecretStr(webhook_secret(self.settings.home)),)
        self.settings = self.settings.model_copy(update=changed)
        add_demo_account(self.settings, there["control"])
        return {name: str(place) for name, place in there.items()}

    def _start_sandbox(self, port: int) -> dict[str, Any]:
        """Where the local TikTok listens: on other ports if somebody takes these in the second that it needs."""
        arguments = ["-P", "-m", "airdate", "sandbox", "--host", LOOPBACK, "--port", str(port)]
        child = self._start("sandbox", arguments, settings_environment(self.settings))
        try:
            wait_until(child, lambda: child.announced() is not None, within_s=READY_S, pause=self.stop.pause)
        except NeedsPerson:
            if child.alive() or free_port(LOOPBACK, port, neighbours=1) == port:
                raise
            log.warning("ports %d and %d were taken while the sandbox started; it takes others", port, port + 1)
            child.end()
            self.children.remove(child)
            return self._start_sandbox(free_port(LOOPBACK, 0, neighbours=1))
        return child.announced() or {}

    def _deploy(self, environment: dict[str, str]) -> None:
        """Bring the server to what is declared; a child too, so that a signal finds us listening."""
        child = self._start("deploy", ["-P", "-m", "flows.deploy"], environment)
        wait_until(child, lambda: child.returncode == 0, within_s=DEPLOY_S, pause=self.stop.pause)
        self.children.remove(child)


def add_demo_account(settings: Settings, control: str) -> None:
    """Ask the sandbox for a grant and store the account `demo` with it.

    Raises:
        NeedsPerson: `demo` is an account of the real TikTok here.
    """
    ledger = Ledger.open(settings)
    try:
        known = next((account for account in accounts.listed(ledger) if account.name == DEMO), None)
        if known is not None and not known.api_url.startswith("http://127.0.0.1:"):
            raise NeedsPerson(
                "account_of_other_origin",
                f"the account {DEMO} was added for {known.api_url}, so it cannot be the sandbox's",
                item=DEMO,
                rule="an account keeps the API origin it was added for",
                fix="use --sandbox in another home (AIRDATE_HOME)",
            )
        grant = _grant(control)
        accounts.add(
            ledger,
            name=DEMO,
            api_url=settings.tiktok_api_url,
            client_key=grant["client_key"],
            open_id=grant["open_id"],
            client_secret=grant["client_secret"],
            refresh_token=grant["refresh_token"],
            audited=False,
            mode=Mode.DIRECT,
            privacy=None,
        )
    finally:
        ledger.close()


def _grant(control: str) -> dict[str, str]:
    try:
        answer = httpx.post(f"{control}/grant", json={"creator": DEMO}, trust_env=False, timeout=10)
        answer.raise_for_status()
    except httpx.HTTPError as failed:
        raise Transient(
            "sandbox_unreachable", f"the sandbox gave no grant: {type(failed).__name__}", item=control
        ) from None
    return dict(answer.json())


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=2).is_success
    except httpx.TransportError:
        return False


def _reachable(host: str) -> str:
    """Where to call what listens on `host`."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 (compared, not bound)
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
