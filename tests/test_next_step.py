"""The restart table (fact sheet, section 23): what the ledger allows after a crash at any instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airdate.ledger.submissions import Submission
from airdate.post import Mode, SubmissionState
from airdate.publishing import UPLOAD_LIFE, UPLOAD_MARGIN, Next, next_step

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


def found(state: SubmissionState, url_age: timedelta = timedelta(minutes=1)) -> Submission:
    asked = NOW - url_age
    return Submission(
        id=1,
        post_id="p",
        state=state,
        mode=Mode.DIRECT,
        film_sha256="a" * 64,
        film_size=10,
        chunk_size=10,
        chunk_count=1,
        asked_at=asked,
        publish_id="v_pub_file~v2-1.1",
        url_expires_at=asked + UPLOAD_LIFE,
        acknowledged=0,
        fail_reason=None,
        log_ids=(),
    )


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (SubmissionState.INTENDED, Next.ABANDON),
        (SubmissionState.ASKED, Next.ABANDON),
        (SubmissionState.OPEN, Next.RESUME),
        (SubmissionState.COMMITTING, Next.RESUME),
        (SubmissionState.ACCEPTED, Next.FOLLOW),
        (SubmissionState.COMPLETE, Next.FOLLOW),
        (SubmissionState.UNKNOWN, Next.FOLLOW),
        (SubmissionState.FAILED, Next.INIT),
        (SubmissionState.ABANDONED, Next.INIT),
    ],
)
def test_every_state_has_one_next_step(state: SubmissionState, expected: Next) -> None:
    assert next_step(found(state), NOW) is expected


def test_the_table_covers_every_state() -> None:
    for state in SubmissionState:
        assert next_step(found(state), NOW) in Next


def test_nothing_asked_means_init() -> None:
    assert next_step(None, NOW) is Next.INIT


@pytest.mark.parametrize("state", [SubmissionState.OPEN, SubmissionState.COMMITTING])
def test_in_the_last_minute_of_its_url_an_upload_is_asked_about(state: SubmissionState) -> None:
    last_chance = UPLOAD_LIFE - UPLOAD_MARGIN
    assert next_step(found(state, last_chance - timedelta(seconds=1)), NOW) is Next.RESUME
    assert next_step(found(state, last_chance), NOW) is Next.ASK_ONCE
    assert next_step(found(state, timedelta(hours=5)), NOW) is Next.ASK_ONCE


@pytest.mark.parametrize("state", sorted(set(SubmissionState) - {SubmissionState.FAILED, SubmissionState.ABANDONED}))
def test_no_new_init_while_an_earlier_one_could_go_live(state: SubmissionState) -> None:
    for age in (timedelta(0), timedelta(minutes=59, seconds=30), timedelta(days=3)):
        assert next_step(found(state, age), NOW) is not Next.INIT
