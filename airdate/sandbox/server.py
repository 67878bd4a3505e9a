"""The sandbox as a server: the API and the upload host, two listeners on one event loop of one process."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import time as real_time

import uvicorn
from fastapi import FastAPI

from airdate.errors import NeedsPerson
from airdate.sandbox import api, control, page, watch
from airdate.sandbox.consent import AUTHORIZE
from airdate.sandbox.state import Places, State
from airdate.sandbox.store import claimed
from airdate.sandbox.upload_host import UploadHost
from airdate.sandbox.wire import BreakableProtocol

GRACE_S = 2
"""How long open calls may take once the sandbox was told to end."""

KEEP_ALIVE_S = 60
"""An idle connection to the API is kept this long; less, and a client that polls meets it closing."""

WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 (compared, not bound)


@dataclass(frozen=True, slots=True)
class SandboxAddresses:
    """Where the sandbox listens, as URLs.

    Attributes:
        api: the API's origin.
        upload: the upload host's origin.
        auth: the consent page.
        page: what was posted, for people.
        control: base of the control API.
    """

    api: str
    upload: str
    auth: str
    page: str
    control: str

    def as_dict(self) -> dict[str, str]:
        """The contract's JSON object."""
        return asdict(self)

    @classmethod
    def at(cls, host: str, api_port: int, upload_port: int) -> SandboxAddresses:
        """The addresses of a sandbox that listens on these; a wildcard is reached by the loopback address."""
        named = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (compared, not bound)
        named = f"[{named}]" if ":" in named else named
        origin = f"http://{named}:{api_port}"
        return cls(
            api=origin,
            upload=f"http://{named}:{upload_port}",
            auth=f"{origin}{AUTHORIZE}",
            page=f"{origin}{page.PATH}",
            control=f"{origin}{control.PATH}",
        )


def serve(
    host: str,
    port: int,
    *,
    folder: Path,
    ready: Callable[[SandboxAddresses], None],
    time: Callable[[], float] = real_time,
) -> None:
    """Run the sandbox until SIGTERM or SIGINT.

    Args:
        port: the API's; the upload host takes the next one. With 0 the system picks both.
        folder: where received films go and what else is remembered; a sandbox goes on where the last one of it ended.
        ready: called once, when both listen.
        time: seconds since the epoch.

    Raises:
        NeedsPerson: `port_taken`.
    """
    with listening(host, port) as (api_socket, upload_socket), claimed(folder) as own:
        asyncio.run(run(host, api_socket, upload_socket, State(own, time), asyncio.Event(), ready))


@contextmanager
def listening(host: str, port: int) -> Iterator[tuple[socket.socket, socket.socket]]:
    """The two sockets, API and upload host, closed at the end.

    Raises:
        NeedsPerson: `port_taken`.
    """
    with _listen(host, port) as api_socket, _listen(host, port and port + 1) as upload_socket:
        yield api_socket, upload_socket


async def run(
    host: str,
    api_socket: socket.socket,
    upload_socket: socket.socket,
    state: State,
    stop: asyncio.Event,
    ready: Callable[[SandboxAddresses], None],
) -> None:
    """Serve both sockets until `stop` is set, in the main thread also until SIGTERM or SIGINT; then close the state."""
    upload_port = upload_socket.getsockname()[1]
    state.upload_place = Places(None if host in WILDCARDS else host, upload_port)
    uploads = UploadHost(state, upload_socket)
    server = _Server(
        uvicorn.Config(
            app(state, host),
            http=BreakableProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,  # the API's answers tell the sandbox's time
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
        )
    )
    _stop_on_signals(stop)
    uploading = asyncio.create_task(uploads.serve())
    answering = asyncio.create_task(server.serve(sockets=[api_socket]))
    watching = asyncio.create_task(watch.run(state))
    stopping = asyncio.create_task(stop.wait())
    try:
        await server.listening.wait()
        ready(SandboxAddresses.at(host, api_socket.getsockname()[1], upload_port))
        await asyncio.wait({stopping, watching}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        server.should_exit = True
        for task in (uploading, stopping, watching):
            task.cancel()
        await asyncio.gather(uploading, stopping, watching, return_exceptions=True)
        await uploads.close()
        await answering
        state.close()
    with suppress(asyncio.CancelledError):
        watching.result()  # it ends by itself only with an error of ours


def app(state: State, host: str) -> FastAPI:
    """The API with its control and its page."""
    built = FastAPI(title="Airdate's sandbox", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    built.include_router(control.routes(state, host))
    built.include_router(page.routes(state, host))
    built.include_router(api.routes(state))
    return built


class _Server(uvicorn.Server):
    """A uvicorn that tells when it listens, and leaves the signals alone.

    It would take them for itself and raise them again at its end, which is no clean one.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """They are taken care of outside."""
        yield


def _stop_on_signals(stop: asyncio.Event) -> None:
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=128)
    except OSError as failed:
        raise NeedsPerson(
            "port_taken",
            f"the sandbox cannot listen: {failed.strerror or failed}",
            item=f"{host}:{port}",
            fix="end what holds the port, or give another --port (0 picks one)",
        ) from None
