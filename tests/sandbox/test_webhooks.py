from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from sandbox_client import Client, WebHost, photo, web_host

from airdate.sandbox.running import Control
from airdate.sandbox.webhooks import signature

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def webhook(control: Control, host: WebHost) -> None:
    control.settings(webhook_url=f"{host.origin}/tiktok", verified_prefixes=["127.0.0.1"])


def events(host: WebHost, count: int) -> list[tuple[str, dict[str, Any]]]:
    """The events and their contents, once there are so many."""
    until = time.monotonic() + 10
    while len(posts := [each for each in host.asked if each[0] == "POST"]) < count:
        assert time.monotonic() < until, posts
        time.sleep(0.02)
    bodies = [json.loads(body) for *_, body in posts]
    return [(body["event"], json.loads(body["content"])) for body in bodies]


def settled(control: Control, state: str = "delivered") -> dict[str, Any]:
    until = time.monotonic() + 10
    while (last := control.webhooks()[-1])["state"] != state:
        assert time.monotonic() < until, last
        time.sleep(0.02)
    return last


def is_signed(secret: str, headers: dict[str, str], body: bytes) -> bool:
    parts = dict(part.split("=", 1) for part in headers["tiktok-signature"].split(","))
    expected = hmac.new(secret.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts["s"])


def test_the_signature_of_the_documentation() -> None:
    body = (
        b'{"client_key":"ck_demo","event":"post.publish.complete","create_time":1790000000,"user_openid":"oid-demo-1",'
        b'"content":"{\\"publish_id\\":\\"v_pub_file~v2-1.7300000000000000001\\",\\"publish_type\\":\\"DIRECT_PUBLISH\\"}"}'
    )
    expected = "63eb173e53690f631450ddb704e0abb8732c4d70a2d0d746b2a733bdc6b784c2"
    assert signature("demo_client_secret", 1790000005, body) == f"t=1790000005,s={expected}"


def test_a_public_post_is_told_and_told_to_be_gone(
    public: Client, control: Control, host: WebHost, film: bytes
) -> None:
    publish_id = public.post(film, privacy_level="PUBLIC_TO_EVERYONE")
    post_id = control.post(publish_id)["post_id"]
    about = {"publish_id": publish_id, "publish_type": "DIRECT_PUBLISH"}
    assert sorted(events(host, 2), key=str) == [
        ("post.publish.complete", about),
        ("post.publish.publicly_available", {**about, "post_id": post_id}),
    ]
    control.take_down(publish_id)
    assert events(host, 3)[2] == ("post.publish.no_longer_publicaly_available", {**about, "post_id": post_id})
    assert public.data(publish_id) == {"status": "PUBLISH_COMPLETE"}
    assert public.call("/v2/video/list/?fields=id", {}).json()["data"]["videos"] == []
    _, path, headers, body = host.asked[0]
    assert path == "/tiktok"
    assert is_signed(public.grant["client_secret"], headers, body)
    told = json.loads(body)
    assert (told["client_key"], told["user_openid"]) == (public.grant["client_key"], public.grant["open_id"])
    assert isinstance(told["create_time"], int)


def test_a_draft_is_told_when_it_lies_in_the_inbox_and_when_it_is_posted(
    demo: Client, control: Control, host: WebHost, film: bytes
) -> None:
    publish_id = demo.post(film, inbox=True)
    about = {"publish_id": publish_id, "publish_type": "INBOX_SHARE"}
    assert events(host, 1) == [("post.publish.inbox_delivered", about)]
    control.finish(publish_id)
    assert events(host, 2)[1] == ("post.publish.complete", about)


def test_a_failure_is_told_with_its_reason(demo: Client, host: WebHost) -> None:
    film_id = demo.post(b"not a film")
    photo_id = demo.init_photos([host.put("a.png", photo(kind="PNG"))]).json()["data"]["publish_id"]
    demo.pulled(photo_id)
    told = {content["publish_id"]: (event, content["reason"]) for event, content in events(host, 2)}
    assert told == dict.fromkeys((film_id, photo_id), ("post.publish.failed", "file_format_check_failed"))


