"""Which ffmpeg runs, and what is put before every input so that a hostile file reaches nothing but itself."""

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
from airdate.media.reader import FORMATS, MAX_PIXELS, MAX_STREAMS
from airdate.settings import load_settings

OLDEST = (5, 1)
NEEDED_ENCODERS = ("libx264", "aac")
NEEDED_FILTERS = ("zscale", "tonemap", "bwdif", "gblur", "scale", "overlay", "sidedata", "ebur128")

if not (hasattr(graph, "compile") and hasattr(graph, "nodes")):
    raise ImportError("another package than ffmpeg-python is installed under the name `ffmpeg`; remove that one")

GUARD: dict[str, Any] = {
    "protocol_whitelist": "file",
    "format_whitelist": FORMATS,
    "max_pixels": MAX_PIXELS,
    "max_streams": MAX_STREAMS,
}
"""Options of every input that is not of our own making. The protocols alone are not enough: a playlist named .mp4
may name a neighbour file."""

MUSIC_FORMATS = "mp3,wav,flac,aac,aiff,ogg,mov,mp4,m4a,matroska,webm"

QUIET = ("-hide_banner", "-v", "error")


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
    lacking = [name for name in NEEDED_ENCODERS if name not in _names(_asked(place, "-encoders"))]
    lacking += [name for name in NEEDED_FILTERS if name not in _names(_asked(place, "-filters"))]
    lacking += _age(_asked(place, "-version"))
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


def _asked(place: str, what: str) -> str:
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
    return done.stdout


def _names(listing: str) -> set[str]:
    return {fields[1] for line in listing.splitlines() if len(fields := line.split()) > 1}


def _age(version: str) -> list[str]:
    """What an old ffmpeg lacks, in a word; a build from the sources tells no number and counts as new."""
    found = re.match(r"ffmpeg version n?(\d+)\.(\d+)", version)
    if found and (int(found[1]), int(found[2])) < OLDEST:
        return [f"version {OLDEST[0]}.{OLDEST[1]}"]
    return []


def source(path: Path, container: str | None, **options: Any) -> Any:
    """An input node of a file that somebody gave us.

    `file:` keeps odd names from being taken for something else, and the format keeps patterns in them from being
    taken for a row of pictures.

    Args:
        container: FFmpeg's name of the format, as probed; None lets ffmpeg find out.
    """
    known = {} if container is None else {"f": container.partition(",")[0]}
    return graph.input(f"file:{path.absolute()}", **{**GUARD, **known, **options})


def command(node: Any, *flags: str) -> list[str]:
    """The arguments of an output node, for the runner."""
    return list(node.global_args(*QUIET, *flags).overwrite_output().compile(cmd=program()))
