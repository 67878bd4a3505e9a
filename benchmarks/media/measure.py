"""What work costs: seconds of processor and of the clock, bytes to disk, and the memory of a family of processes."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

LOOK_S = 0.05
"""Between two looks at the memory of running processes."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What some work took.

    Attributes:
        cpu_s: user and system seconds of this process and of the children that it waited for.
        wall_s: seconds by the clock.
        written: bytes that it made the system write to disk.
    """

    cpu_s: float
    wall_s: float
    written: int


@dataclass(frozen=True, slots=True)
class Result:
    """One figure beside its limit.

    Attributes:
        name: of the benchmark.
        words: what was measured.
        value: what is judged; None where it could not be measured here.
        limit: the most it may be, or the least if `at_least`.
    """

    name: str
    words: str
    value: float | None
    limit: float
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether it keeps to its limit; what was not measured does."""
        if self.value is None:
            return True
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def line(self) -> str:
        """As it is printed."""
        value = "not compared" if self.value is None else f"{self.value:.3f}"
        bound = "at least" if self.at_least else "at most"
        missed = "" if self.holds else "   MISSED"
        return f"{self.name:12} {value:>12}  ({bound} {self.limit:g}){missed}   {self.words}"


def cost(work: Callable[[], object]) -> Cost:
    """Do it once."""
    cpu, written, wall = _cpu_s(), _written(), time.perf_counter()
    work()
    return Cost(_cpu_s() - cpu, time.perf_counter() - wall, _written() - written)


def best(turns: int, *works: Callable[[], object]) -> list[Cost]:
    """The least that each of them took, in alternating turns, so that a busy minute hits all of them."""
    found = [[cost(work) for work in works] for _ in range(turns)]
    return [least(column) for column in zip(*found, strict=True)]


def least(costs: Iterable[Cost]) -> Cost:
    """Of several turns of the same work, the best of each figure."""
    kept = list(costs)
    return Cost(*(min(getattr(one, field) for one in kept) for field in ("cpu_s", "wall_s", "written")))


def _cpu_s() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def _written() -> int:
    """Of this process and the children it waited for."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def children_cpu_s() -> float:
    """What children took that were waited for, without this process."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def family_peak_mb(command: Sequence[str | Path]) -> float:
    """Run a program to its end; the most memory that it and its descendants held together at any look."""
    peak = 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, sum(map(_resident_mb, _family(process.pid))))
            time.sleep(LOOK_S)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    return peak


def _family(root: int) -> set[int]:
    parents = {int(at.name): _parent(int(at.name)) for at in Path("/proc").iterdir() if at.name.isdigit()}
    family = {root}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return family


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _resident_mb(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return 0.0
