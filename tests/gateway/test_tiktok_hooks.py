"""TikTok's events over a real socket: whose they are, what they make us ask, and that none decides a post alone."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from approval_making import SECRET
from hook_running import running
from moderating import BEGIN, Clock, Moderation, Refusal, add_account, following, moderating, sent
from pydantic import SecretStr
from sqlalchemy import select, update

from airdate.engine import Engine
from airdate.errors import NeedsPerson, Transient
from airdate.following import sweep
from airdate.gateway.tiktok import MAX_BODY, SOURCE, heed_all
from airdate.ledger import accounts, deliveries, posts, submissions
from airdate.ledger.accounts import REVOKED
from airdate.ledger.posts import Post
from airdate.ledger.schema import accounts as accounts_table
from airdate.ledger.schema import deliveries as table
from airdate.post import Mode, Options, PostState, Privacy, SubmissionState
from airdate.settings import Settings

pytestmark = pytest.mark.e2e

PUBLIC = Options(caption="hello", privacy=Privacy.PUBLIC)
ID = "7500000000000000123"
COMPLETE = {"status": "PUBLISH_COMPLETE"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tiktok(clock: Clock) -> Iterator[Moderation]:
    with moderating(clock) as begun:
        yield begun


@pytest.fixture
def engine(home: Any, tiktok: Moderation) -> Iterator[Engine]:
    settings = Settings(home=home, webhook_secrets=(SecretStr(SECRET),))
    with following(settings, tiktok) as begun:
        yield begun


@dataclass
class Sender:
    """TikTok's webhooks."""

    url: str
    engine: Engine

    def deliver(self, kind: str, *, account: str = "demo", at: float = 0, **content: Any) -> None:
        """A genuine event, taken in and worked off."""
        body = make_event(kind, account=account, at=at, **content)
        assert self.send(body, sign(body, account)).status_code == 200
        assert heed_all(self.engine) == 0

    def send(self, body: bytes, signature: str | None) -> httpx.Response:
        headers = {} if signature is None else {"TikTok-Signature": signature}
        return httpx.post(f"{self.url}/hooks/tiktok", content=body, headers=headers, trust_env=False)

    def kept(self) -> list[Any]:
        with self.engine.ledger.read() as connection:
            return list(connection.execute(select(table).order_by(table.c.received_at)))


def make_event(kind: str, *, account: str = "demo", open_id: str | None = None, at: float = 0, **content: Any) -> bytes:
    event = {
        "client_key": account,
        "event": kind,
        "create_time": int(BEGIN.timestamp() + at),
        "user_openid": open_id or f"oid-{account}",
        "content": json.dumps(content),
    }
    return json.dumps(event).encode()


def sign(body: bytes, account: str = "demo", *, at: float = 0, secret: str | None = None) -> str:
    stamp = str(int(BEGIN.timestamp() + at))
    key = (secret or f"CANARY-SECRET-{account}").encode()
    return f"t={stamp},s={hmac.digest(key, stamp.encode() + b'.' + body, hashlib.sha256).hex()}"


@pytest.fixture
def sender(engine: Engine) -> Iterator[Sender]:
    with running(engine) as hooks:
        yield Sender(hooks.url, engine)


def now_of(engine: Engine, post: Post) -> Post:
    return posts.get(engine.ledger, post.id)


def story(engine: Engine, post: Post) -> list[str]:
    return [event.why for event in posts.story(engine.ledger, post.id)]


# Whose it is


def test_an_event_is_stored_once_and_answered_at_once(sender: Sender) -> None:
    body = make_event("post.publish.complete", publish_id="v")
    answers = [sender.send(body, sign(body, at=number)) for number in range(3)]
    assert [(answer.status_code, answer.content) for answer in answers] == [(200, b"")] * 3
    (row,) = sender.kept()
    assert (row.source, row.id) == (SOURCE, hashlib.sha256(body).hexdigest())


def forged() -> dict[str, tuple[bytes, str | None]]:
    body = make_event("post.publish.complete", publish_id="v")
    strange = make_event("post.publish.complete", account="nobody", publish_id="v")
    return {
        "no signature": (body, None),
        "no sense": (body, "hello"),
        "another secret": (body, sign(body, secret="CANARY-SECRET-ana")),
        "an empty secret": (strange, sign(strange, secret="")),
        "another body": (body + b" ", sign(body)),
        "an unknown app": (strange, sign(strange, "nobody")),
        "too old": (body, sign(body, at=-301)),
        "too new": (body, sign(body, at=301)),
        "no event": (b"[]", sign(b"[]")),
        "an app's name that no database takes": (b'{"client_key":"\\ud800","event":"x"}', sign(b"")),
        "no text": (b"\xff\xfe", sign(b"\xff\xfe")),
        "in another encoding": (body.decode().encode("utf-16"), sign(body.decode().encode("utf-16"))),
    }


