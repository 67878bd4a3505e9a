"""The guard against forged requests: it judges each address at the moment it is dialled.

A name is resolved once, all its answers are checked, and the checked address itself is connected to, so that a name
that resolves differently a moment later (DNS rebinding) gains nothing. TLS and `Host` still go by the name.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpcore
import httpx

from airdate.errors import NeedsPerson
from airdate.sources.deadline import Remaining, TimedStream
from airdate.sources.origins import SETTING, Hop

_UNICAST_V6 = ip_network("2000::/3")
"""All of IPv6 that is routed on the internet; leaves out ::/96, fec0::/10 and both NAT64 prefixes."""

_NEVER = tuple(
    ip_network(text)
    for text in (
        "192.0.0.0/24",  # protocol assignments; a cloud's metadata service answers there
        "192.88.99.0/24",  # 6to4 relays
        "168.63.129.16/32",  # the host agent of a cloud, on a public address
        "2001::/32",  # Teredo, an IPv4 address inside
        "2002::/16",  # 6to4, an IPv4 address inside
    )
)
"""Ranges that Python's `is_global` lets through in some version or other."""


def is_public(text: str) -> bool:
    """Whether an address is one of the internet's own: not of this machine, its network, its cloud, or a tunnel."""
    address = ip_address(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return (
        address.is_global
        and not (address.is_multicast or address.is_reserved or address.is_unspecified)
        and (isinstance(address, IPv4Address) or address in _UNICAST_V6)
        and not any(address in network for network in _NEVER)
    )


class Guard(httpcore.SyncBackend):
    """Dials for one hop: resolve, check every answer, connect to a checked one."""

    def __init__(self, hop: Hop, remaining: Remaining) -> None:
        self._hop = hop
        self._remaining = remaining

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to `host`.

        Raises:
            NeedsPerson: any of its addresses is not public, and the operator did not list the origin.
            httpcore.ConnectError: it has no address, or none of them answers.
        """
        addresses = _resolve(host, port)
        if not self._hop.trusted:
            self._check(host, addresses)
        failed: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in addresses:
            try:
                stream = super().connect_tcp(address, port, timeout, local_address, socket_options)
                return TimedStream(stream, self._remaining)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed or httpcore.ConnectError(f"{host} has no address")

    def _check(self, host: str, addresses: list[str]) -> None:
        for address in addresses:
            if not is_public(address):
                raise NeedsPerson(
                    "address_forbidden",
                    f"{host} leads to {address}, an address of this machine, its network or its cloud",
                    item=self._hop.shown,
                    rule="public addresses, or a listed origin; a redirect's needs the one before it listed",
                    fix=f"add {self._hop.origin} to {SETTING} if you trust it",
                )


def open_client(hop: Hop, timeout: httpx.Timeout, remaining: Remaining) -> httpx.Client:
    """A client for one request to one hop, so that no connection is ever shared between trusted and other origins.

    It takes nothing from the environment, because a proxy would resolve the name again, unchecked. The one exception
    is OpenSSL's own `SSL_CERT_FILE`, with which a house's private authority is trusted.
    """
    transport = _GuardedTransport(Guard(hop, remaining))
    return httpx.Client(transport=transport, timeout=timeout, trust_env=False, follow_redirects=False)


class _GuardedTransport(httpx.HTTPTransport):
    """httpx's transport with our way of dialling.

    httpx does not let a network backend in; its attribute `_pool` is replaced, and the pinned version with a test of
    the refusal keep that honest. The alternative is httpcore alone, and httpx's redirects, headers and errors by hand.
    """

    def __init__(self, guard: Guard) -> None:
        context = httpx.create_ssl_context()
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore.ConnectionPool(ssl_context=context, network_backend=guard, max_connections=1)


def _resolve(host: str, port: int) -> list[str]:
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as failed:
        raise httpcore.ConnectError(f"{host} cannot be resolved: {failed}") from failed
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))
