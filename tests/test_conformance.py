"""TikTok as it is, as its pages say it is, and as it was seen: one post or a named end, whatever it answers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from staging import Stage, make_film, padded, staged

from airdate import steps
from airdate.post import PostState, Privacy
from airdate.sandbox.rules import Chunks, Profile
from airdate.sandbox.running import RunningSandbox
from airdate.settings import Settings
from airdate.tiktok.chunks import ChunkPlan

pytestmark = pytest.mark.e2e

EDGES = (5_000_000, 5_242_880, 64_000_000, 67_108_864, 128_000_000)
PRIME = 128_000_003
SIZES = sorted({edge + off for edge in EDGES for off in (-1, 0, 1)} | {PRIME})
WHERE_THEY_DIFFER = (5_000_001, 64_000_001, 67_108_865)
"""Sizes between what the readings take for a limit, and above."""

CHUNKED = 70_000_000
"""Bytes of a film that goes out in seven chunks."""

PROFILES = list(Profile)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_film(tmp_path_factory.mktemp("film") / "made.mp4")
    return padded(made, 300_000, made.with_name("film.mp4"))


@pytest.fixture(scope="module")
def chunked(film: Path) -> Path:
    return padded(film, CHUNKED, film.with_name("chunked.mp4"))


@pytest.fixture
def stage(sandbox: RunningSandbox, settings: Settings, new_ledger_file: Path) -> Iterator[Stage]:
    shutil.copy(new_ledger_file, settings.home)
    with staged(sandbox, settings) as made:
        made.add_account()
        yield made


def refused(stage: Stage, post: Any, state: PostState, status: int, code: str, who: str) -> None:
    """The post ended, or waits, with this word of TikTok's, and nothing is to be seen."""
    error = post.error or {}
    assert (post.state, steps.exit_status(post), error.get("code"), error.get("who")) == (state, status, code, who)
    assert error["fix"] or status == 5
    assert stage.complete() == []
    assert stage.sandbox.control.broken() == []


@pytest.mark.parametrize("size", SIZES)
def test_the_plan_is_valid_under_every_reading(size: int) -> None:
    plan = ChunkPlan.for_size(size)
    chunks = Chunks(plan.size, plan.chunk_size, plan.count)
    assert [chunks.refusal(profile) for profile in PROFILES] == [None] * len(PROFILES)
    sent = [last + 1 - first for first, last in map(plan.range_of, range(plan.count))]
    assert sum(sent) == size
    assert max(sent) <= 64_000_000
    assert plan.count == 1 or min(sent) >= 5_242_880


@pytest.mark.parametrize(
    ("size", "profile"),
    [
        (size, profile)
        for size in SIZES
        for profile in PROFILES
        if profile is Profile.STRICT or size in WHERE_THEY_DIFFER
    ],
)
def test_each_size_goes_out_once(stage: Stage, film: Path, tmp_path: Path, size: int, profile: Profile) -> None:
    stage.sandbox.control.settings(profile=profile)
    big = padded(film, size, tmp_path / "big.mp4")
    sent = stage.published_once(stage.publish(big), big)
    assert sent["taken"] == size


ANSWERS = [
    ("count", 416, Profile.STRICT),
    ("count", 206, Profile.DOCS_DECIMAL),
    ("last", 416, Profile.DOCS_BINARY),
    ("last", 206, Profile.STRICT),
    ("none", 416, Profile.DOCS_DECIMAL),
    ("none", 206, Profile.DOCS_BINARY),
]
"""The progress of an answered chunk, and what a chunk that is there already is answered; each under one reading."""


@pytest.mark.parametrize(("header", "repeated", "profile"), ANSWERS)
def test_the_only_chunks_answer_is_lost_and_nobody_tells(
    stage: Stage, film: Path, header: str, repeated: int, profile: Profile
) -> None:
    stage.sandbox.control.settings(profile=profile, progress_header=header, repeated_range=repeated)
    stage.sandbox.control.fault("upload", lose_answer=True)
    stage.sandbox.control.fault("status", times=5, status=503, html=True)
    sent = stage.published_once(stage.publish(film), film)
    assert sent["taken"] <= 2 * film.stat().st_size
    assert len(stage.sandbox.control.calls("init")) == 1


