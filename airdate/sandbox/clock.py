"""The sandbox's clock: it runs with the real one and can be put forward, so that rules of hours need no waiting."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping

_AHEAD = "ahead"


class Clock:
    """Seconds since the epoch; every rule of the sandbox that has a time in it reads this."""

    def __init__(self, time: Callable[[], float], kept: MutableMapping[str, float]) -> None:
        """Go on where `kept` says that the clock of an earlier process stood."""
        self._time = time
        self._kept = kept

    def now(self) -> float:
        """The sandbox's time."""
        return self._time() + self._kept.get(_AHEAD, 0.0)

    def advance(self, seconds: float) -> None:
        """Put it forward."""
        self.skew(self._kept.get(_AHEAD, 0.0) + seconds)

    def skew(self, seconds: float) -> None:
        """Have it be so far ahead of the real time, or behind it when negative."""
        self._kept[_AHEAD] = seconds

    def reset(self) -> None:
        """Back to the real time."""
        self._kept.clear()
