from __future__ import annotations

from typing import Any

import pytest
from sandbox_client import Client, Films

from airdate.sandbox.running import Control

pytestmark = pytest.mark.e2e


def test_a_private_post_has_no_id(demo: Client, film: bytes) -> None:
    assert demo.data(demo.post(film)) == {"status": "PUBLISH_COMPLETE"}


def test_a_public_post_gets_its_id_a_little_later(public: Client, control: Control, film: bytes) -> None:
    control.settings(public_id_seconds=60)
    publish_id = public.post(film, privacy_level="PUBLIC_TO_EVERYONE")
    assert public.data(publish_id) == {"status": "PUBLISH_COMPLETE"}
    control.advance(60)
    [post_id] = public.data(publish_id)["publicaly_available_post_id"]
    assert post_id > 2**53


def test_processing_takes_its_time(demo: Client, control: Control, film: bytes) -> None:
    control.settings(processing_seconds=100)
    publish_id = demo.post(film)
    assert demo.data(publish_id) == {"status": "PROCESSING_UPLOAD", "uploaded_bytes": len(film)}
    control.advance(100)
    assert demo.data(publish_id) == {"status": "PUBLISH_COMPLETE"}


def test_a_draft_waits_for_the_creator(demo: Client, control: Control, film: bytes) -> None:
    publish_id = demo.post(film, inbox=True)
    assert demo.data(publish_id) == {"status": "SEND_TO_USER_INBOX"}
    control.finish(publish_id)
    assert demo.data(publish_id) == {"status": "PUBLISH_COMPLETE"}


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ({}, None),
        ({"name": "film.webm", "size": "360x640"}, None),
        ({"name": "film.mov"}, None),
        ({"fps": "60"}, None),
        ({"fps": "24000/1001"}, None),
        ({"fps": "61"}, "frame_rate_check_failed"),
        ({"fps": "10"}, "frame_rate_check_failed"),
        ({"size": "320x640"}, "picture_size_check_failed"),
        ({"size": "4098x360", "seconds": "1"}, "picture_size_check_failed"),
        ({"seconds": "0.5"}, "duration_check_failed"),
        ({"name": "film.mkv"}, "file_format_check_failed"),
        ({"name": "film.avi"}, "file_format_check_failed"),
    ],
    ids=str,
)
def test_films_are_really_looked_at(demo: Client, films: Films, made: dict[str, str], reason: str | None) -> None:
    publish_id = demo.post(films.path(**made).read_bytes())
    expected = {"status": "PUBLISH_COMPLETE"} if reason is None else {"status": "FAILED", "fail_reason": reason}
    assert demo.data(publish_id) == expected


def test_what_is_no_film_fails(demo: Client, film: bytes) -> None:
    for body in (b"not a film at all", film[: len(film) // 2], film[1000:]):
        assert demo.data(demo.post(body)) == {"status": "FAILED", "fail_reason": "file_format_check_failed"}


def test_the_creators_own_limit_counts(demo: Client, control: Control, films: Films) -> None:
    control.settings(creators={"demo": {"max_video_post_duration_sec": 2}})
    assert demo.data(demo.post(films.path().read_bytes()))["status"] == "PUBLISH_COMPLETE"
    publish_id = demo.post(films.path(seconds="3").read_bytes())
    assert demo.data(publish_id) == {"status": "FAILED", "fail_reason": "duration_check_failed"}
    assert "3.00 s is not within 1 to 2" in control.post(publish_id)["why"]


REASONS = (
    "file_format_check_failed",
    "duration_check_failed",
    "frame_rate_check_failed",
    "picture_size_check_failed",
    "internal",
    "video_pull_failed",
    "photo_pull_failed",
    "publish_cancelled",
    "auth_removed",
    "spam_risk_too_many_posts",
    "spam_risk_user_banned_from_posting",
    "spam_risk_text",
    "spam_risk",
    "video_bitrate_check_failed",
)
"""All that TikTok names, and one that only a client's code knows."""


@pytest.mark.parametrize("reason", REASONS)
def test_failing_on_order(demo: Client, control: Control, film: bytes, reason: str) -> None:
    control.fault("processing", fail_reason=reason)
    assert demo.data(demo.post(film)) == {"status": "FAILED", "fail_reason": reason}
    assert demo.data(demo.post(film)) == {"status": "PUBLISH_COMPLETE"}


def test_endless_processing(demo: Client, control: Control, film: bytes) -> None:
    control.fault("processing", endless=True)
    publish_id = demo.post(film)
    control.advance(7000)
    assert demo.data(publish_id)["status"] == "PROCESSING_UPLOAD"


@pytest.mark.parametrize("form", ["numbers", "strings", "scalar", "empty", "absent", "late"])
def test_the_forms_of_an_id(public: Client, control: Control, film: bytes, form: str) -> None:
    control.fault("processing", post_ids=form)
    publish_id = public.post(film, privacy_level="PUBLIC_TO_EVERYONE")
    given: Any = public.data(publish_id).get("publicaly_available_post_id", "nothing")
    number = int(control.post(publish_id)["post_id"] or 0)
    assert (
        given
        == {
            "numbers": [number],
            "strings": [str(number)],
            "scalar": number,
            "empty": [],
            "absent": "nothing",
            "late": "nothing",
        }[form]
    )
    control.advance(60)
    assert ("publicaly_available_post_id" in public.data(publish_id)) == (form != "absent")


def test_a_cap_that_fills_up_during_the_upload(demo: Client, control: Control, film: bytes) -> None:
    from sandbox_client import put

    first, second = (demo.init(len(film)).json()["data"] for _ in range(2))
    control.settings(daily_cap=1)
    for opened in (first, second):
        put(opened["upload_url"], film, 0, len(film))
    control.advance(5)
    assert demo.data(first["publish_id"]) == {"status": "PUBLISH_COMPLETE"}
    assert demo.data(second["publish_id"]) == {"status": "FAILED", "fail_reason": "spam_risk_too_many_posts"}
