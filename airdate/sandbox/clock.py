"""The sandbox's clock: it runs with the real one and can be put forward, so that rules of hours need no waiting."""

from __future__ import annotations

from collections.abc import Callable


class Clock:
    """Seconds since the epoch; every rule of the sandbox that has a time in it reads this."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._ahead = 0.0

    def now(self) -> float:
        """The sandbox's time."""
        return self._time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Put it forward."""
        self._ahead += seconds

    def reset(self) -> None:
        """Back to the real time."""
        self._ahead = 0.0
