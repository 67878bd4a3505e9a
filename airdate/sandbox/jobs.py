"""Work that goes on beside the answers, each piece under the name of what it is for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator


class Jobs:
    """Those that are under way; whoever ends is forgotten."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, name: str, work: Coroutine[None, None, None]) -> None:
        """Begin one; nothing of its name may be under way."""
        self._tasks[name] = task = asyncio.create_task(work, name=name)
        task.add_done_callback(lambda _: self._tasks.pop(name, None))

    def cancel(self, name: str) -> None:
        """End one, if it is under way."""
        if task := self._tasks.pop(name, None):
            task.cancel()

    def cancel_all(self) -> None:
        """End them all."""
        for name in list(self._tasks):
            self.cancel(name)

    async def wait(self, name: str, within_s: float) -> None:
        """Wait until one ends, but no longer."""
        if task := self._tasks.get(name):
            await asyncio.wait({task}, timeout=within_s)

    def __contains__(self, name: str) -> bool:
        return name in self._tasks

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._tasks))
