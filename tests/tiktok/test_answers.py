from __future__ import annotations

import json

import pytest

from airdate.tiktok.answers import CreatorInfo, Envelope, OpenUpload, PublishStatus, TokenGrant

BIG = 7_500_000_000_000_000_123


@pytest.mark.parametrize(
    ("data", "ids"),
    [
        ({}, ()),
        ({"publicaly_available_post_id": []}, ()),
        ({"publicaly_available_post_id": None}, ()),
        ({"publicaly_available_post_id": 0}, ()),
        ({"publicaly_available_post_id": [BIG, BIG + 1]}, (str(BIG), str(BIG + 1))),
        ({"publicaly_available_post_id": [str(BIG)]}, (str(BIG),)),
        ({"publicaly_available_post_id": BIG}, (str(BIG),)),
        ({"publicaly_available_post_id": str(BIG)}, (str(BIG),)),
        ({"publicly_available_post_id": [BIG]}, (str(BIG),)),
        ({"publicaly_available_post_id": [1], "publicly_available_post_id": [2]}, ("1",)),
        ({"publicaly_available_post_id": [], "publicly_available_post_id": [2]}, ("2",)),
        ({"publicaly_available_post_id": [{"x": 1}, True, ""]}, ()),
    ],
)
def test_post_ids_are_strings_in_whatever_form_they_come(data: dict[str, object], ids: tuple[str, ...]) -> None:
    body = json.dumps({"data": {"status": "PUBLISH_COMPLETE"} | data, "error": {"code": "ok"}}).encode()
    status = PublishStatus.read(Envelope.read(body).data)
    assert status is not None
    assert status.post_ids == ids


@pytest.mark.parametrize(
    ("value", "read"), [(5, 5), ("5", 5), (0, 0), (None, None), (-1, None), (True, None), (1.5, None)]
)
def test_uploaded_bytes(value: object, read: int | None) -> None:
    status = PublishStatus.read({"status": "PROCESSING_UPLOAD", "uploaded_bytes": value})
    assert status is not None
    assert status.uploaded_bytes == read


def test_what_is_left_out_is_none() -> None:
    assert PublishStatus.read({"status": "PUBLISH_COMPLETE"}) == PublishStatus("PUBLISH_COMPLETE")
    assert PublishStatus.read({}) is None
    assert OpenUpload.read({"publish_id": "x"}) is None
    grant = TokenGrant.read({"access_token": "act.demo"})
    assert (grant.expires_in, grant.refresh_token, grant.refresh_expires_in, grant.scopes) == (None, None, None, ())
    creator = CreatorInfo.read({})
    assert (creator.privacy_level_options, creator.max_video_post_duration_sec) == ((), None)
    assert not creator.comment_disabled


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>502</html>", b"[]", b"null", b'"ok"', b'{"data": {}}', b'{"error": "ok"}', b"\xff" * 9, b"[" * 9999],
)
def test_what_is_no_envelope_has_no_code(body: bytes) -> None:
    assert Envelope.read(body).code is None


def test_an_error_without_data_and_either_spelling_of_the_log_id() -> None:
    for name in ("log_id", "logid"):
        answer = Envelope.read(json.dumps({"error": {"code": "x", "message": "m", name: "2026L"}}).encode())
        assert (answer.code, answer.message, answer.log_id, answer.data) == ("x", "m", "2026L", {})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"access_token": "act.x"}, "ok"),
        ({"access_token": "act.x", "error": "ok"}, "ok"),
        ({"access_token": "act.x", "error": {"code": "ok"}}, "ok"),
        ({"error": "invalid_grant", "error_description": "no", "access_token": "act.x"}, "invalid_grant"),
        ({"error": {"code": "invalid_client", "message": "no"}}, "invalid_client"),
        ({"access_token": ""}, None),
        ({}, None),
    ],
)
def test_the_token_endpoint_succeeds_only_with_a_token_and_no_error(body: dict[str, object], code: str | None) -> None:
    assert Envelope.read_oauth(json.dumps(body).encode()).code == code


@pytest.mark.parametrize(
    ("scope", "names"),
    [("a,b", ("a", "b")), ("a b", ("a", "b")), ("a, b,", ("a", "b")), (["a", "b"], ("a", "b")), (None, ()), ("", ())],
)
def test_scopes_in_every_form(scope: object, names: tuple[str, ...]) -> None:
    assert TokenGrant.read({"access_token": "x", "scope": scope}).scopes == names


@pytest.mark.parametrize(("given", "read"), [(7200, 7200), ("7200", 7200), (0, None), ("soon", None), (None, None)])
def test_lifetimes_are_what_tiktok_says_or_none(given: object, read: int | None) -> None:
    assert TokenGrant.read({"access_token": "x", "expires_in": given}).expires_in == read


def test_no_secret_is_in_a_repr() -> None:
    flat = json.dumps({"access_token": "act.canary", "refresh_token": "rft.canary"}).encode()
    envelope = Envelope.read_oauth(flat)
    opened = OpenUpload.read({"publish_id": "p", "upload_url": "https://x.tiktokapis.com/?upload_token=canary"})
    for holder in (envelope, TokenGrant.read(envelope.data), opened):
        assert "canary" not in repr(holder)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"fail_reason": "x" * 5000}, "x" * 200),
        ({"fail_reason": "spam\ud800_\u0000risk"}, "spam?_risk"),
        ({"fail_reason": "\u0000"}, None),
        ({"fail_reason": {"code": "x"}}, None),
    ],
)
def test_what_no_database_takes_is_cut_off(data: dict[str, object], reason: str | None) -> None:
    body = json.dumps({"data": {"status": "FAILED"} | data, "error": {"code": "ok"}}).encode()
    status = PublishStatus.read(Envelope.read(body).data)
    assert status is not None
    assert status.fail_reason == reason


@pytest.mark.parametrize(
    "number", [10**18, 10**4000, "9" * 19, "9" * 5000, float("nan"), float("inf"), -1, "-1", "1e3"]
)
def test_a_number_that_cannot_be_is_none(number: object) -> None:
    status = PublishStatus.read({"status": "PROCESSING_UPLOAD", "uploaded_bytes": number})
    assert status is not None
    assert status.uploaded_bytes is None
    grant = TokenGrant.read({"access_token": "act.demo", "expires_in": number, "refresh_expires_in": number})
    assert (grant.expires_in, grant.refresh_expires_in) == (None, None)


def test_a_life_of_centuries_is_not_known() -> None:
    assert TokenGrant.read({"access_token": "act.demo", "expires_in": 10**12}).expires_in is None


def test_a_publish_id_that_the_ledger_cannot_keep_is_none() -> None:
    assert OpenUpload.read({"publish_id": "x" * 101, "upload_url": "https://u.tiktokapis.com/"}) is None
