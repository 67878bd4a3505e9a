"""The judge: what it calls a duplicate, a lost post, a wrong state, a broken rule; and that a good round passes."""

from __future__ import annotations

from typing import Any

import pytest
from ledger_making import FILM_SHA256, add_account, plan_post

from airdate.ledger import Ledger, posts, submissions
from airdate.ledger.leases import Lease, claim
from airdate.ledger.posts import Post
from airdate.post import Mode, PostState, SubmissionState
from airdate.rehearse.plan import Kind, Plan, draw_plan
from airdate.rehearse.verdict import judge

SIZE = 1000


@pytest.fixture
def plan() -> Plan:
    """A round without faults."""
    sizes = {Kind.FILM: SIZE, Kind.CHUNKED: SIZE, Kind.PHOTOS: 0}
    drawn = (draw_plan(1, number, sizes) for number in range(1, 100))
    return next(plan for plan in drawn if not plan.faults)


@pytest.fixture
def post(ledger: Ledger) -> Post:
    """A post that the ledger calls published, by one submission."""
    add_account(ledger)
    post = plan_post(ledger)
    lease = claim(ledger, post.id, 30)
    assert isinstance(lease, Lease)
    with lease:
        for state in (PostState.PREPARING, PostState.READY, PostState.PUBLISHING):
            posts.move(ledger, post.id, state, who="test", why="", epoch=lease.epoch)
        sent = submissions.intend(
            ledger, post.id, lease.epoch, mode=Mode.DIRECT, sha256=FILM_SHA256, plan=(SIZE, SIZE, 1)
        )
        for to in (SubmissionState.ASKED, SubmissionState.OPEN, SubmissionState.ACCEPTED, SubmissionState.COMPLETE):
            sent = submissions.move(ledger, sent, lease.epoch, to, publish_id="v1")
        known = {"publish_id": "v1", "rendition": {"sha256": FILM_SHA256}}
        for state in (PostState.PROCESSING, PostState.PUBLISHED):
            posts.move(ledger, post.id, state, who="test", why="", **known)
    return posts.get(ledger, post.id)


def at_tiktok(publish_id: str = "v1", state: str = "PUBLISH_COMPLETE", **facts: Any) -> dict[str, Any]:
    complete = {"kind": "film", "complete": True, "sha256": FILM_SHA256, "size": SIZE, "chunk_size": SIZE}
    return {"publish_id": publish_id, "state": state, **complete, "received": SIZE, "taken": SIZE, **facts}


def put(status: int | None = 201) -> dict[str, Any]:
    return {"publish_id": "v1", "status": status}


def found(ledger: Ledger, post: Post, plan: Plan, *sent: dict[str, Any], **more: Any) -> list[str]:
    facts = {"broken": [], "uploads": [put()], "blows": 0, **more}
    return [violation.kind for violation in judge(ledger, post, plan, sent, **facts)]


def test_a_good_round_passes(ledger: Ledger, post: Post, plan: Plan) -> None:
    assert found(ledger, post, plan, at_tiktok()) == []


@pytest.mark.parametrize("state", ["PUBLISH_COMPLETE", "SEND_TO_USER_INBOX", "PROCESSING_UPLOAD"])
def test_two_that_are_live_or_may_become_so_are_a_duplicate(ledger: Ledger, post: Post, plan: Plan, state: str) -> None:
    assert "duplicate" in found(ledger, post, plan, at_tiktok(), at_tiktok("v2", state))


def test_one_that_failed_or_never_came_whole_is_none(ledger: Ledger, post: Post, plan: Plan) -> None:
    short = at_tiktok("v3", "PROCESSING_UPLOAD", complete=False, received=0, taken=0)
    assert found(ledger, post, plan, at_tiktok(), at_tiktok("v2", "FAILED"), short) == []


@pytest.mark.parametrize(
    "sent", [[], [at_tiktok(state="FAILED")], [at_tiktok("v9")], [at_tiktok(sha256="b" * 64)]],
    ids=["nothing", "failed", "another id", "another film"],
)  # fmt: skip
def test_a_published_post_that_is_not_live_as_approved_is_a_wrong_state(
    ledger: Ledger, post: Post, plan: Plan, sent: list[dict[str, Any]]
) -> None:
    assert set(found(ledger, post, plan, *sent)) == {"wrong state"}


def test_a_post_that_stops_without_a_reason_is_lost(ledger: Ledger, plan: Plan) -> None:
    add_account(ledger)
    post = plan_post(ledger)
    assert found(ledger, post, plan, uploads=[]) == ["lost"]
    posts.move(ledger, post.id, PostState.FAILED, who="test", why="", error={"code": "internal"})
    assert found(ledger, posts.get(ledger, post.id), plan, uploads=[]) == ["lost"]


def test_a_post_that_somebody_still_holds_is_a_wrong_state(ledger: Ledger, post: Post, plan: Plan) -> None:
    assert isinstance(claim(ledger, post.id, 30), Lease)
    assert found(ledger, post, plan, at_tiktok()) == ["wrong state"]


def test_bytes_sent_again_need_an_interruption_for_each_chunk(ledger: Ledger, post: Post, plan: Plan) -> None:
    twice = at_tiktok(taken=2 * SIZE)
    assert found(ledger, post, plan, twice) == ["rule"]
    assert found(ledger, post, plan, twice, blows=1) == []
    assert found(ledger, post, plan, twice, uploads=[put(502), put()]) == []


def test_a_broken_rule_is_told(ledger: Ledger, post: Post, plan: Plan) -> None:
    broken = [{"rule": "out_of_order", "detail": "5 comes before 3 is there"}]
    assert found(ledger, post, plan, at_tiktok(), broken=broken) == ["rule"]
