"""Music under a silent film: looped or cut to its length, faded in and out, as loud as is asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any

import ffmpeg as graph

from airdate.errors import Refused
from airdate.media.normalize import CONTAINER
from airdate.media.programs.ffmpeg import MUSIC_FORMATS, command, source
from airdate.media.programs.runner import run
from airdate.media.sound.leveling import ENCODER, RATE, Level, heard, leveled

FADE_S = 1.0
"""Music comes in and goes out over this."""

CHANNELS = 2


def check_music(music: Path, cancel: threading.Event | None = None) -> None:
    """Hear the beginning, so that photos are not made a film in vain. Raises as `add_music` does."""
    node = graph.output(_played(music), "-", t=1, f="null")
    with _refusing(music):
        run(command(node), item=music.name, seconds=1, cancel=cancel)


def add_music(
    silent: Path,
    music: Path,
    part: Path,
    seconds: float,
    loudness: float | None,
    *,
    cancel: threading.Event | None,
) -> str | None:
    """Write the silent film to `part` with the music under it; the picture is copied.

    Args:
        seconds: length of the film.
        loudness: LUFS; None leaves it.

    Returns:
        What was done about the loudness, in plain words.

    Raises:
        Refused: the music cannot be decoded.
        Transient: the disk is full, or it was cancelled.
    """

    def chain(level: Level | None) -> Any:
        played = heard(_looped(music, seconds), CHANNELS, seconds, level, fade_s=FADE_S)
        return played.filter("afade", t="in", d=FADE_S)

    leveling = None
    with _refusing(music):
        if loudness is not None:
            leveling = leveled(chain, loudness, channels=CHANNELS, item=music.name, seconds=seconds, cancel=cancel)
        picture = graph.input(f"file:{silent.absolute()}")["v"]
        sound = chain(None if leveling is None else leveling.level)
        options = {**CONTAINER, "c:v": "copy", **ENCODER}
        node = graph.output(picture, sound, f"file:{part.absolute()}", **options)
        run(command(node, "-xerror"), item=music.name, seconds=seconds, cancel=cancel)
    return None if leveling is None or loudness is None else f"music: {leveling.reason(loudness)}"


def _played(music: Path) -> Any:
    return source(music, None, format_whitelist=MUSIC_FORMATS)["a:0"]


def _looped(music: Path, seconds: float) -> Any:
    """The music again and again, of which no more is held than the film is long.

    What is decoded is looped and not the file, whose coder would put silence in front of it each time.
    """
    even = _played(music).filter("aresample", RATE).filter("asetpts", "N/SR/TB")
    return even.filter("aloop", loop=-1, size=ceil((seconds + FADE_S) * RATE))


@contextmanager
def _refusing(music: Path) -> Iterator[None]:
    try:
        yield
    except Refused:
        raise Refused(
            "music_unreadable",
            "the music cannot be decoded to its end",
            item=music.name,
            rule="MP3, M4A, WAV, FLAC, OGG, AIFF or WebM with a sound in it",
            fix="give another file, or leave the music out",
        ) from None