@pytest.mark.parametrize(("header", "repeated", "profile"), ANSWERS)
@pytest.mark.parametrize("after", [0, 6])
def test_a_chunks_answer_is_lost_and_nobody_tells(
    stage: Stage, chunked: Path, header: str, repeated: int, after: int, profile: Profile
) -> None:
    stage.sandbox.control.settings(profile=profile, progress_header=header, repeated_range=repeated)
    stage.sandbox.control.fault("upload", lose_answer=True, after=after)
    stage.sandbox.control.fault("status", times=5, status=503, html=True)
    sent = stage.published_once(stage.publish(chunked), chunked)
    assert sent["taken"] - CHUNKED <= 10_000_000
    assert len(stage.sandbox.control.calls("init")) == 1


ONCE: list[tuple[str, str, dict[str, Any]]] = [
    *[(f"{call} {status}", call, {"status": status, "html": True})
      for call in ("token", "creator_info", "init", "status", "upload") for status in (500, 502, 503)],
    *[(f"{call} lost", call, {"lose_answer": True}) for call in ("creator_info", "init", "status", "upload")],
    *[(f"{call} reset", call, {"reset": True}) for call in ("token", "creator_info", "init", "status", "upload")],
    *[(f"{call} 401", call, {"status": 401, "code": "access_token_invalid"})
      for call in ("creator_info", "init", "status")],
    *[(f"{call} 429", call, {"status": 429, "code": "rate_limit_exceeded"})
      for call in ("creator_info", "init", "status")],
    ("body cut", "upload", {"reset_at_byte": 100_000}),
    ("url expired", "upload", {"expire": True}),
    ("url forgotten", "upload", {"forget": True}),
    ("oauth error under 200", "token", {"status": 200, "code": "temporarily_unavailable"}),
    ("server_error under 200", "token", {"status": 200, "code": "server_error"}),
    ("empty", "init", {"body": ""}),
    ("half", "init", {"body": '{"data": {"publish_id": "v_pu'}),
    ("no upload_url", "init", {"omit": ["upload_url"]}),
    ("no status", "status", {"omit": ["status"]}),
    ("unknown status", "status", {"data": {"status": "BEING_LOOKED_AT"}}),
]  # fmt: skip


@pytest.mark.parametrize(("call", "fault"), [each[1:] for each in ONCE], ids=[each[0] for each in ONCE])
def test_a_fault_that_passes_leaves_one_post(stage: Stage, film: Path, call: str, fault: dict[str, Any]) -> None:
    stage.sandbox.control.fault(call, **fault)
    stage.published_once(stage.publish(film), film)


