"""The sandbox's webhooks, sent to our gateway as TikTok would: late, twice, forged, and in the end all heeded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from approval_making import SECRET
from consenting import add_creator
from hook_running import running
from moderating import sent
from pydantic import SecretStr
from sandbox_client import Client, Films

from airdate.engine import Engine
from airdate.gateway.tiktok import heed_all
from airdate.ledger import Ledger, accounts, posts
from airdate.ledger.posts import Post
from airdate.post import Options, PostState, Privacy
from airdate.sandbox.running import RunningSandbox
from airdate.settings import Settings
from airdate.store import Store

pytestmark = pytest.mark.e2e


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as begun:
        yield begun


@pytest.fixture
def engine(home: Path, sandbox: RunningSandbox) -> Iterator[Engine]:
    """An engine whose account is the sandbox's public creator, as after its first refresh."""
    settings = Settings(home=home, webhook_secrets=(SecretStr(SECRET),), tiktok_api_url=sandbox.addresses.api)
    opened = Engine(settings, Ledger.open(settings), Store(settings.store))
    add_creator(opened.ledger, sandbox, creator="public", audited=True)
    yield opened
    opened.close()


@pytest.fixture
def client(sandbox: RunningSandbox) -> Iterator[Client]:
    """Another hand of the same app, that uploads."""
    grant = sandbox.control.grant("public")
    with httpx.Client(base_url=sandbox.addresses.api, timeout=30, trust_env=False) as http:
        made = Client(sandbox.control, grant, http, refresh_token=grant["refresh_token"])
        made.refresh()
        yield made


def heeded_until(engine: Engine, what: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)
        heed_all(engine)


def test_what_the_sandbox_tells_is_known_without_a_question_of_our_own(
    engine: Engine, sandbox: RunningSandbox, client: Client, tmp_path: Path
) -> None:
    control, film = sandbox.control, Films(tmp_path).path().read_bytes()
    with running(engine) as hooks:
        control.settings(webhook_url=f"{hooks.url}/hooks/tiktok")
        control.fault("webhook", wrong_signature=True)
        control.fault("webhook", duplicates=2)
        name = client.post(film, privacy_level="PUBLIC_TO_EVERYONE")
        post = sent(engine, "a", options=Options(privacy=Privacy.PUBLIC), publish_id=name)

        def now() -> Post:
            return posts.get(engine.ledger, post.id)

        heeded_until(engine, lambda: now().state is PostState.PUBLISHED and bool(now().tiktok_post_ids))
        assert now().tiktok_post_ids == (control.post(name)["post_id"],)

        control.take_down(name)
        heeded_until(engine, lambda: now().taken_down_at is not None)
        assert now().state is PostState.PUBLISHED

        control.disconnect("public", reason=1)
        heeded_until(engine, lambda: accounts.get(engine.ledger, "demo").blocked is not None)
    assert [each["state"] for each in control.webhooks()].count("pending") <= 1  # the forged one is tried again
    assert control.broken() == []
