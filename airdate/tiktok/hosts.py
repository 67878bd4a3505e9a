"""Which addresses the film may be sent to: TikTok's own, and those an operator names for a rehearsal."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from airdate.errors import NeedsPerson

TIKTOK_DOMAIN = ".tiktokapis.com"
"""All upload hosts seen end in it; TikTok pins none of them (Media Transfer Guide and observed answers)."""

_PLAIN = re.compile(r"[!-~]+")
"""Printable ASCII without spaces: anything else would be altered, or read differently, on its way to the socket."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


def check_upload_url(url: str, allowed_hosts: Collection[str]) -> str:
    """`url` itself, unchanged, when the film may be sent there.

    Args:
        allowed_hosts: `host` or `host:port` of the operator's setting; plain http is fine for them.

    Raises:
        NeedsPerson: `upload_host_foreign`; the message shows the host and never the path or query.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        raise _foreign("an address that is none") from None
    shown = f"{parts.scheme}://{host}"
    if not _PLAIN.fullmatch(url) or set("\\#") & set(url) or "@" in parts.netloc or not host:
        raise _foreign(f"a malformed address ({shown})" if host.isascii() else "a malformed address")
    if parts.scheme == "https" and host.endswith(TIKTOK_DOMAIN):
        return url
    written = f"[{host}]" if ":" in host else host
    allowed = {name.lower() for name in allowed_hosts}
    if parts.scheme in _DEFAULT_PORTS and ({written, host, f"{written}:{port}"} & allowed):
        return url
    raise _foreign(f"{shown}, which is not TikTok's")


def _foreign(what: str) -> NeedsPerson:
    return NeedsPerson(
        "upload_host_foreign",
        f"TikTok's answer tells to send the film to {what}; no byte was sent",
        rule=f"https and a host that ends in {TIKTOK_DOMAIN}, or one of AIRDATE_TIKTOK_UPLOAD_HOSTS",
        fix="if that host is yours (a rehearsal), add it to AIRDATE_TIKTOK_UPLOAD_HOSTS; if not, look at the network "
        "between here and TikTok",
    )
