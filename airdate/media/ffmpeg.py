"""Which ffmpeg runs, and what stands before every input so that a hostile file reaches nothing but itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import ffmpeg as graph
import imageio_ffmpeg

from airdate.errors import NeedsPerson
from airdate.media.probe import FORMATS, MAX_PIXELS, MAX_STREAMS
from airdate.settings import load_settings

if not (hasattr(graph, "compile") and hasattr(graph, "nodes")):
    raise ImportError("the module `ffmpeg` is not ffmpeg-python's: another package of that import name is installed")

MIN_VERSION = (5, 1)
"""The oldest that has every flag used here."""

NEEDED = {
    "-encoders": ("libx264", "aac"),
    "-filters": ("zscale", "tonemap", "bwdif", "gblur", "aresample", "ebur128"),
}

GUARD: dict[str, Any] = {
    "protocol_whitelist": "file",
    "format_whitelist": FORMATS,
    "max_pixels": MAX_PIXELS,
    "max_streams": MAX_STREAMS,
}
"""Before every input that is not of our making. The protocol list alone is not enough: a playlist named .mp4 may name
a neighbour file."""

CHECK_TIMEOUT_S = 30.0


def program() -> str:
    """The ffmpeg to run: the operator's (`AIRDATE_FFMPEG`), else the embedded one, else the system's.

    Raises:
        NeedsPerson: there is none, it does not run, or it lacks a part that is needed.
    """
    asked = load_settings().ffmpeg
    place = str(asked) if asked is not None else _embedded() or shutil.which("ffmpeg")
    if place is None:
        raise _unfit("ffmpeg_missing", "AIRDATE_FFMPEG", "there is no ffmpeg on this host")
    return _checked(place)


def source(path: Path, container: str, **options: Any) -> Any:
    """The input node of a file that somebody gave us.

    `file:` and the format that the probe found keep odd names (`a:b.mp4`, `%03d.jpg`) from being taken for more.
    """
    return graph.input(f"file:{path}", f=container.partition(",")[0], **GUARD, **options)


def command(output: Any) -> list[str]:
    """The command line of a graph, with the options that every run has."""
    quiet = output.global_args("-hide_banner", "-nostdin", "-v", "error").overwrite_output()
    return list(graph.compile(quiet, cmd=program()))


def _embedded() -> str | None:
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        return None


@cache
def _checked(place: str) -> str:
    """The answer is kept for the process: a host's ffmpeg does not change under a run."""
    first = _said(place, "-version").partition("\n")[0]
    version = re.search(r"version n?(\d+)\.(\d+)", first)
    if version and (int(version[1]), int(version[2])) < MIN_VERSION:
        raise _unfit("ffmpeg_old", place, f"this ffmpeg is {version[1]}.{version[2]}")
    for list_option, needed in NEEDED.items():
        known = set(_said(place, list_option).split())
        lacking = [name for name in needed if name not in known]
        if lacking:
            raise _unfit("ffmpeg_incapable", place, f"this ffmpeg lacks {', '.join(lacking)}")
    return place


def _said(place: str, option: str) -> str:
    try:
        return subprocess.run(
            [place, "-hide_banner", option],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CHECK_TIMEOUT_S,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError) as failed:
        raise _unfit("ffmpeg_broken", place, f"this ffmpeg does not run: {type(failed).__name__}") from None


def _unfit(code: str, item: str, message: str) -> NeedsPerson:
    parts = ", ".join(name for names in NEEDED.values() for name in names)
    return NeedsPerson(
        code,
        message,
        item=item,
        rule=f"ffmpeg {MIN_VERSION[0]}.{MIN_VERSION[1]} or newer with {parts}",
        fix="unset AIRDATE_FFMPEG to use the embedded one, or name a full build there",
    )
