"""Prefect writes each run's whole environment, secrets included, into a temporary file; it must not outlive the run.

The file is the owner's alone and goes when the run ends, but not when the worker is killed. So the worker has a folder
for such files in the home, beside the key, and the next worker empties what a dead one left.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "lock"


@contextmanager
def private_files(home: Path) -> Iterator[Path]:
    """This process's temporary files lie in a folder of its own, which is gone at the end.

    Only this process's: its runs keep the system's folder, where there is room for films.
    """
    folder = home / "worker"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = folder / uuid.uuid4().hex
    own.mkdir(mode=0o700)
    with (own / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in folder.iterdir():
            if left != own and _is_left(left):
                shutil.rmtree(left, ignore_errors=True)
        before, tempfile.tempdir = tempfile.tempdir, str(own)
        try:
            yield own
        finally:
            tempfile.tempdir = before
            shutil.rmtree(own, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    """Whether the worker of the folder is dead: it held the lock for as long as it lived."""
    try:
        with (folder / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held; or not yet there, then its worker has only just begun
        return False
    return True
