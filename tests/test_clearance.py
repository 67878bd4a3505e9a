"""What is known before init: each rule refuses by name, and what TikTok would take passes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from airdate.clearance import Clearance, check_creator, check_scopes
from airdate.errors import NeedsPerson, Refused
from airdate.ledger.accounts import Account
from airdate.post import Mode, Options, Privacy
from airdate.tiktok.answers import CreatorInfo

ACCOUNT = Account(
    name="demo",
    api_url="https://open.tiktokapis.com",
    client_key="ck",
    open_id="oid",
    audited=False,
    mode=Mode.DIRECT,
    privacy=None,
    scopes=("user.info.basic", "video.publish"),
    refresh_expires_at=None,
    access_issued_at=None,
    access_expires_at=None,
    token_version=1,
    blocked=None,
)
PRIVATE = CreatorInfo(
    creator_username="demo",
    creator_nickname="Demo",
    creator_avatar_url=None,
    privacy_level_options=("FOLLOWER_OF_CREATOR", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"),
    comment_disabled=False,
    duet_disabled=True,
    stitch_disabled=True,
    max_video_post_duration_sec=180,
)
PUBLIC = replace(PRIVATE, privacy_level_options=("PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"))
SELF_ONLY = Options(privacy=Privacy.SELF_ONLY)


def test_an_unaudited_app_may_post_for_itself_to_a_private_account() -> None:
    check_creator(ACCOUNT, SELF_ONLY, PRIVATE, 20)


def test_a_level_that_is_not_offered_is_never_substituted() -> None:
    with pytest.raises(Refused) as caught:
        check_creator(ACCOUNT, Options(privacy=Privacy.PUBLIC), PRIVATE, 20)
    assert caught.value.code == "privacy_level_option_mismatch"
    assert "SELF_ONLY" in caught.value.message


@pytest.mark.parametrize("level", [Privacy.SELF_ONLY, Privacy.PUBLIC])
def test_an_unaudited_app_and_a_public_account_are_stopped_before_init(level: Privacy) -> None:
    with pytest.raises(NeedsPerson, match="public") as caught:
        check_creator(ACCOUNT, Options(privacy=level), PUBLIC, 20)
    assert "make the account private" in (caught.value.fix or "")


def test_an_unaudited_app_posts_self_only() -> None:
    with pytest.raises(NeedsPerson, match="MUTUAL_FOLLOW_FRIENDS is not possible"):
        check_creator(ACCOUNT, Options(privacy=Privacy.FRIENDS), PRIVATE, 20)


def test_an_audited_app_posts_publicly() -> None:
    check_creator(replace(ACCOUNT, audited=True), Options(privacy=Privacy.PUBLIC), PUBLIC, 20)


@pytest.mark.parametrize(("seconds", "passes"), [(180, True), (180.05, True), (180.06, False), (601, False)])
def test_the_creators_own_limit_counts(seconds: float, passes: bool) -> None:
    if passes:
        check_creator(ACCOUNT, SELF_ONLY, PRIVATE, seconds)
        return
    with pytest.raises(Refused, match="180 s"):
        check_creator(ACCOUNT, SELF_ONLY, PRIVATE, seconds)


def test_a_limit_tiktok_does_not_tell_is_none() -> None:
    check_creator(ACCOUNT, SELF_ONLY, replace(PRIVATE, max_video_post_duration_sec=None), 599)


def test_a_cover_after_the_end_is_refused() -> None:
    with pytest.raises(Refused, match="20001 ms"):
        check_creator(ACCOUNT, replace(SELF_ONLY, cover_ms=20001), PRIVATE, 20)


@pytest.mark.parametrize(("mode", "passes"), [(Mode.DIRECT, True), (Mode.INBOX, False)])
def test_each_mode_needs_its_own_scope(mode: Mode, passes: bool) -> None:
    if passes:
        check_scopes(ACCOUNT, mode)
        return
    with pytest.raises(NeedsPerson, match=r"video\.upload"):
        check_scopes(ACCOUNT, mode)


def test_a_clearance_ages() -> None:
    now = datetime(2026, 11, 22, 9, tzinfo=UTC)
    cleared = Clearance(now, PRIVATE)
    assert cleared.is_fresh(now + timedelta(seconds=49))
    assert not cleared.is_fresh(now + timedelta(seconds=50))


def test_nobody_chose_a_level() -> None:
    with pytest.raises(NeedsPerson, match="nobody chose"):
        check_creator(ACCOUNT, Options(), PRIVATE, 20)
