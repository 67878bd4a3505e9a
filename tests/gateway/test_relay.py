"""From stored deliveries to posts and runs, once however often they come, and none lost."""

from __future__ import annotations

import hashlib
import sys
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from approval_making import FILM_SHA256, FILM_URL, NOW, Runs, make_body
from ledger_making import add_account
from sqlalchemy import select

from airdate import redact
from airdate.engine import Engine
from airdate.errors import NeedsPerson, Transient, WrongUsage
from airdate.gateway.approval import read_approval
from airdate.gateway.relay import relay
from airdate.ledger import accounts, deliveries, posts
from airdate.ledger.posts import Post
from airdate.ledger.schema import deliveries as table
from airdate.post import AssetRef, Mode, PostState, Privacy


def deliver(engine: Engine, body: bytes, delivery: str = "msg_1") -> None:
    assert deliveries.accept(engine.ledger, "approval", delivery, body)


def the_post(engine: Engine) -> Post:
    (post,) = posts.listed(engine.ledger)
    return post


def row_of(engine: Engine, delivery: str = "msg_1") -> Any:
    with engine.ledger.read() as connection:
        return connection.execute(select(table).where(table.c.id == delivery)).one()


def error_of(engine: Engine, body: bytes, runs: Runs) -> dict[str, Any]:
    """The error that a delivery of this body is left with."""
    deliver(engine, body)
    assert relay(engine, runs) == 0
    row = row_of(engine)
    assert row.relayed_at is not None
    assert posts.listed(engine.ledger) == []
    assert runs.made == {}
    assert row.error["fix"]
    return dict(row.error)


def add(engine: Engine, name: str, mode: Mode = Mode.DIRECT, privacy: Privacy | None = None) -> None:
    accounts.add(
        engine.ledger,
        name=name,
        api_url="http://127.0.0.1:1",
        client_key="ck",
        open_id=name,
        client_secret="CANARY-SECRET",
        refresh_token="CANARY-REFRESH",
        audited=True,
        mode=mode,
        privacy=privacy,
    )


def test_an_approval_becomes_a_post_and_a_run(engine: Engine, runs: Runs) -> None:
    deliver(engine, make_body(disclosure={"own_brand": True, "ai_generated": True}, privacy="PUBLIC_TO_EVERYONE"))

    assert relay(engine, runs) == 0

    post = the_post(engine)
    assert (post.state, post.origin, post.account, post.target) == (
        PostState.PLANNED,
        "approval",
        "demo",
        "http://127.0.0.1:1",
    )
    assert post.options.as_dict() | {"privacy": "PUBLIC_TO_EVERYONE"} == post.options.as_dict()
    assert (post.options.caption, post.options.own_brand, post.options.ai_generated) == ("Größe zählt 🎬", True, True)
    assert not post.options.branded_content
    assert not post.options.allow_comment
    assert (post.consent.kind, post.consent.who, post.consent.at) == ("standing", "delivery msg_1", NOW)
    (asset,) = post.assets
    assert asset == AssetRef("url", asset.asset_id, FILM_SHA256)
    assert "CANARY" not in repr(post)
    assert posts.locators(engine.ledger, post.id) == (FILM_URL,)
    assert runs.made == {(post.id, 1): None}
    assert (post.run_turn, row_of(engine).post_id) == (1, post.id)


def test_deliveries_of_one_approval_make_one_post_and_one_run(engine: Engine, runs: Runs) -> None:
    for number in range(3):
        deliver(engine, make_body(), f"msg_{number}")
    relay(engine, runs)
    deliver(engine, make_body(), "msg_late")
    relay(engine, runs)

    post = the_post(engine)
    assert list(runs.made) == [(post.id, 1)]
    assert {row_of(engine, f"msg_{name}").post_id for name in (0, 1, 2, "late")} == {post.id}


def test_relays_at_once_make_one_post_and_one_run(engine: Engine, runs: Runs) -> None:
    for number in range(6):
        deliver(engine, make_body(), f"msg_{number}")
    threads = [threading.Thread(target=relay, args=(engine, runs)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert list(runs.made) == [(the_post(engine).id, 1)]
    assert deliveries.waiting(engine.ledger, "approval") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"asset_id": "spring/other"},
        {"revision": "v2"},
        {"media": [{"url": FILM_URL, "sha256": "b" * 64}]},
        {"account": "other"},
    ],
)
def test_another_asset_revision_or_account_is_another_post(engine: Engine, runs: Runs, changes: dict[str, Any]) -> None:
    add(engine, "other")
    deliver(engine, make_body(), "msg_1")
    deliver(engine, make_body(**changes), "msg_2")

    relay(engine, runs)

    assert len(posts.listed(engine.ledger)) == 2
    assert len(runs.made) == 2


