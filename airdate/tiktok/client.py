"""The JSON calls to TikTok, each with its own few retries; nothing here knows accounts, ledger or files.

Retries live here once. What is left to the caller: a refused access token (`TokenRefused`: renew, replay once), a
refused refresh token (`GrantRefused`), and a wait of more than a minute (`WaitUntil`).
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Protocol, TypeVar

import httpx

from airdate.errors import AirdateError, NeedsPerson, OutcomeUnknown, Transient, WaitUntil
from airdate.post import Options
from airdate.redact import redact, register
from airdate.tiktok import witness
from airdate.tiktok.answers import OK, CreatorInfo, Envelope, OpenUpload, PublishStatus, TokenGrant, VideoPage
from airdate.tiktok.chunks import ChunkPlan
from airdate.tiktok.codes import CAP_WINDOW, WORDS_BY_NAME, Where, error_for
from airdate.tiktok.photos import OpenPull, init_unknown

MAX_ATTEMPTS = 5
FIRST_WAIT_S = 1.0
"""The first wait is between 0 and this; the bound doubles with each attempt."""

SHORTEST_RATE_WAIT_S = 10.0
LONGEST_WAIT_S = 60.0
"""A full rate window. What TikTok wants to be waited for longer belongs to the run that called, not to this loop."""

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
CALL_LIMIT_S = 60.0
"""An answer that drips in for longer counts as none."""

MOST_DIGITS = 9
"""Of a `Retry-After`; more would be decades, and thousands are more than Python reads."""

LARGEST_BODY = 1024 * 1024
"""TikTok's answers have a few hundred bytes."""

VIDEOS_A_CALL = 20
"""Posts in one answer of video/list, and ids in one question of video/query (TikTok, Display API)."""

_log = logging.getLogger(__name__)
_random = random.SystemRandom()
_T = TypeVar("_T")

Pause = Callable[[float], None]


class Gate(Protocol):
    """Entered around each HTTP attempt; waits there for a slot of TikTok's rate limits."""

    def __call__(self, call: str, /) -> AbstractContextManager[None]:
        """`call` is `init`, `creator_info`, `status`, `video` or `refresh`."""
        ...


class TokenRefused(NeedsPerson):
    """TikTok does not accept the access token; the session renews it and replays the call once."""


class GrantRefused(NeedsPerson):
    """TikTok does not accept the refresh token; unless another worker renewed it, the creator must consent again."""


@dataclass(frozen=True, slots=True)
class PostInfo:
    """`post_info` of a direct post (TikTok, Direct Post reference)."""

    title: str
    privacy_level: str
    disable_comment: bool
    disable_duet: bool
    disable_stitch: bool
    brand_content_toggle: bool
    brand_organic_toggle: bool
    is_aigc: bool
    video_cover_timestamp_ms: int | None

    @classmethod
    def of(cls, options: Options, creator: CreatorInfo) -> PostInfo:
        """What a person chose, less what the creator forbids everywhere.

        Raises:
            NeedsPerson: no privacy level was chosen; TikTok forbids a default.
        """
        if options.privacy is None:
            raise NeedsPerson(
                "privacy_unset",
                "nobody chose who may see the post",
                item="privacy",
                rule="TikTok, Content Sharing Guidelines: a person chooses, there is no default",
                fix=f"choose one of {', '.join(creator.privacy_level_options) or 'the levels the account offers'}",
            )
        return cls(
            title=options.caption,
            privacy_level=options.privacy.value,
            disable_comment=not options.allow_comment or creator.comment_disabled,
            disable_duet=not options.allow_duet or creator.duet_disabled,
            disable_stitch=not options.allow_stitch or creator.stitch_disabled,
            brand_content_toggle=options.branded_content,
            brand_organic_toggle=options.own_brand,
            is_aigc=options.ai_generated,
            video_cover_timestamp_ms=options.cover_ms,
        )

    def as_dict(self) -> dict[str, Any]:
        """The JSON object; title and cover are left out when there is none, the toggles never."""
        values: dict[str, Any] = {
            "privacy_level": self.privacy_level,
            "disable_comment": self.disable_comment,
            "disable_duet": self.disable_duet,
            "disable_stitch": self.disable_stitch,
            "brand_content_toggle": self.brand_content_toggle,
            "brand_organic_toggle": self.brand_organic_toggle,
            "is_aigc": self.is_aigc,
        }
        if self.title:
            values["title"] = self.title
        if self.video_cover_timestamp_ms is not None:
            values["video_cover_timestamp_ms"] = self.video_cover_timestamp_ms
        return values