ENDS: list[tuple[str, dict[str, Any], PostState, int, str, str]] = [
    ("creator_info", {"status": 200, "code": "spam_risk_too_many_posts"}, PostState.READY, 5,
     "spam_risk_too_many_posts", "nobody"),
    ("creator_info", {"status": 200, "code": "reached_active_user_cap"}, PostState.READY, 5,
     "reached_active_user_cap", "nobody"),
    ("creator_info", {"status": 200, "code": "spam_risk_user_banned_from_posting"}, PostState.HELD, 4,
     "spam_risk_user_banned_from_posting", "creator"),
    ("token", {"status": 200, "code": "invalid_grant"}, PostState.HELD, 4, "invalid_grant", "creator"),
    ("token", {"status": 200, "code": "invalid_client"}, PostState.HELD, 4, "invalid_client", "operator"),
    ("token", {"status": 200, "code": "server_error"}, PostState.READY, 5, "server_error", "nobody"),
    ("creator_info", {"status": 401, "code": "access_token_invalid"}, PostState.HELD, 4,
     "access_token_invalid", "creator"),
    ("init", {"status": 401, "code": "access_token_invalid"}, PostState.HELD, 4, "access_token_invalid", "creator"),
    ("init", {"status": 403, "code": "spam_risk_too_many_posts"}, PostState.READY, 5,
     "spam_risk_too_many_posts", "nobody"),
    ("init", {"status": 400, "code": "invalid_params"}, PostState.HELD, 4, "invalid_params", "operator"),
    ("init", {"status": 400, "code": "invalid_param"}, PostState.HELD, 4, "invalid_param", "operator"),
    ("init", {"status": 400, "code": "invalid_publish_id"}, PostState.HELD, 4, "invalid_publish_id", "operator"),
    ("init", {"status": 418, "code": "never_heard_of"}, PostState.HELD, 4, "never_heard_of", "operator"),
    ("init", {"status": 403, "code": "privacy_level_option_mismatch"}, PostState.FAILED, 3,
     "privacy_level_option_mismatch", "content"),
    ("init", {"status": 302}, PostState.HELD, 4, "tiktok_redirect", "operator"),
    ("init", {"data": {"upload_url": "https://upload.example.com/video?upload_token=secret-token"}},
     PostState.HELD, 4, "upload_host_foreign", "operator"),
    ("init", {"status": 502, "html": True}, PostState.READY, 5, "http_502", "nobody"),
    ("upload", {"status": 502, "html": True}, PostState.PUBLISHING, 5, "upload_unfinished", "nobody"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "fault", "state", "status", "code", "who"),
    ENDS,
    ids=[f"{each[0]}-{each[4]}" for each in ENDS],
)
def test_a_fault_that_stays_has_a_name(
    stage: Stage, film: Path, call: str, fault: dict[str, Any], state: PostState, status: int, code: str, who: str
) -> None:
    stage.sandbox.control.fault(call, times=None, **fault)
    refused(stage, steps.walk(stage.engine, stage.record(film).id), state, status, code, who)
    if status == 4 and call == "init" and fault.get("status") != 401:
        assert len(stage.sandbox.control.calls("init")) == 1


REASONS = {
    "file_format_check_failed": (3, "content"),
    "duration_check_failed": (3, "content"),
    "frame_rate_check_failed": (3, "content"),
    "picture_size_check_failed": (3, "content"),
    "spam_risk_text": (3, "content"),
    "video_bitrate_check_failed": (3, "content"),
    "internal": (4, "tiktok"),
    "video_pull_failed": (4, "operator"),
    "photo_pull_failed": (4, "operator"),
    "publish_cancelled": (4, "operator"),
    "auth_removed": (4, "creator"),
    "spam_risk_too_many_posts": (4, "operator"),
    "spam_risk_user_banned_from_posting": (4, "creator"),
    "spam_risk": (4, "creator"),
}
"""TikTok's fail reasons, and one that it does not document: the exit status and who must act."""


@pytest.mark.parametrize("reason", REASONS)
def test_what_tiktok_fails_keeps_its_word(stage: Stage, film: Path, reason: str) -> None:
    stage.sandbox.control.fault("processing", times=None, fail_reason=reason)
    refused(stage, stage.publish(film), PostState.FAILED, REASONS[reason][0], reason, REASONS[reason][1])
    sent_anew = 2 if reason in ("internal", "video_pull_failed", "photo_pull_failed") else 0
    assert len(stage.sandbox.control.calls("init")) == 1 + sent_anew


@pytest.mark.parametrize("form", ["numbers", "strings", "scalar", "empty", "absent", "late"])
def test_ids_in_every_form(sandbox: RunningSandbox, settings: Settings, film: Path, form: str) -> None:
    with staged(sandbox, settings) as stage:
        sandbox.control.settings(creators={"demo": {"private": False, "audited": True}}, public_id_seconds=0)
        sandbox.control.fault("processing", post_ids=form)
        stage.add_account(audited=True)
        post = stage.publish(film, privacy=Privacy.PUBLIC)
        sent = stage.published_once(post, film)
    if form in ("empty", "absent", "late"):
        assert post.tiktok_post_ids == ()
    else:
        assert post.tiktok_post_ids == (sent["post_id"],)
        assert int(sent["post_id"]) > 2**53


