"""The API's front: which calls there are, and what every one of them passes before its work begins.

In this order: the slash, the media type, the bearer, its scope, the rate; then the work; faults come before and after.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from airdate.sandbox import consent, display, inits, oauth, posting
from airdate.sandbox.answers import (
    OAuthRefusal,
    Refusal,
    as_json,
    dripping,
    faulty,
    new_log_id,
    oauth_refused,
    refused,
    success,
)
from airdate.sandbox.calls import Call, without_queries
from airdate.sandbox.faults import AnswerFault, CallName
from airdate.sandbox.state import State
from airdate.sandbox.wire import hang_up

LARGEST_BODY = 1_000_000
"""Bytes of a request; TikTok's own have a few hundred."""

_POST_SCOPES = ("video.publish", "video.upload")
_USER_SCOPES = ("user.info.basic", "user.info.profile", "user.info.stats")


@dataclass(frozen=True, slots=True)
class Door:
    """One JSON call.

    Attributes:
        scopes: any of them opens it.
        per_minute: TikTok's limit for one creator's token.
    """

    name: CallName
    path: str
    scopes: tuple[str, ...]
    per_minute: int | None
    work: posting.Work
    method: str = "POST"


DOORS = (
    Door(CallName.CREATOR_INFO, "/v2/post/publish/creator_info/query/", ("video.publish",), 20, posting.creator_info),
    Door(CallName.INIT, "/v2/post/publish/video/init/", ("video.publish",), 6, inits.direct),
    Door(CallName.INIT, "/v2/post/publish/inbox/video/init/", ("video.upload",), 6, inits.inbox),
    Door(CallName.INIT, "/v2/post/publish/content/init/", _POST_SCOPES, 6, inits.photos),
    Door(CallName.STATUS, "/v2/post/publish/status/fetch/", _POST_SCOPES, 30, posting.status),
    Door(CallName.CANCEL, "/v2/post/publish/cancel/", _POST_SCOPES, None, posting.cancel),
    Door(CallName.USER_INFO, "/v2/user/info/", _USER_SCOPES, 600, display.user_info, method="GET"),
    Door(CallName.VIDEO_LIST, "/v2/video/list/", ("video.list",), 600, display.video_list),
    Door(CallName.VIDEO_QUERY, "/v2/video/query/", ("video.list",), 600, display.video_query),
)
"""Scopes and limits: TikTok, reference of each call."""


