"""What looks like a secret, and what was registered as one, does not get through; and no text is slow to search."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

import pytest
from pydantic import SecretStr

from airdate.engine import Engine
from airdate.ledger import accounts
from airdate.ledger.grants import Kept
from airdate.post import Mode
from airdate.redact import RedactingFilter, redact, register
from airdate.settings import Settings
from airdate.tiktok.answers import Envelope, OpenUpload, TokenGrant


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://a.example/film.mp4?sig=abc HTTP", "GET https://a.example/film.mp4?[redacted] HTTP"),
        ("<https://a.example/x#frag?y> z", "<https://a.example/x?[redacted]> z"),
        ("'https://a.example/?a=1'", "'https://a.example/?[redacted]'"),
        ("https://a.example/plain", "https://a.example/plain"),
        ("postgresql+psycopg://ana:pa:ss@word@db.example/x", "postgresql+psycopg://[redacted]@db.example/x"),
        ("x.https://ana:word@a.example/", "x.https://[redacted]@a.example/"),
        ("mail ana@example.com", "mail ana@example.com"),
        ("token act.abcdefgh1234 and rft.abcdefgh", "token [redacted] and [redacted]"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer [redacted]"),
        ("client_secret=s3cret&x=1", "client_secret=[redacted]&x=1"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_a_registered_secret_is_hidden_as_forms_and_urls_spell_it() -> None:
    register("ca/na ry+%é")
    said = redact("ca/na ry+%é ca%2Fna%20ry%2B%25%C3%A9 ca%2Fna+ry%2B%25%C3%A9 ca/na%20ry%2B%25%C3%A9")
    assert said == " ".join(["[redacted]"] * 4)


@pytest.mark.parametrize("part", ["a", "http://", "a.", "://", "https://a?", "act.", "x@", "bearer "])
def test_a_megabyte_made_to_be_slow_is_not(part: str) -> None:
    text = part * (1_000_000 // len(part))
    began = time.process_time()
    redact(text)
    assert time.process_time() - began < 5


def test_a_record_is_hidden_with_its_traceback() -> None:
    try:
        raise ValueError("https://a.example/?token=canary")
    except ValueError as failed:
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "%s", ("act.canarycanary",), None)
        record.exc_info = (type(failed), failed, failed.__traceback__)
    RedactingFilter().filter(record)
    assert "canary" not in logging.Formatter().format(record)


def test_no_repr_shows_a_secret_to_a_traceback_with_locals(engine: Engine) -> None:
    """What the engine hands around, as debuggers and tracebacks show it."""
    settings = Settings(
        database_url="postgresql://ana:CANARY@db.example/x",
        secret_key=SecretStr("CANARY"),
        tiktok_client_secret=SecretStr("CANARY"),
        tiktok_refresh_token=SecretStr("CANARY"),
        webhook_secrets=(SecretStr("CANARY"),),
    )
    accounts.add(
        engine.ledger,
        name="demo",
        api_url="https://api.example",
        client_key="key",
        open_id="oid",
        client_secret="CANARY",
        refresh_token="CANARY",
        audited=False,
        mode=Mode.DIRECT,
        privacy=None,
    )
    now = engine.ledger.now()
    grant = accounts.Grant("CANARY", 7200, "CANARY", 7200, ("video.publish",), now)
    held = [
        settings,
        replace(engine, settings=settings),
        accounts.get(engine.ledger, "demo"),
        accounts.secrets(engine.ledger, "demo"),
        grant,
        Kept("demo", "key:oid", 1, grant),
        TokenGrant.read({"access_token": "CANARY", "refresh_token": "CANARY"}),
        OpenUpload("v_pub", "https://u.tiktokapis.com/?upload_token=CANARY"),
        Envelope.read_oauth(b'{"access_token": "CANARY"}'),
    ]
    assert [each for each in held if "CANARY" in repr(each)] == []
