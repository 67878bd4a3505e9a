"""Which ffmpeg runs, and what is put before every input so that a hostile file reaches nothing but itself."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import ffmpeg as graph
import imageio_ffmpeg

from airdate.errors import NeedsPerson
from airdate.media.probe import FORMATS, MAX_PIXELS
from airdate.settings import load_settings

NEEDED_ENCODERS = ("libx264", "aac")
NEEDED_FILTERS = ("zscale", "tonemap", "bwdif", "gblur", "scale", "overlay")

if not (hasattr(graph, "compile") and hasattr(graph, "nodes")):
    raise ImportError("another package than ffmpeg-python is installed under the name `ffmpeg`; remove that one")

GUARD: dict[str, Any] = {
    "protocol_whitelist": "file",
    "format_whitelist": FORMATS,
    "max_pixels": MAX_PIXELS,
    "max_streams": 32,
}
"""Options of every input that is not of our own making."""


@cache
def program() -> str:
    """The ffmpeg to use: the operator's, else the embedded one, else the system's; checked once per process.

    Raises:
        NeedsPerson: there is none, or it lacks what we need.
    """
    asked = load_settings().ffmpeg
    place = str(asked) if asked is not None else _embedded() or shutil.which("ffmpeg")
    if place is None:
        raise NeedsPerson(
            "ffmpeg_missing",
            "no ffmpeg is here",
            item="AIRDATE_FFMPEG",
            rule="an ffmpeg with libx264 and aac",
            fix="install ffmpeg 5.1 or newer, and name it in AIRDATE_FFMPEG",
        )
    lacking = [name for name in NEEDED_ENCODERS if name not in _listing(place, "-encoders")]
    lacking += [name for name in NEEDED_FILTERS if name not in _listing(place, "-filters")]
    if lacking:
        raise NeedsPerson(
            "ffmpeg_incapable",
            f"this ffmpeg lacks {', '.join(lacking)}",
            item=place,
            rule=f"encoders {', '.join(NEEDED_ENCODERS)}; filters {', '.join(NEEDED_FILTERS)}",
            fix="unset AIRDATE_FFMPEG to use the embedded one, or install a full build",
        )
    return place


def _embedded() -> str | None:
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        return None


def _listing(place: str, what: str) -> set[str]:
    try:
        done = subprocess.run(
            [place, "-hide_banner", what],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError) as failed:
        raise NeedsPerson(
            "ffmpeg_broken",
            f"this ffmpeg does not run: {type(failed).__name__}",
            item=place,
            rule="an ffmpeg 5.1 or newer",
            fix="unset AIRDATE_FFMPEG to use the embedded one, or name a working one",
        ) from None
    return {fields[1] for line in done.stdout.splitlines() if len(fields := line.split()) > 1}


def source(path: Path, container: str) -> Any:
    """An input node of a file that somebody gave us.

    `file:` and the format that the probe found keep odd names (`a:b.mp4`, `%03d.jpg`) from being taken for more.
    """
    return graph.input(f"file:{path}", f=container.partition(",")[0], **GUARD)
