"""The one place that takes secrets out of text before it is logged, stored or shown.

Two layers: what looks like a secret by its shape (signed queries, bearer headers, TikTok's token prefixes), and
exact values that were registered when they were decrypted, whatever they look like.
"""

from __future__ import annotations

import logging
import re
import threading
from urllib.parse import quote, quote_plus

HIDDEN = "[redacted]"

_SHORTEST_REGISTERED = 6
"""A shorter value would blank out ordinary words."""

# Both look at each character once: what they search may be a megabyte that somebody made to be slow to search.
_URL = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)
_USERINFO = re.compile(r"://[^/\s\"']+@")
_QUERY = re.compile(r"[?#].*")
_SHAPES = re.compile(
    r"(?i)\b(?:act|rft|clt)\.[\w.!~*-]{6,}"
    r"|\bwhsec_[\w+/=-]+"
    r"|(?<=bearer )[\w.!~*+/=-]+"
    r"|(?<=upload_token=)[^&\s\"']+"
    r"|(?<=client_secret=)[^&\s\"']+"
    r"|(?<=refresh_token=)[^&\s\"']+"
    r"|(?<=access_token=)[^&\s\"']+"
    r"|(?<=code_verifier=)[^&\s\"']+"
)

_known: set[str] = set()
_lock = threading.Lock()


def register(secret: str) -> str:
    """Remember a secret, so that `redact` hides it for as long as this process lives; return it.

    It is hidden as it is, and as a form or a URL spells it.
    """
    if len(secret) >= _SHORTEST_REGISTERED:
        with _lock:
            _known.update({secret, quote(secret, safe=""), quote(secret), quote_plus(secret)})
    return secret


def redact(text: str) -> str:
    """`text` without secrets: query strings and fragments of URLs, user info, tokens, registered values."""
    text = _URL.sub(lambda url: _QUERY.sub(f"?{HIDDEN}", url[0], count=1), text)
    text = _USERINFO.sub(f"://{HIDDEN}@", text)
    text = _SHAPES.sub(HIDDEN, text)
    with _lock:
        secrets = sorted(_known, key=len, reverse=True)
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text


class RedactingFilter(logging.Filter):
    """Redacts a record's message and traceback; put on a handler, so that other libraries' records pass it too."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place; it always passes."""
        record.msg, record.args = redact(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


def configure_logging(level: str) -> None:
    """Send logs to standard error, redacted. httpx's line per request shows whole URLs, so it is a debug matter."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(RedactingFilter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    if level != "DEBUG":
        for noisy in ("httpx", "httpcore", "alembic", "sqlalchemy"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
