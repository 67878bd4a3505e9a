"""The store: originals and renditions, addressed by what is in them, and the locks by which runs share the work."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airdate.errors import Transient
from airdate.post import PlanKind

_log = logging.getLogger(__name__)


class Store:
    """Files under one root, on one file system.

    `originals/ab/abcd….mp4` and `renditions/ab/abcd….mp4` are complete as soon as they have their name;
    `incoming/` holds what is still on its way, `locks/` one empty file a name.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def original_path(self, sha256: str, suffix: str) -> Path:
        """Where the original with this hash lies, or would lie."""
        return self.root / "originals" / sha256[:2] / f"{sha256}{suffix}"

    def find_original(self, sha256: str) -> Path | None:
        """The original with this hash, whatever its suffix, if it was adopted."""
        return next(iter((self.root / "originals" / sha256[:2]).glob(f"{sha256}.*")), None)

    def adopt(self, path: Path, sha256: str, *, suffix: str | None = None) -> Path:
        """Move a finished file in as an original, atomically; one that is there already has the same bytes.

        Args:
            path: a file on the store's file system, such as one in `incoming_path`.
            sha256: the hash of its content, computed by the caller.
            suffix: with its dot; None keeps the file's own.
        """
        original = self.original_path(sha256, path.suffix if suffix is None else suffix)
        original.parent.mkdir(parents=True, exist_ok=True)
        return path.replace(original)

    def rendition_path(self, key: str, suffix: str = ".mp4") -> Path:
        """Where the rendition with this `rendition_key` lies, or would lie; its folder is made."""
        path = self.root / "renditions" / key[:2] / f"{key}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def incoming_path(self, name: str) -> Path:
        """Where a file is written until it is complete; the folder is made."""
        path = self.root / "incoming" / _file_name(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold the lock of this name against every thread and process of this host; wait for it if need be.

        The kernel lets go of it when its holder dies. The lock's file stays: deleting it would let two in.
        """
        path = self.root / "locks" / _file_name(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _log.info("waiting for another run that holds %s", name)
                fcntl.flock(file, fcntl.LOCK_EX)
                _log.info("going on with %s", name)
            yield

    def free_space_check(self, needed: int) -> None:
        """Raise `Transient("disk_full")` if the store's file system has fewer than `needed` bytes free."""
        check_free_space(self.root, needed)


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


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def rendition_key(original_hashes: Sequence[str], profile: Mapping[str, Any], plan: PlanKind) -> str:
    """What addresses a rendition: the originals in their order, the profile's values (plain JSON) and the plan."""
    facts = {"originals": list(original_hashes), "profile": dict(profile), "plan": plan.value}
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _file_name(name: str) -> str:
    if name in ("", ".", "..") or os.sep in name or "\0" in name:
        raise ValueError(f"{name!r} cannot name a file")
    return name
