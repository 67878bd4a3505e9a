"""A download to a folder of its own, that keeps what it waited for instead of waiting."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from airdate.errors import AirdateError
from airdate.settings import Settings
from airdate.sources.download import Downloaded, download

CANARY = "canary-1f3a9c"
"""The signature in the film's address, which nothing may tell."""


@dataclass
class Get:
    """Downloads the server's film.

    Attributes:
        server: the `FaultServer`.
        waits: seconds, one after the other.
    """

    server: Any
    settings: Settings
    folder: Path
    waits: list[float] = field(default_factory=list)

    @property
    def target(self) -> Path:
        return self.folder / "film"

    @property
    def part(self) -> Path:
        return self.folder / "film.part"

    def __call__(self, path: str = f"/dir/film.mp4?sig={CANARY}", **more: Any) -> Downloaded:
        more = {"settings": self.settings, "pause": self.waits.append, **more}
        return download(self.server.url(path), self.target, **more)

    def fails(self, kind: type[AirdateError], **more: Any) -> AirdateError:
        with pytest.raises(kind) as failed:
            self(**more)
        assert not self.target.exists()
        assert CANARY not in f"{failed.value} {failed.value.as_dict()} {failed.value!r}"
        return failed.value

    def starts(self) -> list[int | None]:
        """Where each request began to read."""
        return [request.start for request in self.server.requests]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
