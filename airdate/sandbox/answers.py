"""What the API answers: TikTok's envelope, its refusals, and the flat shape of its token endpoint."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi.responses import Response, StreamingResponse

from airdate.sandbox.faults import AnswerFault, CallName

FLAT = (CallName.TOKEN, CallName.REVOKE)
"""Calls that answer without the envelope."""

MESSAGES = {
    "access_token_invalid": "The access token is invalid or not found in the request.",
    "scope_not_authorized": "The user did not authorize the scope required for completing this request.",
    "rate_limit_exceeded": "The API rate limit was exceeded. Please try again later.",
    "unaudited_client_can_only_post_to_private_accounts": "Please review our integration guidelines at "
    "https://developers.tiktok.com/doc/content-sharing-guidelines/",
    "url_ownership_unverified": "Please review our URL ownership verification rules at "
    "https://developers.tiktok.com/doc/content-posting-api-media-transfer-guide/#pull_from_url",
    "spam_risk_too_many_posts": "This TikTok creator has made too many posts via OpenAPI in the last 24 hours, "
    "so this publishing attempt is blocked to minimize spam.",
    "spam_risk_too_many_pending_share": "This TikTok creator has too many pending shares in the last 24 hours.",
    "spam_risk_user_banned_from_posting": "This TikTok creator is banned from making new posts.",
    "privacy_level_option_mismatch": "The privacy level is not among the options of the creator.",
    "invalid_publish_id": "The publish_id does not exist.",
    "token_not_authorized_for_specified_publish_id": "The access token does not belong to the post's creator.",
    "app_version_check_failed": "The TikTok app of this creator is too old; it must be 31.8 or newer.",
    "publish_not_cancellable": "The post is in a state that cannot be cancelled.",
    "internal_error": "Something went wrong. Please try again later.",
}
"""Those that TikTok wrote down or somebody saw are word for word; a client may read the code and only the code."""

STATUSES = {
    "access_token_invalid": 401,
    "scope_not_authorized": 401,
    "invalid_params": 400,
    "invalid_publish_id": 400,
    "token_not_authorized_for_specified_publish_id": 400,
    "publish_not_cancellable": 400,
    "app_version_check_failed": 400,
    "rate_limit_exceeded": 429,
    "internal_error": 500,
}
"""HTTP status by code; everything else is 403."""


class Refusal(Exception):
    """TikTok's no to a JSON call."""

    def __init__(self, code: str, message: str | None = None, *, status: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = MESSAGES.get(code, "") if message is None else message
        self.status = status or STATUSES.get(code, 403)


class OAuthRefusal(Exception):
    """The token endpoint's no."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


def new_log_id(now: float) -> str:
    """The id that TikTok's support asks for."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y%m%d%H%M%S") + secrets.token_hex(10).upper()


def success(data: Mapping[str, Any] | None, log_id: str) -> Response:
    """The envelope of a call that went well."""
    body = {"data": dict(data)} if data is not None else {}
    return as_json({**body, "error": {"code": "ok", "message": "", "log_id": log_id}}, 200, log_id)


def refused(code: str, message: str, status: int, log_id: str) -> Response:
    """The envelope of one that did not; only a 401 carries a `data`, and an empty one."""
    body: dict[str, Any] = {"data": {}} if status == 401 else {}
    return as_json({**body, "error": {"code": code, "message": message, "log_id": log_id}}, status, log_id)


def oauth_refused(code: str, message: str, status: int, log_id: str) -> Response:
    """The flat form, whose `error` is a string."""
    return as_json({"error": code, "error_description": message, "log_id": log_id}, status, log_id)


def faulty(fault: AnswerFault, call: CallName, log_id: str) -> Response:
    """The answer that a fault puts in place of the real one."""
    status = fault.status or 200
    if fault.html:
        response = Response(gateway_page(status), status, media_type="text/html")
    elif fault.body is not None:
        response = Response(fault.body, status)
    elif call in FLAT:
        response = oauth_refused(fault.code or "server_error", fault.message, status, log_id)
    else:
        code = fault.code or next((name for name, own in STATUSES.items() if own == status), "internal_error")
        response = refused(code, fault.message or MESSAGES.get(code, ""), status, log_id)
    if fault.retry_after is not None:
        response.headers["Retry-After"] = str(fault.retry_after)
    return response


def dripping(response: Response, bytes_per_second: int) -> Response:
    """The same answer, a little of its body at a time."""
    body = bytes(response.body)
    portion = max(1, bytes_per_second // 10)

    async def drops() -> AsyncIterator[bytes]:
        for at in range(0, len(body), portion):
            await asyncio.sleep(portion / bytes_per_second)
            yield body[at : at + portion]

    return StreamingResponse(drops(), response.status_code, dict(response.headers))


def gateway_page(status: int) -> str:
    """What a gateway shows instead of an answer."""
    return f"<html><head><title>{status}</title></head><body><center><h1>{status}</h1></center></body></html>\n"


def as_json(body: Mapping[str, Any], status: int, log_id: str) -> Response:
    """A JSON answer; the log id is in a header too."""
    return Response(json.dumps(body), status, {"x-tt-logid": log_id}, "application/json; charset=utf-8")