def test_endless_processing_is_undecided_and_sent_once(stage: Stage, film: Path) -> None:
    stage.sandbox.control.fault("processing", endless=True)
    for _ in range(2):
        post = stage.publish(film)
        assert (post.state, steps.exit_status(post)) == (PostState.PROCESSING, 6)
    assert len(stage.sandbox.control.calls("init")) == len(stage.sandbox.control.calls("upload")) == 1


@pytest.mark.parametrize(
    ("shift_s", "life_s", "old"),
    [(-300, 30, "dies"), (300, 30, "lives"), (0, 30, "dies"), (-300, None, "lives"), (300, None, "dies")],
)
def test_short_and_unknown_lives_of_tokens_under_skewed_clocks(
    stage: Stage, film: Path, shift_s: int, life_s: int | None, old: str
) -> None:
    stage.shift = timedelta(seconds=shift_s)
    stage.sandbox.control.settings(access_token_seconds=life_s or 60, old_access_token=old, processing_seconds=100)
    if life_s is None:
        stage.sandbox.control.fault("token", times=None, omit=["expires_in"])
    stage.published_once(stage.publish(film), film)
    assert len(stage.sandbox.control.calls("init")) == 1


@pytest.mark.parametrize("jump_s", [7200, -300, 300, -7200])
def test_the_clock_of_the_host_jumps_in_mid_upload(stage: Stage, film: Path, jump_s: int) -> None:
    stage.sandbox.control.fault("upload", status=502)
    stage.sandbox.control.fault("status", status=503)
    pause = stage.pause

    def jump(seconds: float) -> None:
        pause(seconds)
        stage.shift = timedelta(seconds=jump_s)

    stage.pause = jump  # type: ignore[method-assign]
    stage.published_once(stage.publish(film), film)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_last_answer_lost_at_minute_59_is_asked_for(stage: Stage, film: Path, profile: Profile) -> None:
    stage.sandbox.control.settings(profile=profile)
    stage.sandbox.control.fault("upload", lose_answer=True)
    stage.sandbox.control.fault("status", times=5, status=502, html=True)
    stage.jumps = [3_539]
    stage.published_once(stage.publish(film), film)
    assert len(stage.sandbox.control.calls("init")) == 1


@pytest.mark.parametrize("profile", PROFILES)
def test_an_upload_unfinished_at_minute_59_lapses_before_the_next_begins(
    stage: Stage, film: Path, profile: Profile
) -> None:
    stage.sandbox.control.settings(profile=profile)
    stage.sandbox.control.fault("upload", times=6, status=502, html=True)
    stage.jumps = [3_538]
    stage.published_once(stage.publish(film), film)
    first, second = stage.sandbox.control.posts()
    assert (first["received"], second["created_at"] - first["created_at"] > 3600) == (0, True)


def test_a_token_that_dies_of_age_in_a_wait_for_the_rate_is_renewed_once_more(stage: Stage, film: Path) -> None:
    stage.sandbox.control.settings(access_token_seconds=20, old_access_token="dies")
    for _ in range(2):
        stage.sandbox.control.fault("creator_info", times=2, status=429, code="rate_limit_exceeded", retry_after=55)
        stage.sandbox.control.fault("creator_info", after=1, times=1, status=429, code="rate_limit_exceeded")
    stage.published_once(stage.publish(film), film)


def test_a_progress_beyond_what_was_sent_is_not_believed(stage: Stage, film: Path) -> None:
    stage.sandbox.control.fault("upload", times=6, status=502)
    stage.sandbox.control.fault("status", data={"uploaded_bytes": 10**12})
    stage.published_once(stage.publish(film), film)