def routes(state: State) -> APIRouter:
    """All calls of the API, and an answer for what is none."""
    router = APIRouter(redirect_slashes=False)
    for door in DOORS:
        router.add_api_route(door.path, _endpoint(state, door.name, _json_work(state, door)), methods=[door.method])
    for name, path, work in (
        (CallName.TOKEN, "/v2/oauth/token/", oauth.token),
        (CallName.REVOKE, "/v2/oauth/revoke/", oauth.revoke),
    ):
        router.add_api_route(path, _endpoint(state, name, _form_work(state, work)), methods=["POST"])
    page = _endpoint(state, CallName.AUTHORIZE, _page_work(state))
    router.add_api_route(consent.AUTHORIZE, page, methods=["GET", "POST"])
    nothing = _endpoint(state, CallName.UNKNOWN, _no_such_call(state))
    router.add_api_route("/{path:path}", nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
    return router


@dataclass(frozen=True, slots=True)
class _Incoming:
    request: Request
    body: bytes
    call: Call
    log_id: str


_Answering = Callable[[_Incoming, AnswerFault], Awaitable[Response]]


def _endpoint(state: State, name: CallName, work: _Answering) -> Callable[[Request], Awaitable[Response]]:
    """Record the call, let a fault have its way, and do the work."""

    async def endpoint(request: Request) -> Response:
        call = state.calls.begin(name, request.method, request.url.path, request.headers.items(), state.now())
        fault = state.faults.take(name, AnswerFault) or AnswerFault()
        body = await _read(request)
        await asyncio.sleep(fault.delay_seconds)
        if fault.reset:
            call.lost = True
            return await hang_up(request)
        incoming = _Incoming(request, body, call, new_log_id(state.now()))
        if fault.replaces_the_work:
            response = faulty(fault, name, incoming.log_id)
            call.code = fault.code
        else:
            response = await _worked(state, work, incoming, fault)
        if fault.lose_answer:
            call.lost = True
            return await hang_up(request)
        call.status = response.status_code
        # A client may set its clock by this one, however wrong it was told to be.
        response.headers["Date"] = formatdate(state.now(), usegmt=True)
        return response if fault.bytes_per_second is None else dripping(response, fault.bytes_per_second)

    return endpoint


async def _worked(state: State, work: _Answering, incoming: _Incoming, fault: AnswerFault) -> Response:
    call = incoming.call
    try:
        response = await work(incoming, fault)
        call.code = call.code or "ok"
        return response
    except Refusal as no:
        call.code = no.code
        return refused(no.code, no.message, no.status, incoming.log_id)
    except OAuthRefusal as no:
        call.code = no.code
        return oauth_refused(no.code, no.message, state.rules.oauth_error_status, incoming.log_id)


def _json_work(state: State, door: Door) -> _Answering:
    async def work(incoming: _Incoming, fault: AnswerFault) -> Response:
        request, call = incoming.request, incoming.call
        body = _json_body(state, incoming) if door.method == "POST" else {}
        call.body = without_queries(body)
        token = state.tokens.access(_bearer(request), state.now())
        if token is None:
            raise Refusal("access_token_invalid")
        call.creator = token.creator
        if not set(door.scopes) & set(token.scopes):
            raise Refusal("scope_not_authorized")
        if door.per_minute and not state.within_rate(token, door.path, door.per_minute):
            state.calls.broke(call, "over_rate", f"more than {door.per_minute} calls of {door.path} within a minute")
            raise Refusal("rate_limit_exceeded")
        place = state.upload_place
        host = place.host or request.url.hostname or "127.0.0.1"
        origin = f"http://{f'[{host}]' if ':' in host else host}:{place.port}"
        data = await door.work(posting.Asked(state, token, body, request.query_params, origin, call))
        return success(data if data is None else _altered(data, fault), incoming.log_id)

    return work


def _form_work(state: State, work: Callable[[State, dict[str, str]], dict[str, Any]]) -> _Answering:
    async def answering(incoming: _Incoming, fault: AnswerFault) -> Response:
        request = incoming.request
        if _media_type(request) != "application/x-www-form-urlencoded":
            state.calls.broke(incoming.call, "not_a_form", "the token endpoint takes a form, nothing else")
            raise OAuthRefusal("invalid_request", "The request parameters are malformed.")
        if "authorization" in request.headers:
            state.calls.broke(incoming.call, "bearer_on_oauth", "the token endpoint takes no bearer")
        return as_json(_altered(work(state, dict(oauth.read_form(incoming.body))), fault), 200, incoming.log_id)

    return answering


def _page_work(state: State) -> _Answering:
    async def work(incoming: _Incoming, fault: AnswerFault) -> Response:  # noqa: ARG001 (a redirect has no fields)
        query = incoming.request.query_params
        if incoming.request.method == "POST":
            return consent.decide(state, query, oauth.read_form(incoming.body))
        return consent.ask(state, query)

    return work


def _no_such_call(state: State) -> _Answering:
    known = {door.path for door in DOORS} | {"/v2/oauth/token/", "/v2/oauth/revoke/", consent.AUTHORIZE}

    async def work(incoming: _Incoming, fault: AnswerFault) -> Response:  # noqa: ARG001 (there is no work)
        path, call = incoming.request.url.path, incoming.call
        if f"{path}/" in known:
            state.calls.broke(call, "no_trailing_slash", f"{path} must end with a slash")
        elif path in known:
            state.calls.broke(call, "wrong_method", f"{path} is not asked with {call.method}")
            call.code = "method_not_allowed"
            return Response("Unsupported method", 405)
        call.code = "not_found"
        return Response("Unsupported path(Janus)", 404)

    return work


async def _read(request: Request) -> bytes:
    """The body, as far as it is of a size that any call has."""
    body = bytearray()
    async for part in request.stream():
        body += part[: LARGEST_BODY - len(body)]
    return bytes(body)


def _json_body(state: State, incoming: _Incoming) -> dict[str, Any]:
    if not incoming.body:
        return {}
    if _media_type(incoming.request) != "application/json":
        state.calls.broke(incoming.call, "not_json", "the content type must be application/json")
        raise Refusal("invalid_params", "The request content type is not application/json")
    try:
        body = json.loads(incoming.body)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Refusal("invalid_params", "The request body is not a JSON object")
    return body


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme == "Bearer" else ""


def _altered(data: dict[str, Any], fault: AnswerFault) -> dict[str, Any]:
    """The answer's fields as a fault wants them."""
    return {name: value for name, value in {**data, **fault.data}.items() if name not in fault.omit}