@pytest.mark.parametrize("way", forged())
def test_what_is_not_tiktoks_is_turned_away_without_a_word(sender: Sender, way: str) -> None:
    answer = sender.send(*forged()[way])
    assert (answer.status_code, answer.content) == (401, b"")
    assert sender.kept() == []


def test_a_signature_that_is_there_twice_is_none(sender: Sender) -> None:
    body = make_event("post.publish.complete", publish_id="v")
    headers = [("TikTok-Signature", sign(body)), ("TikTok-Signature", sign(body))]
    answer = httpx.post(f"{sender.url}/hooks/tiktok", content=body, headers=headers, trust_env=False)
    assert answer.status_code == 401


def test_a_body_beyond_the_bound_is_not_read(sender: Sender) -> None:
    body = b" " * (MAX_BODY + 1)
    assert sender.send(body, sign(body)).status_code == 413


def test_several_apps_and_the_secrets_of_one_each_sign(engine: Engine, sender: Sender, tiktok: Moderation) -> None:
    add_account(engine.ledger, "ana", tiktok.url)
    with engine.ledger.write() as connection:
        connection.execute(update(accounts_table).where(accounts_table.c.name == "ana").values(client_key="demo"))
    body = make_event("post.publish.complete", publish_id="v")
    assert sender.send(body, sign(body, secret="CANARY-SECRET-ana")).status_code == 200
    assert sender.send(body, sign(body, secret="CANARY-SECRET-demo")).status_code == 200


def test_a_secret_that_cannot_be_opened_hides_no_other(engine: Engine, sender: Sender, tiktok: Moderation) -> None:
    add_account(engine.ledger, "ana", tiktok.url)
    with engine.ledger.write() as connection:
        broken = {"client_key": "demo", "client_secret": b"sealed elsewhere"}
        connection.execute(update(accounts_table).where(accounts_table.c.name == "ana").values(broken))
    body = make_event("post.publish.complete", publish_id="v")
    assert sender.send(body, sign(body)).status_code == 200


