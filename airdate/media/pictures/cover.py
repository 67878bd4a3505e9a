"""The picture that stands for a film in lists and profiles: where in the film it is, in milliseconds."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from airdate.media.probe import WALL_S, Probe
from airdate.media.profile import Cover
from airdate.media.programs.child import Said, call

LOOKED_AT_S = 10.0
"""How much of a film's beginning a cover is looked for in: what comes later would give the end away."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where the cover of a rendition is.

    Attributes:
        ms: milliseconds from its beginning; None leaves it to TikTok, which takes the first picture.
        words: on it, for the reasons.
    """

    ms: int | None = None
    words: tuple[str, ...] = ()


def find_cover(output: Probe, wanted: Cover, *, cancel: threading.Event | None = None) -> Found:
    """Where the picture is that stands for a rendition.

    Raises:
        Refused: the film ends its reader.
        Transient: it was cancelled.
    """
    if wanted is Cover.FIRST:
        return Found()
    if wanted is Cover.MIDDLE:
        middle = int(output.duration_s * 500)
        return Found(middle, (f"cover: the picture in the middle, at {middle / 1000:.2f} s",))
    found: list[Said] = []
    call(
        "airdate.media.pictures.clearest:look",
        {"path": str(output.path.absolute()), "seconds": LOOKED_AT_S},
        item=output.name,
        wall_s=WALL_S,
        on_said=found.append,
        cancel=cancel,
    )
    best = found[0]["ms"]
    return Found(best, (f"cover: the picture at {best / 1000:.2f} s, the clearest of the first {LOOKED_AT_S:.0f} s",))
