"""Which ffmpeg runs, and what is put before every input so that a hostile file reaches nothing but itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import ffmpeg as graph
import imageio_ffmpeg

from airdate.errors import NeedsPerson
from airdate.media.reading.opening import FORMATS, IGNORED_INDEX, MAX_PIXELS, MAX_STREAMS
from airdate.settings import load_settings

OLDEST = (5, 1)
CHANGING_CLOCKS = (9, 0)
ENDING_ALONE = (7, 0)
"""The oldest that were seen to do it right."""

NEEDED_ENCODERS = ("libx264", "aac")
_OF_PICTURES = """
    bwdif crop format fps gblur overlay pad premultiply scale setparams setpts setsar sidedata split tonemap transpose
    trim vflip zscale
"""
_OF_SOUND = "afade aformat alimiter aloop apad aresample asetnsamples asetpts atrim ebur128 volume"
NEEDED_FILTERS = (*_OF_PICTURES.split(), *_OF_SOUND.split())

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

RULE = f"an ffmpeg {OLDEST[0]}.{OLDEST[1]} or newer"
SAY_HOW_LONG_S = 30
"""A program that does not tell its version by then is none that we can work with."""


@dataclass(frozen=True, slots=True)
class Build:
    """An ffmpeg, as it describes itself.

    Attributes:
        place: where it is.
        version: as it says it; a build from the sources has a hash there.
    """

    place: str
    version: str
    encoders: frozenset[str]
    filters: frozenset[str]

    @property
    def changes_clocks(self) -> bool:
        """Whether its bitstream filters can give a stream a finer clock; 5.1 and 7.0 forget to convert its times."""
        return not self._is_before(CHANGING_CLOCKS)

    @property
    def ends_streams_alone(self) -> bool:
        """Whether a stream that has the number of pictures it may have goes on without ending the others."""
        return not self._is_before(ENDING_ALONE)

    def lacking(self) -> list[str]:
        """What we need and it has not."""
        return [
            *(name for name in NEEDED_ENCODERS if name not in self.encoders),
            *(name for name in NEEDED_FILTERS if name not in self.filters),
            *([f"what came with {OLDEST[0]}.{OLDEST[1]} (it is {self.version})"] if self._is_before(OLDEST) else []),
        ]

    def _is_before(self, version: tuple[int, int]) -> bool:
        """A build from the sources tells no number and counts as new."""
        found = re.match(r"n?(\d+)\.(\d+)", self.version)
        return found is not None and (int(found[1]), int(found[2])) < version


def program() -> str:
    """The ffmpeg to use: the operator's, else the embedded one, else the system's; checked once per process.

    Raises:
        NeedsPerson: there is none, or it lacks what we need.
    """
    return build().place


@cache
def build() -> Build:
    """The ffmpeg of `program`, and what it has. Raises as `program` does."""
    _check_graph()
    asked = load_settings().ffmpeg
    place = str(asked) if asked is not None else _embedded() or shutil.which("ffmpeg")
    if place is None:
        raise NeedsPerson(
            "ffmpeg_missing",
            "no ffmpeg is here",
            item="AIRDATE_FFMPEG",
            rule=f"{RULE} with {', '.join(NEEDED_ENCODERS)}",
            fix="install ffmpeg 5.1 or newer, and name it in AIRDATE_FFMPEG",
        )
    found = _described(place)
    if lacking := found.lacking():
        raise NeedsPerson(
            "ffmpeg_incapable",
            f"this ffmpeg lacks {', '.join(lacking)}",
            item=place,
            rule=f"{RULE}; encoders {', '.join(NEEDED_ENCODERS)}; filters {', '.join(NEEDED_FILTERS)}",
            fix="name a full build of ffmpeg in AIRDATE_FFMPEG, or unset it to use the embedded one",
        )
    return found


def _check_graph() -> None:
    """Several packages bring a module named `ffmpeg`; whichever was installed last wins without a word."""
    if getattr(getattr(graph, "compile", None), "__module__", None) != "ffmpeg._run" or not hasattr(graph, "nodes"):
        raise NeedsPerson(
            "ffmpeg_python_shadowed",
            "another package than ffmpeg-python is installed under the name `ffmpeg`",
            item=str(getattr(graph, "__file__", None) or "ffmpeg"),
            rule="the module `ffmpeg` is ffmpeg-python's",
            fix="uninstall typed-ffmpeg, python-ffmpeg or ffmpeg-binaries, then install ffmpeg-python again",
        )


def _embedded() -> str | None:
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        return None


def _described(place: str) -> Build:
    """What a program says of itself: two starts, and the version stands above the first list."""
    encoders, banner = _asked(place, "-encoders")
    version = re.match(r"ffmpeg version (\S+)", banner)
    if version is None:
        raise _broken(place, "it does not say that it is ffmpeg")
    filters, _ = _asked(place, "-filters")
    return Build(place, version[1], _names(encoders), _names(filters))


def _asked(place: str, what: str) -> tuple[str, str]:
    try:
        done = subprocess.run(
            [place, what],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SAY_HOW_LONG_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise _broken(place, f"it says nothing for {SAY_HOW_LONG_S} s") from None
    except OSError as failed:
        raise _broken(place, f"it cannot be started: {failed.strerror}") from None
    if done.returncode != 0:
        raise _broken(place, f"asked with {what}, it ends with status {done.returncode}")
    return done.stdout, done.stderr


def _broken(place: str, why: str) -> NeedsPerson:
    return NeedsPerson(
        "ffmpeg_broken",
        f"this is no ffmpeg that works: {why}",
        item=place,
        rule=RULE,
        fix="name one that works in AIRDATE_FFMPEG, or unset it to use the embedded one",
    )


def _names(listing: str) -> frozenset[str]:
    return frozenset(fields[1] for line in listing.splitlines() if len(fields := line.split()) > 1)


def source(path: Path, container: str | None, **options: Any) -> Any:
    """An input node of a file that somebody gave us.

    `file:` keeps odd names from being taken for something else, and the format keeps patterns in them from being
    taken for a row of pictures.

    Args:
        container: FFmpeg's name of the format, as probed; None lets ffmpeg find out.
    """
    known = {} if container is None else {"f": container.partition(",")[0], **IGNORED_INDEX.get(container, {})}
    return graph.input(f"file:{path.absolute()}", **{**GUARD, **known, **options})


def command(node: Any, *flags: str) -> list[str]:
    """The arguments of an output node, for the runner."""
    return list(node.global_args(*QUIET, *flags).overwrite_output().compile(cmd=program()))
