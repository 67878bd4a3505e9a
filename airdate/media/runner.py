"""Running one ffmpeg command: progress, limits of time and stillness, cancel; and no ffmpeg that outlives us."""

from __future__ import annotations

import collections
import contextlib
import ctypes
import logging
import os
import resource
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import BinaryIO, cast

from airdate.errors import AirdateError, Refused, Transient

log = logging.getLogger(__name__)

OnProgress = Callable[[float], None]
"""Told the part that is done, 0 to 1, never less than before."""

STALL_S = 120.0
"""An ffmpeg that neither reads on nor writes for this long has hung; some inputs do that for ever."""

WALL_FLOOR_S = 300.0
WALL_FACTOR = 60.0
"""A job may last this many times the film, and five minutes in any case."""

MEMORY_BYTES = 8 * 1024**3
"""Address space of one ffmpeg; a 4K HDR encode maps under half of it, a bomb ends here and not in the host's memory."""

FILE_BYTES = 5_000_000_000
"""The largest file it may write; TikTok takes 4 GB."""

GRACE_S = 5.0
TICK_S = 0.1
TAIL_LINES = 40
LINE_BYTES = 500

_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def run(
    command: list[str],
    *,
    item: str,
    seconds: float,
    on_progress: OnProgress | None = None,
    cancel: threading.Event | None = None,
    feed: Callable[[BinaryIO], None] | None = None,
) -> list[str]:
    """Run a command to its end.

    Args:
        command: from `airdate.media.ffmpeg.command`, which leaves the progress options to us.
        item: the file it works on, for errors.
        seconds: length of what it makes, for the progress and the wall limit.
        feed: writes what ffmpeg reads from its standard input; what it raises is raised here.

    Returns:
        The last lines of its standard error.

    Raises:
        Refused: it failed, crashed or hung on this file.
        Transient: the disk is full, or it was cancelled (code `cancelled`).
    """
    full = [command[0], "-progress", "pipe:1", "-stats_period", "0.5", "-nostats", *command[1:]]
    log.debug("%s", shlex.join(full))
    with subprocess.Popen(
        full,
        stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=_bound,  # noqa: PLW1509  (it makes two system calls and takes no lock)
    ) as process:
        talk = _Talk(process, feed)
        try:
            verdict = _watch(process, talk, item, seconds, on_progress, cancel)
        finally:
            _end(process)
            talk.join()
    if talk.failed is not None:
        raise talk.failed
    if verdict is not None:
        raise verdict
    if process.returncode != 0:
        raise _failure(item, process.returncode, list(talk.tail))
    return list(talk.tail)


class _Talk:
    """The threads at the three pipes: reading both outputs at once is what keeps ffmpeg from blocking."""

    def __init__(self, process: subprocess.Popen[bytes], feed: Callable[[BinaryIO], None] | None) -> None:
        self.done_s = 0.0
        self.mark: tuple[bytes, bytes] = (b"", b"")
        self.tail: collections.deque[str] = collections.deque(maxlen=TAIL_LINES)
        self.failed: BaseException | None = None
        self._process = process
        works: list[Callable[[], None]] = [self._read_progress, self._read_errors]
        if feed is not None:
            works.append(lambda: self._feed(feed))
        self._threads = [threading.Thread(target=work, daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _read_progress(self) -> None:
        for line in cast("BinaryIO", self._process.stdout):
            name, _, value = line.strip().partition(b"=")
            if name == b"out_time_us":
                self.mark = (value, self.mark[1])
                if value.isdigit():
                    self.done_s = max(self.done_s, int(value) / 1e6)
            elif name == b"total_size":
                self.mark = (self.mark[0], value)

    def _read_errors(self) -> None:
        stream = cast("BinaryIO", self._process.stderr)
        while line := stream.readline(LINE_BYTES):
            self.tail.append(line.decode("utf-8", "replace").rstrip())

    def _feed(self, feed: Callable[[BinaryIO], None]) -> None:
        pipe = cast("BinaryIO", self._process.stdin)
        try:
            # A pipe that ffmpeg closed means that it ended, and its status tells why.
            with contextlib.suppress(BrokenPipeError), pipe:
                feed(pipe)
        except BaseException as failed:  # noqa: BLE001  (raised again in the caller's thread)
            self.failed = failed
            _signal(self._process, signal.SIGKILL)


def _watch(
    process: subprocess.Popen[bytes],
    talk: _Talk,
    item: str,
    seconds: float,
    on_progress: OnProgress | None,
    cancel: threading.Event | None,
) -> AirdateError | None:
    """Wait for the end; the error of a run that must be ended, or None."""
    began = moved = time.monotonic()
    mark = talk.mark
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(TICK_S)
            return None
        now = time.monotonic()
        if cancel is not None and cancel.is_set():
            return Transient("cancelled", "the work was stopped", item=item, fix="start it again when it is wanted")
        if talk.mark != mark:
            mark, moved = talk.mark, now
            if on_progress and seconds > 0:
                on_progress(min(1.0, talk.done_s / seconds))
        if now - moved > STALL_S or now - began > WALL_FLOOR_S + WALL_FACTOR * seconds:
            return Refused(
                "media_hangs",
                f"ffmpeg made no headway on this file in {now - moved:.0f} s of {now - began:.0f} s",
                item=item,
                rule=f"some headway every {STALL_S:.0f} s",
                fix="export it again from its editor, as MP4",
            )


def _bound() -> None:
    """In the child: die with the thread that started it, and keep to the limits."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the group, then SIGKILL: some inputs make ffmpeg deaf to the first."""
    if process.poll() is not None:
        return
    _signal(process, signal.SIGTERM)
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _failure(item: str, status: int, tail: list[str]) -> AirdateError:
    """A crash is a result too: the same file would crash it again."""
    said = next((line for line in reversed(tail) if line), "nothing")
    if any("No space left" in line or "Disk quota" in line for line in tail):
        return Transient(
            "disk_full", "the disk is full", item=item, rule="room for the rendition", fix="free some room there"
        )
    how = f"it was ended by signal {-status}" if status < 0 else f"it ended with status {status}"
    return Refused(
        "media_damaged",
        f"ffmpeg could not go through this file: {how} and said: {said}",
        item=item,
        rule="a film that decodes from its first picture to its last",
        fix="export it again from its editor, or convert what is left of it with --salvage",
    )