def test_the_key_is_made_of_source_asset_revision_and_account() -> None:
    approval = read_approval(make_body(revision="v7"))
    hashed = read_approval(make_body(media=[{"url": FILM_URL, "sha256": FILM_SHA256.upper()}] * 2))
    unknown = read_approval(make_body(media=[{"url": FILM_URL, "sha256": FILM_SHA256}, {"url": FILM_URL}]))

    assert approval.approved_revision("msg_1") == "v7"
    assert hashed.approved_revision("msg_1") == f"{FILM_SHA256},{FILM_SHA256}"
    assert unknown.approved_revision("msg_1") == "msg_1"
    said = b"8:approval13:spring/teaser2:v74:demo"
    assert approval.key("msg_1", "demo") == hashlib.sha256(said).hexdigest()


def test_an_approval_for_later_gets_its_run_at_its_time(engine: Engine, runs: Runs) -> None:
    deliver(engine, make_body(publish_at="2026-12-24T18:00:00+01:00"))

    relay(engine, runs)

    post = the_post(engine)
    assert post.slot == datetime(2026, 12, 24, 17, tzinfo=UTC)
    assert runs.made == {(post.id, 1): post.slot}


def test_the_account_fills_in_what_is_missing(engine: Engine, runs: Runs) -> None:
    add_account(engine.ledger)
    add(engine, "standing", privacy=Privacy.FRIENDS)
    add(engine, "drafts", mode=Mode.INBOX)
    deliver(engine, make_body("privacy", account="standing"), "msg_1")
    deliver(engine, make_body("privacy", account="drafts", caption=None, disclosure=None, rights=None), "msg_2")

    relay(engine, runs)

    found = {post.account: post.options for post in posts.listed(engine.ledger)}
    assert found["standing"].privacy is Privacy.FRIENDS
    assert (found["drafts"].mode, found["drafts"].privacy, found["drafts"].caption) == (Mode.INBOX, None, "")


def test_the_only_account_needs_no_name(engine: Engine, runs: Runs) -> None:
    deliver(engine, make_body("account"))

    relay(engine, runs)

    assert the_post(engine).account == "demo"


def test_among_several_accounts_one_must_be_named(engine: Engine, runs: Runs) -> None:
    add(engine, "other")

    error = error_of(engine, make_body("account"), runs)

    assert error["code"] == "account_unset"
    assert "demo, other" in error["fix"]


def test_without_a_privacy_level_the_post_is_held_until_it_is_approved_with_one(engine: Engine, runs: Runs) -> None:
    deliver(engine, make_body("privacy"), "msg_1")
    relay(engine, runs)

    held = the_post(engine)
    assert held.state is PostState.HELD
    assert held.error is not None
    assert (held.error["code"], held.error["exit"]) == ("privacy_unset", 4)
    assert runs.made == {}
    assert row_of(engine).post_id == held.id

    deliver(engine, make_body("privacy"), "msg_2")
    relay(engine, runs)
    assert the_post(engine).state is PostState.HELD

    deliver(engine, make_body(), "msg_3")
    relay(engine, runs)
    post = the_post(engine)
    assert (post.id, post.state, post.options.privacy) == (held.id, PostState.PLANNED, Privacy.SELF_ONLY)
    assert list(runs.made) == [(post.id, 2)]


