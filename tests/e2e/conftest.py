"""One `airdate up --sandbox` for all tests that drive real processes; they share it, so none may change it for good."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from approval_making import SECRET
from up_driving import Up, start_up, take_down

from airdate.media.demo import make_demo_video
from airdate.processes import free_port


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """The `airdate up --sandbox` that all these tests share; one origin is listed, one webhook secret set."""
    home = tmp_path_factory.mktemp("up") / "home"
    origin = f"http://127.0.0.1:{free_port('127.0.0.1', 0)}"
    started = start_up(home, "--sandbox", AIRDATE_ALLOWED_ORIGINS=origin, AIRDATE_WEBHOOK_SECRETS=SECRET)
    try:
        roomy = {"daily_cap": 1000, "pending_shares": 1000}
        httpx.post(f"{started.addresses['sandbox']['control']}/settings", json=roomy, trust_env=False)
        yield started
    finally:
        take_down(started)


@pytest.fixture(scope="session")
def demo_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film that has to be encoded; a test that needs another post of it gives a key."""
    path = tmp_path_factory.mktemp("film") / "demo.mp4"
    make_demo_video(path)
    return path


@pytest.fixture
def key() -> str:
    """A key of this test alone."""
    return f"test-{uuid.uuid4().hex[:12]}"
