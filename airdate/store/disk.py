"""Room on the disk: looked for before work begins, and named when a write finds none."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airdate.errors import Transient


def check_free_space(folder: Path, needed: int) -> None:
    """Raise `Transient("disk_full")` if the file system of `folder`, which is made, lacks `needed` bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise disk_full(folder, needed, free)


def disk_full(folder: Path, needed: int, free: int) -> Transient:
    """The error of a disk without room: how many bytes were needed, and how many are left."""
    return Transient(
        "disk_full",
        f"{needed} bytes are needed and {free} are free",
        item=str(folder),
        rule="a file is fetched or made only where it fits",
        fix=f"free {max(needed - free, 0)} bytes there, or set AIRDATE_HOME to a larger disk",
    )


@contextmanager
def disk_errors(folder: Path, needed: int) -> Iterator[None]:
    """Turn "no space left" of a write inside the block into `Transient("disk_full")`."""
    try:
        yield
    except OSError as failed:
        if failed.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise disk_full(folder, needed, shutil.disk_usage(folder).free) from failed