def test_a_post_that_a_person_released_is_not_held_again(engine: Engine, runs: Runs) -> None:
    deliver(engine, make_body("privacy"), "msg_1")
    relay(engine, runs)
    posts.move(engine.ledger, the_post(engine).id, PostState.CANCELLED, who="bo", why="not wanted")

    deliver(engine, make_body("privacy"), "msg_2")
    relay(engine, runs)

    assert the_post(engine).state is PostState.CANCELLED
    assert runs.made == {}


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://other.example/a.mp4", "origin_not_allowed"),
        ("https://dam.example:444/a.mp4", "origin_not_allowed"),
        ("http://dam.example/a.mp4", "origin_not_allowed"),
        ("https://dam.example.evil.example/a.mp4", "origin_not_allowed"),
        ("https://dam.example@evil.example/a.mp4", "url_userinfo"),
        ("http://169.254.169.254/latest/meta-data", "origin_not_allowed"),
        ("file:///etc/passwd", "url_scheme"),
        ("/etc/passwd", "url_scheme"),
        ("", "url_scheme"),
    ],
)
def test_media_may_lie_at_listed_origins_only(engine: Engine, runs: Runs, url: str, code: str) -> None:
    error = error_of(engine, make_body(media=[{"url": FILM_URL}, {"url": url + "?sig=CANARY"}]), runs)

    assert error["code"] == code
    assert "CANARY" not in str(error)


def test_a_listed_origin_may_be_a_plain_one_of_the_house(engine: Engine, runs: Runs) -> None:
    deliver(engine, make_body(media=[{"url": "http://127.0.0.1:9/a.mp4"}]))

    relay(engine, runs)

    assert the_post(engine).assets[0].asset_id == "http://127.0.0.1:9/a.mp4"


@pytest.mark.parametrize(
    ("publish_at", "ends_at"),
    [
        (None, "2026-11-24T16:50:00Z"),
        ("2026-12-24T18:00:00Z", "2026-12-24T18:00:00Z"),
        ("2026-12-24T18:00:00Z", "2026-12-24T18:59:59+01:00"),
        ("2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z"),
    ],
)
def test_an_asset_whose_rights_end_before_it_goes_out_is_refused(
    engine: Engine, runs: Runs, publish_at: str | None, ends_at: str
) -> None:
    error = error_of(engine, make_body(publish_at=publish_at, rights={"ends_at": ends_at}), runs)

    assert (error["code"], error["exit"]) == ("rights_ended", 3)


def test_a_post_may_be_late_until_its_rights_end(engine: Engine, runs: Runs) -> None:
    ends_at = "2026-11-24T18:00:30Z"
    deliver(engine, make_body(publish_at="2026-11-24T17:00:00Z", rights={"ends_at": ends_at}), "msg_1")
    deliver(engine, make_body(asset_id="now", rights={"ends_at": ends_at}), "msg_2")
    deliver(engine, make_body(asset_id="now", rights={"ends_at": ends_at}), "msg_3")

    assert relay(engine, runs) == 0

    now, later = posts.listed(engine.ledger)
    assert (later.late_minutes, now.slot, now.late_minutes) == (60, NOW, 70)
    assert row_of(engine, "msg_3").post_id == now.id


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"type": "asset.approved"}', "data: Field required"),
        (b'{"type": "asset.approved", "data": []}', "data"),
        (make_body("asset_id"), "data.asset_id: Field required"),
        (make_body(asset_id="a b"), "data.asset_id"),
        (make_body(asset_id=7), "data.asset_id"),
        (make_body("media"), "data.media: Field required"),
        (make_body(media=[]), "data.media"),
        (make_body(media=[{}]), "data.media.0.url: Field required"),
        (make_body(media=[{"url": FILM_URL, "sha256": "short"}]), "data.media.0.sha256"),
        (make_body(media=[{"url": FILM_URL}] * 36), "data.media"),
        (make_body(caption="a\0b"), "NUL"),
        (make_body().replace("Größe".encode(), b"\\ud800"), "Invalid JSON"),
        (make_body(privacy="public"), "data.privacy"),
        (make_body(mode="draft"), "data.mode"),
        (make_body(publish_at="tomorrow"), "data.publish_at"),
        (make_body(publish_at="2026-12-24T18:00:00"), "data.publish_at"),
        (make_body(publish_at="2026-12-24"), "data.publish_at"),
        (make_body(publish_at=1767225600), "data.publish_at"),
        (make_body(publish_at="1767225600"), "data.publish_at"),
        (make_body(publish_at="9999-12-31T23:59:59-12:00"), "data.publish_at: it is no instant"),
        (make_body(rights={"ends_at": "2026-12-24"}), "data.rights.ends_at"),
        (make_body(disclosure={"own_brand": "yes"}), "data.disclosure.own_brand"),
    ],
)
def test_a_malformed_approval_is_refused_by_the_name_of_its_field(body: bytes, said: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        read_approval(body)

    assert refused.value.code == "approval_invalid"
    assert refused.value.fix
    assert said in refused.value.message
    assert "CANARY" not in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"caption": "x" * 2201}, "caption_too_long"),
        ({"disclosure": {"branded_content": True}}, "branded_content_private"),
        ({"mode": "inbox"}, "inbox_carries_no_options"),
        ({"account": "nobody"}, "account_unknown"),
    ],
)
def test_what_no_account_could_publish_is_refused(
    engine: Engine, runs: Runs, changes: dict[str, Any], code: str
) -> None:
    assert error_of(engine, make_body(**changes), runs)["code"] == code


