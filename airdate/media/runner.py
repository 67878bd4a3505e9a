"""Running ffmpeg: progress, limits of time and stillness, cancel; and never an ffmpeg that outlives us."""

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
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from airdate.errors import Refused, Transient

log = logging.getLogger(__name__)

OnProgress = Callable[[float], None]

STALL_S = 120.0
"""An encoder that moved nothing for this long has hung."""

WALL_FACTOR, WALL_FLOOR_S = 60.0, 300.0
"""A job may take this many times the film's length, and at least five minutes."""

MEMORY_BYTES = 8 * 1024**3
"""Address space of one ffmpeg: a picture of hostile size ends there and not in the whole machine's memory."""

GRACE_S = 5.0
TAIL_LINES = 40

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Cancelled(Transient):
    """Somebody stopped the job; nothing half written is left."""


def run(
    command: list[str],
    *,
    item: str,
    seconds: float,
    on_progress: OnProgress | None = None,
    cancel: threading.Event | None = None,
    feed: Callable[[BinaryIO], None] | None = None,
) -> list[str]:
    """Run one ffmpeg command to its end.

    Args:
        command: as compiled, without the progress options.
        item: the file it works on, for errors.
        seconds: length of what it makes, for progress and the wall limit.
        feed: writes what ffmpeg reads from its standard input; without it that is closed.

    Returns:
        What it complained about on standard error.

    Raises:
        Refused: it failed or crashed on this file.
        Transient: the disk is full, it hung, or it was cancelled.
    """
    full = [*command, "-nostats", "-progress", "pipe:1", "-stats_period", "0.5"]
    log.debug("%s", shlex.join(full))
    with subprocess.Popen(
        full,
        stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=_bounded,  # noqa: PLW1509  (it calls only setrlimit and prctl)
    ) as process:
        tail: collections.deque[str] = collections.deque(maxlen=TAIL_LINES)
        reader = threading.Thread(target=_read_tail, args=(process, tail), daemon=True)
        reader.start()
        if feed is not None:
            threading.Thread(target=_feed, args=(process, feed), daemon=True).start()
        watch = _Watch(process, WALL_FLOOR_S + WALL_FACTOR * seconds, cancel)
        try:
            for done in _progress(process):
                watch.moved()
                if on_progress and seconds > 0:
                    on_progress(min(1.0, done / seconds))
            process.wait()
        finally:
            watch.stop()
            _end(process)
            reader.join()
    if watch.verdict is not None:
        raise watch.verdict(item)
    if process.returncode != 0:
        raise _failed(item, process.returncode, list(tail))
    return list(tail)


def _bounded() -> None:
    """In the child, before ffmpeg: die with us, and keep to the memory limit."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def _progress(process: subprocess.Popen[bytes]) -> Iterator[float]:
    assert process.stdout is not None  # noqa: S101  (it was asked for)
    for line in process.stdout:
        name, _, value = line.decode("utf-8", "replace").strip().partition("=")
        if name == "out_time_us" and value.lstrip("-").isdigit():
            yield max(0, int(value)) / 1e6


def _feed(process: subprocess.Popen[bytes], feed: Callable[[BinaryIO], None]) -> None:
    """Write ffmpeg's input; a pipe it has closed means that it ended, which is judged elsewhere."""
    pipe = cast("BinaryIO", process.stdin)
    with contextlib.suppress(BrokenPipeError), pipe:
        feed(pipe)


def _read_tail(process: subprocess.Popen[bytes], tail: collections.deque[str]) -> None:
    assert process.stderr is not None  # noqa: S101  (it was asked for)
    for line in process.stderr:
        tail.append(line.decode("utf-8", "replace").rstrip()[:500])


class _Watch:
    """Ends a process that hangs, takes too long, or is no longer wanted."""

    def __init__(self, process: subprocess.Popen[bytes], wall_s: float, cancel: threading.Event | None) -> None:
        self.verdict: Callable[[str], Transient | Refused] | None = None
        self._process = process
        self._wall_s = wall_s
        self._cancel = cancel
        self._began = self._moved = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def moved(self) -> None:
        self._moved = time.monotonic()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.2):
            now = time.monotonic()
            if self._cancel is not None and self._cancel.is_set():
                self.verdict = lambda item: Cancelled(
                    "cancelled", "the work was stopped", item=item, fix="start it again"
                )
            elif now - self._moved > STALL_S or now - self._began > self._wall_s:
                self.verdict = _hung
            else:
                continue
            _end(self._process)
            return


def _hung(item: str) -> Refused:
    return Refused(
        "media_hangs",
        "the encoder stopped moving on this file",
        item=item,
        rule=f"some progress every {STALL_S:.0f} s",
        fix="export it again from its editor, as MP4",
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the whole group, then SIGKILL: some inputs make ffmpeg deaf to the first."""
    if process.poll() is not None:
        return
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    except ProcessLookupError:
        process.wait()


def _failed(item: str, status: int, tail: list[str]) -> Transient | Refused:
    said = next((line for line in reversed(tail) if line), "nothing")
    if any("No space left" in line for line in tail):
        return Transient(
            "disk_full", "the disk is full", item=item, rule="room for the rendition", fix="free some room"
        )
    how = f"it was ended by signal {-status}" if status < 0 else f"it gave up with status {status}"
    return Refused(
        "media_unconvertible",
        f"the encoder could not read this file to its end: {how}; it said: {said}",
        item=item,
        rule="a film that decodes from its first picture to its last",
        fix="export it again from its editor, or convert what is left of it with --salvage",
    )


def part_of(out: Path) -> Path:
    """Where a file is written until it is whole: in the same folder, so that the last step is a rename."""
    return out.with_name(f".{out.name}.{os.getpid()}-{threading.get_ident()}.part")
