"""Which addresses TikTok pulls from: those whose owner the app proved to be (TikTok, Media Transfer Guide)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import SplitResult, unquote, urlsplit

LONGEST_URL = 8000
"""Characters; TikTok names no limit, and an address that a web server takes is not longer."""


def is_address(url: object) -> bool:
    """Whether it is the address of a file at all."""
    parts = _parts(url)
    return parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc


def is_verified(url: str, prefixes: Iterable[str]) -> bool:
    """Whether one of the verified domains or URL prefixes covers the address.

    A domain covers what is below it, by https; a prefix covers what is under its path. Plain http and this machine are
    no way in to the real TikTok. Here a prefix may be written with http, and a domain may be this machine's, which
    then needs no https: there is no DNS of ours that could hold a proof.
    """
    parts = _parts(url)
    if parts is None or ".." in unquote(parts.path).split("/"):
        return False
    return any(_covers(prefix, url, parts) for prefix in prefixes)


def _covers(prefix: str, url: str, parts: SplitResult) -> bool:
    if "://" in prefix:
        return url.startswith(f"{prefix.rstrip('/')}/")
    host, domain = parts.hostname or "", prefix.lower()
    return (host == domain or host.endswith(f".{domain}")) and (parts.scheme == "https" or _is_here(host))


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parts(url: object) -> SplitResult | None:
    if not isinstance(url, str) or len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        return parts if parts.port != 0 else None
    except ValueError:
        return None
