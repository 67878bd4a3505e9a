"""Copied pictures as even as they were shot, where a container's clock was too coarse to say so.

A clock of milliseconds puts 24 pictures a second 41 and 42 ms apart: each is put back to where it belongs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ffmpeg as graph

from airdate.media.film.chain import exact_rate
from airdate.media.probe import Picture
from airdate.media.programs.ffmpeg import build, command

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

    @property
    def rounds_alone(self) -> bool:
        """Whether a clock that ticks once a picture puts them right, as a rate of whole numbers has it."""
        return self.ticks % self.step == 0

    def filters(self) -> list[str]:
        """Bitstream filters for pictures that are on a finer clock, or can be put on one."""
        pts, dts = (f"STARTPTS+{self.step}*round(({time}-STARTPTS)/{self.step})" for time in ("PTS", "DTS"))
        finer = [f"setts=pts=PTS:dts=DTS:time_base=1/{self.ticks}"] if build().changes_clocks else []
        return [*finer, f"setts=pts={pts}:dts={dts}"]


def grid_of(picture: Picture) -> Grid | None:
    """The grid that a film's pictures left because its container rounds; None if they are on it, or have none."""
    rate = exact_rate(picture.fps)
    drift = abs(float(rate) - picture.fps) * (picture.end_s - picture.start_s)
    if not picture.is_rounded or drift > MOST_DRIFT:
        return None
    finer = 1 if rate.numerator >= FINE_TICKS else FINE_TICKS
    return Grid(rate.numerator * finer, rate.denominator * finer)


def on_grid(grid: Grid) -> tuple[list[str], int]:
    """Bitstream filters that put a copy's pictures on a grid, and the ticks a second it is written with.

    An older ffmpeg forgets to convert times: it rounds them to whole pictures where a second has some, and else is
    given the finer clock for `again`.
    """
    if build().changes_clocks:
        return grid.filters(), grid.ticks
    return [], grid.ticks // grid.step if grid.rounds_alone else grid.ticks


def again(grid: Grid, copy: Path, out: Path, container: dict[str, Any], *flags: str) -> list[str] | None:
    """The command that puts a copy's pictures on a grid once they have its clock; None if they are on it by now."""
    if build().changes_clocks or grid.rounds_alone:
        return None
    film = graph.input(f"file:{copy.absolute()}", f="mp4")
    options = {**container, "c": "copy", "bsf:v": ",".join(grid.filters()), "video_track_timescale": grid.ticks}
    return command(graph.output(film["v"], film["a?"], f"file:{out.absolute()}", **options), *flags)
