"""Who may see the control API and the creator's page: callers who mean this machine by its own name."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from fastapi import HTTPException, Request


def only_from_here(bound: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency that refuses other names: a page elsewhere can have its own name resolve to this machine.

    Args:
        bound: the host we listen on.
    """

    async def check(request: Request) -> None:
        names = [urlsplit(f"//{request.headers.get('host', '')}")]
        if "origin" in request.headers:
            names.append(urlsplit(request.headers["origin"]))
        for name in names:
            if not _is_ours(_hostname(name.netloc), bound):
                raise HTTPException(403, "this page is for the machine it runs on, by its own name")

    return check


def _hostname(netloc: str) -> str:
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


def _is_ours(host: str, bound: str) -> bool:
    try:
        return host in ("localhost", bound.lower()) or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