def test_while_the_ledger_is_away_it_is_to_come_again(
    engine: Engine, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise Transient("ledger_unreachable", "it is away", fix="start it")

    monkeypatch.setattr(deliveries, "accept", away)
    body = make_event("post.publish.complete", publish_id="v")
    assert sender.send(body, sign(body)).status_code == 503


# What it makes us do


def test_an_event_makes_us_ask_and_the_answer_decides(engine: Engine, sender: Sender, tiktok: Moderation) -> None:
    post = sent(engine, "a")
    sender.deliver("post.publish.complete", publish_id=post.publish_id, publish_type="DIRECT_PUBLISH")
    assert now_of(engine, post).state is PostState.PROCESSING
    tiktok.said[post.publish_id or ""] = COMPLETE
    sender.deliver("post.publish.complete", at=1, publish_id=post.publish_id)
    assert now_of(engine, post).state is PostState.PUBLISHED
    assert [row.post_id for row in sender.kept()] == [post.id, post.id]


def test_failed_and_delivered_are_asked_about_too(engine: Engine, sender: Sender, tiktok: Moderation) -> None:
    failed, draft = sent(engine, "a"), sent(engine, "b", options=Options(mode=Mode.INBOX))
    tiktok.said[failed.publish_id or ""] = {"status": "FAILED", "fail_reason": "spam_risk"}
    tiktok.said[draft.publish_id or ""] = {"status": "SEND_TO_USER_INBOX"}
    sender.deliver("post.publish.failed", publish_id=failed.publish_id, reason="internal")
    sender.deliver("post.publish.inbox_delivered", publish_id=draft.publish_id, publish_type="INBOX_SHARE")
    assert (now_of(engine, failed).error or {})["code"] == "spam_risk"
    assert now_of(engine, draft).state is PostState.DELIVERED


def test_a_failed_event_alone_sends_nothing_anew(engine: Engine, sender: Sender) -> None:
    post = sent(engine, "a")
    for number in range(3):
        sender.deliver("post.publish.failed", at=number, publish_id=post.publish_id, reason="internal")
    assert now_of(engine, post).state is PostState.PROCESSING
    assert [each.state for each in submissions.of_post(engine.ledger, post.id)] == [SubmissionState.ACCEPTED]


@pytest.mark.parametrize("form", [str, int])
def test_the_id_of_a_public_post_is_kept_as_text(
    engine: Engine, sender: Sender, tiktok: Moderation, form: type
) -> None:
    post = sent(engine, "a", options=PUBLIC)
    tiktok.said[post.publish_id or ""] = COMPLETE
    for number in range(2):
        event = {"publish_id": post.publish_id, "post_id": form(ID)}
        sender.deliver("post.publish.publicly_available", at=number, **event)
    assert (now_of(engine, post).state, now_of(engine, post).tiktok_post_ids) == (PostState.PUBLISHED, (ID,))
    assert story(engine, post).count(f"public as TikTok post {ID}") == 1


def test_an_id_that_comes_before_the_decision_is_kept_and_decides_nothing(engine: Engine, sender: Sender) -> None:
    post = sent(engine, "a", options=PUBLIC)
    sender.deliver("post.publish.publicly_available", publish_id=post.publish_id, post_id=ID)
    assert (now_of(engine, post).state, now_of(engine, post).tiktok_post_ids) == (PostState.PROCESSING, (ID,))


def live(engine: Engine, sender: Sender, tiktok: Moderation, *, scopes: list[str]) -> Post:
    post = sent(engine, "a", options=PUBLIC)
    tiktok.said[post.publish_id or ""] = COMPLETE | {"publicaly_available_post_id": [int(ID)]}
    tiktok.videos["demo"] = [{"id": ID}]
    sweep(engine)
    with engine.ledger.write() as connection:
        connection.execute(update(accounts_table).values(scopes=scopes))
    return now_of(engine, post)


def test_a_take_down_is_taken_at_tiktoks_word_where_nobody_may_look(
    engine: Engine, sender: Sender, tiktok: Moderation, clock: Clock
) -> None:
    post = live(engine, sender, tiktok, scopes=["video.publish"])
    clock.forward(seconds=90)
    gone = {"publish_id": post.publish_id, "post_id": ID}
    sender.deliver("post.publish.no_longer_publicaly_available", at=60, **gone)
    assert now_of(engine, post).state is PostState.PUBLISHED
    assert now_of(engine, post).taken_down_at == BEGIN + timedelta(seconds=60)
    sender.deliver("post.publish.publicly_available", at=30, **gone)
    assert now_of(engine, post).taken_down_at is not None  # the older one came late
    sender.deliver("post.publish.publicly_available", at=80, **gone)
    assert now_of(engine, post).taken_down_at is None


@pytest.mark.parametrize("is_there", [True, False])
def test_where_we_may_look_an_event_is_only_the_first_look(
    engine: Engine, sender: Sender, tiktok: Moderation, is_there: bool
) -> None:
    post = live(engine, sender, tiktok, scopes=["video.list"])
    if not is_there:
        tiktok.videos["demo"] = []
    sender.deliver("post.publish.no_longer_publicaly_available", publish_id=post.publish_id, post_id=ID)
    assert (now_of(engine, post).taken_down_at is None) is is_there
    assert now_of(engine, post).missing_since is None


def test_an_id_that_is_not_its_own_takes_nothing_down(engine: Engine, sender: Sender, tiktok: Moderation) -> None:
    post = live(engine, sender, tiktok, scopes=["video.publish"])
    other = sent(engine, "b", options=PUBLIC)
    sender.deliver("post.publish.no_longer_publicaly_available", publish_id=other.publish_id, post_id=ID)
    assert now_of(engine, post).taken_down_at is None


def test_another_app_or_creator_says_nothing_about_our_post(engine: Engine, sender: Sender, tiktok: Moderation) -> None:
    add_account(engine.ledger, "ana", tiktok.url)
    post = sent(engine, "a", options=PUBLIC)
    sender.deliver("post.publish.publicly_available", account="ana", publish_id=post.publish_id, post_id=ID)
    body = make_event("post.publish.publicly_available", open_id="oid-ben", publish_id=post.publish_id, post_id=ID)
    assert sender.send(body, sign(body)).status_code == 200
    assert heed_all(engine) == 0
    assert now_of(engine, post).tiktok_post_ids == ()
    assert tiktok.asked() == []


def test_a_submission_that_was_given_up_and_is_public_is_told(
    engine: Engine, sender: Sender, tiktok: Moderation
) -> None:
    post = sent(engine, "a", options=PUBLIC, state=SubmissionState.ABANDONED)
    sender.deliver("post.publish.publicly_available", publish_id=post.publish_id, post_id=ID)
    assert any("though it was given up" in why for why in story(engine, post))
    assert now_of(engine, post).tiktok_post_ids == ()


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("post.publish.complete", {"publish_id": "v_pub_file~v2-1.nobody"}),
        ("post.publish.complete", {}),
        ("video.upload.failed", {"share_id": "s"}),
        ("portability.download.ready", {"request_id": 1}),
        ("never.heard.of", {}),
    ],
)
def test_what_concerns_nothing_of_ours_is_over_at_once(
    engine: Engine, sender: Sender, kind: str, content: dict[str, Any]
) -> None:
    sender.deliver(kind, **content)
    assert deliveries.waiting(engine.ledger, SOURCE) == []


