"""Kills of the real process, at the end of a chunk and inside it: what is sent again is at most one chunk."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from staging import make_film, padded
from up_driving import environment_of, eventually

from airdate.sandbox.running import RunningSandbox

pytestmark = pytest.mark.e2e

SIZE, CHUNK = 70_000_000, 10_000_000
SLOW = 40_000_000
"""Bytes a second: a chunk takes a quarter of a second, so that a kill can meet it."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


@pytest.fixture
def command(sandbox: RunningSandbox, tmp_path: Path) -> dict[str, str]:
    """The environment of commands in a new home whose TikTok is the sandbox, as new, with the account `demo`."""
    sandbox.control.reset()
    upload_host = sandbox.addresses.upload.partition("://")[2].strip("/")
    ours = environment_of(
        tmp_path / "home",
        AIRDATE_TIKTOK_API_URL=sandbox.addresses.api,
        AIRDATE_TIKTOK_UPLOAD_HOSTS=upload_host,
        AIRDATE_POLL_SECONDS="0.2",
    )
    grant = sandbox.control.grant("demo")
    given = ["--client-key", grant["client_key"], f"--open-id={grant['open_id']}", "--client-secret", "-"]
    subprocess.run(
        [sys.executable, "-m", "airdate", "account", "add", "demo", *given, "--refresh-token", "-"],
        env=ours,
        input=f"{grant['client_secret']}\n{grant['refresh_token']}\n",
        text=True,
        check=True,
        capture_output=True,
    )
    return ours


def publish(command: dict[str, str], film: Path, key: str) -> subprocess.Popen[str]:
    chosen = ["--account", "demo", "--privacy", "SELF_ONLY", "--key", key, "--json"]
    return subprocess.Popen(
        [sys.executable, "-m", "airdate", "publish", str(film), *chosen],
        env=command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    said, logged = process.communicate(timeout=180)
    assert process.returncode == 0, (said, logged)
    return json.loads(said)


@pytest.mark.parametrize("taken", [1, 5 * CHUNK + 1, SIZE - 1_000_000])
def test_after_a_kill_at_most_one_chunk_is_sent_again(
    command: dict[str, str], sandbox: RunningSandbox, tmp_path: Path, taken: int
) -> None:
    film = padded(make_film(tmp_path / "made.mp4"), SIZE, tmp_path / "film.mp4")
    sandbox.control.fault("upload", times=None, bytes_per_second=SLOW)
    victim = publish(command, film, "k")
    eventually(
        lambda: any(post["taken"] >= taken for post in sandbox.control.posts()), within_s=90, what="the kill's instant"
    )
    victim.kill()
    victim.wait()
    document = ended(publish(command, film, "k"))
    [post] = sandbox.control.posts()
    assert (document["state"], document["publish_id"]) == ("published", post["publish_id"])
    assert post["complete"]
    assert post["taken"] - SIZE <= CHUNK, f"killed after {taken} bytes, {post['taken'] - SIZE} were sent again"
    assert sandbox.control.broken() == []


def test_five_posts_at_once_for_one_account(command: dict[str, str], sandbox: RunningSandbox, tmp_path: Path) -> None:
    made = make_film(tmp_path / "made.mp4")
    films = [padded(made, 1_000_000 + number, tmp_path / f"{number}.mp4") for number in range(5)]
    begun = [publish(command, film, film.stem) for film in films for _ in range(2)]
    with ThreadPoolExecutor(len(begun)) as waiting:
        documents = list(waiting.map(ended, begun))
    assert {document["state"] for document in documents} == {"published"}
    complete = [post for post in sandbox.control.posts() if post["state"] == "PUBLISH_COMPLETE"]
    assert sorted(post["size"] for post in complete) == [film.stat().st_size for film in films]
    assert {post["publish_id"] for post in complete} == {document["publish_id"] for document in documents}
    assert sandbox.control.broken() == []
    assert len(sandbox.control.calls("token")) == 1
