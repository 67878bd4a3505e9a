"""What a show is told of its photos; without Pillow, which only its child needs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slide:
    """One photo of a show.

    Attributes:
        name: what errors call it.
        title: what is written onto it; None for nothing.
        frames: how many it is shown, cross-fades included.
    """

    path: str
    name: str
    title: str | None
    frames: int


@dataclass(frozen=True, slots=True)
class Look:
    """What all photos of a show have in common.

    Attributes:
        frame: width and height, in pixels.
        framing: how a photo fills it.
        safe: keep clear of TikTok's buttons and texts.
        moving: photos come nearer, or go farther off.
        font: the file that titles are written with; empty for none.
    """

    frame: tuple[int, int]
    framing: str
    safe: bool
    moving: bool
    font: str
