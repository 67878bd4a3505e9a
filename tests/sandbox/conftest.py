"""A running sandbox, clients of its creators, and a film TikTok takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
from sandbox_client import Client, Films, WebHost, web_host

from airdate.sandbox.running import Control, RunningSandbox


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: RunningSandbox) -> RunningSandbox:
    """The sandbox as it begins."""
    running.control.reset()
    return running


@pytest.fixture
def control(sandbox: RunningSandbox) -> Control:
    return sandbox.control


@pytest.fixture
def client_of(sandbox: RunningSandbox) -> Iterator[Callable[..., Client]]:
    """`client_of("public", scope)` gives a client with a fresh access token."""
    opened: list[Client] = []

    def make(creator: str = "demo", scope: str | None = None) -> Client:
        grant = sandbox.control.grant(creator, scope)
        http = httpx.Client(base_url=sandbox.addresses.api, timeout=30, trust_env=False, verify=False)
        client = Client(sandbox.control, grant, http, refresh_token=grant["refresh_token"])
        assert client.refresh().json()["open_id"] == grant["open_id"]
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.http.close()


@pytest.fixture
def demo(client_of: Callable[..., Client]) -> Client:
    return client_of("demo")


@pytest.fixture
def public(client_of: Callable[..., Client]) -> Client:
    return client_of("public")


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Films:
    return Films(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="session")
def film(films: Films) -> bytes:
    """A small film that TikTok takes."""
    return films.path().read_bytes()


@pytest.fixture
def host() -> Iterator[WebHost]:
    """A web server of ours, for pulls and webhooks."""
    with web_host() as running:
        yield running
