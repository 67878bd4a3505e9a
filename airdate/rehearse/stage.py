"""What all rounds share: a sandbox in a process of its own, the films, and an empty home to copy."""

from __future__ import annotations

import functools
import json
import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import ffmpeg as graph
from PIL import Image

from airdate.ledger import Ledger
from airdate.media.programs.ffmpeg import command
from airdate.media.programs.runner import run
from airdate.rehearse.clock import Clock
from airdate.rehearse.plan import Kind
from airdate.rehearse.worker import Forked
from airdate.sandbox.running import Control
from airdate.sandbox.server import SandboxAddresses, serve
from airdate.settings import Settings
from airdate.tiktok.chunks import LARGEST_SINGLE

FILM_SECONDS = 3

CHUNKED_SIZE = LARGEST_SINGLE + 1_000_001
"""Bytes of the film in several chunks: the smallest that our own plan cuts, and a little."""

PICTURES = 2

START_S = 20.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a rehearsal takes place.

    Attributes:
        folder: all it writes, the rounds' homes included.
        sources: the files of each kind of post.
    """

    folder: Path
    clock: Clock
    addresses: SandboxAddresses
    control: Control
    sources: dict[Kind, tuple[Path, ...]]
    pull_dir: Path
    pull_url: str

    @property
    def sizes(self) -> dict[Kind, int]:
        """Bytes that are uploaded for each kind; none for photos, which TikTok fetches."""
        return {kind: 0 if kind is Kind.PHOTOS else paths[0].stat().st_size for kind, paths in self.sources.items()}

    def new_home(self, number: int) -> Settings:
        """The settings of a new home with an empty ledger."""
        home = self.folder / f"round-{number}"
        shutil.copytree(self.folder / "empty", home)
        return _settings(
            home,
            tiktok_api_url=self.addresses.api,
            tiktok_upload_hosts=(self.addresses.upload.partition("://")[2],),
            poll_seconds=2.0,
            poll_budget_seconds=30.0,
            pull_dir=self.pull_dir,
            pull_url=self.pull_url,
        )


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """Make the films and start the sandbox; both processes end with the `with`, or with this process."""
    clock = Clock()
    sources = _sources(folder)
    empty = folder / "empty"
    empty.mkdir()
    Ledger.open(_settings(empty)).close()
    pull_dir = folder / "pull"
    pull_dir.mkdir()
    with _announced(folder, "sandbox", functools.partial(_be_sandbox, folder, clock)) as said:
        addresses = SandboxAddresses(**said)
        with _announced(folder, "pull", functools.partial(_be_pull_host, pull_dir)) as where:
            control = Control(addresses.control)
            yield Stage(folder, clock, addresses, control, sources, pull_dir, where["url"])
            control.close()


def _settings(home: Path, **more: Any) -> Settings:
    """Settings that name nothing of the operator's: neither a ledger, nor a TikTok, nor a folder that is served."""
    apart = {"database_url": None, "secret_key": None, "lease_seconds": 30.0, "allowed_origins": ()}
    return Settings(home=home, **{**apart, **more})


@contextmanager
def _announced(folder: Path, name: str, serve_on: functools.partial[None]) -> Iterator[dict[str, str]]:
    """Fork a server, read the JSON line it writes when it listens, and kill it at the end."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w"):
        server = Forked(functools.partial(serve_on, writing), log=folder / f"{name}.log")
    try:
        with os.fdopen(reading) as line:
            said = line.readline()
        if not said:
            raise RuntimeError(f"the {name} did not start: {(folder / f'{name}.log').read_text()[-2000:]}")
        yield json.loads(said)
    finally:
        server.kill()


def _be_sandbox(folder: Path, clock: Clock, out: int) -> None:
    def ready(addresses: SandboxAddresses) -> None:
        _say(out, addresses.as_dict())

    serve("127.0.0.1", 0, folder=_made(folder / "sandbox"), ready=ready, time=clock.time)


def _be_pull_host(pull_dir: Path, out: int) -> None:
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(pull_dir))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        _say(out, {"url": f"http://127.0.0.1:{server.server_address[1]}/"})
        server.serve_forever()


def _say(out: int, facts: dict[str, str]) -> None:
    os.write(out, json.dumps(facts).encode() + b"\n")
    os.close(out)


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def make_film(path: Path) -> Path:
    """A film that goes out as it is."""
    drawn = graph.input(f"testsrc2=size=360x640:rate=24:duration={FILM_SECONDS}", f="lavfi")
    tagged = drawn.filter("setparams", range="tv", color_primaries="bt709", color_trc="bt709", colorspace="bt709")
    options = {"c:v": "libx264", "preset": "ultrafast", "pix_fmt": "yuv420p", "movflags": "+faststart"}
    full = command(graph.output(tagged, f"file:{path}", map_metadata=-1, **options))
    run(full, item=path.name, seconds=FILM_SECONDS)
    return path


def _sources(folder: Path) -> dict[Kind, tuple[Path, ...]]:
    """That film, the same in several chunks, and pictures that go out as they are."""
    film = make_film(folder / "film.mp4")
    chunked = folder / "chunked.mp4"
    room = CHUNKED_SIZE - film.stat().st_size
    # Bytes that nowhere repeat at the distance of a chunk: a splice of two shows in the hash.
    noise = random.Random(1).randbytes(1_000_003) * (room // 1_000_003 + 1)  # noqa: S311
    chunked.write_bytes(film.read_bytes() + room.to_bytes(4) + b"free" + noise[: room - 8])
    pictures = []
    for number in range(PICTURES):
        path = folder / f"{number}.jpg"
        Image.effect_noise((720, 720 + 90 * number), 40).convert("RGB").save(path, quality=80)
        pictures.append(path)
    return {Kind.FILM: (film,), Kind.CHUNKED: (chunked,), Kind.PHOTOS: tuple(pictures)}
