"""The store's bound: beyond `AIRDATE_STORE_MAX_BYTES` what was used longest ago goes, but nothing that a post may need.

An original goes by itself; a rendition goes with its list and its pictures for TikTok. Everything that goes can be had
again: fetched, made, or taken from the shelf. Pictures for people stay: brand and legal ask for them years later, and a
post's take a third of a megabyte.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from airdate.engine import Engine
from airdate.ledger import accounts, posts
from airdate.store.store import Store, original_lock, rendition_lock

log = logging.getLogger(__name__)

KEPT_S = 24 * 3600
"""What was used within a day stays: a run may have it open, and the next try of a post wants it again."""

BETWEEN_S = 3600
"""Between two looks: a look reads every name in the store."""


@dataclass(frozen=True, slots=True)
class Item:
    """What goes or stays as a whole.

    Attributes:
        name: an original's hash or a rendition's key.
        lock: held by whoever looks for it.
        paths: in the order in which they go: the list of a rendition first, so that no half of one counts as made.
        size: in bytes.
        used: when it was used last, in seconds of the epoch.
        hash: the SHA-256 by which the ledger knows it; None for what was never finished.
    """

    name: str
    lock: str
    paths: tuple[Path, ...]
    size: int
    used: float
    hash: str | None


@dataclass(frozen=True, slots=True)
class Evicted:
    """What a look did.

    Attributes:
        count: items that went.
        freed: bytes of them.
        left: bytes that are there still.
    """

    count: int
    freed: int
    left: int


def sweep(engine: Engine, *, now: float | None = None) -> Evicted | None:
    """Bring the store below its bound, at most once an hour; a disk that fails is a line in the log.

    Args:
        now: in seconds of the epoch; the host's clock if None, because files carry its time.

    Returns:
        None if it was not looked at.
    """
    store, now = engine.store, time.time() if now is None else now
    try:
        with store.locked_at_once("eviction") as is_ours:
            last = store.last_use("eviction")
            if not is_ours or (last is not None and now - last < BETWEEN_S):
                return None
            store.note_use("eviction")
            _drop_leftovers(store, now)
            return _evicted(engine, now)
    except OSError as failed:
        log.warning("the store could not be looked through: %s", failed.strerror or failed)
        return None


def _evicted(engine: Engine, now: float) -> Evicted:
    found, most = list(items(engine.store)), engine.settings.store_max_bytes
    gone = [item for item in choose(found, most, now, needed(engine)) if _drop(engine.store, item, now)]
    freed = sum(item.size for item in gone)
    left = sum(item.size for item in found) - freed
    if left > most:
        words = "the store holds %.1f GB and should hold %.1f: the rest was used within a day, or posts need it"
        log.warning(words, left / 1e9, most / 1e9)
    return Evicted(len(gone), freed, left)


def choose(found: Iterable[Item], most: int, now: float, kept: frozenset[str]) -> list[Item]:
    """What goes, longest unused first, until `most` bytes are left.

    Args:
        kept: hashes that stay.
    """
    known = sorted(found, key=lambda item: item.used)
    total = sum(item.size for item in known)
    chosen = []
    for item in known:
        if total <= most:
            break
        if now - item.used >= KEPT_S and item.hash not in kept:
            chosen.append(item)
            total -= item.size
    return chosen


def needed(engine: Engine) -> frozenset[str]:
    """The hashes of renditions of posts that may still go out, and of the originals that were approved for them.

    An upload may go on with them, or a person may bring the post back.
    """
    waiting = posts.listed(engine.ledger, states=accounts.UNDECIDED)
    renditions = {post.rendition["sha256"] for post in waiting if post.rendition}
    approved = {asset.revision for post in waiting for asset in post.assets if asset.revision}
    return frozenset(renditions | approved)


def size_of(store: Store) -> int:
    """Bytes of originals and renditions."""
    return sum(item.size for item in items(store))


def items(store: Store) -> Iterator[Item]:
    """All originals and renditions; what vanishes meanwhile is left out."""
    for kind, lock in (("originals", original_lock), ("renditions", rendition_lock)):
        for folder in sorted((store.root / kind).glob("??")):
            for name, paths in groupby(sorted(folder.iterdir(), key=_name), key=_name):
                try:
                    yield _item(store, name, lock(name), sorted(paths, key=lambda path: path.suffix != ".json"))
                except FileNotFoundError:
                    continue


def _item(store: Store, name: str, lock: str, paths: list[Path]) -> Item:
    stats = [path.stat() for each in paths for path in (each, *each.glob("*")) if not path.is_dir()]
    used = store.last_use(name)
    return Item(
        name=name,
        lock=lock,
        paths=tuple(paths),
        size=sum(stat.st_size for stat in stats),
        used=max((stat.st_mtime for stat in stats), default=0.0) if used is None else used,
        hash=_hash(name, paths[0]),
    )


def _name(path: Path) -> str:
    """The key in `key.mp4`, in `key` and in `.key.mp4.123.part`, which a killed run left."""
    return path.name.removeprefix(".").partition(".")[0]


def _hash(name: str, first: Path) -> str | None:
    if first.parents[1].name == "originals":
        return name
    if first.suffix != ".json":
        return None
    try:
        sha256: str = json.loads(first.read_text())["sha256"]
    except (ValueError, KeyError, TypeError):
        return None
    return sha256


def _drop(store: Store, item: Item, now: float) -> bool:
    """Take it away, unless somebody holds it or used it since it was chosen."""
    with store.locked_at_once(item.lock) as is_ours:
        if not is_ours or (store.last_use(item.name) or 0) > now - KEPT_S:
            return False
        for path in item.paths:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        store.forget_use(item.name)
    log.info("%s left the store: %d bytes, unused for %.1f days", item.name, item.size, (now - item.used) / 86400)
    return True


def _drop_leftovers(store: Store, now: float) -> None:
    """What killed runs left: parts of renditions and of downloads that nobody wrote to for a day."""
    places = [("renditions", "??/.*.part*", rendition_lock), ("incoming", "*", lambda name: f"fetch-{name}")]
    for folder, pattern, lock in places:
        for path in (store.root / folder).glob(pattern):
            with store.locked_at_once(lock(_name(path))) as is_ours:
                if is_ours and path.exists() and now - path.stat().st_mtime > KEPT_S:
                    path.unlink()
