"""What looks like a secret, and what was registered as one, does not get through; and no text is slow to search."""

from __future__ import annotations

import logging
import time

import pytest

from airdate.redact import RedactingFilter, redact, register


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
