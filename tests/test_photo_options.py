"""What a photo post can carry, and what is refused by name instead of being dropped."""

from __future__ import annotations

from typing import Any

import pytest

from airdate.errors import AirdateError, WrongUsage
from airdate.post import Form, Mode, Options, Privacy, check_cover_photo, check_options
from airdate.tiktok.answers import CreatorInfo
from airdate.tiktok.photos import photo_request

CREATOR = CreatorInfo("ana", "Ana", None, ("SELF_ONLY",), False, False, False, 600)


def photos(**options: Any) -> Options:
    return Options(**{"privacy": Privacy.SELF_ONLY, "form": Form.PHOTO, **options})


def refusal(options: Options) -> tuple[str, str | None, int]:
    with pytest.raises(AirdateError) as caught:
        check_options(options)
    return caught.value.code, caught.value.item, caught.value.exit_code


@pytest.mark.parametrize(
    ("given", "item"),
    [
        ({"allow_duet": True}, "allow_duet"),
        ({"allow_stitch": True}, "allow_stitch"),
        ({"ai_generated": True}, "ai_generated"),
        ({"cover_ms": 0}, "cover_ms"),
    ],
)
def test_a_photo_post_refuses_what_only_films_carry(given: dict[str, Any], item: str) -> None:
    assert refusal(photos(**given)) == ("photo_carries_no_options", item, 2)
    check_options(Options(privacy=Privacy.SELF_ONLY, **given))


@pytest.mark.parametrize(
    ("given", "item"),
    [({"title": "Hi"}, "title"), ({"auto_music": True}, "auto_music"), ({"cover_photo": 1}, "cover_photo")],
)
def test_a_film_refuses_what_only_photo_posts_carry(given: dict[str, Any], item: str) -> None:
    assert refusal(Options(privacy=Privacy.SELF_ONLY, **given)) == ("film_carries_no_options", item, 2)
    check_options(photos(**given))


@pytest.mark.parametrize(
    "given",
    [
        {"privacy": Privacy.SELF_ONLY},
        {"allow_comment": True},
        {"own_brand": True},
        {"branded_content": True},
        {"auto_music": True},
    ],
)
def test_a_draft_of_photos_carries_texts_and_cover_and_nothing_else(given: dict[str, Any]) -> None:
    draft = {"privacy": None, "mode": Mode.INBOX}
    check_options(photos(**draft, title="Hi", caption="there", cover_photo=2))
    assert refusal(photos(**{**draft, **given})) == ("inbox_carries_no_options", next(iter(given)), 2)


def test_texts_are_counted_in_utf_16_units() -> None:
    check_options(photos(title="🎬" * 45, caption="🎬" * 2000))
    assert refusal(photos(title="🎬" * 45 + "x")) == ("title_too_long", "title", 3)
    assert refusal(photos(caption="🎬" * 2000 + "x")) == ("caption_too_long", "caption", 3)
    assert refusal(Options(privacy=Privacy.SELF_ONLY, caption="x" * 2201)) == ("caption_too_long", "caption", 3)


@pytest.mark.parametrize("number", [0, -1, 36])
def test_a_cover_is_one_of_the_photos_a_post_may_have(number: int) -> None:
    assert refusal(photos(cover_photo=number)) == ("cover_photo_outside", "cover_photo", 2)


def test_a_cover_is_one_of_the_posts_own_photos() -> None:
    check_cover_photo(photos(cover_photo=3), 3)
    with pytest.raises(WrongUsage):
        check_cover_photo(photos(cover_photo=4), 3)


def test_rows_of_an_older_ledger_are_read() -> None:
    new = ("form", "title", "auto_music", "cover_photo")
    old = {name: value for name, value in photos(form=Form.SLIDESHOW).as_dict().items() if name not in new}
    assert Options.from_dict(old) == Options(privacy=Privacy.SELF_ONLY)
    wished = photos(title="Hi", auto_music=True, cover_photo=2)
    assert Options.from_dict(wished.as_dict()) == wished


def test_a_direct_request_says_everything_and_a_draft_only_what_it_may() -> None:
    urls = ["https://media.example.com/a.jpg", "https://media.example.com/b.webp"]
    direct = photo_request(photos(title="Hi", caption="there", cover_photo=2, own_brand=True), CREATOR, urls)
    assert direct == {
        "media_type": "PHOTO",
        "post_mode": "DIRECT_POST",
        "post_info": {
            "title": "Hi",
            "description": "there",
            "privacy_level": "SELF_ONLY",
            "disable_comment": True,
            "auto_add_music": False,
            "brand_content_toggle": False,
            "brand_organic_toggle": True,
        },
        "source_info": {"source": "PULL_FROM_URL", "photo_images": urls, "photo_cover_index": 1},
    }
    draft = photo_request(photos(privacy=None, mode=Mode.INBOX, title="Hi"), None, urls)
    assert (draft["post_mode"], draft["post_info"]) == ("MEDIA_UPLOAD", {"title": "Hi"})
    assert draft["source_info"]["photo_cover_index"] == 0


def test_comments_stay_off_where_the_creator_forbids_them() -> None:
    forbidding = CreatorInfo("ana", "Ana", None, ("SELF_ONLY",), True, False, False, 600)
    info = photo_request(photos(allow_comment=True), forbidding, ["https://a.example/b.jpg"])["post_info"]
    assert info["disable_comment"] is True
    assert photo_request(photos(allow_comment=True), CREATOR, [])["post_info"]["disable_comment"] is False
