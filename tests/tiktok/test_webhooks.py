"""TikTok's webhooks: the fact sheet's vector, forgeries, and events as they were seen."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from airdate.tiktok.webhooks import TOLERANCE_S, Event, Kind, Signature

SECRET = "demo_client_secret"
STAMP = 1790000005
BODY = (
    rb'{"client_key":"ck_demo","event":"post.publish.complete","create_time":1790000000,"user_openid":"oid-demo-1",'
    rb'"content":"{\"publish_id\":\"v_pub_file~v2-1.7300000000000000001\",\"publish_type\":\"DIRECT_PUBLISH\"}"}'
)
MAC = "63eb173e53690f631450ddb704e0abb8732c4d70a2d0d746b2a733bdc6b784c2"


def signature(header: str) -> Signature:
    found = Signature.read(header)
    assert found is not None
    return found


def test_the_vector_of_the_fact_sheet_is_genuine() -> None:
    assert signature(f"t={STAMP},s={MAC}").is_of(["another", SECRET], BODY)


@pytest.mark.parametrize("header", [f"s={MAC},t={STAMP}", f"t={STAMP}, s={MAC}", f"t={STAMP},s={MAC.upper()},v=1"])
def test_order_blanks_and_further_parts_do_not_matter(header: str) -> None:
    assert signature(header).is_of([SECRET], BODY)


@pytest.mark.parametrize(
    ("stamp", "body", "secrets"),
    [
        (STAMP + 1, BODY, [SECRET]),
        (STAMP, BODY + b"\n", [SECRET]),
        (STAMP, BODY.replace(b"complete", b"failed"), [SECRET]),
        (STAMP, BODY, ["another"]),
        (STAMP, BODY, []),
    ],
)
def test_anything_else_than_was_signed_is_a_forgery(stamp: int, body: bytes, secrets: list[str]) -> None:
    assert not signature(f"t={stamp},s={MAC}").is_of(secrets, body)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=,s=",
        f"t={STAMP}",
        f"s={MAC}",
        f"t=-1,s={MAC}",
        f"t={STAMP},s={MAC[:-1]}",
        f"t={STAMP},s={'é' * 64}",
        f"t={STAMP},t={STAMP},s={MAC}",
        f"t={STAMP},s={MAC},s={MAC}",
        f"t={'9' * 400},s={MAC}",
    ],
)
def test_a_header_of_another_form_is_no_signature(header: str) -> None:
    assert Signature.read(header) is None


@pytest.mark.parametrize(
    ("off", "timely"), [(0, True), (TOLERANCE_S, True), (-TOLERANCE_S, True), (301, False), (-301, False)]
)
def test_a_stamp_far_from_now_is_refused(off: int, timely: bool) -> None:
    now = datetime.fromtimestamp(STAMP + off, UTC)
    assert signature(f"t={STAMP},s={MAC}").is_timely(now) is timely


def test_an_event_is_read_twice() -> None:
    event = Event.read(BODY)
    assert event is not None
    assert (event.client_key, event.kind, event.open_id) == ("ck_demo", Kind.COMPLETE, "oid-demo-1")
    assert event.publish_id == "v_pub_file~v2-1.7300000000000000001"
    assert event.created_at == datetime.fromtimestamp(1790000000, UTC)


@pytest.mark.parametrize("post_id", [7500000000000000123, "7500000000000000123"])
def test_ids_above_the_largest_double_stay_whole(post_id: object) -> None:
    content = json.dumps({"publish_id": "v", "post_id": post_id})
    event = Event.read(json.dumps({"client_key": "k", "event": Kind.PUBLIC, "content": content}).encode())
    assert event is not None
    assert event.post_id == "7500000000000000123"


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"not json", b"\xff\xfe", b'{"client_key":1.5,"event":"x"}', b'{"event":"x"}', b"[" * 100_000],
)
def test_what_is_no_event_is_none(body: bytes) -> None:
    assert Event.read(body) is None


@pytest.mark.parametrize("content", [None, "", "not json", "[]", 7, [], '{"publish_id": true, "post_id": [1]}'])
def test_odd_content_says_nothing(content: object) -> None:
    body = {"client_key": "k", "event": "post.publish.failed", "create_time": 1e300, "content": content}
    event = Event.read(json.dumps(body).encode())
    assert event is not None
    assert (event.publish_id, event.post_id, event.created_at) == (None, None, None)


def test_what_no_database_takes_is_left_out_of_an_event() -> None:
    body = {"client_key": "k", "event": "x", "content": '{"publish_id": "v\\u0000\\ud83d", "post_id": "\\u0000"}'}
    event = Event.read(json.dumps(body).encode())
    assert event is not None
    assert (event.publish_id, event.post_id) == ("v?", None)


def test_the_reason_of_a_removed_authorisation_is_a_number() -> None:
    body = {"client_key": "k", "event": "authorization.removed", "user_openid": "o", "content": '{"reason": 4}'}
    event = Event.read(json.dumps(body).encode())
    assert event is not None
    assert event.reason == "4"
