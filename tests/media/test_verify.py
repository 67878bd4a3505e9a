"""What a finished rendition is refused for, each fault by its name; the decoding itself is in `test_renditions`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from probe_making import film, photos

from airdate.errors import Refused
from airdate.media.plan import Plan, plan_slideshow, plan_video
from airdate.media.profile import MAX_BYTES, Duration, Profile
from airdate.media.verify import form_faults, verify

COPIED = plan_video(film(boxes={"moov_first": False}), Profile())
ENCODED = plan_video(film(picture={"codec": "hevc"}), Profile())
CUT = plan_video(film(seconds=612), Profile(duration=Duration.TRIM), max_seconds=180)
SHOW = plan_slideshow(photos(3), Profile())


@pytest.fixture(autouse=True)
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which proof was asked for, instead of any decoding."""
    asked: list[str] = []
    monkeypatch.setattr("airdate.media.verify.decode_whole", lambda *_args, **_more: asked.append("whole"))
    monkeypatch.setattr("airdate.media.verify.decode_parts", lambda *_args, **_more: asked.append("parts"))
    return asked


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"boxes": {"moov_first": False}}, "the index is not first"),
        ({"boxes": {"has_metadata": True}}, "it carries metadata"),
        ({"streams": 3}, "it has other streams"),
        ({"mute": True, "streams": 2}, "it has other streams"),
        ({"size": MAX_BYTES + 1}, "4,000,000,001 bytes"),
        ({"picture": {"is_turned": True, "rotation": 90}}, "it is turned by 90"),
        ({"picture": {"codec": "hevc"}}, "it is hevc yuv420p"),
        ({"picture": {"pix_fmt": "yuv422p"}}, "it is h264 yuv422p"),
        ({"picture": {"matrix": None}}, "its colour is None tv"),
        ({"picture": {"range": "pc"}}, "its colour is bt709 pc"),
        ({"picture": {"sar": 1.01}}, "its pixels are 1.010 wide"),
        ({"picture": {"width": 1081}}, "its sides are odd"),
        ({"picture": {"width": 358}}, "its sides are 358×1920"),
        ({"picture": {"is_variable": True}}, "its rate is variable"),
        ({"picture": {"fps": 22.9}}, "22.900 frames a second"),
        ({"picture": {"start_s": 0.11}}, "it begins at 0.11 s"),
        ({"sound": {"codec": "mp3"}}, "its sound is mp3"),
        ({"sound": {"channels": 6}}, "in 6 channels"),
        ({"sound": {"end_s": 9.7}}, "its sound ends -0.30 s from the picture"),
        ({"picture": None, "boxes": {}}, "it is no MP4 film"),
    ],
)
def test_every_departure_from_the_normal_form_is_named(changed: dict[str, Any], fault: str) -> None:
    output = film(**{name: value for name, value in changed.items() if value is not None})
    if "picture" in changed and changed["picture"] is None:
        output = replace(output, picture=None)
    assert [found for found in form_faults(output) if fault in found], form_faults(output)
    with pytest.raises(Refused, match="not what TikTok takes") as refused:
        verify(COPIED, output)
    assert fault in refused.value.message
    assert form_faults(film()) == []


def test_a_mark_that_was_to_stay_is_no_fault() -> None:
    turned = film(picture={"is_turned": True, "rotation": 90})
    assert form_faults(turned, keeps_matrix=True) == []


@pytest.mark.parametrize(
    ("plan", "seconds", "word"),
    [
        (ENCODED, 9.7, "only 9.70 s of 10.00 s are there"),
        (CUT, 180.2, "was to be cut at 180.00 s"),
        (SHOW, 7.8, "it lasts 7.80 s instead of 8.00 s"),
        (SHOW, 8.2, "it lasts 8.20 s instead of 8.00 s"),
    ],
)
def test_a_length_that_was_not_promised_is_named(plan: Plan, seconds: float, word: str) -> None:
    with pytest.raises(Refused) as refused:
        verify(plan, film(seconds=seconds, mute=plan is SHOW))
    assert word in refused.value.message


@pytest.mark.parametrize(("plan", "seconds"), [(ENCODED, 9.8), (CUT, 180.04), (SHOW, 8.08), (SHOW, 7.92)])
def test_a_length_that_containers_round_is_none(plan: Plan, seconds: float) -> None:
    verify(plan, film(seconds=seconds, mute=plan is SHOW))


def test_a_sound_that_got_lost_is_missed() -> None:
    with pytest.raises(Refused, match="its sound is missing"):
        verify(ENCODED, film(mute=True))
    verify(plan_video(film(picture={"codec": "hevc"}, mute=True), Profile()), film(mute=True))


def test_an_encode_is_decoded_whole_and_a_copy_in_parts(decoded: list[str]) -> None:
    moving = replace(SHOW, profile=Profile(ken_burns=True))
    for plan in (ENCODED, COPIED, SHOW, moving):
        verify(plan, film(seconds=plan.seconds, mute=plan in (SHOW, moving)))
    assert decoded == ["whole", "parts", "parts", "whole"]
