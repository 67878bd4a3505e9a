"""The name people know a downloaded file by. It is shown and never becomes a path."""

from __future__ import annotations

from email.message import Message
from email.utils import collapse_rfc2231_value
from urllib.parse import unquote

import httpx

MAX_LENGTH = 120

_NAMELESS = "asset"


def filename_of(response: httpx.Response, suffix: str) -> str:
    """The server's name for the file: `filename*` before `filename` (RFC 6266), else the URL's last part.

    Folders and control characters are taken off, the length is capped, and the suffix is the one of its content.
    """
    named = _disposition(response.headers.get("Content-Disposition", "")) or unquote(response.url.path)
    last = named.replace("\\", "/").rsplit("/", 1)[-1]
    stem = "".join(char for char in last if char.isprintable()).rpartition(".")
    return ((stem[0] or stem[2]).strip(" .")[:MAX_LENGTH] or _NAMELESS) + suffix


def _disposition(header: str) -> str | None:
    message = Message()
    message["Content-Disposition"] = header
    names = [value for key, value in message.get_params([], "Content-Disposition") if key == "filename"]
    encoded = [value for value in names if isinstance(value, tuple)]
    return collapse_rfc2231_value((encoded or names)[0]) if names else None
