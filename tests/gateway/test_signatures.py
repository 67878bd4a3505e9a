"""Signatures, with the reference library and a computed vector as judges."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from approval_making import NOW, OLD_SECRET, SECRET, make_body, sign
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from airdate.errors import NeedsPerson
from airdate.gateway.signatures import Signed, is_genuine, keys_of

KEYS = keys_of([SecretStr(SECRET)])
BODY = make_body()

VECTOR_SECRET = "whsec_c3RkLXdlYmhvb2stc2VjcmV0LTAxMjM0NTY3ODlhYg=="
VECTOR_BODY = b'{"type":"asset.approved","timestamp":"2026-01-01T00:00:00Z","data":{"asset_id":"a-1"}}'
VECTOR = Signed("msg_0001", "1767225600", "v1,S8p4VBg4potWh+Y/lZMFM2x7DMFpxTOCFPmU6gXrQbE=")


def signed(body: bytes = BODY, **options: object) -> Signed:
    headers = sign(body, **options)  # type: ignore[arg-type]
    return Signed(headers["webhook-id"], headers["webhook-timestamp"], headers["webhook-signature"])


def with_signatures(given: Signed, signatures: str) -> Signed:
    return Signed(given.id, given.timestamp, signatures)


def test_the_vector_is_genuine() -> None:
    keys = keys_of([SecretStr(VECTOR_SECRET)])

    assert is_genuine(keys, VECTOR, VECTOR_BODY, datetime(2026, 1, 1, tzinfo=UTC))
    assert not is_genuine(keys, VECTOR, VECTOR_BODY + b" ", datetime(2026, 1, 1, tzinfo=UTC))


@given(
    key=st.binary(min_size=24, max_size=64),
    delivery=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=50),
    body=st.text(max_size=200),
    flip=st.one_of(st.none(), st.integers(min_value=0)),
)
def test_we_judge_as_the_reference_library_does(key: bytes, delivery: str, body: str, flip: int | None) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    now = datetime.now(UTC)
    headers = sign(body.encode(), delivery, at=now, secret=secret)
    if flip is not None and body:
        place = flip % len(body)
        body = body[:place] + chr(ord(body[place]) ^ 1) + body[place + 1 :]
    try:
        Webhook(secret).verify(body.encode().decode(), headers)
        theirs = True
    except WebhookVerificationError:
        theirs = False
    except ValueError:
        theirs = True  # it was genuine, and is no JSON

    ours = is_genuine(keys_of([SecretStr(secret)]), Signed(*headers.values()), body.encode(), now)

    assert ours is theirs


@pytest.mark.parametrize("body", [b"", "größer".encode(), BODY, bytes(range(256))])
def test_any_bytes_can_be_signed(body: bytes) -> None:
    stamp = str(int(NOW.timestamp()))
    digest = hmac.digest(KEYS[0], b"id." + stamp.encode() + b"." + body, hashlib.sha256)
    genuine = Signed("id", stamp, "v1," + base64.b64encode(digest).decode())

    assert is_genuine(KEYS, genuine, body, NOW)
    assert not is_genuine(KEYS, genuine, body + b"\n", NOW)


def test_a_flipped_byte_or_json_written_anew_is_forged() -> None:
    assert not is_genuine(KEYS, signed(), BODY[:-3] + bytes([BODY[-3] ^ 1]) + BODY[-2:], NOW)
    assert not is_genuine(KEYS, signed(), BODY.replace(b":", b": ", 1), NOW)


@pytest.mark.parametrize(("seconds", "genuine"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_the_stamp_may_be_five_minutes_off_both_ways(seconds: int, genuine: bool) -> None:
    assert is_genuine(KEYS, signed(at=NOW + timedelta(seconds=seconds)), BODY, NOW) is genuine


@pytest.mark.parametrize(
    "stamp", ["", "soon", "1e9", " 1767225600", "-1", "+1767225600", "1767225600.0", "\u0661", "9" * 400]
)
def test_a_stamp_is_digits_only(stamp: str) -> None:
    digest = hmac.digest(KEYS[0], b"id." + stamp.encode() + b"." + BODY, hashlib.sha256)
    signatures = "v1," + base64.b64encode(digest).decode()

    assert not is_genuine(KEYS, Signed("id", stamp, signatures), BODY, NOW)


def test_a_stamp_in_milliseconds_is_too_far_off() -> None:
    stamp = str(int(NOW.timestamp() * 1000))
    digest = hmac.digest(KEYS[0], f"id.{stamp}.".encode() + BODY, hashlib.sha256)

    assert not is_genuine(KEYS, Signed("id", stamp, "v1," + base64.b64encode(digest).decode()), BODY, NOW)


@pytest.mark.parametrize("delivery", ["", "a b", "a\nb", "ü", "x" * 256])
def test_an_odd_id_is_forged(delivery: str) -> None:
    good = signed()

    assert not is_genuine(KEYS, Signed(delivery, good.timestamp, good.signatures), BODY, NOW)


def test_one_good_entry_among_others_is_enough() -> None:
    good = signed()

    for before in ("v1,AAAA ", "v1, ", "v2,x v1a,y ", f"{signed(secret=OLD_SECRET).signatures} ", "  "):
        assert is_genuine(KEYS, with_signatures(good, before + good.signatures), BODY, NOW)


@pytest.mark.parametrize(
    "signatures",
    ["", "v1", "v1,", "v1,ä", "v1,AAAA", "v1,zz*not-base64*zz", "v1=AAAA", "{0}x", "x{0}", "v2,{1}", "v1a,{1}", "{1}"],
)
def test_no_good_entry_is_forged(signatures: str) -> None:
    good = signed()
    entry = good.signatures

    wrong = signatures.format(entry, entry.removeprefix("v1,"))

    assert not is_genuine(KEYS, with_signatures(good, wrong), BODY, NOW)


def test_the_old_secret_is_taken_while_secrets_rotate_and_no_longer_after() -> None:
    by_old = signed(secret=OLD_SECRET)

    assert is_genuine(keys_of([SecretStr(SECRET), SecretStr(OLD_SECRET)]), by_old, BODY, NOW)
    assert not is_genuine(KEYS, by_old, BODY, NOW)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_ä",
        "whsec_!!!!",
        SECRET.removeprefix("whsec_"),
        SECRET.rstrip("="),
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
    ],
)
def test_a_malformed_secret_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(NeedsPerson) as refused:
        keys_of([SecretStr(SECRET), SecretStr(secret)])

    assert refused.value.exit_code == 4
    assert "number 2" in refused.value.message
    assert len(secret) < 10 or secret not in str(refused.value)


def test_without_a_secret_there_is_no_gateway() -> None:
    with pytest.raises(NeedsPerson) as refused:
        keys_of([])

    assert (refused.value.code, refused.value.exit_code) == ("webhook_secret_missing", 4)
