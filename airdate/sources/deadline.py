"""A connection that ends when the whole download's time is up.

A timeout of each read is not enough: a server that sends one byte of its headers every twenty seconds keeps within it
for a month.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, TypeAlias

import httpcore

Remaining: TypeAlias = Callable[[], float]
"""Seconds that are left of the whole download; 0 or less when it is over."""


class TimedStream(httpcore.NetworkStream):
    """Passes everything on to `stream`; no single wait outlasts `remaining`."""

    def __init__(self, stream: httpcore.NetworkStream, remaining: Remaining) -> None:
        self._stream = stream
        self._remaining = remaining

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """See httpcore."""
        return self._stream.read(max_bytes, self._capped(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """See httpcore."""
        self._stream.write(buffer, self._capped(timeout))

    def close(self) -> None:
        """See httpcore."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """See httpcore."""
        secured = self._stream.start_tls(ssl_context, server_hostname, self._capped(timeout))
        return TimedStream(secured, self._remaining)

    def get_extra_info(self, info: str) -> Any:
        """See httpcore."""
        return self._stream.get_extra_info(info)

    def _capped(self, timeout: float | None) -> float:
        left = self._remaining()
        if left <= 0:
            raise httpcore.ReadTimeout("the time of the whole download is up")
        return left if timeout is None else min(timeout, left)
