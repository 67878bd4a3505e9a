"""What one host's store lends another's: whole, with the hash it says, or not at all."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

import pytest

from airdate.store import Store, renditions
from airdate.store.shelf import FolderShelf

KEY = "c" * 64
FILM = b"film" * 1000


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "shelf"


@pytest.fixture
def here(tmp_path: Path, folder: Path) -> Store:
    return Store(tmp_path / "here", FolderShelf(folder))


@pytest.fixture
def there(tmp_path: Path, folder: Path) -> Store:
    return Store(tmp_path / "there", FolderShelf(folder))


def adopt(store: Store, data: bytes = FILM) -> Path:
    incoming = store.incoming_path("film")
    incoming.write_bytes(data)
    return store.adopt(incoming, sha256(data), suffix=".mov")


def make(store: Store) -> dict[str, Any]:
    store.rendition_path(KEY).write_bytes(FILM)
    facts = {"sha256": sha256(FILM), "size": len(FILM), "plan": "encode", "pictures": None}
    renditions.listed(store, KEY, facts)
    return facts


def test_a_film_that_was_just_made_counts_as_used(here: Store) -> None:
    """The sweep of a full store takes what was used longest ago, and files carry the time of their bytes."""
    make(here)
    assert here.last_use(KEY) is not None


def test_an_original_of_one_host_is_had_by_another(here: Store, there: Store) -> None:
    adopt(here)
    path = there.find_original(sha256(FILM))
    assert path is not None
    assert path.read_bytes() == FILM
    assert path.is_relative_to(there.root)
    assert there.last_use(sha256(FILM)) is not None


def test_a_film_of_one_host_is_had_by_another_and_a_second_time_without_the_shelf(
    here: Store, there: Store, folder: Path
) -> None:
    facts = make(here)
    assert renditions.found(there, KEY) == facts
    assert there.rendition_path(KEY).read_bytes() == FILM
    folder.rename(folder.with_name("gone"))
    assert renditions.found(there, KEY) == facts


def test_pictures_of_a_photo_post_come_with_their_list(here: Store, there: Store) -> None:
    pictures = here.rendition_path(KEY).parent / KEY
    pictures.mkdir()
    entries = []
    for data in (b"one", b"two"):
        (pictures / f"{sha256(data)}.jpg").write_bytes(data)
        entries.append({"file": f"{sha256(data)}.jpg", "sha256": sha256(data), "size": 3})
    renditions.listed(here, KEY, {"sha256": "s", "pictures": entries})
    assert renditions.found(there, KEY) is not None
    got = there.rendition_path(KEY).parent / KEY
    assert {path.read_bytes() for path in got.iterdir()} == {b"one", b"two"}


@pytest.mark.parametrize("data", [b"other bytes", b""])
def test_what_has_another_hash_is_not_used(
    here: Store, there: Store, folder: Path, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    make(here)
    (folder / "renditions" / KEY[:2] / f"{KEY}.mp4").write_bytes(data)
    assert renditions.found(there, KEY) is None
    assert not there.rendition_path(KEY).exists()
    assert f"has the hash {sha256(data)}" in caplog.text
    assert list(there.root.rglob("*.part")) == []
    facts = make(there)
    assert renditions.found(Store(there.root.with_name("third"), FolderShelf(folder)), KEY) == facts


@pytest.mark.parametrize("data", [b"other bytes", b"", FILM[:-1] + b"!"])
def test_a_film_that_the_disk_spoiled_is_had_from_the_shelf_or_made_again(
    here: Store, tmp_path: Path, data: bytes
) -> None:
    alone = Store(tmp_path / "alone")
    for store, is_there in ((here, True), (alone, False)):
        facts = make(store)
        store.rendition_path(KEY).write_bytes(data)
        assert renditions.found(store, KEY) == (facts if is_there else None)
    assert here.rendition_path(KEY).read_bytes() == FILM


@pytest.mark.parametrize("text", ["", "[]", "{}", "\x00"])
def test_a_list_that_says_nothing_is_none(tmp_path: Path, text: str) -> None:
    alone = Store(tmp_path / "alone")
    make(alone)
    alone.rendition_path(KEY, ".json").write_text(text)
    assert renditions.found(alone, KEY) is None


def test_a_rendition_that_is_half_on_the_shelf_is_none(here: Store, there: Store, folder: Path) -> None:
    make(here)
    (folder / "renditions" / KEY[:2] / f"{KEY}.mp4").unlink()
    assert renditions.found(there, KEY) is None


def test_what_lies_on_the_shelf_stays_as_it_is(here: Store, there: Store, folder: Path) -> None:
    make(here)
    (lent,) = folder.rglob("*.mp4")
    first = lent.stat().st_ino
    make(there)
    assert lent.stat().st_ino == first


def test_a_shelf_that_does_not_work_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broken = tmp_path / "broken"
    broken.write_text("a file where a folder should be")
    caplog.set_level(logging.WARNING)
    store = Store(tmp_path / "store", FolderShelf(broken))
    path = adopt(store)
    assert store.find_original(sha256(FILM)) == path
    assert store.find_original("0" * 64) is None
    assert renditions.found(store, KEY) is None
    assert "the shelf did not take originals/" in caplog.text
    assert "the shelf did not give renditions/" in caplog.text


def test_without_a_shelf_nothing_is_lent(tmp_path: Path) -> None:
    store = Store(tmp_path / "alone")
    adopt(store)
    assert store.find_original("0" * 64) is None
    assert make(store) == renditions.found(store, KEY)
