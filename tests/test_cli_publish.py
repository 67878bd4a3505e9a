"""`airdate publish` as a script uses it: a process of its own, a TikTok on a socket, one JSON document."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from airdate.sandbox.running import RunningSandbox

pytestmark = pytest.mark.e2e

FIELDS = (
    "post_id key account target state unconfirmed slot publish_id tiktok_post_ids rendition error".split()  # noqa: SIM905
)


@dataclass
class Shell:
    """Runs `airdate` in one home, with nothing but Airdate's settings pointing at the TikTok of the test."""

    home: Path
    settings: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        return {**os.environ, "AIRDATE_HOME": str(self.home), "AIRDATE_POLL_SECONDS": "0.3", **self.settings}

    def run(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "airdate", *arguments],
            env=self.environment(),
            cwd=self.home,
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def json(self, *arguments: str, given: str = "") -> tuple[int, dict[str, Any]]:
        """Exit status and document; fails when standard output holds anything else."""
        done = self.run(*arguments, "--json", given=given)
        assert done.stdout.count("\n") == 1, done.stdout + done.stderr
        return done.returncode, json.loads(done.stdout)

    def publish(self, source: object, *options: str) -> tuple[int, dict[str, Any]]:
        return self.json("publish", str(source), "--account", "demo", *options)


