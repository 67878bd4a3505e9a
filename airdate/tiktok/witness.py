"""A look over the shoulder: the shape of each answer, for whoever records what TikTok's documents leave open.

Only names, numbers and TikTok's own words pass; no value that could be a token, an address or somebody's name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import Any

import httpx

SHOWN_HEADERS = ("content-range", "retry-after", "content-type")
"""Headers whose value is told; of all others only the name is."""

NUMBERS = ("expires_in", "refresh_expires_in", "uploaded_bytes", "downloaded_bytes", "max_video_post_duration_sec")
"""Fields whose value is told."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer.

    Attributes:
        call: the path of an API call, or `PUT` for a chunk.
        sent: the `Content-Range` that was sent, of a chunk.
        headers: names as TikTok writes them; the values of some.
        fields: names of what the body holds, with TikTok's error word and some numbers.
    """

    call: str
    status: int
    sent: str | None
    headers: dict[str, str | None]
    fields: Any

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


_witness: ContextVar[Callable[[Seen], None] | None] = ContextVar("witness", default=None)


@contextmanager
def watching(tell: Callable[[Seen], None]) -> Iterator[None]:
    """Tell of every answer that this thread gets meanwhile."""
    token = _witness.set(tell)
    try:
        yield
    finally:
        _witness.reset(token)


def saw(call: str, status: int, headers: httpx.Headers, body: bytes, sent: str | None = None) -> None:
    """An answer came; told only while somebody watches."""
    if (tell := _witness.get()) is not None:
        raw = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.raw]
        shown = {name: value if name.lower() in SHOWN_HEADERS else None for name, value in raw}
        tell(Seen(call, status, sent, shown, _shape(body)))


def _shape(body: bytes) -> Any:
    try:
        return _named(json.loads(body))
    except (ValueError, RecursionError):
        return "nothing" if not body else f"{len(body)} bytes that are no JSON"


def _named(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _named(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_named(value[0], name)] if value else []
    if name in NUMBERS or (name in ("code", "status", "error", "fail_reason") and isinstance(value, str)):
        return value
    return type(value).__name__
