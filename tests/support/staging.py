"""A stage for whole posts: a real ledger and the real sandbox, on one clock that every wait puts forward."""

from __future__ import annotations

import hashlib
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from consenting import add_creator

from airdate import steps
from airdate.engine import Engine
from airdate.intake import command_consent, intake
from airdate.ledger import Ledger, posts
from airdate.ledger.posts import Post
from airdate.media.programs.ffmpeg import program
from airdate.post import Options, PostState, Privacy
from airdate.sandbox.running import RunningSandbox
from airdate.settings import Settings
from airdate.store import Store


def make_film(path: Path, *, seconds: int = 3) -> Path:
    """A film of some ten kilobytes that goes out as it is."""
    tags = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709,format=yuv420p"
    subprocess.run(
        [
            *[program(), "-v", "error", "-f", "lavfi", "-i", f"smptebars=size=720x1280:rate=24:duration={seconds}"],
            *["-vf", tags, "-c:v", "libx264", "-preset", "ultrafast", "-movflags", "+faststart"],
            *["-map_metadata", "-1", str(path)],
        ],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return path


def padded(film: Path, size: int, path: Path) -> Path:
    """The film made `size` bytes long by a `free` box, which is a hole on the disk."""
    content = film.read_bytes()
    with path.open("wb") as file:
        file.write(content + (size - len(content)).to_bytes(4) + b"free")
        file.truncate(size)
    return path


def filled(film: Path, size: int, path: Path) -> Path:
    """The film made `size` bytes long, by bytes that never repeat, so that a splice would show in the hash."""
    content = film.read_bytes()
    room = size - len(content)
    noise = random.Random(1).randbytes(room - 8)
    path.write_bytes(content + room.to_bytes(4) + b"free" + noise)
    return path


@dataclass
class Stage:
    """One account's engine before the sandbox.

    Attributes:
        ahead: how far both clocks are ahead of the real time; every wait of the engine adds to it.
        shift: how far the engine's clock alone is ahead of the sandbox's.
        jumps: seconds by which the next waits turn out longer.
    """

    sandbox: RunningSandbox
    engine: Engine
    ahead: timedelta = timedelta(0)
    shift: timedelta = timedelta(0)
    jumps: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        """The engine's clock."""
        return datetime.now(UTC) + self.ahead + self.shift

    def pause(self, seconds: float) -> None:
        """Let the time pass without waiting."""
        seconds += self.jumps.pop(0) if self.jumps else 0
        self.ahead += timedelta(seconds=seconds)
        self.sandbox.control.advance(seconds)
        time.sleep(0.001)

    def add_account(self, *, audited: bool = False) -> None:
        """Add the account `demo` with a fresh consent."""
        add_creator(self.engine.ledger, self.sandbox, audited=audited)

    def record(self, *media: Path, **options: Any) -> Post:
        """Write a post of a film, or of photos, down."""
        chosen = Options(**{"privacy": Privacy.SELF_ONLY, "caption": "hello 🎬", **options})
        consent = command_consent(self.now())
        taken = intake(
            self.engine,
            sources=[str(path) for path in media],
            account="demo",
            options=chosen,
            consent=consent,
            origin="command",
        )
        return steps.record(self.engine, taken, who="test")

    def publish(self, film: Path, on_progress: Callable[[str, float], None] | None = None, **options: Any) -> Post:
        """What a command does, again and again while the ledger says that the post goes on by itself later."""
        post = self.record(film, **options)
        for _ in range(6):
            post = steps.walk(self.engine, post.id, on_progress=on_progress)
            if post.not_before is None or post.state not in (PostState.READY, PostState.PUBLISHING):
                break
            if (wait := (post.not_before - self.now()).total_seconds()) > 7200:
                break
            self.pause(max(0.0, wait) + 1)
        return posts.get(self.engine.ledger, post.id)

    def published_once(self, post: Post, film: Path) -> dict[str, Any]:
        """Fail unless TikTok has exactly one complete post with the film's bytes, and no rule was broken; return it."""
        assert post.state is PostState.PUBLISHED, (post.state, post.error)
        [complete] = self.complete()
        assert complete["publish_id"] == post.publish_id
        with film.open("rb") as file:
            assert complete["sha256"] == hashlib.file_digest(file, "sha256").hexdigest()
        assert self.sandbox.control.broken() == []
        return complete

    def complete(self) -> list[dict[str, Any]]:
        """What TikTok has published."""
        return [post for post in self.sandbox.control.posts() if post["state"] == "PUBLISH_COMPLETE"]


@contextmanager
def staged(sandbox: RunningSandbox, settings: Settings) -> Iterator[Stage]:
    """A stage in the settings' home, with the sandbox as new and no account yet."""
    sandbox.control.reset()
    pointed = settings.model_copy(
        update={
            "tiktok_api_url": sandbox.addresses.api,
            "tiktok_upload_hosts": (sandbox.addresses.upload.partition("://")[2].strip("/"),),
        }
    )
    stage: Stage
    # The stage is made last, and it is its clock that both of them use.
    ledger = Ledger.open(pointed, lambda: stage.now())  # noqa: PLW0108
    engine = Engine(pointed, ledger, Store(pointed.store), lambda seconds: stage.pause(seconds))  # noqa: PLW0108
    with engine:
        stage = Stage(sandbox, engine)
        yield stage
