"""Standard Webhooks signatures: which deliveries were signed with one of our secrets, and lately.

HMAC-SHA256 over `{id}.{timestamp}.{body}`; the key is what the secret's base64 decodes to (Standard Webhooks 1.0).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from airdate.errors import NeedsPerson

TOLERANCE_S = 300
"""A delivery's stamp may be this far from our clock, before or after."""

SECRET_PREFIX = "whsec_"  # noqa: S105 (how a secret begins, not one)
KEY_BYTES = range(24, 65)

_STAMP = re.compile(r"[0-9]{1,12}")
_ID = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Signed:
    """What a delivery's headers say.

    Attributes:
        id: the same over all tries of one delivery.
        timestamp: seconds since 1970, as text.
        signatures: `v1,<base64>` entries with spaces between them.
    """

    id: str
    timestamp: str
    signatures: str


def keys_of(secrets: Sequence[SecretStr]) -> tuple[bytes, ...]:
    """The keys of the configured secrets.

    Raises:
        NeedsPerson: there is none, or one is malformed; there is no way to run without a check.
    """
    if not secrets:
        raise NeedsPerson(
            "webhook_secret_missing",
            "no webhook secret is set, so nobody could tell an approval from a forgery",
            item="AIRDATE_WEBHOOK_SECRETS",
            rule="the gateway runs with at least one secret",
            fix=f"set it to {SECRET_PREFIX} and the base64 of 32 random bytes, and give the sender the same",
        )
    return tuple(_key(number, secret.get_secret_value()) for number, secret in enumerate(secrets, 1))


def _key(number: int, secret: str) -> bytes:
    encoded = secret.removeprefix(SECRET_PREFIX)
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if encoded == secret or len(key) not in KEY_BYTES:
        raise NeedsPerson(
            "webhook_secret_invalid",
            f"secret number {number} is not one of Standard Webhooks",
            item="AIRDATE_WEBHOOK_SECRETS",
            rule=f"{SECRET_PREFIX} and the base64 of {KEY_BYTES.start} to {KEY_BYTES.stop - 1} bytes",
            fix="copy it from the sender again, with its prefix and its padding",
        )
    return key


def is_genuine(keys: Sequence[bytes], signed: Signed, body: bytes, now: datetime) -> bool:
    """Whether one of the entries was made with one of the keys, and the stamp is not far from now.

    Every entry is compared with every key, each comparison in constant time, so that the time it takes tells nothing.
    Entries of versions other than `v1` are passed over.
    """
    if not _ID.fullmatch(signed.id) or not _STAMP.fullmatch(signed.timestamp):
        return False
    content = f"{signed.id}.{signed.timestamp}.".encode() + body
    expected = [base64.b64encode(hmac.digest(key, content, hashlib.sha256)) for key in keys]
    given = [value.encode() for version, _, value in map(_parted, signed.signatures.split(" ")) if version == "v1"]
    matches = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in given]
    return any(matches) and abs(now.timestamp() - int(signed.timestamp)) <= TOLERANCE_S


def _parted(entry: str) -> tuple[str, str, str]:
    return entry.partition(",")