def test_a_revision_that_is_approved_with_other_options_is_told(engine: Engine, runs: Runs) -> None:
    deliver(engine, make_body(), "msg_1")
    deliver(engine, make_body(caption="Another"), "msg_2")

    relay(engine, runs)

    assert the_post(engine).options.caption == "Größe zählt 🎬"
    assert row_of(engine, "msg_2").error["code"] == "key_conflict"


def test_a_poisoned_delivery_blocks_no_other(engine: Engine, runs: Runs, clock: Any) -> None:
    for number, body in enumerate((b"[" * 100_000, make_body(account="nobody"), make_body())):
        deliver(engine, body, f"msg_{number}")
        clock.forward(seconds=1)

    assert relay(engine, runs) == 0

    assert len(runs.made) == 1
    assert row_of(engine, "msg_0").error["code"] == "approval_invalid"


def test_a_bug_blocks_no_other_delivery_and_stays_readable(
    engine: Engine, runs: Runs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_body: bytes) -> Any:
        raise KeyError("https://dam.example/a?sig=CANARY-SIGNATURE")

    deliver(engine, make_body())
    monkeypatch.setattr(sys.modules["airdate.gateway.relay"], "read_approval", broken)

    assert relay(engine, runs) == 0

    assert row_of(engine).error["code"] == "bug"
    assert "CANARY" not in caplog.text


@pytest.mark.parametrize(
    "error",
    [
        Transient("prefect_unreachable", "it is away", fix="start it"),
        NeedsPerson("deployment_missing", "it is not deployed", fix="deploy it"),
    ],
)
def test_a_delivery_waits_while_no_run_can_be_made(engine: Engine, runs: Runs, error: Exception) -> None:
    deliver(engine, make_body())
    runs.error = error

    assert relay(engine, runs) == 1
    assert row_of(engine).relayed_at is None

    runs.error = None
    assert relay(engine, runs) == 0
    assert list(runs.made) == [(the_post(engine).id, 1)]


def test_a_relay_that_was_killed_between_post_and_run_goes_on(
    engine: Engine, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(engine, make_body())
    runs.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        relay(engine, runs)
    runs.error = None

    assert relay(engine, runs) == 0

    assert list(runs.made) == [(the_post(engine).id, 1)]


def test_a_post_that_went_on_gets_no_second_run(engine: Engine, runs: Runs) -> None:
    deliver(engine, make_body(), "msg_1")
    relay(engine, runs)
    post = the_post(engine)
    posts.move(engine.ledger, post.id, PostState.HELD, who="bo", why="wait", error={"code": "held"}, turn=2)
    deliver(engine, make_body(), "msg_2")

    relay(engine, runs)

    assert list(runs.made) == [(post.id, 1)]
    assert the_post(engine).state is PostState.HELD


def test_the_bodies_of_deliveries_are_no_secrets_to_remember(
    engine: Engine, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would be looked for in every later line of the log, for as long as the gateway lives."""
    known: set[str] = set()
    monkeypatch.setattr(redact, "_known", known)
    deliver(engine, make_body(asset_id="a" * 200))
    assert relay(engine, runs) == 0
    assert not [each for each in known if "a" * 200 in each]


def test_the_log_tells_the_story_without_bodies_and_urls(
    engine: Engine, runs: Runs, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    deliver(engine, make_body(), "msg_1")
    deliver(engine, make_body(media=[{"url": "https://other.example/a?sig=CANARY-SIGNATURE"}]), "msg_2")

    relay(engine, runs)

    assert the_post(engine).id in caplog.text
    assert "origin_not_allowed" in str(row_of(engine, "msg_2").error)
    assert "CANARY" not in caplog.text
    assert "Größe" not in caplog.text
