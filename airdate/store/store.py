"""The store: originals and renditions, addressed by what is in them, and the locks by which runs share the work."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from airdate.post import PlanKind
from airdate.store.shelf import Shelf

_log = logging.getLogger(__name__)


class Store:
    """Files under one root, on one file system.

    `originals/ab/abcd….mp4` and `renditions/ab/abcd….mp4` are complete as soon as they have their name;
    `incoming/` holds what is still on its way, `locks/` one empty file a name, `used/` one a name that tells by its
    time stamp when what has this name was used last.
    """

    def __init__(self, root: Path, shelf: Shelf | None = None) -> None:
        """Take a folder, which need not be there yet.

        Args:
            shelf: what is shared with other hosts; None for nothing.
        """
        self.root = root
        self._shelf = shelf

    def original_path(self, sha256: str, suffix: str) -> Path:
        """Where the original with this hash lies, or would lie."""
        return self.root / "originals" / sha256[:2] / f"{sha256}{suffix}"

    def find_original(self, sha256: str) -> Path | None:
        """The original with this hash, whatever its suffix, if it was adopted here or lies on the shelf."""
        with self.locked(original_lock(sha256)):
            found = next(self.original_path(sha256, "").parent.glob(f"{sha256}*"), None)
            if found is None and self.borrow(_on_shelf(sha256), path := self.original_path(sha256, ""), sha256):
                found = path
            if found is not None:
                self.note_use(sha256)
            return found

    def adopt(self, path: Path, sha256: str, *, suffix: str | None = None) -> Path:
        """Move a finished file in as an original, atomically; one that is there already has the same bytes.

        Args:
            path: a file on the store's file system, such as one in `incoming_path`.
            sha256: the hash of its content, computed by the caller.
            suffix: with its dot; None keeps the file's own.
        """
        original = self.original_path(sha256, path.suffix if suffix is None else suffix)
        with self.locked(original_lock(sha256)):
            original.parent.mkdir(parents=True, exist_ok=True)
            path.replace(original)
            self.note_use(sha256)
            self.lend(_on_shelf(sha256), original)
        return original

    def note_use(self, name: str) -> None:
        """Remember that what has this name was used now.

        Its own time stamps stay: a change of them would have gigabytes hashed again (`airdate.files`).
        """
        note = self._note(name)
        note.parent.mkdir(parents=True, exist_ok=True)
        note.touch()

    def last_use(self, name: str) -> float | None:
        """When what has this name was used last, in seconds of the epoch; None if nobody noted it."""
        try:
            return self._note(name).stat().st_mtime
        except FileNotFoundError:
            return None

    def forget_use(self, name: str) -> None:
        """Drop the note."""
        self._note(name).unlink(missing_ok=True)

    def _note(self, name: str) -> Path:
        return self.root / "used" / _file_name(name)

    def borrow(self, name: str, target: Path, sha256: str | None = None) -> bool:
        """Copy a file of the shelf to `target`, which appears when it is whole.

        Args:
            sha256: what its content must be; None where the caller sees that for himself.

        Returns:
            Whether it is there now. A shelf that does not work has nothing, and the log says so.
        """
        if self._shelf is None:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.part")
        try:
            if not self._shelf.take(name, part):
                return False
            if sha256 is not None and (found := sha256_of(part)) != sha256:
                _log.warning("the shelf's %s has the hash %s; it is not used", name, found)
                return False
            part.replace(target)
        except OSError as failed:
            _log.warning("the shelf did not give %s: %s", name, failed.strerror or failed)
            return False
        finally:
            part.unlink(missing_ok=True)
        return True

    def lend(self, name: str, path: Path) -> None:
        """Put a copy on the shelf, if there is one; the work goes on without it, and the log says so."""
        if self._shelf is None:
            return
        try:
            self._shelf.give(name, path)
        except OSError as failed:
            _log.warning("the shelf did not take %s: %s", name, failed.strerror or failed)

    def withdraw(self, name: str) -> None:
        """Take off the shelf what turned out to be spoiled, so that a good copy finds its place there."""
        if self._shelf is None:
            return
        try:
            self._shelf.drop(name)
        except OSError as failed:
            _log.warning("the shelf still has %s: %s", name, failed.strerror or failed)

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
        with self._lock_file(name) as file:
            if not _locks(file):
                _log.info("waiting for another run that holds %s", name)
                fcntl.flock(file, fcntl.LOCK_EX)
                _log.info("going on with %s", name)
            yield

    @contextmanager
    def locked_at_once(self, name: str) -> Iterator[bool]:
        """Hold the lock of this name, if nobody does, and say whether it is held."""
        with self._lock_file(name) as file:
            yield _locks(file)

    def _lock_file(self, name: str) -> TextIO:
        path = self.root / "locks" / _file_name(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("w")


def original_lock(sha256: str) -> str:
    """Of whoever looks for an original, moves it in, or takes it away."""
    return f"original-{sha256}"


def rendition_lock(key: str) -> str:
    """Of whoever makes a rendition, finds it made, or takes it away."""
    return f"rendition-{key}"


def _on_shelf(sha256: str) -> str:
    return f"originals/{sha256[:2]}/{sha256}"


def _locks(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
