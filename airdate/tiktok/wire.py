"""One connection to TikTok's upload host, made for sending gigabytes and for reading the answers nobody waits for.

httpcore speaks HTTP here, over a network stream of ours that does three things its own does not: it never copies what
a partial send left over, it gives up on an attempt as a whole, and it hears a server that refuses in mid-body. That
server closes at once, and whoever sends on gets a reset in place of the 403 or 416 that says what to do.
"""

from __future__ import annotations

import select
import ssl
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

CONNECT_S = 10.0

NO_PROGRESS_S = 60.0
"""An attempt ends when for this long no byte could be sent or read (fact sheet, section 23)."""

SECONDS_PER_MB = 12.0
"""An attempt ends when it takes longer than this in all, but not before `NO_PROGRESS_S` (fact sheet, section 23)."""

LARGEST_BODY = 64 * 1024
"""Answers to a PUT are empty or a short complaint; more of it is not read."""

_REFUSING = (b"3", b"4", b"5")
_STATUS_AT = len(b"HTTP/1.1 ")
_READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What the host answered to a PUT.

    Attributes:
        whole: every byte of the body was sent; without it a success is not to be believed.
    """

    status: int
    headers: httpx.Headers
    body: bytes
    whole: bool


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The attempt ended without one.

    Attributes:
        reached: the host may have got some or all of it.
        why: for people.
    """

    reached: bool
    why: str


class Wire:
    """A connection that is kept alive between PUTs; a context manager. Proxies and redirects are not followed."""

    def __init__(self) -> None:
        self._limits = Limits()
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=1,
            network_backend=Network(self._limits),
        )

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.close()

    def put(self, url: str, headers: dict[str, str], body: Iterable[bytes], size: int) -> Answer | NoAnswer:
        """PUT `size` bytes to `url`, which goes out byte for byte.

        What `body` raises ends the attempt, with the request left unfinished on the wire.
        """
        whole = False

        def sending() -> Iterator[bytes]:
            nonlocal whole
            yield from body
            whole = True

        self._limits.begin(max(NO_PROGRESS_S, SECONDS_PER_MB * size / 1e6), NO_PROGRESS_S)
        origin, target, host = _split(url)
        try:
            with self._pool.stream(
                "PUT",
                httpcore.URL(scheme=origin.scheme, host=origin.host, port=origin.port, target=target),
                headers=[("Host", host), *headers.items()],
                content=sending(),
                extensions={"timeout": {"connect": CONNECT_S}},
            ) as response:
                return Answer(response.status, httpx.Headers(response.headers), _body(response), whole)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as fault:
            return NoAnswer(reached=False, why=_words(fault))
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as fault:
            return NoAnswer(reached=True, why=_words(fault))


class Limits:
    """How long the present attempt may still take."""

    def __init__(self) -> None:
        self._end = 0.0
        self._silence_s = 0.0

    def begin(self, seconds: float, silence_s: float) -> None:
        """An attempt begins: so many seconds for all of it, and `silence_s` for one in which nothing moves."""
        self._end = time.monotonic() + seconds
        self._silence_s = silence_s

    def left(self) -> float:
        """Seconds that the next read or write may take."""
        return max(0.0, min(self._silence_s, self._end - time.monotonic()))


class Network(httpcore.NetworkBackend):
    """httpcore's own connections, each under a stream of ours."""

    def __init__(self, limits: Limits) -> None:
        """Bound what its connections do by `limits`."""
        self._tcp = httpcore.SyncBackend()
        self._limits = limits

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """A bounded TCP connection."""
        return _Stream(self._tcp.connect_tcp(host, port, timeout, local_address, socket_options), self._limits)


class _Stream(httpcore.NetworkStream):
    """A stream that listens while it sends."""

    def __init__(self, inner: httpcore.NetworkStream, limits: Limits) -> None:
        self._inner = inner
        self._socket = inner.get_extra_info("socket")
        self._limits = limits
        self._heard = bytearray()
        self._closed_by_peer = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002  (`Limits` decides)
        if self._heard:
            part = bytes(self._heard[:max_bytes])
            del self._heard[:max_bytes]
            return part
        if self._closed_by_peer:
            return b""
        left = self._limits.left()
        if not left:
            raise httpcore.ReadTimeout("the attempt took too long")
        return self._inner.read(max_bytes, left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002  (`Limits` decides)
        unsent = memoryview(buffer)
        poll = select.poll()
        poll.register(self._socket, select.POLLIN | select.POLLOUT)
        self._socket.setblocking(False)
        while unsent:
            events = poll.poll(self._limits.left() * 1000)
            if not events:
                raise httpcore.WriteTimeout("no byte could be sent")
            if events[0][1] & ~select.POLLOUT:
                self._listen()
            try:
                unsent = unsent[self._socket.send(unsent) :]
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                continue
            except OSError as fault:
                raise httpcore.WriteError(str(fault)) from fault

    def _listen(self) -> None:
        """Take what the host says while we send; a refusal, or its hanging up, ends the sending."""
        try:
            said = self._socket.recv(_READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return  # TLS housekeeping
        except OSError as fault:
            raise httpcore.WriteError(str(fault)) from fault
        self._heard += said
        self._closed_by_peer = not said
        if self._closed_by_peer or bytes(self._heard[_STATUS_AT : _STATUS_AT + 1]) in _REFUSING:
            raise httpcore.WriteError("the host answered before the end of the body")

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout), self._limits)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _split(url: str) -> tuple[httpcore.Origin, bytes, str]:
    """Origin, request target and Host header; the target is cut out of `url`, never put together again."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    target = url[len(parts.scheme) + len("://") + len(parts.netloc) :]
    origin = httpcore.Origin(parts.scheme.encode(), (parts.hostname or "").encode(), port)
    return origin, (target if target.startswith("/") else f"/{target}").encode(), parts.netloc


def _body(response: httpcore.Response) -> bytes:
    """The beginning of the body, as far as it comes: a host that refused may hang up in the middle of it."""
    body = bytearray()
    try:
        for part in response.iter_stream():
            body += part
            if len(body) > LARGEST_BODY:
                break
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError):
        pass
    return bytes(body[:LARGEST_BODY])


def _words(fault: Exception) -> str:
    return f"{type(fault).__name__}: {fault}" if str(fault) else type(fault).__name__
