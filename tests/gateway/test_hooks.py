"""The hooks over a real socket: what is taken, what is turned away, and what nobody gets to see."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from approval_making import NOW, OLD_SECRET, make_body, sign
from hook_running import Hooks, running
from sqlalchemy import select

from airdate.engine import Engine
from airdate.errors import Transient
from airdate.gateway.hooks import MAX_BODY
from airdate.ledger import deliveries
from airdate.ledger.schema import deliveries as table
from airdate.post import PostState

pytestmark = pytest.mark.e2e


@pytest.fixture
def hooks(engine: Engine) -> Iterator[Hooks]:
    with running(engine) as begun:
        yield begun


def test_a_signed_approval_is_stored_before_it_is_answered(hooks: Hooks) -> None:
    answer = hooks.post(make_body())

    assert (answer.status_code, answer.content) == (200, b"")
    (delivery,) = deliveries.waiting(hooks.engine.ledger, "approval")
    assert (delivery.id, delivery.source, delivery.body) == ("msg_1", "approval", make_body())
    assert hooks.stored == 1


def test_a_repeated_delivery_is_answered_and_nothing_else(hooks: Hooks) -> None:
    later = sign(make_body(), at=NOW + timedelta(seconds=60))

    answers = [hooks.post(make_body()), hooks.post(make_body()), hooks.post(make_body(), later)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert (hooks.kept(), hooks.stored) == (["msg_1"], 1)


def test_deliveries_at_once_are_stored_once(hooks: Hooks) -> None:
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(hooks.post(make_body()).status_code)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [200] * 8
    assert (hooks.kept(), hooks.stored) == (["msg_1"], 1)


def test_header_names_have_no_case_and_the_old_secret_still_counts(hooks: Hooks) -> None:
    headers = {name.title(): value for name, value in sign(make_body(), secret=OLD_SECRET).items()}

    assert hooks.post(make_body(), headers).status_code == 200


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_without_a_security_header_nothing_is_taken(hooks: Hooks, missing: str) -> None:
    headers = sign(make_body())
    del headers[missing]

    answer = hooks.post(make_body(), headers)

    assert (answer.status_code, answer.content) == (401, b"")
    assert hooks.kept() == []


@pytest.mark.parametrize("twice", ["webhook-id", "Webhook-Timestamp", "WEBHOOK-SIGNATURE"])
def test_a_security_header_that_is_there_twice_is_turned_away(hooks: Hooks, twice: str) -> None:
    headers = sign(make_body())
    doubled = [*headers.items(), (twice, headers[twice.lower()])]

    answer = httpx.post(f"{hooks.url}/hooks/approvals", content=make_body(), headers=doubled, trust_env=False)

    assert (answer.status_code, answer.content) == (400, b"")
    assert hooks.kept() == []


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (make_body(caption="other"), sign(make_body())),
        (json.dumps(json.loads(make_body()), indent=1).encode(), sign(make_body())),
        (b"", sign(make_body())),
        (make_body(), sign(make_body(), at=NOW - timedelta(seconds=301))),
        (make_body(), sign(make_body(), at=NOW + timedelta(seconds=301))),
        (make_body(), sign(make_body()) | {"webhook-timestamp": "soon"}),
        (make_body(), sign(make_body()) | {"webhook-id": "msg_2"}),
        (make_body(), sign(make_body()) | {"webhook-signature": "v1,AAAA"}),
        (make_body(), sign(make_body()) | {"webhook-signature": "v1,\xe4"}),
    ],
)
def test_a_forged_delivery_gets_an_empty_401(hooks: Hooks, body: bytes, headers: dict[str, str]) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]

    answer = httpx.post(f"{hooks.url}/hooks/approvals", content=body, headers=raw, trust_env=False)

    assert (answer.status_code, answer.content) == (401, b"")
    assert (hooks.kept(), hooks.stored) == ([], 0)


def test_an_unknown_type_is_ignored_and_not_an_error(hooks: Hooks) -> None:
    answer = hooks.post(make_body(kind="asset.rejected"))

    assert answer.status_code == 200
    assert (hooks.kept(), hooks.stored) == ([], 0)


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'"text"', b"{}", b'{"type": 7}', b"[" * 100_000])
def test_a_signed_body_that_is_no_event_is_told_to_its_sender(hooks: Hooks, body: bytes) -> None:
    answer = hooks.post(body)

    assert (answer.status_code, answer.content) == (400, b"")
    assert hooks.kept() == []


def test_a_body_at_the_limit_is_taken_and_one_over_it_is_not(hooks: Hooks) -> None:
    room = MAX_BODY - len(make_body(caption=""))

    assert hooks.post(make_body(caption="x" * room)).status_code == 200
    assert hooks.post(make_body(caption="x" * (room + 1)), sign(b"")).status_code == 413
    assert hooks.kept() == ["msg_1"]


def test_a_body_that_does_not_say_its_length_is_measured(hooks: Hooks) -> None:
    def blocks() -> Iterator[bytes]:
        for _ in range(5):
            yield b"x" * (MAX_BODY // 4)

    answer = httpx.post(f"{hooks.url}/hooks/approvals", content=blocks(), headers=sign(b""), trust_env=False)

    assert answer.status_code == 413


def test_a_body_that_was_announced_too_large_is_not_waited_for(hooks: Hooks) -> None:
    answer = hooks.raw(b"POST /hooks/approvals HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 413")


def test_a_body_that_does_not_come_ends_the_connection(hooks: Hooks) -> None:
    answer = hooks.raw(b"POST /hooks/approvals HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")

    assert answer.startswith(b"HTTP/1.1 408")
    assert hooks.post(make_body()).status_code == 200


def test_a_ledger_that_is_away_is_told_and_the_sender_comes_again(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> bool:
        raise Transient("ledger_unreachable", "it does not answer", fix="start it")

    with monkeypatch.context() as broken:
        broken.setattr(deliveries, "accept", away)
        assert hooks.post(make_body()).status_code == 503

    assert hooks.post(make_body()).status_code == 200
    assert hooks.stored == 1


@pytest.mark.parametrize("path", ["/", "/docs", "/redoc", "/openapi.json", "/hooks", "/hooks/other", "/healthz/x"])
def test_nothing_else_is_served(hooks: Hooks, path: str) -> None:
    assert httpx.get(hooks.url + path, trust_env=False).status_code == 404


def test_health_is_answered_and_the_hook_is_for_posting_only(hooks: Hooks) -> None:
    health = httpx.get(f"{hooks.url}/healthz", trust_env=False)

    assert (health.status_code, health.json()) == (200, {"status": "ok"})
    assert httpx.get(f"{hooks.url}/hooks/approvals", trust_env=False).status_code == 405
    assert "server" not in health.headers


def test_the_log_holds_no_body_signature_or_secret(hooks: Hooks, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    headers = sign(make_body())

    hooks.post(make_body())
    hooks.post(make_body(), headers | {"webhook-id": "forged"})
    hooks.post(b"CANARY-BODY")

    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("airdate"))
    assert "msg_1" in ours
    assert "401" in ours
    for secret in ("CANARY", "Größe", headers["webhook-signature"], "forged"):
        assert secret not in ours


def test_a_stored_body_is_encrypted(hooks: Hooks) -> None:
    hooks.post(make_body())

    with hooks.engine.ledger.read() as connection:
        stored = connection.execute(select(table.c.body)).scalar_one()
    assert b"CANARY" not in stored
    assert PostState.PLANNED.value.encode() not in stored
