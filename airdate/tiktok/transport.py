"""HTTP to TikTok's API in which a call ends in time, however slowly its answer comes.

httpx bounds each read and not their sum: a proxy that lets a header through every few seconds would hold a worker for
days. So httpcore speaks HTTP here over the bounded stream that also carries the uploads.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import httpcore
import httpx

from airdate.tiktok.wire import Limits, Network

CALL_LIMIT_S = 60.0
"""A call that takes longer in all counts as unanswered."""

CONNECT_S = 10.0
READ_S = 30.0
"""Fact sheet, section 23."""


def open_http(limit_s: float = CALL_LIMIT_S) -> httpx.Client:
    """A client for TikTok's API; the caller closes it.

    Proxies and .netrc of the environment are left out: they would see, or replace, tokens and the app's secret.

    Args:
        limit_s: seconds that a call may take in all.
    """
    return httpx.Client(transport=BoundedTransport(_trusted(), limit_s), follow_redirects=False, trust_env=False)


@cache
def _trusted() -> ssl.SSLContext:
    """Whom TLS trusts, read once: a context holds some megabytes, and a sweep opens a client for each account."""
    return httpx.create_ssl_context(trust_env=False)


class BoundedTransport(httpx.BaseTransport):
    """A transport for one thread; proxies are not used and redirects not followed."""

    def __init__(self, trusted: ssl.SSLContext, limit_s: float = CALL_LIMIT_S) -> None:
        """Connect to whom `trusted` vouches for; a call takes `limit_s` at most."""
        self._limits = Limits()
        self._limit_s = limit_s
        self._pool = httpcore.ConnectionPool(
            ssl_context=trusted, max_connections=1, network_backend=Network(self._limits)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One HTTP exchange.

        Raises:
            httpx.RequestError: there was no whole answer in time.
        """
        self._limits.begin(self._limit_s, READ_S)
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        with _as_httpx():
            answer = self._pool.handle_request(
                httpcore.Request(
                    request.method,
                    url,
                    headers=request.headers.raw,
                    content=request.read(),
                    extensions={"timeout": {"connect": CONNECT_S}},
                )
            )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


@contextmanager
def _as_httpx() -> Iterator[None]:
    """Faults of httpcore by the names that httpx has for them; they are the same names."""
    try:
        yield
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as fault:
        named: type[httpx.TransportError] = getattr(httpx, type(fault).__name__, httpx.TransportError)
        raise named(str(fault)) from fault
    except httpcore.UnsupportedProtocol as fault:
        raise httpx.UnsupportedProtocol(str(fault)) from fault
