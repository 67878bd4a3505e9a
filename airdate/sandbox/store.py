"""What the sandbox remembers on disk, so that a crash of it is no more than an interruption.

Each thing is written as soon as it changes, before the answer that tells of it. SQLite takes such a line in some
microseconds; it does not wait for the disk, so what survives is the end of the process, not that of the machine.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import sqlite3
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

log = logging.getLogger(__name__)

T = TypeVar("T")


class Store:
    """The file `state.db` of a folder; readable for its owner only, for tokens lie in it."""

    def __init__(self, folder: Path) -> None:
        path = folder / "state.db"
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._lines = sqlite3.connect(path, isolation_level=None)
        self._lines.execute("PRAGMA journal_mode = WAL")
        self._lines.execute("PRAGMA synchronous = OFF")
        self._lines.execute(
            "CREATE TABLE IF NOT EXISTS kept (shelf TEXT, name TEXT, value TEXT, PRIMARY KEY (shelf, name))"
        )

    def close(self) -> None:
        """Close the file."""
        self._lines.close()

    def read(self, shelf: str) -> list[tuple[str, str]]:
        """Names and values, in the order in which they came."""
        return self._lines.execute("SELECT name, value FROM kept WHERE shelf = ? ORDER BY rowid", (shelf,)).fetchall()

    def write(self, shelf: str, name: str, value: str) -> None:
        """Keep one; of a known name the value changes, and its place stays."""
        self._lines.execute(
            "INSERT INTO kept VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (shelf, name, value)
        )

    def drop(self, shelf: str, name: str) -> None:
        """Forget one."""
        self._lines.execute("DELETE FROM kept WHERE shelf = ? AND name = ?", (shelf, name))


class Shelf(MutableMapping[str, T], Generic[T]):
    """A mapping that is also on disk. Who changes a value in place says so with `save`."""

    def __init__(self, store: Store, name: str, kind: Any) -> None:
        """Read what an earlier process kept.

        Args:
            kind: the type of the values; what another version wrote and this one cannot read is forgotten.
        """
        self._store = store
        self._name = name
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)
        self._known: dict[str, T] = {}
        for key, value in store.read(name):
            try:
                self._known[key] = self._adapter.validate_python(json.loads(value))
            except ValidationError:
                store.drop(name, key)

    def save(self, key: str) -> None:
        """Write the value down as it is now; of one that is gone meanwhile there is nothing to write."""
        if key in self._known:
            value = self._adapter.dump_python(self._known[key], mode="json")
            self._store.write(self._name, key, json.dumps(value))

    def __getitem__(self, key: str) -> T:
        return self._known[key]

    def __setitem__(self, key: str, value: T) -> None:
        self._known[key] = value
        self.save(key)

    def __delitem__(self, key: str) -> None:
        del self._known[key]
        self._store.drop(self._name, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._known)

    def __len__(self) -> int:
        return len(self._known)


@contextmanager
def claimed(folder: Path) -> Iterator[Path]:
    """The folder, for this process alone; while another sandbox has it, one that is thrown away at the end."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.warning("another sandbox uses %s; this one remembers nothing after its end", folder)
            with TemporaryDirectory(prefix="airdate-sandbox-") as made:
                yield Path(made)
            return
        yield folder
