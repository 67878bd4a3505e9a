from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airdate.errors import AirdateError, NeedsPerson, OutcomeUnknown, Refused, Transient, WaitUntil
from airdate.tiktok.codes import WORDS, Where, error_for, failure_for

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def call(code: str | None, status: int, message: str = "", **more: object) -> AirdateError:
    return error_for(code, message, http_status=status, now=NOW, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "status", "error", "exit_code"),
    [
        ("invalid_params", 400, NeedsPerson, 4),
        ("invalid_param", 400, NeedsPerson, 4),
        ("scope_not_authorized", 401, NeedsPerson, 4),
        ("spam_risk_too_many_posts", 403, WaitUntil, 5),
        ("spam_risk_too_many_posts", 200, WaitUntil, 5),
        ("reached_active_user_cap", 200, WaitUntil, 5),
        ("spam_risk_too_many_pending_share", 403, NeedsPerson, 4),
        ("spam_risk_user_banned_from_posting", 200, NeedsPerson, 4),
        ("unaudited_client_can_only_post_to_private_accounts", 403, NeedsPerson, 4),
        ("privacy_level_option_mismatch", 403, Refused, 3),
        ("rate_limit_exceeded", 429, WaitUntil, 5),
        ("internal_error", 200, Transient, 5),
        ("invalid_publish_id", 400, OutcomeUnknown, 6),
        ("never_seen", 400, NeedsPerson, 4),
        ("never_seen", 200, NeedsPerson, 4),
        ("never_seen", 503, Transient, 5),
        ("never_seen", 429, WaitUntil, 5),
        (None, 418, NeedsPerson, 4),
        (None, 502, Transient, 5),
        (None, 200, Transient, 5),
        ("spam_risk", 403, NeedsPerson, 4),
    ],
)
def test_a_code_decides_and_else_the_status(
    code: str | None, status: int, error: type[AirdateError], exit_code: int
) -> None:
    made = call(code, status, log_id="2026L")
    assert type(made) is error
    assert made.exit_code == exit_code
    assert made.code == (code or f"http_{status}")
    assert made.log_id == "2026L"


def test_caps_wait_a_day_and_rates_as_long_as_tiktok_says() -> None:
    cap = call("spam_risk_too_many_posts", 403, wait=timedelta(seconds=5))
    rate = call("rate_limit_exceeded", 429, wait=timedelta(seconds=5))
    plain = call("rate_limit_exceeded", 429)
    assert isinstance(cap, WaitUntil)
    assert isinstance(rate, WaitUntil)
    assert isinstance(plain, WaitUntil)
    assert cap.not_before - NOW == timedelta(hours=24)
    assert rate.not_before - NOW == timedelta(seconds=5)
    assert plain.not_before - NOW == timedelta(seconds=60)


def test_an_unknown_answer_is_kept_without_its_secrets() -> None:
    made = call("new_rule", 400, "read https://x.example/a?sig=canary, Bearer act.canarycanary")
    assert "new_rule" in str(made)
    assert "read https://x.example/a" in str(made)
    assert "canary" not in str(made)


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("file_format_check_failed", Refused),
        ("duration_check_failed", Refused),
        ("frame_rate_check_failed", Refused),
        ("picture_size_check_failed", Refused),
        ("spam_risk_text", Refused),
        ("video_bitrate_check_failed", Refused),
        (None, Refused),
        ("internal_error", Refused),
        ("internal", NeedsPerson),
        ("video_pull_failed", NeedsPerson),
        ("photo_pull_failed", NeedsPerson),
        ("publish_cancelled", NeedsPerson),
        ("auth_removed", NeedsPerson),
        ("spam_risk_too_many_posts", NeedsPerson),
        ("spam_risk_user_banned_from_posting", NeedsPerson),
        ("spam_risk", NeedsPerson),
    ],
)
def test_a_failed_post_is_refused_or_a_persons_and_never_temporary(
    reason: str | None, error: type[AirdateError]
) -> None:
    made = failure_for(reason, log_id="2026L")
    assert type(made) is error
    assert made.code == (reason or "unknown")
    assert made.fix
    assert made.log_id == "2026L"


def test_the_table_is_whole() -> None:
    assert len({(word.where, word.word) for word in WORDS}) == len(WORDS)
    for word in WORDS:
        assert word.meaning
        assert word.fix or issubclass(word.error, Transient | WaitUntil)
        assert (word.wait > timedelta(0)) == (word.error is WaitUntil)
        if word.where is Where.FAILED:
            assert word.error in (Refused, NeedsPerson)
