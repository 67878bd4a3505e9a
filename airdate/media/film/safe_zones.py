"""The part of an upright frame that TikTok's own buttons and texts leave free.

TikTok shows tabs above, the account, caption and sound below, and a column of buttons on the right, over every film.
How large they are is not part of its API and differs by phone, caption and placement; what follows is the middle of
what makers of templates for TikTok's advertisements publish for a frame of 1080×1920, as parts of the frame.
"""

from __future__ import annotations

TOP = 150 / 1920
"""Tabs and search; published figures go from 126 to 250 pixels."""

BOTTOM = 440 / 1920
"""Account, caption and sound; published figures go from 320 to 480 pixels."""

RIGHT = 150 / 1080
"""The column of buttons; published figures go from 120 to 180 pixels."""

LEFT = 60 / 1080
"""A margin beside the caption."""

Box = tuple[int, int, int, int]
"""Left, top, width and height, in even pixels."""


def free_box(size: tuple[int, int]) -> Box:
    """Where nothing covers a frame of this size."""
    width, height = size
    left, top = _even(width * LEFT), _even(height * TOP)
    return left, top, _even(width * (1 - RIGHT)) - left, _even(height * (1 - BOTTOM)) - top


def whole_box(size: tuple[int, int]) -> Box:
    """All of a frame."""
    return 0, 0, *size


def fitted(shown: tuple[int, int], box: Box) -> Box:
    """A picture in the middle of a box: as large as it goes, and never stretched."""
    left, top, width, height = box
    factor = min(width / shown[0], height / shown[1])
    inner = (min(width, _nearest_even(shown[0] * factor)), min(height, _nearest_even(shown[1] * factor)))
    return left + _even((width - inner[0]) / 2), top + _even((height - inner[1]) / 2), *inner


def _nearest_even(value: float) -> int:
    return max(2, round(value / 2) * 2)


def _even(value: float) -> int:
    """The even number at or below it: colours are stored for pairs of pixels."""
    return int(value // 2) * 2