def write_film(
    path: Path, *, seconds: float, rate: int = 30, size: tuple[int, int] = (360, 640), codec: str = "libx264"
) -> Path:
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = Fraction(1, rate)
        for number in range(int(seconds * rate)):
            frame = av.VideoFrame(*size, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([number % 256]) * plane.buffer_size)
            frame.pts = number
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    write_film(folder / "clip.mov", seconds=4)
    write_film(folder / "short.mp4", seconds=0.5)
    write_film(folder / "long.mp4", seconds=601, rate=24, size=(64, 64))
    whole = (folder / "clip.mov").read_bytes()
    (folder / "truncated.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("this is no film\n" * 50)
    return folder


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    with RunningSandbox() as sandbox:
        sandbox.control.settings(processing_seconds=0.2, public_id_seconds=0.1)
        yield sandbox


@pytest.fixture
def tiktok(running: RunningSandbox) -> Iterator[RunningSandbox]:
    """A strict TikTok, as it began; whatever a test does, no rule of it may be broken."""
    yield running
    assert running.control.broken() == []
    running.control.reset()
    running.control.settings(processing_seconds=0.2, public_id_seconds=0.1)


@pytest.fixture
def shell(tmp_path: Path, tiktok: RunningSandbox) -> Shell:
    """A shell whose account `demo` has a fresh grant of that TikTok."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    settings = {
        "AIRDATE_TIKTOK_API_URL": f"{tiktok.addresses.api}/",
        "AIRDATE_TIKTOK_UPLOAD_HOSTS": tiktok.addresses.upload.partition("://")[2].strip("/"),
    }
    found = Shell(home, settings)
    grant = tiktok.control.grant()
    status, account = found.json(
        *("account", "add", "demo", "--client-key", grant["client_key"], f"--open-id={grant['open_id']}"),
        *("--client-secret", "-", "--refresh-token", "-"),
        given=f"{grant['client_secret']}\n{grant['refresh_token']}\n",
    )
    assert (status, account["target"]) == (0, tiktok.addresses.api)
    return found


def test_a_film_goes_live_and_the_same_command_reports_it(shell: Shell, films: Path) -> None:
    options = ("--privacy", "SELF_ONLY", "--caption", "Out today")
    status, post = shell.publish(films / "clip.mov", *options)
    assert list(post) == FIELDS
    assert (status, post["state"], post["error"]) == (0, "published", None)
    assert set(post["rendition"]) == {"sha256", "size", "plan", "reasons"}
    assert post["unconfirmed"] is False

    assert shell.publish(films / "clip.mov", *options) == (0, post)
    status, story = shell.json("posts", "show", post["post_id"])
    assert status == 0
    assert [submission["state"] for submission in story["submissions"]] == ["complete"]
    assert [event["to_state"] for event in story["events"]][-1] == "published"
    assert shell.json("posts", "list")[1]["posts"] == [post]

    status, other = shell.publish(films / "clip.mov", "--privacy", "SELF_ONLY", "--caption", "Another")
    assert (status, other["error"]["code"]) == (2, "key_conflict")
    assert "caption" in other["error"]["message"]


@pytest.mark.parametrize(
    ("source", "options", "status", "said"),
    [
        ("empty.mp4", (), 3, "0 bytes"),
        ("truncated.mp4", (), 3, ""),
        ("text.mp4", (), 3, ""),
        ("short.mp4", (), 3, "0.5"),
        ("long.mp4", (), 3, "601"),
        ("clip.mov", ("--caption", "🙂" * 1100 + "x"), 3, "2201"),
        ("clip.mov", ("--privacy", "PUBLIC_TO_EVERYONE"), 3, "does not offer PUBLIC_TO_EVERYONE"),
        ("clip.mov", ("--account", "nobody"), 4, "demo"),
        ("clip.mov", ("--mode", "inbox", "--privacy", "SELF_ONLY"), 2, "privacy"),
        ("clip.mov", ("--as", "photo"), 3, "clip.mov"),
        ("clip.mov", ("--at", "2020-01-01T00:00:00+00:00"), 2, "passed"),
        ("clip.mov", ("--at", "2099-01-01T00:00:00"), 2, "zone"),
        ("clip.mov", ("--cover-ms", "-1"), 2, "-1"),
        ("missing.mov", (), 2, "missing.mov"),
        (".", (), 2, "folder"),
    ],
)
def test_bad_input_ends_before_any_init(
    shell: Shell, tiktok: RunningSandbox, films: Path, source: str, options: tuple[str, ...], status: int, said: str
) -> None:
    privacy = () if {"--privacy", "--mode"} & set(options) else ("--privacy", "SELF_ONLY")
    got, post = shell.publish(films / source, *privacy, *options)
    error = post["error"]
    assert (got, list(post)) == (status, FIELDS)
    assert error["fix"]
    assert error["item"]
    assert error["rule"]
    assert said in f"{error['item']} {error['message']}"
    assert_no_init(tiktok)


@pytest.mark.parametrize(("make_url", "status"), [("refusing", 5), ("here", 4)])
def test_an_address_that_cannot_be_asked_ends_before_any_init(
    shell: Shell, make_url: str, status: int, tiktok: RunningSandbox
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    url = {"refusing": f"http://127.0.0.1:{free}/a.mp4", "here": f"{tiktok.addresses.api}/a.mp4?sig=CANARY"}[make_url]
    if make_url == "refusing":
        shell.settings["AIRDATE_ALLOWED_ORIGINS"] = f"http://127.0.0.1:{free}"
    got, post = shell.publish(url, "--privacy", "SELF_ONLY")
    assert got == status, post["error"]
    assert post["error"]["item"]
    assert post["error"]["fix"]
    assert "CANARY" not in json.dumps(post)
    assert_no_init(tiktok)


def assert_no_init(tiktok: RunningSandbox) -> None:
    assert tiktok.control.calls("init") == []


def test_privacy_is_asked_for_or_comes_from_the_standing_choice(shell: Shell, films: Path) -> None:
    status, post = shell.publish(films / "clip.mov")
    assert (status, post["error"]["code"], post["post_id"]) == (2, "privacy_unset", None)


def test_a_draft_is_delivered(shell: Shell, films: Path) -> None:
    status, post = shell.publish(films / "clip.mov", "--mode", "inbox", "--caption", "shown, not sent")
    assert (status, post["state"]) == (0, "delivered")


def test_a_slot_ahead_is_planned_and_nothing_is_sent_before(shell: Shell, tiktok: RunningSandbox, films: Path) -> None:
    options = ("--privacy", "SELF_ONLY", "--at", "2099-01-01T00:00:00+01:00")
    status, post = shell.publish(films / "clip.mov", *options)
    assert (status, post["state"], post["error"]) == (0, "planned", None)
    assert post["slot"].startswith("2098-12-31T23:00:00")
    assert shell.publish(films / "clip.mov", "--privacy", "SELF_ONLY") == (0, post)
    assert_no_init(tiktok)


def test_another_origin_is_never_asked(shell: Shell, tiktok: RunningSandbox, films: Path) -> None:
    del shell.settings["AIRDATE_TIKTOK_API_URL"]
    status, post = shell.publish(films / "clip.mov", "--privacy", "SELF_ONLY")
    assert status == 4
    assert "AIRDATE_TIKTOK_API_URL" in post["error"]["message"] + post["error"]["fix"]
    assert_no_init(tiktok)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_command_leaves_no_encoder_and_the_next_one_goes_on(
    shell: Shell, tmp_path: Path, end: signal.Signals
) -> None:
    film = write_film(tmp_path / "big.avi", seconds=10, size=(1080, 1920), codec="mpeg4")
    arguments = [sys.executable, "-m", "airdate", "publish", str(film), "--account", "demo", "--privacy", "SELF_ONLY"]
    process = subprocess.Popen(
        [*arguments, "--json"], env=shell.environment(), cwd=shell.home, stdout=subprocess.PIPE, text=True
    )
    wait_for(lambda: bool(encoders(process.pid)), "no encoder began")
    began = encoders(process.pid)
    process.send_signal(end)
    out, _ = process.communicate(timeout=20)
    post = json.loads(out)
    assert process.returncode == 5
    assert post["error"]["code"] == "interrupted"
    assert post["state"] == "preparing"
    assert "same command" in post["error"]["fix"]
    wait_for(lambda: not any(is_alive(pid) for pid in began), "the encoder goes on")

    status, again = shell.publish(film, "--privacy", "SELF_ONLY")
    assert (status, again["state"], again["post_id"]) == (0, "published", post["post_id"])


def wait_for(there: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + 30
    while not there():
        assert time.monotonic() < end, otherwise
        time.sleep(0.02)


def encoders(parent: int) -> list[int]:
    """The programs that a process runs, threads' children included."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            facts = (entry / "stat").read_text().rpartition(")")[2].split() if entry.name.isdigit() else []
        except OSError:
            continue
        if facts and int(facts[1]) == parent:
            found.append(int(entry.name))
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
