"""TikTok's webhooks: whether a delivery is TikTok's, and what it says (TikTok, Webhooks: verification and events).

The signature is an HMAC-SHA256 with the app's client secret over the stamp, a full stop and the raw body. The content
of an event is JSON inside a string of JSON.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

TOLERANCE_S = 300
"""A stamp may be this far from our clock, before or after. TikTok leaves the window to us; this one is customary."""

_STAMP = re.compile(r"[0-9]{1,12}")
_HEX = re.compile(r"[0-9A-Fa-f]{64}")


class Kind(StrEnum):
    """The events that are heeded; others, of older kits and other products, are not."""

    FAILED = "post.publish.failed"
    COMPLETE = "post.publish.complete"
    INBOX_DELIVERED = "post.publish.inbox_delivered"
    PUBLIC = "post.publish.publicly_available"
    NO_LONGER_PUBLIC = "post.publish.no_longer_publicaly_available"  # TikTok's own spelling
    AUTHORIZATION_REMOVED = "authorization.removed"


@dataclass(frozen=True, slots=True)
class Signature:
    """The header `TikTok-Signature`.

    Attributes:
        stamp: seconds since 1970, as text: what was signed.
        mac: 64 hexadecimal digits.
    """

    stamp: str
    mac: str

    @classmethod
    def read(cls, header: str) -> Signature | None:
        """From `t=…,s=…`; None when it is not of that form, or says one of them twice."""
        parts = [part.strip().partition("=") for part in header.split(",")]
        values = {name: value for name, _, value in parts}
        stamp, mac = values.get("t", ""), values.get("s", "")
        whole = len(values) == len(parts) and _STAMP.fullmatch(stamp) and _HEX.fullmatch(mac)
        return cls(stamp, mac.lower()) if whole else None

    def is_timely(self, now: datetime) -> bool:
        """Whether it was made lately."""
        return abs(now.timestamp() - int(self.stamp)) <= TOLERANCE_S

    def is_of(self, secrets: Iterable[str], body: bytes) -> bool:
        """Whether it was made with one of the secrets over these very bytes; each is compared in constant time."""
        signed = self.stamp.encode() + b"." + body
        made = [hmac.digest(secret.encode(), signed, hashlib.sha256).hex() for secret in secrets]
        matches = [hmac.compare_digest(mac, self.mac) for mac in made]
        return any(matches)


@dataclass(frozen=True, slots=True)
class Event:
    """What a delivery says; of what is missing or odd in it, nothing.

    Attributes:
        kind: TikTok's word, known or not.
        open_id: the creator, as the app knows them.
        publish_id: of the submission it is about.
        post_id: of the public post; a string, for it exceeds 2^53.
        reason: of a failure, or of a removed authorisation, as text.
    """

    client_key: str
    kind: str
    created_at: datetime | None
    open_id: str | None
    publish_id: str | None
    post_id: str | None
    reason: str | None

    @classmethod
    def read(cls, body: bytes) -> Event | None:
        """From the raw body; None when it is no event."""
        event = _object(body)
        client_key, kind = _text(event.get("client_key")), _text(event.get("event"))
        if client_key is None or kind is None:
            return None
        inside = event.get("content")
        content = inside if isinstance(inside, dict) else _object(inside)
        return cls(
            client_key=client_key,
            kind=kind,
            created_at=_instant(event.get("create_time")),
            open_id=_text(event.get("user_openid")),
            publish_id=_text(content.get("publish_id")),
            post_id=_text(content.get("post_id")),
            reason=_text(content.get("reason")),
        )


def _object(text: object) -> dict[str, Any]:
    if not isinstance(text, (str, bytes)):
        return {}
    try:
        value = json.loads(text.decode("utf-8") if isinstance(text, bytes) else text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    """What was said, less what no database takes: NUL, and halves of an emoji, which JSON can spell."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return str(value).replace("\0", "").encode("utf-8", "replace").decode() or None


def _instant(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
