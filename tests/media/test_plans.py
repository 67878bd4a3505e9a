"""The decision itself, without a file and without ffmpeg: each clause alone, and what limits and wishes change."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import Any

import pytest
from PIL import Image, ImageFilter
from probe_making import film, photos

from airdate.errors import WrongUsage
from airdate.media.film.cutting import longest
from airdate.media.film.safe_zones import fitted, free_box, whole_box
from airdate.media.pictures.clearest import clearness
from airdate.media.plan import Plan, fit_to_size, plan_instead, plan_slideshow, plan_video
from airdate.media.profile import MAX_BYTES, PROFILES, Duration, Framing, Profile
from airdate.media.refusals import changing, damaged
from airdate.post import PlanKind

TRIM = Profile(duration=Duration.TRIM)


def decided(plan: Plan, kind: PlanKind, *words: str) -> None:
    assert plan.kind is kind, plan.reasons
    for word in words:
        assert any(word in reason for reason in plan.reasons), plan.reasons


def refused(plan: Plan, code: str, *words: str) -> None:
    assert plan.refusal is not None
    assert (plan.kind, plan.refusal.code) == (PlanKind.REFUSE, code)
    assert plan.refusal.item in [probe.name for probe in plan.inputs]
    told = f"{plan.refusal.message} {plan.refusal.rule} {plan.refusal.fix}"
    assert all(word in told for word in words), told


def test_what_is_right_is_kept() -> None:
    plan = plan_video(film(), Profile())
    assert (plan.kind, plan.reasons) == (PlanKind.KEEP, ("nothing to do: it is what TikTok takes, byte for byte",))
    assert plan_video(film(mute=True), Profile()).kind is PlanKind.KEEP


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"codec": "hevc"}, "hevc → H.264"),
        ({"profile": "High 10"}, "8-bit 4:2:0"),
        ({"pix_fmt": "yuv422p"}, "8-bit 4:2:0"),
        ({"transfer": "smpte2084"}, "HDR (PQ) → SDR"),
        ({"transfer": "arib-std-b67"}, "HDR (HLG) → SDR"),
        ({"matrix": "smpte170m"}, "→ those of HD video (BT.709)"),
        ({"range": "pc"}, "→ those of HD video (BT.709)"),
        ({"matrix": None, "width": 360, "height": 640}, "→ those of HD video (BT.709)"),
        ({"sar": 1.333}, "true shape"),
        ({"is_turned": True, "rotation": 90}, "turned"),
        ({"is_interlaced": True}, "progressive"),
        ({"width": 1081}, "even sides"),
        ({"width": 320, "height": 568}, "320×568 → sides of 360 to 4096"),
        ({"width": 4320, "height": 7680}, "sides of 360 to 4096"),
        ({"is_variable": True, "fps": 29.4}, "29.40 → 30 frames a second, constant"),
        ({"is_variable": True, "fps": 59.1}, "59.10 → 60 frames a second, constant"),
        ({"fps": 15.0}, "15.00 → 30 frames a second"),
        ({"fps": 60.01}, "60.01 → 60 frames a second"),
        ({"fps": 240.0}, "240.00 → 60 frames a second"),
        ({"start_s": 0.5}, "begins at 0.50 s"),
        ({"starts_whole": False}, "first whole one"),
        ({"is_timed": False}, "does not say when its pictures are shown"),
        ({"edits": 2}, "hid several parts"),
        ({"hidden_s": 0.2}, "its editor hid"),
    ],
)
def test_a_picture_that_cannot_be_copied_is_encoded(changed: dict[str, Any], word: str) -> None:
    decided(plan_video(film(picture=changed), Profile()), PlanKind.ENCODE, word)


@pytest.mark.parametrize("fps", [22.98, 23.976, 24.0, 25.0, 29.97, 50.0, 59.94, 60.0])
def test_a_constant_legal_rate_stays(fps: float) -> None:
    assert plan_video(film(picture={"fps": fps}), Profile()).kind is PlanKind.KEEP


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"codec": "mp3", "profile": None}, "mp3 → AAC-LC"),
        ({"profile": "HE-AAC"}, "HE-AAC → AAC-LC"),
        ({"channels": 6}, "6 channels → stereo"),
        ({"rate": 32_000}, "32000 Hz → 48000 Hz"),
        ({"starts_whole": False}, "the first sound cannot be decoded"),
        ({"is_mixed": True}, "changes its rate or its channels → one form"),
        ({"start_s": 0.3}, "begins 0.30 s after"),
        ({"end_s": 9.0}, "ends 1.00 s before"),
        ({"end_s": 10.3}, "ends 0.30 s after"),
    ],
)
def test_a_sound_that_cannot_be_copied_is_made_anew_alone(changed: dict[str, Any], word: str) -> None:
    decided(plan_video(film(sound=changed), Profile()), PlanKind.AUDIO, "the picture is copied", word)


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"boxes": {"moov_first": False}}, "the index goes first"),
        ({"boxes": {"fragmented": True}}, "in pieces"),
        ({"boxes": {"has_metadata": True}}, "taken out"),
        ({"boxes": {"brand": "qt  "}}, "becomes MP4"),
        ({"container": "matroska,webm", "boxes": {}}, "becomes MP4"),
        ({"streams": 3}, "tracks besides"),
        ({"size": MAX_BYTES + 1, "boxes": {"used_bytes": 1_000_000}}, "leaving out what is empty"),
    ],
)
def test_a_container_that_cannot_stay_is_written_anew(changed: dict[str, Any], word: str) -> None:
    decided(plan_video(film(**changed), Profile()), PlanKind.REMUX, "copied as they are", word)


def test_missing_tags_are_written_by_a_filter() -> None:
    untagged = {"matrix": None, "primaries": None, "transfer": None, "range": None}
    decided(plan_video(film(picture=untagged), Profile()), PlanKind.FILTER, "a note on its colours is added")


def test_what_no_plan_mends_is_refused() -> None:
    refused(plan_video(film(picture={"dolby_vision": 5}), Profile()), "media_dolby_vision_5")
    refused(plan_video(film(picture={"matrix": "ycgco"}), Profile()), "media_colour_unknown", "coded by ycgco")
    unheard = film(mute=True, unheard="no decoder knows its codec")
    refused(plan_video(unheard, Profile()), "media_sound_unreadable", "no decoder", "--salvage")
    decided(plan_video(unheard, Profile(salvage=True)), PlanKind.REMUX, "its sound is left out: no decoder")
    cut_off = film(cut_off="half of it is missing")
    refused(plan_video(cut_off, Profile()), "media_truncated", "half of it", "--salvage")
    decided(plan_video(cut_off, Profile(salvage=True)), PlanKind.ENCODE, "half of it is missing")


@pytest.mark.parametrize("policy", list(Duration))
def test_a_short_film_is_refused_whatever_the_policy(policy: Duration) -> None:
    refused(plan_video(film(seconds=2.97), Profile(duration=policy)), "media_too_short", "2.97 s", "0.03 s longer")
    assert plan_video(film(seconds=3.0), Profile(duration=policy)).kind is PlanKind.KEEP


def test_a_long_film_is_refused_with_both_numbers() -> None:
    refused(plan_video(film(seconds=612), Profile()), "media_too_long", "612.00 s", "600 s", "cut 12.00 s", "trim")
    limited = plan_video(film(seconds=200), Profile(), max_seconds=180)
    refused(limited, "duration_over_creator_limit", "200.00 s", "180 s", "max_video_post_duration_sec", "cut 20.00 s")
    assert plan_video(film(seconds=600.05), Profile()).kind is PlanKind.KEEP
    assert plan_video(film(seconds=200), Profile()).kind is PlanKind.KEEP


def test_what_is_cut_off_is_copied_where_it_can_be() -> None:
    plan = plan_video(film(seconds=612), TRIM)
    decided(plan, PlanKind.AUDIO, "the picture is copied", "612.00 s → the first 600 s", "TikTok takes", "fades out")
    assert (plan.seconds, plan.is_shortened) == (600, True)
    mute = plan_video(film(seconds=612, mute=True), TRIM, max_seconds=180)
    decided(mute, PlanKind.REMUX, "the first 180 s, which is what this creator may post")
    assert "fades" not in " ".join(mute.reasons)


def test_what_is_cut_off_an_encode_ends_with_a_whole_frame() -> None:
    rate = 30_000 / 1001
    plan = plan_video(film(seconds=612, picture={"codec": "hevc", "fps": rate}), TRIM)
    decided(plan, PlanKind.ENCODE, "612.00 s → the first 600 s", "hevc")
    assert plan.is_shortened
    assert plan.seconds == pytest.approx(17_982 / rate)
    assert plan_video(film(seconds=612, picture={"codec": "hevc"}), TRIM).seconds == 600


def test_a_film_of_legal_length_is_never_cut() -> None:
    plan = plan_video(film(seconds=600), TRIM)
    assert (plan.kind, plan.is_shortened) == (PlanKind.KEEP, False)


def test_a_cut_below_the_shortest_film_is_refused() -> None:
    refused(plan_video(film(seconds=10), TRIM, max_seconds=2), "duration_over_creator_limit", "2 s")


def test_silence_before_the_picture_counts() -> None:
    """The picture is filled up to where the sound begins, so the film would be longer than its picture."""
    late = film(seconds=601, picture={"start_s": 2.0}, duration_s=599.0)
    refused(plan_video(late, Profile()), "media_too_long", "601.00 s")


def test_a_salvaged_film_keeps_its_cut() -> None:
    cut = plan_video(film(seconds=612), replace(TRIM, salvage=True), max_seconds=180)
    plan = plan_instead(cut, damaged("film.mp4", "a hole"))
    assert plan is not None
    decided(plan, PlanKind.ENCODE, "the first 180 s", "a hole) → what decodes of it")
    assert (plan.is_shortened, plan.seconds) == (True, 180)


def test_what_cannot_be_copied_is_encoded_where_that_helps() -> None:
    copied, encoded = plan_video(film(), Profile()), plan_video(film(picture={"fps": 12.0}), Profile())
    change, hole = changing("film.mp4", "at 4.00 s"), damaged("film.mp4", "a hole")
    plan = plan_instead(copied, change)
    assert plan is not None
    decided(plan, PlanKind.ENCODE, "the picture changes its size, depth or colours at 4.00 s → one form")
    assert plan_instead(copied, hole) is None, "damage is converted only where that was asked for"
    assert plan_instead(encoded, change) is None


def test_a_film_over_four_gigabytes_is_encoded_smaller() -> None:
    decided(plan_video(film(size=MAX_BYTES + 1), Profile()), PlanKind.ENCODE, "4,000,000,001 bytes → at most")
    assert plan_video(film(size=MAX_BYTES), Profile()).kind is PlanKind.KEEP
    # A tenth is kept for a beginning that is heavier than the rest.
    assert plan_video(film(seconds=1800, size=9_000_000_000), TRIM).kind is PlanKind.AUDIO
    assert plan_video(film(seconds=1800, size=11_000_000_000), TRIM).kind is PlanKind.ENCODE


def test_a_rate_that_would_burst_the_size_is_lowered() -> None:
    wasteful = Profile(maxrate_kbps=100_000)
    plan = plan_video(film(seconds=600, picture={"codec": "hevc"}), wasteful)
    decided(plan, PlanKind.ENCODE, "at most 100,000 → 48,324 kb/s, so that 600 s keep to 4,000,000,000 bytes")
    assert (plan.profile.maxrate_kbps + 128) * 1000 / 8 * 600 * 1.1 <= MAX_BYTES
    assert fit_to_size(wasteful, 200) == (wasteful, [])
    slow = replace(wasteful, seconds_per_photo=20.0)
    shown = plan_slideshow(photos(30), slow)
    decided(shown, PlanKind.SLIDESHOW, "at most 100,000 →", "keep to 4,000,000,000 bytes")
    assert shown.profile.maxrate_kbps * shown.seconds * 1000 / 8 < MAX_BYTES
    assert all(fit_to_size(profile, 600) == (profile, []) for profile in PROFILES.values())


@pytest.mark.parametrize("fps", [23, 24, 25, 30, 50, 60])
@pytest.mark.parametrize(("limit", "count"), [(15, 7), (60, 35), (180, 35), (600, 35)])
def test_a_slideshow_keeps_to_the_creators_limit(fps: int, limit: int, count: int) -> None:
    plan = plan_slideshow(photos(count), Profile(fps=fps, seconds_per_photo=30, crossfade_s=0.37), max_seconds=limit)
    decided(plan, PlanKind.SLIDESHOW, f"keeps to {limit} s")
    each, cross = round(plan.seconds_per_photo * fps), round(plan.crossfade_s * fps)
    frames = count * each - (count - 1) * cross
    assert frames / fps == pytest.approx(plan.seconds)
    assert limit - count / fps < plan.seconds <= limit


@pytest.mark.parametrize(("count", "limit", "cross_s"), [(4, 8, 2.0), (35, 60, 2.0), (12, 15, 1.0), (35, 60, 1.0)])
def test_a_shortened_photo_is_shown_by_itself_between_its_cross_fades(count: int, limit: int, cross_s: float) -> None:
    plan = plan_slideshow(photos(count), Profile(seconds_per_photo=4, crossfade_s=cross_s), max_seconds=limit)
    each, cross = round(plan.seconds_per_photo * 30), round(plan.crossfade_s * 30)
    assert 0 < 2 * cross <= each
    assert limit - count / 30 <= plan.seconds <= limit


def test_too_many_photos_for_a_limit_are_refused() -> None:
    refused(plan_slideshow(photos(36), Profile()), "photos_too_many", "36", "35")
    refused(plan_slideshow(photos(35), Profile(), max_seconds=15), "photos_too_many_for_limit", "35", "15 s")


def test_one_photo_stands_as_long_as_a_film_must() -> None:
    plan = plan_slideshow(photos(1), Profile(seconds_per_photo=1))
    decided(plan, PlanKind.SLIDESHOW, "3.00 s", "framing: over a blurred copy")
    assert (plan.seconds, plan.crossfade_s) == (3.0, 0.0)


@pytest.mark.parametrize("framing", [Framing.BLUR, Framing.PAD, Framing.CROP, Framing.SMART])
def test_framing_is_a_wish_that_costs_an_encode(framing: Framing) -> None:
    wide = film(picture={"width": 1920, "height": 1080})
    plan = plan_video(wide, Profile(framing=framing))
    decided(plan, PlanKind.ENCODE, f"framing: {framing} to 1080×1920")
    assert (plan.size, plan.framing) == ((1080, 1920), framing)
    assert plan_video(film(), Profile(framing=framing)).kind is PlanKind.KEEP
    assert plan_video(wide, Profile()).kind is PlanKind.KEEP


def test_safe_zones_bring_a_film_into_a_frame() -> None:
    plan = plan_video(film(), Profile(safe_zones=True))
    decided(plan, PlanKind.ENCODE, "framing: blur to 1080×1920, clear of TikTok's buttons")
    assert (plan.size, plan.framing) == ((1080, 1920), Framing.BLUR)
    assert plan_video(film(), Profile(safe_zones=True, framing=Framing.PAD)).framing is Framing.PAD
    decided(plan_slideshow(photos(2), Profile(safe_zones=True)), PlanKind.SLIDESHOW, "clear of TikTok's buttons")


@pytest.mark.parametrize("framing", [Framing.CROP, Framing.SMART])
def test_safe_zones_and_a_crop_exclude_each_other(framing: Framing) -> None:
    with pytest.raises(WrongUsage) as caught:
        Profile(safe_zones=True, framing=framing)
    assert caught.value.code == "safe_zones_cropped"


@pytest.mark.parametrize("frame", [(1080, 1920), (720, 1280), (1080, 1080)])
@pytest.mark.parametrize("shown", [(1080, 1920), (1920, 1080), (4032, 3024), (640, 640), (361, 1999)])
def test_a_picture_in_a_box_is_whole_even_and_not_stretched(frame: tuple[int, int], shown: tuple[int, int]) -> None:
    for box in (free_box(frame), whole_box(frame)):
        left, top, width, height = fitted(shown, box)
        assert box[0] <= left
        assert box[1] <= top
        assert left + width <= box[0] + box[2]
        assert top + height <= box[1] + box[3]
        assert not any(side % 2 for side in (left, top, width, height))
        assert width == box[2] or height == box[3]
        assert width * shown[1] / shown[0] == pytest.approx(height, abs=2 * max(1, shown[1] / shown[0]))


def test_the_free_box_leaves_out_what_tiktok_covers() -> None:
    left, top, width, height = free_box((1080, 1920))
    assert (left, top) == (60, 150)
    assert (1080 - left - width, 1920 - top - height) == (150, 440)


def test_a_cut_leaves_no_picture_out() -> None:
    in_file = [0, 4, 2, 1, 3, 8, 6, 5, 7, 12, 10, 9, 11]
    shown = [place / 30 for place in in_file]
    found = {tenths: longest(shown, tenths / 300, 1 / 30) for tenths in range(10, 131)}
    for tenths, (count, end_s) in found.items():
        assert sorted(in_file[:count]) == list(range(count))
        assert end_s == pytest.approx(count / 30)
        assert end_s <= tenths / 300 + 1 / 300 + 1e-9
    assert sorted({count for count, _ in found.values()}) == [1, 5, 9, 13]


def test_a_clear_picture_scores_above_a_dim_a_blurred_and_an_empty_one() -> None:
    clear = Image.radial_gradient("L").filter(ImageFilter.FIND_EDGES).convert("RGB")
    clear.paste(Image.linear_gradient("L").convert("RGB").resize((64, 64)), (20, 20))
    dim = clear.point(lambda value: value / 4)
    blurred = clear.filter(ImageFilter.GaussianBlur(6))
    scores = [clearness(picture) for picture in (clear, dim, blurred, Image.new("RGB", (256, 256), "black"))]
    assert scores[0] > max(scores[1:3])
    assert min(scores[1:3]) > scores[3] == 0


def test_a_cut_before_the_first_picture_keeps_nothing() -> None:
    assert longest([0.0, 1 / 30], 0.01, 1 / 30) == (0, 0.0)
    assert longest(chain([]), 1.0, 1 / 30) == (0, 0.0)


def test_profiles_go_by_their_names() -> None:
    assert all(profile.name == name for name, profile in PROFILES.items())


@pytest.mark.parametrize(
    ("fps", "is_variable", "rate"),
    [(39.9, True, 30), (40.1, True, 60), (12.0, False, 30), (22.96, False, 30), (60.1, False, 60), (240.0, False, 60)],
)
def test_the_rate_of_an_encode_is_one_that_the_film_loses_least_by(fps: float, is_variable: bool, rate: int) -> None:
    plan = plan_video(film(picture={"fps": fps, "is_variable": is_variable}), Profile())
    decided(plan, PlanKind.ENCODE, f"{fps:.2f} → {rate} frames a second, constant")
    assert plan.fps == rate


def test_a_rate_near_one_that_tiktok_takes_is_copied() -> None:
    assert plan_video(film(picture={"fps": 22.98}), Profile()).kind is PlanKind.KEEP
    assert plan_video(film(picture={"fps": 22.5}), Profile()).kind is PlanKind.ENCODE


@pytest.mark.parametrize(("hidden_s", "kind"), [(0.014, PlanKind.KEEP), (0.034, PlanKind.ENCODE)])
def test_an_edit_that_hides_a_picture_is_heeded(hidden_s: float, kind: PlanKind) -> None:
    assert plan_video(film(picture={"hidden_s": hidden_s}), Profile()).kind is kind


def test_what_begins_late_begins_at_0() -> None:
    both = {"picture": {"start_s": 0.12}, "sound": {"start_s": 0.12}}
    decided(plan_video(film(**both), Profile()), PlanKind.ENCODE, "the picture begins at 0.12 s")
    near = {"picture": {"start_s": 0.09}, "sound": {"start_s": 0.09}}
    assert plan_video(film(**near), Profile()).kind is PlanKind.KEEP
