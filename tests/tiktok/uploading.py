"""One upload to the strict host, and everything it tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from upload_host import Host

from airdate.files import SealedFile
from airdate.tiktok.chunks import ChunkPlan
from airdate.tiktok.upload import Progress, upload

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


SIZE = 1_000_003


PLAN = ChunkPlan(SIZE, 250_000, 4)


WHOLE = ChunkPlan(SIZE, SIZE, 1)


@dataclass
class Hooks:
    """Keeps everything it is told, in order; answers with the host's own count."""

    host: Host
    calls: list[tuple[str, int]] = field(default_factory=list)
    fence: Callable[[int], None] = lambda first: None
    progress: Callable[[], Progress] | None = None

    def before_send(self, first: int) -> None:
        self.calls.append(("send", first))
        self.fence(first)

    def before_last(self) -> None:
        self.calls.append(("last", len(self.host.puts)))

    def unrefused(self) -> None:
        self.calls.append(("out", len(self.host.puts)))

    def acknowledged(self, uploaded: int) -> None:
        self.calls.append(("has", uploaded))

    def ask_progress(self) -> Progress:
        self.calls.append(("ask", 0))
        if self.progress:
            return self.progress()
        return Progress(len(self.host.film), finished=len(self.host.film) == self.host.total)

    def told(self, name: str) -> list[int]:
        return [number for call, number in self.calls if call == name]


@dataclass
class Stage:
    """One upload to one host, on a clock that moves only when somebody waits."""

    film: SealedFile
    host: Host
    hooks: Hooks
    waits: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return NOW + timedelta(seconds=sum(self.waits))

    def upload(
        self, plan: ChunkPlan = PLAN, start: int = 0, minutes: float = 59, *, was_committed: bool = False
    ) -> None:
        upload(
            self.film,
            plan,
            self.host.url,
            start=start,
            deadline=NOW + timedelta(minutes=minutes),
            hooks=self.hooks,
            pause=self.waits.append,
            now=self.now,
            was_committed=was_committed,
        )

    @property
    def is_complete(self) -> bool:
        return bytes(self.host.film) == self.film.path.read_bytes()
