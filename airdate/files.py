"""A file whose content is known, and the proof, up to the last block read, that it still is that content.

Hashing gigabytes before every read would cost more than sending them, so a `stat` signature stands in for the hash:
while it does not change, neither did the bytes. When it does change, the bytes are hashed again, because a hard link
or a `chmod` changes it too.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from airdate.errors import Refused

HASH_BLOCK = 1024 * 1024
"""Bytes hashed at a time; larger ones are no faster."""

SEND_BLOCK = 512 * 1024
"""Bytes handed to the network at a time, by `benchmarks/upload.py`: a quarter of it costs a third of the speed."""

CLOCK_GRAIN_S = 0.02
"""File systems stamp changes with a clock that stands still for up to 10 ms. A file stamped more recently than this
could be changed again under the same stamp, so it is not hashed before its stamp is older."""

MAX_WAITS = 100
"""How often the end of a change is waited for, write upon write, before a file is called unfinished: some seconds."""

MAX_HASHINGS = 3
"""How often a file that changes while it is hashed is hashed, before it is called unfinished."""


class Signature(NamedTuple):
    """What changes whenever the bytes do: device, inode, size, and both time stamps in nanoseconds."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True, slots=True)
class SealedFile:
    """A file as it was when it was hashed.

    Attributes:
        size: in bytes.
        sha256: lower-case hex.
        signature: its `stat` signature, the same before and after hashing.
    """

    path: Path
    size: int
    sha256: str
    signature: Signature

    @contextmanager
    def opened(self) -> Iterator[SealedReader]:
        """A reader bound to one file descriptor, so that a file renamed over this one does not get mixed in.

        Raises:
            Refused: `file_changed`, or `file_unreadable`.
        """
        descriptor = _open(self.path)
        try:
            yield SealedReader(self, descriptor)
        finally:
            os.close(descriptor)


class SealedReader:
    """Reads a sealed file; no block leaves it before the file was seen unchanged after reading that block."""

    def __init__(self, film: SealedFile, descriptor: int) -> None:
        self._film = film
        self._descriptor = descriptor
        self._signature = film.signature

    def blocks(self, first: int, last: int, size: int = SEND_BLOCK) -> Iterator[bytes]:
        """The bytes `first` to `last`, inclusive, in blocks of `size`.

        Raises:
            Refused: `file_changed` when the content is no longer the sealed one; `file_unreadable`.
        """
        for offset in range(first, last + 1, size):
            yield self._block(offset, min(size, last + 1 - offset))

    def _block(self, offset: int, length: int) -> bytes:
        while True:
            block = self._read(offset, length)
            if _signature(self._descriptor) == self._signature:
                if len(block) == length:
                    return block
                raise _changed(self._film.path, f"it ends at byte {offset + len(block)}")
            # Read again afterwards: this block may be from a change that was undone before it was hashed.
            self._seal_again()

    def _read(self, offset: int, length: int) -> bytes:
        with _reading(self._film.path):
            block = os.pread(self._descriptor, length, offset)
            while len(block) < length and (
                more := os.pread(self._descriptor, length - len(block), offset + len(block))
            ):
                block += more
        return block

    def _seal_again(self) -> None:
        signature, sha256 = _hashed(self._film.path, self._descriptor, None)
        if sha256 != self._film.sha256:
            raise _changed(self._film.path, "its content is another one")
        self._signature = signature


def seal(path: Path, *, on_progress: Callable[[float], None] | None = None) -> SealedFile:
    """Hash a file in constant memory, or know its hash because it has not changed since this process hashed it.

    Args:
        on_progress: called with the hashed part, 0.0 to 1.0.

    Raises:
        Refused: `file_changed` when it keeps changing meanwhile; `file_unreadable` when there is no such file or it
            is none.
    """
    descriptor = _open(path)
    try:
        known = _known_hash(_settled(path, descriptor))
        signature, sha256 = known or _hashed(path, descriptor, on_progress)
    finally:
        os.close(descriptor)
    _remember(signature, sha256)
    return SealedFile(path, signature.size, sha256, signature)


_hashes: OrderedDict[Signature, str] = OrderedDict()
"""What this process hashed lately: a film is sealed when it is asked for, fetched, prepared and sent, and read once."""

MOST_HASHES = 256

_hashes_lock = threading.Lock()


def _known_hash(signature: Signature) -> tuple[Signature, str] | None:
    with _hashes_lock:
        sha256 = _hashes.get(signature)
    return None if sha256 is None else (signature, sha256)


def _remember(signature: Signature, sha256: str) -> None:
    with _hashes_lock:
        _hashes[signature] = sha256
        while len(_hashes) > MOST_HASHES:
            _hashes.popitem(last=False)


def _hashed(path: Path, descriptor: int, on_progress: Callable[[float], None] | None) -> tuple[Signature, str]:
    for _ in range(MAX_HASHINGS):
        before = _settled(path, descriptor)
        digest, done = hashlib.sha256(), 0
        with _reading(path):
            while block := os.pread(descriptor, HASH_BLOCK, done):
                digest.update(block)
                done += len(block)
                if on_progress:
                    on_progress(min(1.0, done / max(1, before.size)))
        if _signature(descriptor) == before and done == before.size:
            return before, digest.hexdigest()
    raise _changed(path, f"it changed during each of {MAX_HASHINGS} hashings")


def _settled(path: Path, descriptor: int) -> Signature:
    """The signature, once any later change would give another one."""
    for _ in range(MAX_WAITS):
        signature = _signature(descriptor)
        age_s = time.time() - max(signature.mtime_ns, signature.ctime_ns) / 1e9
        if not -CLOCK_GRAIN_S < age_s < CLOCK_GRAIN_S:
            return signature
        time.sleep(CLOCK_GRAIN_S)
    raise _changed(path, "it is written to all the time")


def _signature(descriptor: int) -> Signature:
    facts = os.fstat(descriptor)
    return Signature(facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


def _open(path: Path) -> int:
    with _reading(path):
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError("it is no regular file")
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as failed:
        raise Refused(
            "file_unreadable",
            f"it cannot be read: {failed.strerror or failed}",
            item=path.name,
            fix="give a readable file, or mend the disk it lies on",
        ) from failed


def _changed(path: Path, how: str) -> Refused:
    return Refused(
        "file_changed",
        f"the file changed while it was in use: {how}",
        item=path.name,
        rule="what goes out is what was hashed",
        fix="publish again when nothing writes to the file any more",
    )
