"""One clock for the workers and for the sandbox: it runs with the real one, and the rehearsal puts it forward."""

from __future__ import annotations

import mmap
import struct
import time
from datetime import UTC, datetime

_SECONDS = struct.Struct("d")

SHORT_S = 1.0
"""A shorter wait is waited out in a small part of it; a longer one puts the clock forward. So a worker that looks
twice a second whether another's lease is free does not make that lease old."""

PART = 0.05
"""The part of a short wait that is waited out."""

LONG_S = 0.01
"""Real seconds for a long one."""


class Clock:
    """Shared by this process and all that are forked from it."""

    def __init__(self) -> None:
        self._ahead = mmap.mmap(-1, _SECONDS.size)

    def time(self) -> float:
        """Seconds since the epoch."""
        (ahead,) = _SECONDS.unpack(self._ahead[:])
        return time.time() + float(ahead)

    def now(self) -> datetime:
        """The same instant, aware."""
        return datetime.fromtimestamp(self.time(), UTC)

    def jump(self, seconds: float) -> None:
        """Put it forward. Two that do so at once may lose one of the jumps, which harms nothing."""
        (ahead,) = _SECONDS.unpack(self._ahead[:])
        self._ahead[:] = _SECONDS.pack(float(ahead) + seconds)

    def pause(self, seconds: float) -> None:
        """How the engine waits in a rehearsal."""
        if seconds < SHORT_S:
            time.sleep(max(0.0, seconds) * PART)
            return
        time.sleep(LONG_S)
        self.jump(seconds - LONG_S)
