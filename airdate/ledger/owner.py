"""Who holds a lease: one process of one host, told apart from a later process with the same number."""

from __future__ import annotations

import os
import socket
import uuid
from functools import cache
from pathlib import Path

_PROC = Path("/proc")


@cache
def host() -> str:
    """This host as processes see each other: its name, its boot, and (in containers) its process namespace."""
    parts = [socket.gethostname()]
    try:
        parts.append((_PROC / "sys/kernel/random/boot_id").read_text().strip()[:8])
        parts.append(str((_PROC / "self/ns/pid").readlink()).strip("pid:[]"))
    except OSError:
        parts.append("noproc")
    return "/".join(parts)


def _started(pid: int) -> str | None:
    """When a process began, in clock ticks since boot; None when there is no such process."""
    if not _PROC.is_dir():
        return "0" if _exists(pid) else None
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    state, started = fields[0], fields[19]
    return None if state in "ZX" else started


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def new_owner() -> str:
    """A name for one holder within this process; two holders of one process differ too."""
    pid = os.getpid()
    return f"{host()} {pid} {_started(pid)} {uuid.uuid4().hex[:8]}"


def is_gone(owner: str) -> bool:
    """Whether the holder certainly is dead: a process of this host that no longer runs.

    A holder on another host is never certainly dead; its lease has to run out.
    """
    where, pid, started, _ = owner.rsplit(" ", 3)
    return where == host() and _started(int(pid)) != started
