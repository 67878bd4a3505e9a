"""Pictures of a photo post, fitted to what TikTok takes; the work is done by `photo_fitting` in a child process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airdate.errors import Refused
from airdate.media.programs.child import Said, call
from airdate.post import MOST_PHOTOS

WALL_S = 30.0
"""For one picture; the largest a phone makes takes a second."""

VERSION = 2
"""Grows when the same picture would come out otherwise, so that the store makes it anew."""

_CHILDS_OWN = ("media_crashes", "media_hangs")
"""What the runner says of a child that ended without a word; it cannot know at which picture."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """One picture as it goes out.

    Attributes:
        path: in the folder that was given, named by its hash; JPEG or WebP by its suffix.
        size: in bytes.
        reasons: what was done to it and why.
    """

    path: Path
    sha256: str
    size: int
    reasons: tuple[str, ...]


def fit(
    paths: Sequence[Path], names: Sequence[str], folder: Path, *, cancel: threading.Event | None = None
) -> tuple[Fitted, ...]:
    """Fit pictures in their order: upright, sRGB, JPEG or WebP, within TikTok's sizes, without metadata.

    One that is so already goes out byte for byte; where only metadata is too much, the pixels stay as they are.

    Args:
        names: what errors call the files.
        folder: gets the pictures.

    Raises:
        Refused: there are too many, or one of them is no photo, too large, or damaged.
        Transient: the disk is full, or it was cancelled.
    """
    if len(paths) > MOST_PHOTOS:
        raise Refused(
            "photos_too_many",
            f"there are {len(paths)} photos",
            item=names[MOST_PHOTOS],
            rule=f"TikTok, Photo Post reference: at most {MOST_PHOTOS} photos",
            fix=f"leave out {len(paths) - MOST_PHOTOS} of them",
        )
    folder.mkdir(parents=True, exist_ok=True)
    done: list[Fitted] = []
    order: dict[str, Any] = {"paths": [str(path) for path in paths], "names": list(names), "folder": str(folder)}
    try:
        call(
            "airdate.media.photos.fitting:fit_each",
            order,
            item=names[0],
            wall_s=WALL_S * len(paths),
            on_said=lambda said: done.append(_fitted(said, folder)),
            cancel=cancel,
        )
    except Refused as refused:
        if refused.code not in _CHILDS_OWN:
            raise
        at = min(len(done), len(paths) - 1)
        why = f"photo {at + 1} of {len(paths)}: {refused.message}"
        raise Refused(refused.code, why, item=names[at], rule=refused.rule, fix=refused.fix) from refused
    return tuple(done)


def _fitted(said: Said, folder: Path) -> Fitted:
    return Fitted(folder / said["file"], said["sha256"], said["size"], tuple(said["reasons"]))
