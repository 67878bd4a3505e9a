"""The shelf: where the stores of several hosts share what one of them fetched or made.

A store asks the shelf for what it lacks and gives it what is new, so that an upload goes on, on any worker, with the
very bytes it began with. Nothing depends on it: what it cannot give is fetched or made again.
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from typing import Protocol


class Shelf(Protocol):
    """Files by name, such as `renditions/ab/abcd….mp4`. A name stands for the same content for ever.

    An object store is one by three calls: get an object into a file, put a file as an object, delete an object.
    """

    def take(self, name: str, target: Path) -> bool:
        """Copy the file of this name to `target`; False if there is none.

        Raises:
            OSError: the shelf or the disk does not work.
        """
        ...

    def give(self, name: str, path: Path) -> None:
        """Keep a copy of `path` under this name, whole or not at all; one that is there stays.

        Raises:
            OSError: the shelf does not work.
        """
        ...

    def drop(self, name: str) -> None:
        """Keep nothing under this name any longer.

        Raises:
            OSError: the shelf does not work.
        """
        ...


class FolderShelf:
    """A folder that all hosts see: a network file system, or a bucket that is mounted."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def take(self, name: str, target: Path) -> bool:
        """Copy the file of this name to `target`; see `Shelf.take`."""
        try:
            shutil.copyfile(self._root / name, target)
        except FileNotFoundError:
            return False
        return True

    def give(self, name: str, path: Path) -> None:
        """Copy, then rename: a reader on another host sees the whole file or none; see `Shelf.give`."""
        place = self._root / name
        if place.exists():
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".{place.name}.{secrets.token_hex(4)}.part")
        try:
            shutil.copyfile(path, part)
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(place)
        finally:
            part.unlink(missing_ok=True)

    def drop(self, name: str) -> None:
        """Delete the file of this name; see `Shelf.drop`."""
        (self._root / name).unlink(missing_ok=True)
