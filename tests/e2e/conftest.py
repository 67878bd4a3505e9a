"""One `airdate up --sandbox` for all tests that drive real processes; they share it, so none may change it for good."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from up_driving import Up, start_up, take_down

from airdate.media.demo import make_demo_video


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """The `airdate up --sandbox` that all these tests share."""
    home = tmp_path_factory.mktemp("up") / "home"
    started = start_up(home, "--sandbox")
    try:
        yield started
    finally:
        take_down(started)


@pytest.fixture(scope="session")
def demo_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film that TikTok takes as it is; a test that needs another post of it gives a key."""
    path = tmp_path_factory.mktemp("film") / "demo.mp4"
    make_demo_video(path)
    return path


@pytest.fixture
def key() -> str:
    """A key of this test alone."""
    return f"test-{uuid.uuid4().hex[:12]}"
