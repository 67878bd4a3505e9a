"""A sandbox inside another process, for tests and rehearsals, with a small client for its control API."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time as real_time
from types import TracebackType
from typing import Any

import httpx

from airdate.sandbox.server import SandboxAddresses, listening, run
from airdate.sandbox.state import State
from airdate.sandbox.store import claimed

START_S = 20.0
"""How long it may take until both listeners answer."""


class Control:
    """The control API as methods; each raises `httpx.HTTPStatusError` when the sandbox refuses."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=30)

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def grant(self, creator: str = "demo", scope: str | None = None, *, app: str | None = None) -> dict[str, str]:
        """`client_key`, `client_secret`, `open_id`, `refresh_token` and `scope` of a fresh consent."""
        return dict(self._post("grant", {"creator": creator, "scope": scope, "app": app}))

    def fault(self, call: str, *, times: int | None = 1, after: int = 0, **fault: Any) -> None:
        """Order a fault; its fields are those of `airdate.sandbox.faults`."""
        self._post("faults", {"call": call, "fault": fault, "times": times, "after": after})

    def clear_faults(self) -> None:
        """Forget all faults that have not happened yet."""
        self._http.delete("faults").raise_for_status()

    def settings(self, **changed: Any) -> dict[str, Any]:
        """Change settings; `creators={"demo": {"private": False}}` changes one creator's."""
        return dict(self._post("settings", changed))

    def advance(self, seconds: float) -> float:
        """Put the sandbox's clock forward; returns its time."""
        return float(self._post("clock", {"advance_seconds": seconds})["now"])

    def skew(self, seconds: float) -> None:
        """Have the sandbox's clock be ahead of the real one, or behind it when negative."""
        self._post("clock", {"skew_seconds": seconds})

    def reset(self) -> None:
        """Everything as it began, but for the tokens."""
        self._post("reset", {})

    def calls(self, call: str | None = None) -> list[dict[str, Any]]:
        """The recorded calls, or those of one name."""
        return list(self._get("calls", {} if call is None else {"call": call}).json())

    def broken(self) -> list[dict[str, Any]]:
        """The broken rules."""
        return list(self._get("broken").json())

    def posts(self) -> list[dict[str, Any]]:
        """All posts, oldest first."""
        return list(self._get("posts").json())

    def post(self, publish_id: str) -> dict[str, Any]:
        """One of them."""
        return dict(self._get(f"posts/{publish_id}").json())

    def bytes_of(self, publish_id: str, index: int = 0) -> bytes:
        """What was received of its film, or of the photo of that number."""
        return self._get(f"posts/{publish_id}/bytes/{index}").content

    def finish(self, publish_id: str) -> None:
        """Have the creator post a draft."""
        self._post(f"posts/{publish_id}/finish", {})

    def take_down(self, publish_id: str) -> None:
        """Have nobody see the post any longer."""
        self._post(f"posts/{publish_id}/take_down", {})

    def disconnect(self, creator: str = "demo", *, reason: int = 1) -> None:
        """Have the creator remove the app."""
        self._post("disconnect", {"creator": creator, "reason": reason})

    def webhooks(self) -> list[dict[str, Any]]:
        """The events, oldest first, and how their delivery went."""
        return list(self._get("webhooks").json())

    def _get(self, path: str, query: dict[str, str] | None = None) -> httpx.Response:
        return self._http.get(path, params=query or {}).raise_for_status()

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return self._http.post(path, json=body).raise_for_status().json()


class RunningSandbox:
    """A sandbox in a thread of this process, on free ports, for as long as the `with` lasts.

    Attributes:
        addresses: where it listens.
        control: what it can be told and asked.
    """

    addresses: SandboxAddresses
    control: Control

    def __init__(self, folder: Path | None = None, *, time: Callable[[], float] = real_time) -> None:
        """Prepare it.

        Args:
            folder: where films go; a temporary one, thrown away at the end, when None.
            time: seconds since the epoch.
        """
        self._folder = folder
        self._time = time
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._failure: BaseException | None = None

    def __enter__(self) -> RunningSandbox:
        self._thread.start()
        if not self._ready.wait(START_S) or self._failure is not None:
            raise RuntimeError("the sandbox did not start") from self._failure
        self.control = Control(self.addresses.control)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.control.close()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            with TemporaryDirectory(prefix="airdate-sandbox-") as made:
                asyncio.run(self._serve(self._folder or Path(made)))
        except BaseException as failure:  # noqa: BLE001 (it is raised in the thread that waits)
            self._failure = failure
        finally:
            self._ready.set()

    async def _serve(self, folder: Path) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        host = "127.0.0.1"
        with listening(host, 0) as (api_socket, upload_socket), claimed(folder) as own:
            await run(host, api_socket, upload_socket, State(own, self._time), self._stop, self._announce)

    def _announce(self, addresses: SandboxAddresses) -> None:
        self.addresses = addresses
        self._ready.set()
