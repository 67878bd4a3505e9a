from __future__ import annotations

import hashlib
import logging
import threading
from pathlib import Path

import pytest

from airdate.errors import NeedsPerson, Refused, WrongUsage
from airdate.post import AssetRef
from airdate.sources.files import FileSource
from airdate.sources.reference import reference
from airdate.sources.registry import source_named
from airdate.sources.web import UrlSource
from airdate.store import Store


@pytest.fixture
def source(settings) -> UrlSource:
    return UrlSource(settings, Store(settings.store), pause=lambda _seconds: None)


def test_a_url_becomes_an_original(source: UrlSource, server, settings) -> None:
    server.answer(server.film())
    ref, locator = reference(server.url("/film.bin?sig=canary"))
    original = source.fetch(ref, locator)
    sha256 = hashlib.sha256(server.FILM).hexdigest()
    assert original.path == settings.store / "originals" / sha256[:2] / f"{sha256}.mp4"
    assert original.path.read_bytes() == server.FILM
    assert (original.sha256, original.size) == (sha256, len(server.FILM))
    assert original.ref == AssetRef("url", ref.asset_id, sha256)
    assert not any("canary" in str(path) or b"canary" in path.read_bytes() for path in _files(settings.store))


def test_a_pinned_revision_is_asked_for_once(source: UrlSource, server) -> None:
    server.answer(server.film())
    ref, locator = reference(server.url())
    pinned = source.fetch(ref, locator).ref
    assert source.fetch(pinned, locator).sha256 == pinned.revision
    assert len(server.requests) == 1


def test_an_unpinned_url_is_asked_anew(source: UrlSource, server) -> None:
    server.answer(server.film(), server.film('ETag: "v2"', content=server.OTHER_FILM))
    ref, locator = reference(server.url())
    assert source.fetch(ref, locator).sha256 != source.fetch(ref, locator).sha256


def test_content_that_changed_since_its_approval(source: UrlSource, server) -> None:
    server.answer(server.film())
    ref, locator = reference(server.url())
    with pytest.raises(Refused) as refused:
        source.fetch(AssetRef(ref.source, ref.asset_id, "0" * 64), locator)
    assert refused.value.code == "changed_since_approval"


def test_a_revision_of_another_kind_is_kept(source: UrlSource, server) -> None:
    server.answer(server.film())
    ref, locator = reference(server.url())
    assert source.fetch(AssetRef(ref.source, ref.asset_id, "v7"), locator).ref.revision == "v7"


def test_three_runs_at_once_download_once(source: UrlSource, server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "airdate.store")
    release = threading.Event()

    def slow(request) -> bytes:
        release.wait(10)
        return server.film()(request)

    server.answer(slow)
    ref, locator = reference(server.url())
    got = []

    def run() -> None:
        got.append(source.fetch(ref, locator))

    runs = [threading.Thread(target=run) for _ in range(3)]
    for thread in runs:
        thread.start()
    _until(lambda: caplog.text.count("waiting for another run") == 2)
    release.set()
    for thread in runs:
        thread.join(10)
    assert len(got) == 3
    assert len({original.path for original in got}) == 1
    assert len(server.requests) == 1


def test_sources_by_name(settings) -> None:
    store = Store(settings.store)
    assert isinstance(source_named("file", settings=settings, store=store), FileSource)
    assert isinstance(source_named("url", settings=settings, store=store), UrlSource)
    with pytest.raises(WrongUsage, match="no source named"):
        source_named("s4", settings=settings, store=store)


def test_a_forbidden_address_leaves_nothing(settings, tmp_path: Path) -> None:
    ref, locator = reference("https://127.0.0.1/film.mp4")
    with pytest.raises(NeedsPerson):
        UrlSource(settings, Store(settings.store)).fetch(ref, locator)
    assert not any(path.name.endswith((".part", ".json", ".latest")) for path in _files(settings.store))


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _until(holds, seconds: float = 10.0) -> None:
    ticks = threading.Event()
    for _ in range(int(seconds / 0.005)):
        if holds():
            return
        ticks.wait(0.005)
    raise AssertionError("it did not come about")