class TikTok:
    """TikTok's API at one origin.

    Every method raises `Transient` when TikTok does not answer after five attempts, `WaitUntil` for rates and caps,
    and `NeedsPerson` or `Refused` as `codes` tells.
    """

    def __init__(
        self,
        api_url: str,
        http: httpx.Client,
        *,
        gate: Gate,
        pause: Pause,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Use `http` for all calls; the caller closes it.

        Args:
            gate: entered around each HTTP attempt.
            pause: waits that many seconds.
        """
        self._api_url = api_url.rstrip("/")
        self._http = http
        self._gate = gate
        self._pause = pause
        self._now = now

    def refresh(self, client_key: str, client_secret: str, refresh_token: str) -> TokenGrant:
        """Trade a refresh token for a new pair; TikTok kills the one sent.

        Raises:
            GrantRefused: the refresh token is dead.
        """
        form = {
            "client_key": client_key,
            "client_secret": client_secret,
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
        }
        faults: list[AirdateError] = []
        try:
            grant = TokenGrant.read(self.oauth("/v2/oauth/token/", form, faults).data)
        except NeedsPerson as refused:
            if refused.code != "invalid_grant":
                raise
            raise GrantRefused(
                refused.code,
                refused.message + (_unseen_rotation(faults[-1]) if faults else ""),
                fix=refused.fix,
                who=refused.who,
                log_id=refused.log_id,
            ) from None
        for secret in (grant.access_token, grant.refresh_token):
            register(secret or "")
        return grant

    def oauth(
        self,
        path: str,
        form: Mapping[str, str],
        faults: list[AirdateError],
        read: Callable[[int, bytes], Envelope] = lambda _status, body: Envelope.read_oauth(body),
    ) -> Envelope:
        """One form to TikTok's login, with its retries.

        Args:
            faults: gets the faults after which TikTok may have done what was asked.
            read: makes an envelope of status and body.
        """

        def attempt() -> Envelope:
            request = self._http.build_request("POST", self._api_url + path, data=form, timeout=TIMEOUT)
            return self._exchange(request, Where.OAUTH, read)

        return self._persist("refresh", attempt, faults)

    def creator_info(self, access_token: str) -> CreatorInfo:
        """What the creator allows now. TikTok wants it asked anew before every post."""
        path = "/v2/post/publish/creator_info/query/"
        return self._call("creator_info", path, access_token, {}, CreatorInfo.read)

    def init_video(
        self, access_token: str, info: PostInfo, plan: ChunkPlan, about_to_ask: Callable[[], None] = lambda: None
    ) -> OpenUpload:
        """Open a direct post's upload. Asking twice is safe: nothing goes live before the last chunk.

        Args:
            about_to_ask: called right before each attempt, after all waiting; what it raises ends the call.
        """
        body = {"post_info": info.as_dict(), "source_info": _source(plan)}
        return self._call("init", "/v2/post/publish/video/init/", access_token, body, OpenUpload.read, about_to_ask)

    def init_inbox(self, access_token: str, plan: ChunkPlan) -> OpenUpload:
        """Open a draft's upload; a draft carries nothing but the film."""
        body = {"source_info": _source(plan)}
        return self._call("init", "/v2/post/publish/inbox/video/init/", access_token, body, OpenUpload.read)

    def init_photos(self, access_token: str, body: dict[str, Any], about_to_ask: Callable[[], None]) -> OpenPull:
        """Have TikTok fetch the pictures and post them, in exactly one HTTP attempt.

        TikTok needs nothing more from us than this request, so one that was sent may have made a post, whatever came
        of its answer. Only these prove that it made none: no connection came about, so not a byte left; or TikTok
        itself said no, with its own word and no 5xx. A gateway's page, a 5xx in any dress, a cut or empty answer, a
        success without an id prove nothing, and a second attempt after them could make a second post.

        Args:
            body: from `airdate.tiktok.photos.photo_request`.
            about_to_ask: called with the rate slot in hand, right before the request leaves; what it raises keeps
                the request here.

        Raises:
            OutcomeUnknown: `init_unknown`: it may have been done. Never ask again.
            Transient: not a byte was sent.
            Refused, NeedsPerson, WaitUntil: TikTok refused it, as `codes` tells; `TokenRefused` for the token.
        """
        headers = {"Authorization": f"Bearer {access_token}", "Content-Type": "application/json; charset=UTF-8"}
        url = self._api_url + "/v2/post/publish/content/init/"
        content = json.dumps(body).encode()
        request = self._http.build_request("POST", url, headers=headers, content=content, timeout=TIMEOUT)
        with self._gate("init"):
            about_to_ask()
            try:
                status, answered, said = self._send(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as fault:
                # The connection, TLS included, comes before the first byte of the request.
                why = f"TikTok could not be reached: {redact(repr(fault))}"
                raise Transient("tiktok_unreachable", why) from fault
            except httpx.RequestError as fault:
                raise init_unknown(f"no whole answer came: {redact(repr(fault))}") from fault
        envelope = Envelope.read(said)
        if envelope.code == OK:
            return OpenPull.read(envelope.data, envelope.log_id)
        if 300 <= status < 400 and status != 303:
            raise _redirected(request.url.path, status)
        refusal = self._refusal(envelope, Where.CALL, status, answered)
        error = refusal.error if isinstance(refusal, _Again) else refusal
        # Before the API itself, 401 and 429 are what an edge answers to a request that it does not let through.
        is_own_word = envelope.code is not None or status in (401, 429)
        if status >= 500 or not is_own_word or isinstance(error, Transient):
            shown = f"TikTok answered HTTP {status} {envelope.code or ''}".rstrip()
            raise init_unknown(shown, log_id=envelope.log_id or answered.get("x-tt-logid"))
        raise error

    def cancel(self, access_token: str, publish_id: str) -> None:
        """Ask TikTok to stop fetching; best effort, and only while it fetches. The status tells what became of it."""
        self._call("cancel", "/v2/post/publish/cancel/", access_token, {"publish_id": publish_id}, _is_ok)

    def status(self, access_token: str, publish_id: str) -> PublishStatus:
        """Where TikTok says a submission stands.

        Raises:
            OutcomeUnknown: TikTok does not know the id any more, under any of the words it has for that.
        """
        body = {"publish_id": publish_id}
        try:
            return self._call("status", "/v2/post/publish/status/fetch/", access_token, body, PublishStatus.read)
        except NeedsPerson as refused:
            if refused.code not in ("invalid_params", "invalid_param"):
                raise
            known = WORDS_BY_NAME[Where.CALL, "invalid_publish_id"]
            raise OutcomeUnknown(
                refused.code,
                f"{known.meaning} ({refused.message})",
                who=known.who,
                fix=known.fix,
                log_id=refused.log_id,
            ) from None

    def video_list(self, access_token: str, cursor: int | None = None) -> VideoPage:
        """One page of the creator's posts, newest first (TikTok, Display API; scope `video.list`)."""
        body = {"max_count": VIDEOS_A_CALL} | ({} if cursor is None else {"cursor": cursor})
        path = "/v2/video/list/?fields=id,title,video_description,create_time,share_url"
        return self._call("video", path, access_token, body, VideoPage.read)

    def video_query(self, access_token: str, ids: Sequence[str]) -> VideoPage:
        """Those of at most 20 posts that are there still (TikTok, Display API; scope `video.list`)."""
        body = {"filters": {"video_ids": list(ids)}}
        return self._call("video", "/v2/video/query/?fields=id", access_token, body, VideoPage.read)

    def _call(
        self,
        call: str,
        path: str,
        access_token: str,
        body: dict[str, Any],
        read: Callable[[Mapping[str, Any], str | None], _T | None],
        about_to_ask: Callable[[], None] = lambda: None,
    ) -> _T:
        """One JSON call with its retries; `read` gives None for an answer that lacks what it must hold."""
        headers = {"Authorization": f"Bearer {access_token}", "Content-Type": "application/json; charset=UTF-8"}
        content = json.dumps(body).encode()

        def attempt() -> _T:
            about_to_ask()
            url = self._api_url + path
            request = self._http.build_request("POST", url, headers=headers, content=content, timeout=TIMEOUT)
            answer = self._exchange(request, Where.CALL, lambda _status, body: Envelope.read(body))
            value = read(answer.data, answer.log_id)
            if value is None:
                lacking = f"TikTok's answer to {call} says ok and lacks what it should hold"
                raise _Again(Transient("answer_incomplete", lacking, log_id=answer.log_id))
            return value

        try:
            return self._persist(call, attempt, [])
        except OutcomeUnknown as unknown:
            if call in ("status", "cancel"):
                raise
            # A word about publish ids, in answer to a call that names none: nothing was begun that could be unknown.
            raise NeedsPerson(
                unknown.code, unknown.message, fix="report it with the log id", log_id=unknown.log_id
            ) from None

    def _persist(self, call: str, attempt: Callable[[], _T], faults: list[AirdateError]) -> _T:
        """Call `attempt` until it does not raise `_Again`, at most `MAX_ATTEMPTS` times.

        Args:
            faults: gets the faults after which TikTok may have done what was asked.
        """
        for number in range(1, MAX_ATTEMPTS + 1):
            try:
                with self._gate(call):
                    return attempt()
            except _Again as again:
                wait = again.wait_s
                if wait is None:
                    wait = _random.uniform(0, FIRST_WAIT_S * 2 ** (number - 1))
                if number == MAX_ATTEMPTS or wait > LONGEST_WAIT_S:
                    raise again.error from again.__cause__
                if again.may_have_happened:
                    faults.append(again.error)
                _log.info("%s, attempt %d of %d: %s; again in %.1f s", call, number, MAX_ATTEMPTS, again.error, wait)
                self._pause(wait)
        raise AssertionError("the last attempt returns or raises")

    def _exchange(self, request: httpx.Request, where: Where, read: Callable[[int, bytes], Envelope]) -> Envelope:
        """One HTTP attempt: the envelope of a success, else the error, as `_Again` if another attempt may help."""
        try:
            status, headers, body = self._send(request)
        except httpx.RequestError as fault:
            unreached = isinstance(fault, httpx.ConnectError | httpx.ConnectTimeout)
            error = Transient(
                "tiktok_unreachable",
                f"TikTok did not answer {request.url.path}: {redact(repr(fault))}",
            )
            raise _Again(error, may_have_happened=not unreached) from fault
        if 300 <= status < 400:
            raise _redirected(request.url.path, status)
        envelope = read(status, body)
        if envelope.code == OK:
            return envelope
        raise self._refusal(envelope, where, status, headers)

    def _send(self, request: httpx.Request) -> tuple[int, httpx.Headers, bytes]:
        """Status, headers and body, the body bounded in size and time."""
        end = time.monotonic() + CALL_LIMIT_S
        response = self._http.send(request, stream=True, follow_redirects=False, auth=None)
        try:
            body = bytearray()
            for part in response.iter_bytes():
                body += part
                if len(body) > LARGEST_BODY or time.monotonic() > end:
                    raise httpx.ReadTimeout("the answer does not end")
            witness.saw(request.url.path, response.status_code, response.headers, bytes(body))
            return response.status_code, response.headers, bytes(body)
        finally:
            response.close()

    def _refusal(self, envelope: Envelope, where: Where, status: int, headers: httpx.Headers) -> Exception:
        now = self._now()
        wait = _retry_after(headers.get("Retry-After"), now)
        if wait is None and status == 429:
            wait = timedelta(seconds=_random.uniform(SHORTEST_RATE_WAIT_S, LONGEST_WAIT_S))
        error = error_for(
            envelope.code,
            envelope.message,
            http_status=status,
            now=now,
            where=where,
            log_id=envelope.log_id or headers.get("x-tt-logid"),
            wait=wait,
        )
        if isinstance(error, WaitUntil):
            return _Again(error, (error.not_before - now).total_seconds())
        if isinstance(error, Transient):
            return _Again(error, wait.total_seconds() if wait else None, may_have_happened=True)
        if where is Where.CALL and (error.code == "access_token_invalid" or (status == 401 and envelope.code is None)):
            known = WORDS_BY_NAME[Where.CALL, "access_token_invalid"]
            return TokenRefused(known.word, error.message, fix=known.fix, who=known.who, log_id=error.log_id)
        return error


class _Again(Exception):
    """Another attempt may help.

    Attributes:
        wait_s: seconds TikTok asked for; None leaves it to the loop.
        may_have_happened: TikTok may have done what was asked.
    """

    def __init__(
        self, error: Transient | WaitUntil, wait_s: float | None = None, *, may_have_happened: bool = False
    ) -> None:
        super().__init__(error.code)
        self.error = error
        self.wait_s = wait_s
        self.may_have_happened = may_have_happened


def _is_ok(_data: Mapping[str, Any], _log_id: str | None) -> bool:
    """An answer that holds nothing but ok."""
    return True


def _source(plan: ChunkPlan) -> dict[str, Any]:
    return {
        "source": "FILE_UPLOAD",
        "video_size": plan.size,
        "chunk_size": plan.chunk_size,
        "total_chunk_count": plan.count,
    }


def _retry_after(value: str | None, now: datetime) -> timedelta | None:
    """A `Retry-After` header in either form, seconds or a date (RFC 9110, 10.2.3); None if it is neither.

    At most a day: no limit of TikTok's is longer, and a date by a wrong clock must not put a post off for years.
    """
    if value is None:
        return None
    if value.strip().isdecimal():
        return min(CAP_WINDOW, timedelta(seconds=int(value.strip()[:MOST_DIGITS])))
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return min(CAP_WINDOW, max(timedelta(0), (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now))


def _unseen_rotation(fault: AirdateError) -> str:
    return (
        f"; an attempt just before went unanswered ({fault.code}), so TikTok may have handed out the next refresh "
        "token in an answer that was lost"
    )


def _redirected(path: str, status: int) -> NeedsPerson:
    return NeedsPerson(
        "tiktok_redirect",
        f"{path} answered with a redirect (HTTP {status}), which was not followed",
        rule="TikTok's API never redirects, and a token must not go elsewhere",
        fix="check AIRDATE_TIKTOK_API_URL and the proxies between here and TikTok",
    )
