"""One guarded GET, redirects followed by hand, every check made again on each hop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from airdate.errors import Refused
from airdate.sources.deadline import Remaining
from airdate.sources.guard import open_client
from airdate.sources.origins import first_hop, next_hop

MAX_REDIRECTS = 5

_ALWAYS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "airdate"}


@contextmanager
def open_response(
    url: str,
    *,
    allowed: frozenset[str],
    credentials: Mapping[str, str],
    conditions: Mapping[str, str],
    timeout: httpx.Timeout,
    remaining: Remaining,
) -> Iterator[httpx.Response]:
    """Ask for `url` and yield the first response that is no redirect, its body unread.

    Args:
        url: where to begin.
        allowed: see `origins.allowed_origins`.
        credentials: headers that only the first origin gets to see.
        conditions: headers that go along to every hop (`Range`, `If-Range`).
        timeout: for connecting and for each read.
        remaining: what is left of the whole download; no wait outlasts it.

    Raises:
        WrongUsage, NeedsPerson, Refused: a hop may not be asked, or there are more than `MAX_REDIRECTS` redirects.
        httpx.TransportError: a hop did not answer.
    """
    hop = first = first_hop(url, allowed)
    for _ in range(MAX_REDIRECTS + 1):
        headers = {**_ALWAYS, **conditions, **(credentials if hop.origin == first.origin else {})}
        with open_client(hop, timeout, remaining) as client, client.stream("GET", hop.url, headers=headers) as response:
            if not response.has_redirect_location:
                yield response
                return
            location = response.headers["Location"]
        hop = next_hop(hop, location, allowed)
    raise Refused(
        "redirect_loop",
        f"it redirects more than {MAX_REDIRECTS} times",
        item=first.shown,
        rule=f"at most {MAX_REDIRECTS} redirects",
        fix="give the address of the file itself",
    )