def test_the_end_of_a_consent_is_told(demo: Client, control: Control, host: WebHost) -> None:
    form = {key: demo.grant[key] for key in ("client_key", "client_secret")}
    demo.http.post("/v2/oauth/revoke/", data={**form, "token": demo.access})
    assert events(host, 1) == [("authorization.removed", {"reason": 5})]
    control.disconnect("demo")
    assert events(host, 2)[1] == ("authorization.removed", {"reason": 1})


def test_a_creator_may_disconnect_the_app(demo: Client, public: Client, control: Control, film: bytes) -> None:
    done, other = demo.post(film), public.init(1000).json()["data"]["publish_id"]
    control.settings(pending_shares=1)
    begun = demo.init(1000, inbox=True).json()["data"]["publish_id"]
    control.disconnect("demo")
    assert demo.creator_info().status_code == 401
    assert demo.refresh().json()["error"] == "invalid_grant"
    demo.refresh(control.grant("demo")["refresh_token"])
    assert demo.data(begun) == {"status": "FAILED", "fail_reason": "auth_removed"}
    assert demo.data(done) == {"status": "PUBLISH_COMPLETE"}
    assert public.data(other)["status"] == "PROCESSING_UPLOAD"


def test_it_is_sent_until_it_is_taken(demo: Client, control: Control, host: WebHost, film: bytes) -> None:
    host.answers = [500, 302, 204]
    demo.post(film)
    for count in (1, 2, 3, 4):
        events(host, count)
        control.advance(10)
    bodies = [body for *_, body in host.asked]
    assert len(set(bodies)) == 1, "byte for byte the same"
    assert settled(control)["answers"] == [500, 302, 204, 200]


def test_it_is_given_up_after_three_days(demo: Client, control: Control, film: bytes) -> None:
    with web_host() as gone:
        address = f"{gone.origin}/tiktok"
    control.settings(webhook_url=address)
    demo.post(film)
    while not control.webhooks() or not control.webhooks()[0]["answers"]:
        time.sleep(0.02)
    control.advance(72 * 3600)
    assert set(settled(control, "dropped")["answers"]) == {None}


def test_faults_of_webhooks(demo: Client, control: Control, host: WebHost, film: bytes) -> None:
    secret = demo.grant["client_secret"]
    control.fault("webhook", duplicates=2)
    demo.post(film)
    assert len({str(event) for event in events(host, 3)}) == 1
    settled(control)
    host.asked.clear()
    host.answers = [401]
    control.fault("webhook", wrong_signature=True)
    demo.post(film)
    events(host, 1)
    control.advance(10)
    events(host, 2)
    assert [is_signed(secret, headers, body) for _, _, headers, body in host.asked] == [False, True]
    settled(control)
    host.asked.clear()
    control.fault("webhook", age_seconds=3600)
    demo.post(film)
    events(host, 1)
    _, _, headers, body = host.asked[0]
    assert is_signed(secret, headers, body)
    assert int(headers["tiktok-signature"][2:].split(",")[0]) < control.advance(0) - 3500


def test_events_may_come_in_another_order(public: Client, control: Control, host: WebHost, film: bytes) -> None:
    control.fault("webhook", delay_seconds=60)
    public.post(film, privacy_level="PUBLIC_TO_EVERYONE")
    events(host, 1)
    control.advance(60)
    assert [event for event, _ in events(host, 2)] == ["post.publish.publicly_available", "post.publish.complete"]


def test_without_an_address_nobody_is_told(demo: Client, control: Control, host: WebHost, film: bytes) -> None:
    control.settings(webhook_url=None)
    publish_id = demo.post(film)
    time.sleep(0.3)
    control.settings(webhook_url=f"{host.origin}/tiktok")
    demo.post(b"not a film")
    [(_, content)] = events(host, 1)
    assert content["publish_id"] != publish_id
