"""Running a program on somebody's file: limits of time, memory and stillness, cancel; none ever outlives us."""

from __future__ import annotations

import collections
import contextlib
import ctypes
import logging
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

from airdate.errors import Refused, Transient
from airdate.media.refusals import damaged, jumping

log = logging.getLogger(__name__)

OnProgress = Callable[[float], None]
Taking = Callable[[BufferedReader], Iterator[bool]]
"""Reads what a program says to its end; true whenever that shows that something moved."""

STALL_S = 120.0
"""A program that moved nothing for this long has hung."""

FLUSH_BYTES_A_SECOND = 10_000_000
"""The slowest disk we wait for while ffmpeg moves an index to the front, which it does without a word."""

WALL_FACTOR, WALL_FLOOR_S = 60.0, 300.0
"""A job may take this many times the film's length, and at least five minutes."""

MEMORY_BYTES = 4 * 1024**3
"""Address space of one program: a picture of hostile size ends there and not in the whole machine's memory. One
gigabyte is too little: ffmpeg 9 begins 18 threads, each with a stack."""

OPEN_FILES = 256
NICE = 10
"""Batch work gives way to whoever serves."""

GRACE_S = 5.0
TAIL_LINES = 40
CHUNK_BYTES = 1 << 20

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class Cancelled(Transient):
    """Somebody stopped the job; nothing half written is left."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit status, negative for a signal, and the last it said on standard error."""

    status: int
    tail: tuple[str, ...]


def run(
    command: list[str],
    *,
    item: str,
    seconds: float,
    size: int = 0,
    on_progress: OnProgress | None = None,
    cancel: threading.Event | None = None,
    on_device: bool = False,
) -> tuple[str, ...]:
    """Run one ffmpeg command to its end.

    Args:
        command: as compiled, without the progress options.
        item: the file it works on, for errors.
        seconds: length of what it makes, for progress and the wall limit.
        size: bytes it reads, for the wait while it writes the index.
        on_device: it encodes on graphics hardware.

    Returns:
        What it complained about on standard error.

    Raises:
        Refused: it failed, crashed or hung on this file.
        Transient: the disk is full or stands still, or it was cancelled.
    """
    place = _Place(seconds, on_progress)
    ended = launch(
        [*command, "-nostdin", "-nostats", "-progress", "pipe:1", "-stats_period", "0.5"],
        item=item,
        wall_s=WALL_FLOOR_S + WALL_FACTOR * seconds,
        stall_s=STALL_S + size / FLUSH_BYTES_A_SECOND,
        taking=by_line(place.read),
        cancel=cancel,
        on_device=on_device,
    )
    if ended.status != 0:
        raise _failed(item, ended)
    return ended.tail


def pour(
    command: list[str],
    *,
    item: str,
    seconds: float,
    on_bytes: Callable[[bytes], None],
    cancel: threading.Event | None = None,
) -> tuple[str, ...]:
    """Run one ffmpeg command that writes what it makes to its standard output.

    Args:
        on_bytes: takes it piece by piece, as long as they come.

    Returns, raises: as `run`.
    """

    def taking(pipe: BufferedReader) -> Iterator[bool]:
        while piece := pipe.read1(CHUNK_BYTES):
            on_bytes(piece)
            yield True

    wall_s = WALL_FLOOR_S + WALL_FACTOR * seconds
    command = [*command, "-nostdin", "-nostats"]
    ended = launch(command, item=item, wall_s=wall_s, stall_s=STALL_S, taking=taking, cancel=cancel)
    if ended.status != 0:
        raise _failed(item, ended)
    return ended.tail


class _Place:
    """Where ffmpeg is, by its `-progress` lines."""

    def __init__(self, seconds: float, on_progress: OnProgress | None) -> None:
        self._seconds, self._on_progress = seconds, on_progress
        self._seen: dict[str, str] = {}

    def read(self, line: str) -> bool:
        """Take one line in; whether it shows that something moved."""
        name, _, value = line.partition("=")
        if name not in ("out_time_us", "total_size", "frame") or self._seen.get(name) == value:
            return name == "progress" and value == "end"
        self._seen[name] = value
        if name == "out_time_us" and value.isdigit() and self._on_progress and self._seconds > 0:
            self._on_progress(min(1.0, int(value) / 1e6 / self._seconds))
        return True


