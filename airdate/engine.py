"""What every step needs: the settings, the ledger, the store, and a way to wait; and what it needs from outside."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol
from zoneinfo import ZoneInfo

from airdate.ledger import Ledger
from airdate.ledger.posts import Post
from airdate.settings import Settings, load_settings
from airdate.store import Store
from airdate.store.shelf import FolderShelf

Pause = Callable[[float], None]

NAME_CHARS = 32
"""How much of a caption a run's name shows."""


@dataclass(frozen=True, slots=True)
class Engine:
    """The open engine of one process.

    Attributes:
        pause: every wait of the engine goes through it, in seconds; tests hand in one that does not wait.
        longest_wait_s: how long a post may wait in place for its turn at TikTok, in seconds. A worker that other
            accounts need too sets less, and such a post comes back.
    """

    settings: Settings
    ledger: Ledger
    store: Store
    pause: Pause = time.sleep
    longest_wait_s: float = 60.0

    @classmethod
    def open(cls, settings: Settings | None = None) -> Engine:
        """Open the ledger (bringing its schema up to date) and the store.

        Raises:
            NeedsPerson: a setting or the key is wrong.
            Transient: the database does not answer.
        """
        settings = settings or load_settings()
        shelf = FolderShelf(settings.shelf) if settings.shelf is not None else None
        return cls(settings, Ledger.open(settings), Store(settings.store, shelf))

    def close(self) -> None:
        """Close the ledger."""
        self.ledger.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class StartRun(Protocol):
    """Makes one run for a post's present turn, however often it is asked; `flows/start.py` does it with Prefect."""

    def __call__(self, post: Post, *, at: datetime | None, name: str) -> str:
        """Make the run, due `at` (now if None), and return its id."""
        ...


def run_name(post: Post) -> str:
    """How a person recognises the run: account, caption, slot in the zone it was written in."""
    text = " ".join(post.options.caption.split()) or ", ".join(
        asset.asset_id.rsplit("/", 1)[-1] for asset in post.assets[:2]
    )
    parts = [post.account, text if len(text) <= NAME_CHARS else text[: NAME_CHARS - 1] + "…"]
    if post.slot is not None:
        parts.append(post.slot.astimezone(ZoneInfo(post.zone or "UTC")).strftime("%d %b %H:%M"))
    return " · ".join(parts)
