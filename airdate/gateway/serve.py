"""Runs the gateway: the listener for hooks, and beside it the relay, until told to end."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import TracebackType

import uvicorn

from airdate.engine import Engine, StartRun
from airdate.errors import NeedsPerson
from airdate.gateway.hooks import build_app
from airdate.gateway.relay import relay
from airdate.gateway.signatures import keys_of
from airdate.gateway.tiktok import heed_all
from airdate.redact import redact

log = logging.getLogger(__name__)

RETRY_S = 30.0
"""How long deliveries wait when the ledger or Prefect was away."""

STOP_S = 5
"""How long requests and the relay may take to end."""

SOCKET_BACKLOG = 128


def serve(
    engine: Engine,
    start_run: StartRun,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    ready: Callable[[str], None] = lambda _url: None,
) -> None:
    """Receive approvals and TikTok's events until SIGTERM or SIGINT.

    Args:
        port: 0 picks one.
        ready: told the gateway's URL when it listens.

    Raises:
        NeedsPerson: no webhook secret is set, one is malformed, or the address cannot be had.
    """
    keys = keys_of(engine.settings.webhook_secrets)
    with (
        _listener(host, port) as listener,
        Relaying(partial(relay, engine, start_run), "relay") as approvals,
        # Apart from it, for TikTok may be slow to answer what its own event makes us ask.
        Relaying(partial(heed_all, engine), "heed") as events,
    ):

        def accepted() -> None:
            approvals.wake()
            events.wake()

        config = uvicorn.Config(
            build_app(engine, keys, accepted),
            access_log=False,
            lifespan="off",
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_S,
            ws="none",
        )
        shown = f"[{host}]" if ":" in host else host
        _Server(config, lambda: ready(f"http://{shown}:{listener.getsockname()[1]}")).run(sockets=[listener])


class Relaying:
    """Works deliveries off in the background: at the start, after each new one, and again while some wait."""

    def __init__(self, work: Callable[[], int], name: str, *, retry_s: float = RETRY_S) -> None:
        """Prepare it.

        Args:
            work: works off what is there, and says how many still wait.
            name: of its thread.
        """
        self._work = work
        self._retry_s = retry_s
        self._wanted = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Relaying:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = True
        self._wanted.set()
        self._thread.join(STOP_S)

    def wake(self) -> None:
        """Have it look for deliveries now."""
        self._wanted.set()

    def _run(self) -> None:
        while True:
            self._wanted.clear()
            if self._stopped:
                return
            waits = self._round()
            self._wanted.wait(self._retry_s if waits else None)

    def _round(self) -> bool:
        """One round; whatever stops it, the next one comes, or deliveries would be taken in and lie there unseen."""
        try:
            return self._work() > 0
        except Exception as failed:  # noqa: BLE001
            why = redact(f"{type(failed).__name__}: {failed}")
            log.error("%s stopped, and tries again in %.0f s: %s", self._thread.name, self._retry_s, why)
            return True


@contextmanager
def _listener(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=SOCKET_BACKLOG)
    except (OSError, OverflowError) as failed:
        raise NeedsPerson(
            "address_unavailable",
            f"nothing can listen there: {failed}",
            item=f"{host}:{port}",
            rule="an address of this machine, and a port that is free",
            fix="end what listens there, or name another port; 0 picks one",
        ) from None
    with listener:
        yield listener


class _Server(uvicorn.Server):
    """uvicorn's server, which tells when it is ready, and for which a signal to end is an ordinary end.

    uvicorn raises the signal a second time when it is done; the command would look interrupted.
    """

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End in order on SIGTERM and SIGINT."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
