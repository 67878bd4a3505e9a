"""Addresses that TikTok would fetch from, and the folder that is shown there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_making import plan_post
from pull_server import PullServer, serving

from airdate import pull_store
from airdate.errors import NeedsPerson, Refused
from airdate.ledger import Ledger, pulls
from airdate.ledger.leases import Lease, claim
from airdate.photo_set import Photo
from airdate.pull_store import Place, check_served, missing_settings, place_of, serve
from airdate.settings import TIKTOK_API_URL, Settings
from airdate.store import sha256_of

REHEARSAL = "http://127.0.0.1:4290"


def settings(url: str | None, folder: Path | None = Path("/srv/pull")) -> Settings:
    return Settings(pull_dir=folder, pull_url=url)


def test_both_settings_are_needed() -> None:
    assert missing_settings(settings("https://media.example.com/")) == ()
    assert missing_settings(settings(None)) == ("AIRDATE_PULL_URL",)
    assert missing_settings(settings("", None)) == ("AIRDATE_PULL_DIR", "AIRDATE_PULL_URL")
    with pytest.raises(NeedsPerson) as caught:
        place_of(settings(None), TIKTOK_API_URL)
    assert caught.value.code == "pull_unset"


@pytest.mark.parametrize(
    "url", ["https://media.example.com", "https://media.example.com/tiktok/", "https://m.ex.co:8443/a"]
)
def test_an_address_of_ones_own_ends_in_a_slash(url: str) -> None:
    assert place_of(settings(url), TIKTOK_API_URL).url == f"{url.rstrip('/')}/"


@pytest.mark.parametrize(
    "url",
    [
        "http://media.example.com/",
        "https://203.0.113.7/",
        "https://[2001:db8::1]/",
        "https://0x7f.1/",
        "https://localhost/",
        "https://studio/",
        "https://nas.local/",
        "ftp://media.example.com/",
        "https://user:secret@media.example.com/",
        "https://media.example.com/?token=secret",
        "https://media.example.com/#top",
        "https://media.example.com/a b/",
        "https://médias.example.com/",
        "https://media.example.com:0/",
        "https://media.example.com:port/",
        "https:///tiktok/",
        "media.example.com",
    ],
)
def test_the_real_tiktok_would_not_fetch_from_others(url: str) -> None:
    with pytest.raises(NeedsPerson) as caught:
        place_of(settings(url), TIKTOK_API_URL)
    error = caught.value
    assert (error.code, error.exit_code, error.item) == ("pull_url_invalid", 4, "AIRDATE_PULL_URL")
    assert "secret" not in str(error)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/", "http://localhost:8000", "https://studio/"])
def test_a_rehearsal_may_fetch_from_this_machine(url: str) -> None:
    assert place_of(settings(url), REHEARSAL).url == f"{url.rstrip('/')}/"
    with pytest.raises(NeedsPerson):
        place_of(settings(url), TIKTOK_API_URL)


@pytest.mark.parametrize("url", ["http://user@127.0.0.1/", "http://127.0.0.1/?a=b", "file:///srv/pull/"])
def test_a_rehearsal_needs_an_address_all_the_same(url: str) -> None:
    with pytest.raises(NeedsPerson):
        place_of(settings(url), REHEARSAL)


@pytest.fixture
def lease(ledger: Ledger) -> Iterator[Lease]:
    claimed = claim(ledger, plan_post(ledger).id, 30)
    assert isinstance(claimed, Lease)
    with claimed:
        yield claimed


@pytest.fixture
def photos(tmp_path: Path) -> list[Photo]:
    made = []
    for number, suffix in enumerate((".jpg", ".webp"), 1):
        path = tmp_path / f"{number}{suffix}"
        path.write_bytes(bytes([number]) * 3000)
        made.append(Photo(path, f"photo {number} of 2 ({path.name})", sha256_of(path), 3000))
    return made


@pytest.fixture
def web(tmp_path: Path) -> Iterator[PullServer]:
    with serving(tmp_path / "pull") as server:
        yield server


def test_pictures_lie_open_under_names_nobody_guesses(
    ledger: Ledger, lease: Lease, photos: list[Photo], web: PullServer, tmp_path: Path
) -> None:
    place = Place(tmp_path / "pull", web.url)
    served = serve(ledger, lease, place, photos)
    check_served(served, lambda _: pytest.fail("it waits"))
    assert [each.url.rpartition(".")[2] for each in served] == ["jpg", "webp"]
    assert len({each.url for each in served}) == 2
    assert not any(web.url in repr(each) for each in served)
    names = [pull.name for pull in pulls.of_post(ledger, lease.post_id)]
    assert sorted(names) == sorted(path.name for path in place.folder.iterdir())
    assert serve(ledger, lease, place, photos) == served, "a second try shows the same"


def test_what_is_missing_or_spoilt_is_written_again(
    ledger: Ledger, lease: Lease, photos: list[Photo], web: PullServer, tmp_path: Path
) -> None:
    place = Place(tmp_path / "pull", web.url)
    served = serve(ledger, lease, place, photos)
    first, second = (place.folder / each.url.rpartition("/")[2] for each in served)
    first.unlink()
    second.write_bytes(b"half of it")
    assert serve(ledger, lease, place, photos) == served
    check_served(served, lambda _: pytest.fail("it waits"))


def test_other_pictures_get_other_names(
    ledger: Ledger, lease: Lease, photos: list[Photo], web: PullServer, tmp_path: Path
) -> None:
    place = Place(tmp_path / "pull", web.url)
    before = serve(ledger, lease, place, photos)
    after = serve(ledger, lease, place, photos[::-1])
    assert not {each.url for each in before} & {each.url for each in after}
    assert serve(ledger, lease, place, photos[::-1]) == after


def test_a_picture_that_changed_is_not_shown(ledger: Ledger, lease: Lease, photos: list[Photo], tmp_path: Path) -> None:
    photos[1].path.write_bytes(b"another one")
    with pytest.raises(Refused) as caught:
        serve(ledger, lease, Place(tmp_path / "pull", "http://127.0.0.1:1/"), photos)
    assert caught.value.code == "file_changed"


def test_a_folder_that_cannot_be_written_to_is_named(
    ledger: Ledger, lease: Lease, photos: list[Photo], tmp_path: Path
) -> None:
    (tmp_path / "pull").write_text("a file where the folder should be")
    with pytest.raises(NeedsPerson) as caught:
        serve(ledger, lease, Place(tmp_path / "pull", "http://127.0.0.1:1/"), photos)
    assert caught.value.code == "pull_dir_unwritable"
    assert len(pulls.of_post(ledger, lease.post_id)) == 2, "the ledger knows of them before they can be seen"


def test_a_server_that_does_not_answer_is_tried_and_named(
    ledger: Ledger, lease: Lease, photos: list[Photo], tmp_path: Path
) -> None:
    served = serve(ledger, lease, Place(tmp_path / "pull", "http://127.0.0.1:1/"), photos)
    waits: list[float] = []
    with pytest.raises(NeedsPerson) as caught:
        check_served(served, waits.append)
    assert (caught.value.code, len(waits)) == ("pull_not_served", pull_store.LOOKS - 1)
    assert "photo 1 of 2 (1.jpg)" in caught.value.message
    assert served[0].url not in str(caught.value)
