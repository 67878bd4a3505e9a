"""Recordings that were joined end to end: the clock of a broadcast begins anew in the middle, and is gone on with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import av

JOINABLE = ("mpegts", "mpeg")
"""Containers that may be joined byte by byte, and whose clocks ffmpeg makes one; of others it believes each time."""

JUMP_S = 10.0
"""A packet that comes this much sooner or later than it was due begins a clock anew (ffmpeg, -dts_delta_threshold)."""

BACK_S = 0.1
"""As does one that comes this much before the one before it."""


@dataclass(slots=True)
class Clock:
    """One clock for all packets of a film, as ffmpeg makes it.

    Attributes:
        offset_s: what is to be added to times from the last packet on.
        jumps: how often the film's own clock began anew.
    """

    offset_s: float = 0.0
    jumps: int = 0
    _last_s: dict[int, float] = field(default_factory=dict)
    _due_s: dict[int, float] = field(default_factory=dict)

    def follow(self, packet: av.Packet[Any]) -> float:
        """What is to be added to a packet's times, in seconds; packets come as the file has them."""
        if packet.dts is None:
            return self.offset_s
        stream, seconds = packet.stream_index, packet.time_base or 0
        at_s = float(packet.dts * seconds) + self.offset_s
        late_s = at_s - self._due_s.get(stream, at_s)
        if abs(late_s) > JUMP_S or at_s + BACK_S < self._last_s.get(stream, at_s):
            self.offset_s, self.jumps, at_s = self.offset_s - late_s, self.jumps + 1, at_s - late_s
        self._last_s[stream] = at_s
        self._due_s[stream] = at_s + float((packet.duration or 0) * seconds)
        return self.offset_s
