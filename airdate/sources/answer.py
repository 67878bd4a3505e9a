"""Reading a server's first answer: go on, try again, or refuse, before one byte of the body is taken."""

from __future__ import annotations

import ssl
from http import HTTPStatus

import httpx

from airdate.errors import AirdateError, NeedsPerson, Refused
from airdate.redact import redact
from airdate.sources.retry import Interrupted, retry_after

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers after which the same request may succeed."""

_CODINGS = frozenset({"gzip", "x-gzip", "deflate", "compress", "x-compress", "br", "zstd"})
"""Codings that change the bytes. Other words there (`aws-chunked`, `binary`) are leftovers of an upload."""

_FIXES = {
    401: "give a link that needs no login, or one whose signature has not expired",
    403: "give a link that needs no login, or one whose signature has not expired",
    404: "check the address; the file may have been moved or deleted",
    410: "check the address; the file was deleted",
}


def check_status(response: httpx.Response, item: str, *, accepted: int) -> None:
    """Raise unless the status is `accepted`.

    Raises:
        Interrupted: trying again may help; `Retry-After` is read.
        Refused: it will not.
    """
    status = response.status_code
    if status == accepted:
        return
    if status in RETRIED or status >= 500:
        raise Interrupted(
            "source_unavailable",
            f"the server answered {_named(status)}",
            item=item,
            fix="try again later",
            retry_after=retry_after(response.headers.get("Retry-After")),
        )
    raise Refused(
        "source_refused",
        f"the server answered {_named(status)}",
        item=item,
        rule="the address answers 200 with the file itself",
        fix=_FIXES.get(status, "give an address that answers with the file itself"),
    )


def check_content(response: httpx.Response, item: str) -> None:
    """Raise `Refused` for an answer that is a page, data or a compressed stream instead of the file.

    A DAM whose link has expired redirects to its login page, which arrives with status 200.
    """
    content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type in ("text/html", "application/xhtml+xml") or content_type.endswith(("/json", "+json")):
        raise not_media(item, f"the answer is {content_type}, which is no film or picture")
    codings = {coding.strip().lower() for coding in response.headers.get("Content-Encoding", "").split(",")}
    if found := codings & _CODINGS:
        raise Refused(
            "content_encoded",
            f"the server compressed the answer ({', '.join(sorted(found))}) though it was asked not to",
            item=item,
            rule="the file is taken as it is, Accept-Encoding: identity",
            fix="have the server send the file without Content-Encoding",
        )


def not_media(item: str, why: str) -> Refused:
    """The refusal of something that is no film or picture."""
    return Refused(
        "url_not_media",
        why,
        item=item,
        rule="the address answers with a film or a picture",
        fix="open it in a private browser window: it may be a login page, a preview page or an expired link",
    )


def too_large(item: str, size: int, limit: int) -> Refused:
    """The refusal of a file over the operator's limit."""
    return Refused(
        "source_too_large",
        f"it has at least {size} bytes, {size - limit} more than allowed",
        item=item,
        rule=f"at most {limit} bytes a download",
        fix="export it smaller, or raise AIRDATE_MAX_SOURCE_BYTES",
    )


def unreachable(failed: httpx.TransportError, item: str, host: str) -> AirdateError:
    """What a request that got no whole answer means: try again, except for a certificate that is wrong."""
    cause: BaseException | None = failed
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return NeedsPerson(
                "certificate_invalid",
                f"the certificate of {host} is not valid: {cause.verify_message}",
                item=item,
                rule="https by a certificate that a trusted authority signed for this host",
                fix="renew it, or name the authority's file in SSL_CERT_FILE",
            )
        cause = cause.__cause__ or cause.__context__
    why = redact(str(failed)) or type(failed).__name__
    return Interrupted(
        "source_unreachable",
        f"no whole answer came: {why}",
        item=item,
        rule=f"{host} can be resolved, takes the connection, and sends the file to its end",
        fix="check the address; if it is right, try again later",
    )


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
