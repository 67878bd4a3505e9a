"""Which URLs may be asked at all, and what the operator's list of origins changes about that.

Here a URL is judged by its text; `guard.py` judges the address it leads to, when it is dialled.
"""

from __future__ import annotations

import re
import socket
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import httpx

from airdate.errors import NeedsPerson, Refused, WrongUsage
from airdate.redact import redact
from airdate.settings import origin_of

SETTING = "AIRDATE_ALLOWED_ORIGINS"
WEB_PORTS = (None, 80, 443)
"""Ports of origins nobody listed; another port is some service that was not meant to be a web site."""

_NUMERIC_HOST = re.compile(r"(?P<host>[0-9][0-9a-fx.]*)(?P<port>(:\d*)?)", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<rest>[^/?#]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hop:
    """One URL that is about to be asked.

    Attributes:
        url: without user info and fragment; its query may be a secret.
        origin: scheme, host and port as the operator's list writes them.
        trusted: the operator listed this origin, so it may be private and speak plain http.
    """

    url: httpx.URL
    origin: str
    trusted: bool

    @property
    def shown(self) -> str:
        """The URL as people may see it."""
        return redact(str(self.url))


def parse_url(text: str) -> httpx.URL:
    """Read an http(s) URL; the host comes out as it is dialled (IDNA), the fragment is dropped.

    Raises:
        WrongUsage: another scheme, user info, or no such thing as a URL.
    """
    try:
        url = httpx.URL(_AUTHORITY.sub(_plain_authority, text, count=1)).copy_with(fragment=None)
        url = httpx.URL(str(url))  # once more: the first reading keeps a default port behind an upper-case scheme
        if url.scheme in ("http", "https"):
            origin_of(str(url))
    except (httpx.InvalidURL, ValueError):
        raise _wrong("url_invalid", text, "it is no valid URL", "write https://host/path") from None
    if url.scheme not in ("http", "https"):
        scheme = url.scheme or "none"
        raise _wrong("url_scheme", text, f"its scheme is {scheme!r}", "give an https:// URL, or download the file")
    if url.userinfo:
        raise _wrong("url_userinfo", text, "it carries a user name or password", "leave out everything before the @")
    if "%" in url.host:
        raise _wrong("url_invalid", text, "its host name has an escaped character", "write the host name plainly")
    return url


def allowed_origins(listed: Iterable[str]) -> frozenset[str]:
    """The operator's list, each host spelt as a parsed URL spells it."""
    return frozenset(origin_of(str(parse_url(origin))) for origin in listed)


def first_hop(text: str, allowed: frozenset[str]) -> Hop:
    """Where a download begins.

    Raises:
        WrongUsage: see `parse_url`.
        NeedsPerson: plain http or an odd port, and the operator did not list the origin.
    """
    url = parse_url(text)
    origin = origin_of(str(url))
    return _checked(Hop(url, origin, origin in allowed))


def next_hop(hop: Hop, location: str, allowed: frozenset[str]) -> Hop:
    """Where a redirect leads; every check is made again.

    Only a listed origin may lead to another listed one: otherwise any web site could steer us into the network that
    the operator opened for a server of his own.

    Raises:
        Refused: what it names cannot be asked.
        NeedsPerson: it leads from https to http, or to an origin the operator would have to list.
    """
    try:
        url = parse_url(str(hop.url.join(location)))
    except WrongUsage as wrong:
        raise Refused(
            "redirect_invalid",
            f"it redirects to {redact(location)!r}: {wrong.message}",
            item=hop.shown,
            rule="redirects lead to http(s) URLs without user info",
            fix="give the address of the file itself",
        ) from None
    origin = origin_of(str(url))
    following = Hop(url, origin, hop.trusted and origin in allowed)
    if hop.url.scheme == "https" and url.scheme == "http":
        raise NeedsPerson(
            "redirect_insecure",
            f"it redirects from https to plain http at {following.shown}",
            item=hop.shown,
            rule="a redirect never leaves https",
            fix="have the server redirect to https, or give the address of the file itself",
        )
    return _checked(following)


def _checked(hop: Hop) -> Hop:
    if hop.trusted:
        return hop
    odd = "plain http" if hop.url.scheme != "https" else f"port {hop.url.port}"
    if hop.url.scheme == "https" and hop.url.port in WEB_PORTS:
        return hop
    raise NeedsPerson(
        "origin_not_allowed",
        f"{hop.url.host} is asked by {odd}, and its origin is not listed",
        item=hop.shown,
        rule="https on port 443 or 80, or a listed origin; a redirect's needs the one before it listed",
        fix=f"use https, or add {hop.origin} to {SETTING} if you trust it",
    )


def _plain_authority(found: re.Match[str]) -> str:
    """Spell the host as it would be resolved: `①②⑦.0.0.1`, `0177.0.0.1` and `2130706433` are all `127.0.0.1`.

    httpx calls some of these invalid; spelt plainly they all meet the check of addresses and its answer.
    """
    plain = unicodedata.normalize("NFKC", found["rest"])
    if numeric := _NUMERIC_HOST.fullmatch(plain):
        with suppress(OSError):
            plain = socket.inet_ntoa(socket.inet_aton(numeric["host"])) + numeric["port"]
    return found["scheme"] + plain


def _wrong(code: str, text: str, why: str, fix: str) -> WrongUsage:
    return WrongUsage(code, why, item=redact(text), rule="an http(s) URL without user info", fix=fix)
