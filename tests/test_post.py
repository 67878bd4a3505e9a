"""Keys, captions and options: what no account could publish is refused with its number and rule."""

from __future__ import annotations

import pytest

from airdate.errors import Refused, WrongUsage
from airdate.post import AssetRef, Mode, Options, Privacy, check_options, derive_key, utf16_units


def film(path: str, sha256: str = "a" * 64) -> AssetRef:
    return AssetRef("file", path, sha256)


@pytest.mark.parametrize(("text", "units"), [("", 0), ("abc", 3), ("é", 1), ("🎬", 2), ("👩‍👩‍👧", 8)])
def test_units_are_counted_as_tiktok_counts(text: str, units: int) -> None:
    assert utf16_units(text) == units


def test_the_longest_caption_passes_and_one_unit_more_does_not() -> None:
    check_options(Options(caption="🎬" * 1100, privacy=Privacy.SELF_ONLY))
    with pytest.raises(Refused, match="2201 UTF-16 units") as caught:
        check_options(Options(caption="🎬" * 1100 + "x", privacy=Privacy.SELF_ONLY))
    assert caught.value.item == "caption"
    assert "2200" in (caught.value.rule or "")
    assert caught.value.fix


def test_a_film_is_its_content_wherever_it_lies() -> None:
    assert derive_key("demo", Mode.DIRECT, (film("/a.mp4"),)) == derive_key("demo", Mode.DIRECT, (film("/b.mp4"),))


@pytest.mark.parametrize(
    "other",
    [
        ("brand", Mode.DIRECT, (film("/a.mp4"),)),
        ("demo", Mode.INBOX, (film("/a.mp4"),)),
        ("demo", Mode.DIRECT, (film("/a.mp4", "b" * 64),)),
        ("demo", Mode.DIRECT, (film("/a.mp4"), film("/a.mp4"))),
        ("demo", Mode.DIRECT, (AssetRef("url", "a" * 64, None),)),
    ],
)
def test_account_mode_and_sources_make_the_key(other: tuple[str, Mode, tuple[AssetRef, ...]]) -> None:
    assert derive_key(*other) != derive_key("demo", Mode.DIRECT, (film("/a.mp4"),))


def test_the_order_of_photos_matters() -> None:
    one, two = film("/1.jpg", "1" * 64), film("/2.jpg", "2" * 64)
    assert derive_key("demo", Mode.DIRECT, (one, two)) != derive_key("demo", Mode.DIRECT, (two, one))


def test_branded_content_cannot_be_private() -> None:
    with pytest.raises(Refused, match="cannot be set to private"):
        check_options(Options(privacy=Privacy.SELF_ONLY, branded_content=True))
    check_options(Options(privacy=Privacy.SELF_ONLY, own_brand=True))


@pytest.mark.parametrize(
    "options",
    [
        Options(mode=Mode.INBOX, privacy=Privacy.SELF_ONLY),
        Options(mode=Mode.INBOX, ai_generated=True),
        Options(mode=Mode.INBOX, own_brand=True),
        Options(mode=Mode.INBOX, allow_duet=True),
        Options(mode=Mode.INBOX, cover_ms=0),
    ],
)
def test_a_draft_carries_the_film_alone(options: Options) -> None:
    with pytest.raises(WrongUsage, match="cannot carry"):
        check_options(options)


def test_a_caption_may_go_with_a_draft_for_the_creator_to_read() -> None:
    check_options(Options(mode=Mode.INBOX, caption="say it like this"))


def test_options_survive_the_ledger() -> None:
    options = Options(caption="x", privacy=Privacy.FRIENDS, allow_duet=True, cover_ms=5)
    assert Options.from_dict(options.as_dict()) == options
