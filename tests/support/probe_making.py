"""Probes of films and photos that nobody made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from airdate.media.probe import Kind, PhotoFacts, Picture, Probe, Sound
from airdate.media.reading.boxes import Boxes


def film(
    *,
    seconds: float = 10.0,
    picture: dict[str, Any] | None = None,
    sound: dict[str, Any] | None = None,
    boxes: dict[str, Any] | None = None,
    mute: bool = False,
    **probe: Any,
) -> Probe:
    """A film that needs nothing, but for what is said otherwise."""
    seen = Picture(
        index=0,
        codec="h264",
        profile="High",
        pix_fmt="yuv420p",
        width=1080,
        height=1920,
        sar=1.0,
        rotation=0,
        is_turned=False,
        is_interlaced=False,
        may_interlace=False,
        is_mixed=False,
        has_alpha=False,
        fps=30.0,
        is_variable=False,
        is_rounded=False,
        matrix="bt709",
        primaries="bt709",
        transfer="bt709",
        range="tv",
        dolby_vision=None,
        crop=(0, 0, 0, 0),
        start_s=0.0,
        end_s=seconds,
        hidden_s=0.0,
        edits=1,
        starts_whole=True,
        is_joined=False,
        wait_s=0.0,
        is_timed=True,
    )
    heard = Sound(
        index=1,
        codec="aac",
        profile="LC",
        channels=2,
        rate=48_000,
        start_s=0.0,
        end_s=seconds,
        is_timed=True,
        is_trimmed=False,
        starts_whole=True,
        is_mixed=False,
        edits=1,
    )
    facts = {
        "brand": "isom",
        "moov_first": True,
        "truncated": False,
        "has_index": True,
        "fragmented": False,
        "encrypted": False,
        "dolby_vision": None,
        "has_metadata": False,
        "used_bytes": probe.get("size", 1_000_000),
        "unpacked_bytes": 0,
        "tracks": (),
    }
    found = {
        "path": Path("film.mp4"),
        "name": "film.mp4",
        "kind": Kind.VIDEO,
        "size": 1_000_000,
        "container": "mov,mp4,m4a,3gp,3g2,mj2",
        "start_s": 0.0,
        "lead_s": 0.0,
        "duration_s": seconds,
        "streams": 1 if mute else 2,
        "cut_off": None,
        "unheard": None,
        "picture": replace(seen, **(picture or {})),
        "sound": None if mute else replace(heard, **(sound or {})),
        "boxes": Boxes(**{**facts, **(boxes or {})}),
        "photo": None,
    }
    return Probe(**{**found, **probe})


def photos(count: int) -> list[Probe]:
    shown = PhotoFacts("jpeg", 1080, 1350)
    return [
        film(kind=Kind.PHOTO, picture=None, mute=True, photo=shown, name=f"{number}.jpg") for number in range(count)
    ]