def launch(
    command: list[str],
    *,
    item: str,
    wall_s: float,
    stall_s: float,
    taking: Taking,
    said: bytes = b"",
    cancel: threading.Event | None = None,
    on_device: bool = False,
) -> Ended:
    """Run a program in a session of its own, bounded, and read what it says.

    Args:
        taking: reads its standard output.
        said: its standard input.
        on_device: bound what it writes to and not what it maps: drivers of graphics hardware reserve more address
            space than any limit that would stop a hostile film.

    Raises:
        Refused: it hung on the file.
        Transient: the disk hung, or it was cancelled.
    """
    if cancel is not None and cancel.is_set():
        raise _cancelled(item)
    log.debug("%s", shlex.join(command))
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE if said else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # A wrapper program would cost its start-up; what runs here is four system calls.
        preexec_fn=partial(_bounded, on_device=on_device),  # noqa: PLW1509
    ) as process:
        with contextlib.ExitStack() as ends:
            # First of all: a signal may come at any line, and `Popen` would wait for a program that waits for us.
            ends.callback(_end, process)
            tail: collections.deque[str] = collections.deque(maxlen=TAIL_LINES)
            reader = threading.Thread(target=_read_tail, args=(process, tail), daemon=True)
            reader.start()
            watch = _Watch(process, wall_s, stall_s, cancel)
            ends.callback(watch.stop)
            if said:
                with contextlib.suppress(BrokenPipeError), cast("BinaryIO", process.stdin) as pipe:
                    pipe.write(said)
            for has_moved in taking(cast("BufferedReader", process.stdout)):
                if has_moved:
                    watch.moved()
            process.wait()
        reader.join()
    if watch.verdict is not None:
        raise watch.verdict(item)
    return Ended(process.returncode, tuple(line for line in tail if line))


def by_line(on_line: Callable[[str], bool]) -> Taking:
    """Takes a program's words line by line.

    Args:
        on_line: takes each; true if it shows that something moved.
    """
    return lambda pipe: (on_line(line.decode("utf-8", "replace").strip()) for line in pipe)


def _bounded(*, on_device: bool) -> None:
    """In the child, before the program: die with us, give way to others, and keep to the limits."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.nice(NICE)
    if sys.platform == "linux":  # elsewhere the address space cannot be bounded
        bounded = resource.RLIMIT_DATA if on_device else resource.RLIMIT_AS
        resource.setrlimit(bounded, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _read_tail(process: subprocess.Popen[bytes], tail: collections.deque[str]) -> None:
    for line in cast("BinaryIO", process.stderr):
        tail.append(line.decode("utf-8", "replace").rstrip()[:500])


class _Watch:
    """Ends a program that hangs, takes too long, or is no longer wanted."""

    def __init__(
        self, process: subprocess.Popen[bytes], wall_s: float, stall_s: float, cancel: threading.Event | None
    ) -> None:
        self.verdict: Callable[[str], Transient | Refused] | None = None
        self._process, self._cancel = process, cancel
        self._wall_s, self._stall_s = wall_s, stall_s
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
        while not self._stop.wait(0.1):
            now = time.monotonic()
            if self._cancel is not None and self._cancel.is_set():
                self.verdict = _cancelled
            elif now - self._moved > self._stall_s or now - self._began > self._wall_s:
                self.verdict = _stuck if _waits_for_disk(self._process.pid) else _hung
            else:
                continue
            _end(self._process)
            return


def _waits_for_disk(pid: int) -> bool:
    """Whether the kernel holds a process in an uninterruptible wait, as it does while a disk or share is silent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "D"
    except (OSError, IndexError):
        return False


def _cancelled(item: str) -> Cancelled:
    return Cancelled("cancelled", "the work was stopped", item=item, fix="start it again")


def _hung(item: str) -> Refused:
    return Refused(
        "media_hangs",
        "the decoder got nowhere with this file",
        item=item,
        rule=f"some progress every {STALL_S:.0f} s",
        fix="export it again from its editor, as MP4",
    )


def _stuck(item: str) -> Transient:
    return Transient(
        "media_stuck",
        "the disk did not answer, and nothing moved",
        item=item,
        rule=f"some progress every {STALL_S:.0f} s",
        fix="see that the disk answers",
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


_PART = re.compile(r"^(?:\[[^\]]*\]\s*)*(?:file:.*?: )?")
_GIVING_UP = ("Terminating thread", "Task finished", "Conversion failed", "Nothing was written", "Error submitting")


def _failed(item: str, ended: Ended) -> Transient | Refused:
    if any("No space left" in line for line in ended.tail):
        return Transient(
            "disk_full", "the disk is full", item=item, rule="room for the rendition", fix="free some room"
        )
    if any("onoton" in line and "DTS" in line for line in ended.tail):
        return jumping(item)
    how = f"ended by signal {-ended.status}" if ended.status < 0 else f"status {ended.status}"
    return damaged(item, f"ffmpeg says {_cause(ended.tail)!r} ({how})")


def _cause(tail: Sequence[str]) -> str:
    """What went wrong first, of what ffmpeg said last; names of its parts and files, and how they gave up, left out."""
    words = [_PART.sub("", line) for line in tail]
    return next((line for line in words if line and not line.startswith(_GIVING_UP)), "nothing")


def part_of(out: Path) -> Path:
    """Where a file is written until it is whole: in the same folder, so that the last step is a rename."""
    name = os.fsencode(out.name)[:80].decode(errors="ignore")
    return out.with_name(f".{name}.{os.getpid()}-{threading.get_ident()}.part")
