"""A rendition in the store: its file, or its folder of pictures, and beside it the list of facts, written last.

`renditions/ab/<key>.json` is the list; `<key>.mp4` is a film, `<key>/` holds the pictures of a photo post. On the shelf
they have the same names. Whoever calls holds the lock of the key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airdate.files import seal
from airdate.store.store import Store


def found(store: Store, key: str) -> dict[str, Any] | None:
    """The facts of a rendition that is there whole, here or on the shelf; it counts as used.

    One whose bytes are not those that were made is not there: a disk that lost some would have every retry refused.
    """
    facts = _read(_list(store, key))
    if facts is None or not all(_is_whole(_folder(store, key) / file, sha) for file, sha in _files(key, facts).items()):
        facts = _borrowed(store, key)
    if facts is not None:
        store.note_use(key)
    return facts


def listed(store: Store, key: str, facts: Mapping[str, Any]) -> None:
    """Write the list of a rendition whose files are there, and lend it all."""
    path = _list(store, key)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(facts))
    draft.replace(path)
    store.note_use(key)
    for file in _files(key, facts):
        store.lend(_name(key, file), _folder(store, key) / file)
    store.lend(_name(key, path.name), path)


def _borrowed(store: Store, key: str) -> dict[str, Any] | None:
    draft = _list(store, key).with_suffix(".draft")
    if not store.borrow(_name(key, f"{key}.json"), draft) or (facts := _read(draft)) is None:
        return None
    files = _files(key, facts)
    if not all(store.borrow(_name(key, file), _folder(store, key) / file, sha256) for file, sha256 in files.items()):
        # Two hosts that made it at once may have put one's list beside the other's film: it is begun anew there.
        for file in (f"{key}.json", *files):
            store.withdraw(_name(key, file))
        return None
    draft.replace(_list(store, key))
    return facts


def _is_whole(path: Path, sha256: str) -> bool:
    return path.is_file() and seal(path).sha256 == sha256


def _files(key: str, facts: Mapping[str, Any]) -> dict[str, str]:
    """Each file of a rendition, named from its folder, and its hash."""
    pictures = facts.get("pictures")
    if isinstance(pictures, list):
        return {f"{key}/{each['file']}": each["sha256"] for each in pictures}
    return {f"{key}.mp4": facts["sha256"]}


def _read(path: Path) -> dict[str, Any] | None:
    try:
        facts: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return facts if isinstance(facts, dict) and ("sha256" in facts or "pictures" in facts) else None


def _folder(store: Store, key: str) -> Path:
    return store.rendition_path(key).parent


def _list(store: Store, key: str) -> Path:
    return store.rendition_path(key, ".json")


def _name(key: str, file: str) -> str:
    return f"renditions/{key[:2]}/{file}"
