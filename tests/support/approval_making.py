"""Ready-made approvals for the tests of the gateway, signed as the reference library signs them."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from airdate.ledger.posts import Post

NOW = datetime(2026, 11, 24, 16, 50, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"CANARY-HOOK-0123456789abcdefghij").decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"CANARY-OLD-00123456789abcdefghij").decode()
DAM = "https://dam.example"
FILM_URL = f"{DAM}/teaser.mp4?sig=CANARY-SIGNATURE"
FILM_SHA256 = hashlib.sha256(b"film").hexdigest()


@dataclass
class Runs:
    """A `StartRun` as Prefect keeps it: one run for each post and turn, however often it is asked."""

    made: dict[tuple[str, int], datetime | None] = field(default_factory=dict)
    error: Exception | None = None
    asked: threading.Event = field(default_factory=threading.Event)

    def __call__(self, post: Post, *, at: datetime | None, name: str) -> str:
        self.asked.set()
        if self.error is not None:
            raise self.error
        self.made.setdefault((post.id, post.turn), at)
        return f"run {post.id} {post.turn}"


def make_body(*without: str, kind: str = "asset.approved", **changes: Any) -> bytes:
    """An approval's body, complete but for the fields in `without`."""
    data = {
        "asset_id": "spring/teaser",
        "media": [{"url": FILM_URL, "sha256": FILM_SHA256, "size": 4}],
        "caption": "Größe zählt 🎬",
        "account": "demo",
        "privacy": "SELF_ONLY",
    } | changes
    for name in without:
        del data[name]
    event = {"type": kind, "timestamp": "2026-11-24T16:50:00Z", "data": data}
    return json.dumps(event, ensure_ascii=False).encode()


def sign(body: bytes, delivery: str = "msg_1", *, at: datetime = NOW, secret: str = SECRET) -> dict[str, str]:
    """The headers of a delivery."""
    return {
        "webhook-id": delivery,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(delivery, at, body.decode()),
    }
