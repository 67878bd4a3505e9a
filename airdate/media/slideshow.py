"""Photos as a film: made in a child process, because it decodes what strangers made; music is put under it after."""

from __future__ import annotations

import threading
from pathlib import Path

from airdate.media.child import Said, call
from airdate.media.normalize import CONTAINER, encoder
from airdate.media.plan import Plan
from airdate.media.runner import OnProgress
from airdate.media.sound import add_music

PHOTO_WALL_S = 120.0
"""The longest one photo and its frames may take: a hundred times what they do."""

_X264 = ("preset", "crf", "maxrate", "bufsize", "threads")


def make_slideshow(plan: Plan, part: Path, *, on_progress: OnProgress | None, cancel: threading.Event | None) -> None:
    """Write the film of a slideshow plan to `part`.

    Raises:
        Refused: a photo is damaged, or the music cannot be decoded.
        Transient: the disk is full, or it was cancelled.
    """
    music = plan.profile.music
    silent = part if music is None else part.with_name(f"{part.name}.silent")

    def tell(said: Said) -> None:
        if on_progress is not None:
            on_progress(said["done"])

    try:
        call(
            "airdate.media.showing:show",
            {**_order(plan), "out": str(silent.absolute())},
            item=plan.inputs[0].name,
            wall_s=PHOTO_WALL_S * len(plan.inputs),
            on_said=tell,
            cancel=cancel,
        )
        if music is not None:
            add_music(silent, music, part, plan.seconds, plan.profile.loudness, CONTAINER, cancel=cancel)
    finally:
        if silent != part:
            silent.unlink(missing_ok=True)


def _order(plan: Plan) -> dict[str, object]:
    profile = plan.profile
    options = encoder(profile, profile.fps)
    return {
        "paths": [str(probe.path.absolute()) for probe in plan.inputs],
        "names": [probe.name for probe in plan.inputs],
        "titles": [probe.photo.caption if probe.photo and profile.titles else None for probe in plan.inputs],
        "font": str(profile.titles.absolute()) if profile.titles else "",
        "size": plan.size,
        "fps": profile.fps,
        "each": round(plan.seconds_per_photo * profile.fps),
        "cross": round(plan.crossfade_s * profile.fps),
        "framing": plan.framing.value,
        "moving": profile.ken_burns,
        "options": {name: str(options[name]) for name in _X264} | {"profile": "high"},
    }