def test_an_event_while_tiktok_has_a_fault_is_left_to_the_sweep(
    engine: Engine, sender: Sender, tiktok: Moderation
) -> None:
    post = sent(engine, "a", look_at=BEGIN + timedelta(hours=1))
    tiktok.said[post.publish_id or ""] = Refusal(500, "internal_error")
    sender.deliver("post.publish.complete", publish_id=post.publish_id)
    assert deliveries.waiting(engine.ledger, SOURCE) == []
    tiktok.said[post.publish_id or ""] = COMPLETE
    sweep(engine)
    assert now_of(engine, post).state is PostState.PUBLISHED


def test_an_event_for_a_blocked_account_does_not_loop(engine: Engine, sender: Sender, tiktok: Moderation) -> None:
    post = sent(engine, "a")
    dead = NeedsPerson("invalid_grant", "dead", fix="consent").as_dict()
    accounts.block(engine.ledger, "demo", dead, version=accounts.secrets(engine.ledger, "demo").version)
    sender.deliver("post.publish.complete", publish_id=post.publish_id)
    assert deliveries.waiting(engine.ledger, SOURCE) == []
    assert tiktok.calls == []


@pytest.mark.parametrize(
    ("reason", "who", "word"),
    [
        (0, "creator", "does not say why"),
        (1, "creator", "disconnected"),
        (2, "creator", "deleted"),
        (3, "creator", "age"),
        (4, "creator", "banned"),
        (5, "operator", "developer"),
        (77, "creator", "reason 77"),
    ],
)
def test_a_removed_authorisation_blocks_the_account(
    engine: Engine, sender: Sender, tiktok: Moderation, reason: int, who: str, word: str
) -> None:
    add_account(engine.ledger, "ana", tiktok.url)
    sender.deliver("authorization.removed", at=1, reason=reason)
    blocked = accounts.get(engine.ledger, "demo").blocked or {}
    assert (blocked["code"], blocked["who"]) == ("authorization_removed", who)
    assert word in blocked["message"] + blocked["rule"]
    assert "airdate account connect demo" in blocked["fix"]
    assert accounts.get(engine.ledger, "ana").blocked is None


def test_a_removal_older_than_the_consent_blocks_nothing(
    engine: Engine, sender: Sender, tiktok: Moderation, clock: Clock
) -> None:
    clock.forward(seconds=200)
    sent(engine, "a")
    sweep(engine)  # renews the token
    sender.deliver("authorization.removed", at=100, reason=1)
    assert accounts.get(engine.ledger, "demo").blocked is None


def test_the_event_about_our_own_revoking_changes_nothing(engine: Engine, sender: Sender) -> None:
    accounts.erase(engine.ledger, "demo", NeedsPerson(REVOKED, "ended here", fix="connect").as_dict())
    sender.deliver("authorization.removed", at=1, reason=5)
    assert accounts.get(engine.ledger, "demo").is_revoked


def test_one_bad_delivery_stops_no_other(engine: Engine, sender: Sender, tiktok: Moderation) -> None:
    bodies = [make_event("post.publish.complete", publish_id=f"v{number}") for number in range(3)]
    for body in bodies:
        sender.send(body, sign(body))
    first = hashlib.sha256(bodies[0]).hexdigest()
    with engine.ledger.write() as connection:
        connection.execute(update(table).where(table.c.id == first).values(body=b"sealed elsewhere"))
    assert heed_all(engine) == 0
    waiting = [row.id for row in sender.kept() if row.relayed_at is None]
    assert waiting == [first]
