"""The store's bound: who goes first, who stays whatever the bound says, and what a post does whose file went."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from ledger_making import FILM_SHA256, plan_post

from airdate.engine import Engine
from airdate.ledger import posts
from airdate.post import PostState
from airdate.store import Store, eviction
from airdate.store.eviction import BETWEEN_S, KEPT_S, Item, choose
from airdate.store.store import original_lock

DAY = 24 * 3600
NOW = time.time() + 100 * DAY
"""Long after everything that the tests write."""


def item(name: str, size: int, age_s: float, sha256: str | None = None) -> Item:
    return Item(name, f"original-{name}", (), size, NOW - age_s, sha256 or name)


def names(found: list[Item], most: int, *kept: str) -> str:
    return "".join(each.name for each in choose(found, most, NOW, frozenset(kept)))


FOUR = [item("a", 10, 2 * DAY), item("b", 10, 5 * DAY), item("c", 10, 3 * DAY), item("d", 10, KEPT_S - 1)]


@pytest.mark.parametrize(
    ("most", "kept", "gone"),
    [
        (40, "", ""),
        (39, "", "b"),
        (20, "", "bc"),
        (11, "", "bca"),
        (0, "", "bca"),
        (20, "b", "ca"),
        (0, "abcd", ""),
    ],
)
def test_the_longest_unused_goes_first_and_what_is_needed_or_young_stays(most: int, kept: str, gone: str) -> None:
    assert names(FOUR, most, *kept) == gone


def test_what_was_never_finished_goes_though_nothing_names_it() -> None:
    assert names([item("a", 1, 2 * DAY, None)], 0) == "a"


def original(store: Store, data: bytes) -> str:
    sha256 = hashlib.sha256(data).hexdigest()
    incoming = store.incoming_path("film")
    incoming.write_bytes(data)
    store.adopt(incoming, sha256, suffix=".mp4")
    return sha256


def rendition(store: Store, key: str, sha256: str) -> list[Path]:
    """A film and a photo post's pictures, and what a killed run left beside them."""
    film = store.rendition_path(key)
    pictures = film.with_suffix("")
    pictures.mkdir()
    made = [film, pictures / "1.jpg", film.with_name(f".{key}.mp4.77-88.part")]
    for path in made:
        path.write_bytes(b"x" * 100)
    film.with_suffix(".json").write_text(json.dumps({"sha256": sha256}))
    return [*made, film.with_suffix(".json"), pictures]


def unused_for(store: Store, name: str, seconds: float) -> None:
    store.note_use(name)
    os.utime(store.root / "used" / name, (time.time() - seconds,) * 2)


def bounded(engine: Engine, most: int) -> Engine:
    settings = engine.settings.model_copy(update={"store_max_bytes": most})
    return Engine(settings, engine.ledger, engine.store)


def test_a_full_store_loses_the_longest_unused_with_all_that_belongs_to_it(engine: Engine) -> None:
    store = engine.store
    old = rendition(store, "a" * 64, "1" * 64)
    young = original(store, b"y" * 300)
    unused_for(store, "a" * 64, 9 * DAY)
    swept = eviction.sweep(bounded(engine, 400))
    assert swept is not None
    assert (swept.count, swept.left) == (1, 300)
    assert not any(path.exists() for path in old)
    assert store.find_original(young) is not None
    assert store.last_use("a" * 64) is None


def test_a_look_at_an_original_keeps_it(engine: Engine) -> None:
    first, second = original(engine.store, b"1" * 100), original(engine.store, b"2" * 100)
    unused_for(engine.store, first, 9 * DAY)
    unused_for(engine.store, second, 8 * DAY)
    engine.store.find_original(first)
    eviction.sweep(bounded(engine, 100))
    assert engine.store.find_original(first) is not None
    assert engine.store.find_original(second) is None


@pytest.mark.parametrize(
    ("state", "stays"),
    [
        (PostState.PREPARING, True),
        (PostState.PROCESSING, True),
        (PostState.HELD, True),
        (PostState.PUBLISHED, False),
        (PostState.CANCELLED, False),
    ],
)
def test_what_a_post_may_need_stays(engine: Engine, state: PostState, stays: bool) -> None:
    post = plan_post(engine.ledger)
    sha256 = "5" * 64
    posts.store(engine.ledger, post.id, rendition={"sha256": sha256, "size": 1, "plan": "encode", "reasons": []})
    posts.move(engine.ledger, post.id, PostState.PREPARING, who="t", why="t")
    road = [PostState.READY, PostState.PUBLISHING, PostState.PROCESSING, PostState.PUBLISHED]
    steps = [] if state is PostState.PREPARING else road[: road.index(state) + 1] if state in road else [state]
    for step in steps:
        posts.move(engine.ledger, post.id, step, who="t", why="t")
    film = rendition(engine.store, "b" * 64, sha256)[0]
    approved = engine.store.original_path(FILM_SHA256, ".mp4")
    approved.parent.mkdir(parents=True)
    approved.write_bytes(b"xx")
    eviction.sweep(bounded(engine, 1), now=NOW)
    assert (film.exists(), approved.exists()) == (stays, stays)


def test_what_somebody_holds_stays(engine: Engine) -> None:
    sha256 = original(engine.store, b"z")
    with engine.store.locked(original_lock(sha256)):
        swept = eviction.sweep(bounded(engine, 1), now=NOW)
    assert swept is not None
    assert swept.count == 0


def test_what_is_used_after_it_was_chosen_stays(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run may ask for a film between the look at the store and its turn to go."""
    sha256 = original(engine.store, b"z")
    unused_for(engine.store, sha256, 9 * DAY)
    chosen = eviction.choose

    def choosing(*args: Any) -> list[Item]:
        found = chosen(*args)
        assert engine.store.find_original(sha256) is not None
        return found

    monkeypatch.setattr(eviction, "choose", choosing)
    swept = eviction.sweep(bounded(engine, 0))
    assert swept is not None
    assert (swept.count, engine.store.find_original(sha256) is not None) == (0, True)


def test_it_looks_once_an_hour(engine: Engine) -> None:
    assert eviction.sweep(engine) is not None
    assert eviction.sweep(engine) is None
    assert eviction.sweep(engine, now=time.time() + BETWEEN_S + 1) is not None


def test_leftovers_go_after_a_day_and_locks_and_pictures_stay(engine: Engine) -> None:
    store = engine.store
    download = store.incoming_path("abc.part")
    part = store.rendition_path("d" * 64).with_name(f".{'d' * 64}.mp4.1-2.part")
    silent = part.with_name(f"{part.name}.silent")
    picture = store.root / "pictures" / "ab" / "cover.jpg"
    picture.parent.mkdir(parents=True)
    for path in (download, part, silent, picture):
        path.write_bytes(b"x")
    assert eviction.sweep(engine, now=time.time() + KEPT_S - 60) is not None
    assert download.exists()
    assert part.exists()
    with store.locked("fetch-abc"):
        eviction.sweep(engine, now=NOW)
        assert (download.exists(), part.exists(), silent.exists()) == (True, False, False)
    eviction.sweep(engine, now=NOW + DAY)
    assert not download.exists()
    assert picture.exists()
    assert list((store.root / "locks").iterdir()) != []


def test_a_store_that_cannot_get_small_enough_says_so(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    original(engine.store, b"young" * 100)
    swept = eviction.sweep(bounded(engine, 1))
    assert swept is not None
    assert swept.left == 500
    assert "the rest was used within a day, or posts need it" in caplog.text
