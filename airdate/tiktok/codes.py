"""Every word TikTok refuses or fails with: what it means, who must act, and which error of ours it is.

`WORDS` is the one table; the documentation is made from it. Words are compared whole, because `spam_risk` is the
beginning of three others and `internal` is a part of `internal_error`. A word that is not here is kept as it came.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from airdate.errors import AirdateError, NeedsPerson, OutcomeUnknown, Refused, Transient, WaitUntil, Who
from airdate.redact import redact

RATE_WINDOW = timedelta(seconds=60)
"""Rate limits are sliding windows of a minute (TikTok, Rate Limits)."""

CAP_WINDOW = timedelta(hours=24)
"""A creator's posts and an app's active creators are counted over 24 hours (TikTok, Content Sharing Guidelines)."""

SHOWN_CHARS = 2000
"""How much of an unknown body is kept in an error."""


class Where(StrEnum):
    """Which answer a word stands in."""

    CALL = "error.code of a call"
    OAUTH = "error of the token endpoint"
    FAILED = "fail_reason of a failed post"


@dataclass(frozen=True, slots=True)
class Word:
    """One of TikTok's words.

    Attributes:
        word: exactly as TikTok sends it.
        error: the class that decides about retries and the exit status.
        who: who must act.
        meaning: in plain words.
        fix: what they can do; None only when nobody needs to do anything.
        wait: for `WaitUntil`: how long, at least.
    """

    word: str
    where: Where
    error: type[AirdateError]
    who: Who
    meaning: str
    fix: str | None
    wait: timedelta = timedelta(0)


def _call(
    word: str, error: type[AirdateError], who: Who, meaning: str, fix: str | None, wait: timedelta = timedelta(0)
) -> Word:
    return Word(word, Where.CALL, error, who, meaning, fix, wait)


def _oauth(word: str, error: type[AirdateError], who: Who, meaning: str, fix: str | None) -> Word:
    return Word(word, Where.OAUTH, error, who, meaning, fix)


def _failed(word: str, error: type[AirdateError], who: Who, meaning: str, fix: str) -> Word:
    return Word(word, Where.FAILED, error, who, meaning, fix)


_CONSENT = "let the creator consent again: `airdate account connect` with the account's name"
_APPEAL = "have the creator look at the account's status in TikTok's app; only TikTok can lift it"
_REQUEST = "read TikTok's message; if the post's options are right, report it with the log id"
_CREDENTIALS = "compare client key and secret with TikTok's developer portal, then `airdate account connect` again"

_CALL_WORDS = (
    _call(
        "invalid_params",
        NeedsPerson,
        Who.OPERATOR,
        "a field of the request is missing or wrong",
        _REQUEST,
    ),
    _call("invalid_param", NeedsPerson, Who.OPERATOR, "a field of the request is missing or wrong", _REQUEST),
    _call(
        "access_token_invalid",
        NeedsPerson,
        Who.CREATOR,
        "TikTok does not accept the access token, even after it was renewed",
        _CONSENT,
    ),
    _call("scope_not_authorized", NeedsPerson, Who.CREATOR, "the creator did not grant the scope it needs", _CONSENT),
    _call(
        "scope_permission_missed",
        NeedsPerson,
        Who.CREATOR,
        "a field needs another scope than the creator granted",
        _CONSENT,
    ),
    _call(
        "rate_limit_exceeded",
        WaitUntil,
        Who.NOBODY,
        "more calls in a minute than TikTok allows",
        None,
        RATE_WINDOW,
    ),
    _call(
        "spam_risk_too_many_posts",
        WaitUntil,
        Who.NOBODY,
        "the creator's posts by apps in the last 24 hours have reached TikTok's cap, which all apps share",
        None,
        CAP_WINDOW,
    ),
    _call(
        "reached_active_user_cap",
        WaitUntil,
        Who.NOBODY,
        "the app's creators in the last 24 hours have reached TikTok's cap for the app",
        "ask TikTok for a larger cap if this comes often",
        CAP_WINDOW,
    ),
    _call(
        "spam_risk_too_many_pending_share",
        NeedsPerson,
        Who.CREATOR,
        "five drafts of the last 24 hours wait in the creator's inbox, and TikTok takes no more",
        "have the creator post or discard the drafts in TikTok's app, then retry",
    ),
    _call(
        "spam_risk_user_banned_from_posting",
        NeedsPerson,
        Who.CREATOR,
        "TikTok has banned the creator from posting",
        _APPEAL,
    ),
    _call(
        "unaudited_client_can_only_post_to_private_accounts",
        NeedsPerson,
        Who.OPERATOR,
        "TikTok has not audited the app, so it may post to private accounts only, and this one is not",
        "have the creator make the account private, or pass TikTok's audit, or use mode inbox",
    ),
    _call(
        "url_ownership_unverified",
        NeedsPerson,
        Who.OPERATOR,
        "the address TikTok should pull from is not verified for the app",
        "verify the domain or prefix under URL properties in TikTok's developer portal",
    ),
    _call(
        "privacy_level_option_mismatch",
        Refused,
        Who.CONTENT,
        "TikTok does not offer the chosen privacy level to this creator now",
        "choose one of the levels the creator's account offers",
    ),
    _call(
        "app_version_check_failed",
        NeedsPerson,
        Who.CREATOR,
        "the creator's TikTok app is too old for this kind of draft",
        "have the creator update TikTok's app to 31.8 or later",
    ),
    _call(
        "invalid_publish_id",
        OutcomeUnknown,
        Who.OPERATOR,
        "TikTok does not keep this publish id any more, so it no longer says what became of the post",
        "look at the creator's account, then `airdate posts resolve`",
    ),
    _call(
        "token_not_authorized_for_specified_publish_id",
        NeedsPerson,
        Who.OPERATOR,
        "the publish id belongs to another creator or app than the token",
        "check that the account was not added again for another creator",
    ),
    _call(
        "publish_not_cancellable",
        NeedsPerson,
        Who.OPERATOR,
        "the post is decided, so it cannot be cancelled any more",
        "delete it in TikTok's app if it must go",
    ),
    _call("internal_error", Transient, Who.NOBODY, "TikTok had a fault of its own", None),
)

_OAUTH_WORDS = (
    _oauth(
        "invalid_grant",
        NeedsPerson,
        Who.CREATOR,
        "the refresh token is no longer valid: used, expired, or the creator removed the app",
        _CONSENT,
    ),
    _oauth("access_denied", NeedsPerson, Who.CREATOR, "the creator, or TikTok, refused the consent", _CONSENT),
    _oauth("invalid_client", NeedsPerson, Who.OPERATOR, "client key or secret is wrong", _CREDENTIALS),
    _oauth(
        "unauthorized_client",
        NeedsPerson,
        Who.OPERATOR,
        "the app may not use this kind of grant",
        "turn Login Kit and the Content Posting API on for the app in TikTok's developer portal",
    ),
    _oauth(
        "invalid_scope",
        NeedsPerson,
        Who.OPERATOR,
        "the app does not have a scope that was asked for",
        "add the scope to the app in TikTok's developer portal",
    ),
    _oauth("invalid_request", NeedsPerson, Who.OPERATOR, "a field of the token request is wrong", _CREDENTIALS),
    _oauth("unsupported_grant_type", NeedsPerson, Who.OPERATOR, "TikTok does not know this kind of grant", _REQUEST),
    _oauth("unsupported_response_type", NeedsPerson, Who.OPERATOR, "TikTok does not know this response", _REQUEST),
    _oauth("server_error", Transient, Who.NOBODY, "TikTok's login had a fault of its own", None),
    _oauth("temporarily_unavailable", Transient, Who.NOBODY, "TikTok's login is overloaded or in maintenance", None),
)

_FAILED_WORDS = (
    _failed(
        "file_format_check_failed",
        Refused,
        Who.CONTENT,
        "TikTok cannot read the film's container or codec",
        "encode it as MP4 with H.264 and AAC: `airdate prepare`",
    ),
    _failed(
        "duration_check_failed",
        Refused,
        Who.CONTENT,
        "the film is too short, or longer than this creator may post",
        "trim it to the creator's limit",
    ),
    _failed(
        "frame_rate_check_failed",
        Refused,
        Who.CONTENT,
        "the film's frame rate is outside 23 to 60 frames a second",
        "encode it at a constant 30 frames a second: `airdate prepare`",
    ),
    _failed(
        "picture_size_check_failed",
        Refused,
        Who.CONTENT,
        "a side of the picture is outside 360 to 4096 pixels",
        "scale it, for instance to 1080 × 1920: `airdate prepare`",
    ),
    _failed("spam_risk_text", Refused, Who.CONTENT, "TikTok takes the caption for spam", "change the caption"),
    _failed(
        "internal",
        NeedsPerson,
        Who.TIKTOK,
        "TikTok had a fault of its own, again after the post was sent anew",
        "wait for TikTok to recover, then `airdate posts retry`",
    ),
    _failed(
        "video_pull_failed",
        NeedsPerson,
        Who.OPERATOR,
        "TikTok could not fetch the film from our address",
        "check that the address answers TikTok without a redirect, then `airdate posts retry`",
    ),
    _failed(
        "photo_pull_failed",
        NeedsPerson,
        Who.OPERATOR,
        "TikTok could not fetch a picture from our address",
        "check that the address answers TikTok without a redirect, then `airdate posts retry`",
    ),
    _failed(
        "publish_cancelled",
        NeedsPerson,
        Who.OPERATOR,
        "the post was cancelled at TikTok",
        "find out who cancelled it; `airdate posts retry` if it should go out after all",
    ),
    _failed("auth_removed", NeedsPerson, Who.CREATOR, "the creator removed the app while TikTok processed", _CONSENT),
    _failed(
        "spam_risk_too_many_posts",
        NeedsPerson,
        Who.OPERATOR,
        "the creator's posts by apps in the last 24 hours have reached TikTok's cap",
        "`airdate posts retry` when 24 hours have passed",
    ),
    _failed(
        "spam_risk_user_banned_from_posting",
        NeedsPerson,
        Who.CREATOR,
        "TikTok has banned the creator from posting",
        _APPEAL,
    ),
    _failed("spam_risk", NeedsPerson, Who.CREATOR, "TikTok takes the post for spam or another risk", _APPEAL),
)

WORDS: tuple[Word, ...] = _CALL_WORDS + _OAUTH_WORDS + _FAILED_WORDS
"""All of them, in the order the documentation shows (TikTok, Error Handling, OAuth and Get Post Status pages)."""

WORDS_BY_NAME = {(entry.where, entry.word): entry for entry in WORDS}


def error_for(
    code: str | None,
    message: str,
    *,
    http_status: int,
    now: datetime,
    where: Where = Where.CALL,
    log_id: str | None = None,
    wait: timedelta | None = None,
) -> AirdateError:
    """The error of a refused call.

    Args:
        code: TikTok's word; None when the answer holds none.
        message: TikTok's own words, or the body when there are none.
        now: aware; `WaitUntil` counts from it.
        wait: how long TikTok asked to wait (`Retry-After`), if it did.
    """
    said = redact(message.strip())[:SHOWN_CHARS]
    entry = WORDS_BY_NAME.get((where, code)) if code else None
    if entry is None:
        return _unknown(code, said, http_status=http_status, now=now, log_id=log_id, wait=wait)
    text = f"{entry.meaning}; TikTok says: {said}" if said else entry.meaning
    if entry.error is WaitUntil:
        not_before = now + (wait if wait is not None and entry.wait <= RATE_WINDOW else entry.wait)
        return WaitUntil(entry.word, text, not_before=not_before, who=entry.who, fix=entry.fix, log_id=log_id)
    return entry.error(entry.word, text, who=entry.who, fix=entry.fix, log_id=log_id)


def failure_for(fail_reason: str | None, *, log_id: str | None = None) -> AirdateError:
    """The error of a post that TikTok processed and failed: `Refused` or `NeedsPerson`, never one that is retried."""
    reason = fail_reason or "unknown"
    entry = WORDS_BY_NAME.get((Where.FAILED, reason))
    if entry is None:
        return Refused(
            reason,
            f"TikTok failed the post for a reason it does not document: {redact(reason)[:SHOWN_CHARS]}",
            fix="compare the film and caption with TikTok's rules, or ask TikTok's support with the log id",
            log_id=log_id,
        )
    return entry.error(entry.word, entry.meaning, who=entry.who, fix=entry.fix, log_id=log_id)


def _unknown(
    code: str | None, said: str, *, http_status: int, now: datetime, log_id: str | None, wait: timedelta | None
) -> AirdateError:
    """A word nobody documented: the HTTP status decides, and what TikTok said is kept."""
    word = code or f"http_{http_status}"
    text = f"TikTok answered HTTP {http_status}" + (f" {code}" if code else "") + (f": {said}" if said else "")
    if http_status == 429:
        return WaitUntil(word, text, not_before=now + (wait if wait is not None else RATE_WINDOW), log_id=log_id)
    if http_status >= 500 or http_status in (408, 425) or (code is None and http_status < 300):
        return Transient(word, text, log_id=log_id)
    return NeedsPerson(word, text, fix=_REQUEST, log_id=log_id)
