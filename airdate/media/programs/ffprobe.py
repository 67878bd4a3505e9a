"""A reader more, where the host has one: ffprobe sees the Dolby Vision record of a container that we do not read.

PyAV keeps such records to itself. Our own reader finds them in MP4 and Matroska; in an MPEG transport stream only
ffprobe does, and without it a film of profile 5 would come out green and violet.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path

from airdate.errors import NeedsPerson, Refused
from airdate.media.programs.runner import by_line, launch
from airdate.media.reading.opening import FORMATS, MAX_STREAMS
from airdate.settings import load_settings

WALL_S = 30.0
"""An answer takes a quarter of a second at most."""


@cache
def program() -> str | None:
    """The operator's ffprobe, else the system's, else None; checked once per process.

    Raises:
        NeedsPerson: the operator's does not work.
    """
    asked = load_settings().ffprobe
    if asked is None:
        return shutil.which("ffprobe")
    try:
        done = subprocess.run(
            [asked, "-version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=WALL_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as failed:
        raise _broken(asked, f"it cannot be started ({type(failed).__name__})") from None
    if not done.stdout.startswith("ffprobe version "):
        raise _broken(asked, "it does not say that it is ffprobe")
    return str(asked)


def _broken(place: Path, why: str) -> NeedsPerson:
    return NeedsPerson(
        "ffprobe_broken",
        f"this is no ffprobe that works: {why}",
        item=str(place),
        rule="AIRDATE_FFPROBE names an ffprobe 5.1 or newer",
        fix="name one that works in AIRDATE_FFPROBE, or unset it",
    )


def dolby_vision(path: Path, container: str, index: int, *, item: str) -> int | None:
    """The profile in the Dolby Vision record of a stream; None if it has none, or if no ffprobe can tell.

    Args:
        container: FFmpeg's name of the format, as probed.
        index: of the stream.
        item: what errors call the file.

    Raises:
        NeedsPerson: the operator's ffprobe does not work.
    """
    place = program()
    if place is None:
        return None
    said: list[str] = []

    def hear(line: str) -> bool:
        said.append(line)
        return True

    guard = ["-protocol_whitelist", "file", "-format_whitelist", FORMATS, "-max_streams", str(MAX_STREAMS)]
    wanted = ["-show_entries", "stream=index:stream_side_data=dv_profile", "-of", "json"]
    kind = ["-f", container.partition(",")[0]]
    try:
        launch(
            [place, "-v", "quiet", *guard, *wanted, *kind, "-i", f"file:{path.absolute()}"],
            item=item,
            wall_s=WALL_S,
            stall_s=WALL_S,
            taking=by_line(hear),
        )
        streams = json.loads("".join(said))["streams"]
        records = next(stream for stream in streams if stream["index"] == index)["side_data_list"]
        return next(int(record["dv_profile"]) for record in records if "dv_profile" in record)
    except (Refused, ValueError, LookupError, StopIteration):  # it hung, or printed half an answer, or there is none
        return None
