"""Photos as a film: made in a child process, because it decodes what strangers made; music is put under it after."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from airdate.media.normalize import encoder
from airdate.media.plan import Plan
from airdate.media.probe import WALL_S
from airdate.media.programs.child import Said, call
from airdate.media.programs.runner import OnProgress
from airdate.media.slides.slide import Look, Slide
from airdate.media.sound.beats import on_beats
from airdate.media.sound.music import add_music, check_music

PHOTO_WALL_S = 120.0
"""The longest one photo and its frames may take: a hundred times what they do."""

_X264 = ("preset", "crf", "maxrate", "bufsize", "threads")


def make_slideshow(plan: Plan, part: Path, *, on_progress: OnProgress | None, cancel: threading.Event | None) -> Plan:
    """Write the film of a slideshow plan to `part`.

    Returns:
        The plan, whose reasons say by now how loud the music was.

    Raises:
        Refused: a photo is damaged, or the music cannot be decoded.
        Transient: the disk is full, or it was cancelled.
    """
    music = plan.profile.music
    silent = part if music is None else part.with_name(f"{part.name}.silent")
    word = None

    def tell(said: Said) -> None:
        if on_progress is not None:
            on_progress(said["done"])

    if music is not None:
        check_music(music, cancel)
    try:
        frames = stands(plan, cancel)
        call(
            "airdate.media.slides.showing:show",
            {**_order(plan, frames), "out": str(silent.absolute())},
            item=plan.inputs[0].name,
            wall_s=PHOTO_WALL_S * len(plan.inputs),
            on_said=tell,
            cancel=cancel,
        )
        if music is not None:
            word = add_music(silent, music, part, plan.seconds, plan.profile.loudness, cancel=cancel)
    finally:
        if silent != part:
            silent.unlink(missing_ok=True)
    return plan if word is None else replace(plan, reasons=(*plan.reasons, word))


def check_font(path: Path) -> None:
    """Raise `Refused` where a font cannot be read: before any work, and not by the first photo that has a title."""
    call(
        "airdate.media.slides.fonts:prove",
        {"font": str(path.absolute())},
        item=path.name,
        wall_s=WALL_S,
        on_said=lambda _: None,
    )


def stands(plan: Plan, cancel: threading.Event | None = None) -> list[int]:
    """Frames of each photo; on the music's beats if that is wanted and it has any. Raises as `make_slideshow`."""
    profile = plan.profile
    alike = [round(plan.seconds_per_photo * profile.fps)] * len(plan.inputs)
    if profile.music is None or not profile.on_beat:
        return alike
    found: list[Said] = []
    call(
        "airdate.media.sound.beats:find",
        {"path": str(profile.music.absolute()), "seconds": plan.seconds},
        item=profile.music.name,
        wall_s=WALL_S + plan.seconds,
        on_said=found.append,
        cancel=cancel,
    )
    beats, lasts = found[0]["beats"], found[0]["lasts"]
    return on_beats(alike, _cross(plan), beats, profile.fps, lasts) if beats else alike


def _cross(plan: Plan) -> int:
    return round(plan.crossfade_s * plan.profile.fps)


def _order(plan: Plan, frames: Sequence[int]) -> dict[str, object]:
    profile = plan.profile
    options = encoder(profile, profile.fps)
    slides = [
        Slide(
            path=str(probe.path.absolute()),
            name=probe.name,
            title=probe.photo.caption if probe.photo and profile.titles else None,
            frames=each,
        )
        for probe, each in zip(plan.inputs, frames, strict=True)
    ]
    look = Look(
        frame=(profile.width, profile.height),
        framing=plan.framing.value,
        safe=profile.safe_zones,
        moving=profile.ken_burns,
        font=str(profile.titles.absolute()) if profile.titles else "",
    )
    return {
        "slides": [asdict(slide) for slide in slides],
        "look": asdict(look),
        "fps": profile.fps,
        "cross": _cross(plan),
        "options": {name: str(options[name]) for name in _X264} | {"profile": "high"},
    }
