"""TikTok's webhooks: what happened to a post or a consent, signed, sent until it was taken (TikTok, Webhooks)."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx

from airdate.sandbox.deliveries import Delivery
from airdate.sandbox.faults import CallName, WebhookFault
from airdate.sandbox.posts import Post, Status
from airdate.sandbox.state import State

ANSWERED_WITHIN_S = 10.0

DISCONNECTED_BY_USER, REVOKED_BY_DEVELOPER = 1, 5
"""Reasons of `authorization.removed` (TikTok, Webhook Events)."""

FAILED = "post.publish.failed"
COMPLETE = "post.publish.complete"
DELIVERED = "post.publish.inbox_delivered"
PUBLIC = "post.publish.publicly_available"
NO_LONGER_PUBLIC = "post.publish.no_longer_publicaly_available"
REMOVED = "authorization.removed"
"""TikTok's names of events; the misspelt one is TikTok's."""


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The value of the header `TikTok-Signature`."""
    signed = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},s={signed}"


def consent_ended(state: State, app: str, creator: str, reason: int) -> None:
    """Tell that a creator's tokens are dead."""
    _tell(state, app, creator, REMOVED, {"reason": reason})


def observe(state: State, now: float) -> None:
    """Tell what happened to posts since the last look."""
    for post in list(state.posts.values()):
        for event in list(_new(post, now)):
            post.told.append(event)
            state.posts.save(post.publish_id)
            _tell(state, post.app, post.creator, event, _content(post, event))


def send_due(state: State, http: httpx.AsyncClient, now: float) -> None:
    """Begin to send what is to be sent now; each in a task of its own, so that a slow receiver holds nothing up."""
    for delivery in list(state.deliveries.values()):
        if delivery.is_due(now) and delivery.id not in state.sending:
            state.sending.begin(delivery.id, _send(state, http, delivery))


def _new(post: Post, now: float) -> Iterator[str]:
    """The events that are true of the post and were not told."""
    if FAILED in post.told:
        return
    status = post.status(now)
    true = {
        FAILED: status is Status.FAILED,
        DELIVERED: status is Status.SEND_TO_USER_INBOX,
        COMPLETE: status is Status.PUBLISH_COMPLETE,
        PUBLIC: post.is_public(now),
        NO_LONGER_PUBLIC: post.taken_down_at is not None and PUBLIC in post.told,
    }
    yield from (event for event, is_true in true.items() if is_true and event not in post.told)


def _content(post: Post, event: str) -> dict[str, Any]:
    content: dict[str, Any] = {"publish_id": post.publish_id}
    if event == FAILED:
        content["reason"] = post.fail_reason
    if event in (PUBLIC, NO_LONGER_PUBLIC):
        content["post_id"] = str(post.post_id)
    return content | {"publish_type": "DIRECT_PUBLISH" if post.direct else "INBOX_SHARE"}


def _tell(state: State, app: str, creator: str, event: str, content: dict[str, Any]) -> None:
    """Put an event on its way, if there is somebody to tell."""
    if state.rules.webhook_url is None:
        return
    now = state.now()
    body = {
        "client_key": state.seeds[app].client_key,
        "event": event,
        "create_time": int(now),
        "user_openid": state.open_id(app, creator),
        "content": json.dumps(content, separators=(",", ":")),
    }
    fault = state.faults.take(CallName.WEBHOOK, WebhookFault) or WebhookFault()
    delivery = Delivery(
        id=uuid.uuid4().hex,
        app=app,
        event=event,
        body=json.dumps(body, separators=(",", ":")),
        created_at=now,
        next_at=now + fault.delay_seconds,
        fault=fault,
    )
    state.deliveries[delivery.id] = delivery


async def _send(state: State, http: httpx.AsyncClient, delivery: Delivery) -> None:
    """One try, or as many as a fault wants of the same event."""
    if state.rules.webhook_url is None:
        return
    fault, body = delivery.fault, delivery.body.encode()
    secret = "not the secret" if fault.wrong_signature else state.seeds[delivery.app].client_secret
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "TikTok-Sandbox/1.0",
        "TikTok-Signature": signature(secret, int(state.now() - fault.age_seconds), body),
    }
    status: int | None = None
    for _ in range(1 + fault.duplicates):
        try:
            status = (await http.post(state.rules.webhook_url, content=body, headers=headers)).status_code
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            status = None
    delivery.answered(status, state.now())
    delivery.fault = WebhookFault()
    state.deliveries.save(delivery.id)
