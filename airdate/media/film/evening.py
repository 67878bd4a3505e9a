"""Copied pictures as even as they were shot, where a container's clock was too coarse to say so.

A clock of milliseconds puts 24 pictures a second 41 and 42 ms apart: each is put back to where it belongs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airdate.media.film.chain import exact_rate
from airdate.media.probe import Picture
from airdate.media.programs.ffmpeg import build

FINE_TICKS = 1000
"""Fewer a second would round the film's beginning by some milliseconds."""

MOST_DRIFT = 0.25
"""Pictures by which a film may leave the even grid of its rate until its end; farther off it is another rate."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The even times of a rate.

    Attributes:
        ticks: of its clock, a second.
        step: ticks from one picture to the next.
    """

    ticks: int
    step: int

    def at_once(self) -> tuple[list[str], int]:
        """Bitstream filters that put a copy's pictures on the grid, and the ticks a second it is written with.

        An older ffmpeg forgets to convert times on the way, and is given the finer clock alone, for `later`.
        """
        if build().changes_clocks:
            return [f"setts=pts=PTS:dts=DTS:time_base=1/{self.ticks}", self._rounding()], self.ticks
        return [], self.ticks

    def later(self) -> dict[str, Any] | None:
        """Options of a copy of a copy that has the clock by now; None if its pictures are on the grid."""
        return None if build().changes_clocks else {"bsf:v": self._rounding(), "video_track_timescale": self.ticks}

    def _rounding(self) -> str:
        pts, dts = (f"STARTPTS+{self.step}*round(({time}-STARTPTS)/{self.step})" for time in ("PTS", "DTS"))
        return f"setts=pts={pts}:dts={dts}"


def grid_of(picture: Picture) -> Grid | None:
    """The grid that a film's pictures left because its container rounds; None if they are on it, or have none."""
    rate = exact_rate(picture.fps)
    drift = abs(float(rate) - picture.fps) * (picture.end_s - picture.start_s)
    if not picture.is_rounded or drift > MOST_DRIFT:
        return None
    finer = 1 if rate.numerator >= FINE_TICKS else FINE_TICKS
    return Grid(rate.numerator * finer, rate.denominator * finer)
