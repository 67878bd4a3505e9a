"""Faults on demand: what an answer, an upload or TikTok's own processing shall do wrong, how often, and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field


class CallName(StrEnum):
    """What a fault is ordered for, and how recorded calls are named.

    `processing` is what follows the last byte, `webhook` an event that is sent.
    """

    TOKEN = "token"  # noqa: S105
    REVOKE = "revoke"
    AUTHORIZE = "authorize"
    USER_INFO = "user_info"
    CREATOR_INFO = "creator_info"
    INIT = "init"
    STATUS = "status"
    CANCEL = "cancel"
    VIDEO_LIST = "video_list"
    VIDEO_QUERY = "video_query"
    UPLOAD = "upload"
    PROCESSING = "processing"
    WEBHOOK = "webhook"
    UNKNOWN = "unknown"


class PostIds(StrEnum):
    """In which form `publicaly_available_post_id` comes; all were seen on the real server. `late` is 60 s later."""

    NUMBERS = "numbers"
    STRINGS = "strings"
    SCALAR = "scalar"
    EMPTY = "empty"
    ABSENT = "absent"
    LATE = "late"


class _Fault(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AnswerFault(_Fault):
    """A fault of a call to the API.

    Attributes:
        delay_seconds: real seconds before anything else happens.
        status: answer with this HTTP status and do nothing.
        code: TikTok's word in that answer; for the token endpoint, OAuth's.
        message: the words beside it.
        html: answer with a gateway's HTML page instead of JSON.
        body: answer with exactly this text; an empty one is an empty body.
        retry_after: a `Retry-After` header in that answer.
        reset: break the connection before anything is done.
        lose_answer: do what was asked, then break the connection instead of answering.
        bytes_per_second: how fast the body of the answer comes; at once when None.
        data: fields to set in the `data` of the real answer (in the answer itself for the token endpoint).
        omit: fields to leave out of it.
    """

    delay_seconds: float = Field(0, ge=0, le=600)
    status: int | None = Field(None, ge=200, le=599)
    code: str | None = None
    message: str = ""
    html: bool = False
    body: str | None = None
    retry_after: int | None = None
    reset: bool = False
    lose_answer: bool = False
    bytes_per_second: int | None = Field(None, ge=1)
    data: Mapping[str, Any] = Field(default_factory=dict)
    omit: tuple[str, ...] = ()

    @property
    def replaces_the_work(self) -> bool:
        """Whether it answers by itself."""
        return self.status is not None or self.code is not None or self.html or self.body is not None


class UploadFault(_Fault):
    """A fault of a PUT to the upload host.

    Attributes:
        delay_seconds: real seconds before the answer.
        status: answer this and take no byte.
        body: the text of that answer.
        html: a gateway's HTML page as its text.
        retry_after: a `Retry-After` header in it.
        reset: break the connection before a byte is read.
        reset_at_byte: break it before this byte of the film (not of the chunk); only the chunk that holds it counts.
        lose_answer: take the bytes, then break the connection instead of answering.
        bytes_per_second: how fast the chunk is taken; as fast as it comes when None.
        expire: from now on the URL is one whose hour has passed.
        forget: from now on the URL is unknown.
    """

    delay_seconds: float = Field(0, ge=0, le=600)
    status: int | None = Field(None, ge=200, le=599)
    body: str = ""
    html: bool = False
    retry_after: int | None = None
    reset: bool = False
    reset_at_byte: int | None = Field(None, ge=0)
    lose_answer: bool = False
    bytes_per_second: int | None = Field(None, ge=1)
    expire: bool = False
    forget: bool = False


class ProcessingFault(_Fault):
    """What becomes of a film after its last byte.

    Attributes:
        fail_reason: the post fails with this word, whatever the film is like.
        endless: it stays `PROCESSING_UPLOAD`.
        post_ids: how the public id is given.
    """

    fail_reason: str | None = None
    endless: bool = False
    post_ids: PostIds = PostIds.NUMBERS


class WebhookFault(_Fault):
    """A fault of an event that is sent to the webhook. After the first try it is sent as it should be.

    Attributes:
        delay_seconds: it comes so much later, in the sandbox's time; so events come in another order.
        duplicates: it comes so many times more, one right after the other.
        wrong_signature: signed with another secret.
        age_seconds: signed with a time so long ago, rightly.
    """

    delay_seconds: float = Field(0, ge=0)
    duplicates: int = Field(0, ge=0, le=100)
    wrong_signature: bool = False
    age_seconds: float = 0


AnyFault = AnswerFault | UploadFault | ProcessingFault | WebhookFault

KINDS: Mapping[CallName, type[AnyFault]] = {
    CallName.UPLOAD: UploadFault,
    CallName.PROCESSING: ProcessingFault,
    CallName.WEBHOOK: WebhookFault,
}
"""The kind of fault a call can have; every other call has an `AnswerFault`."""


class Order(BaseModel):
    """What `POST /@control/faults` takes.

    Attributes:
        call: which calls it is for; `init` is the direct and the inbox one.
        fault: what goes wrong; its fields depend on the call.
        times: how many calls get it; null means all from then on.
        after: how many calls pass before the first.
    """

    model_config = ConfigDict(extra="forbid")

    call: CallName
    fault: dict[str, Any]
    times: int | None = Field(1, ge=1)
    after: int = Field(0, ge=0)


_F = TypeVar("_F", AnswerFault, UploadFault, ProcessingFault, WebhookFault)


@dataclass(slots=True)
class _Pending:
    call: CallName
    fault: AnyFault
    times: int | None
    after: int


class Faults:
    """The faults that were ordered and have not all happened yet."""

    def __init__(self) -> None:
        self._pending: list[_Pending] = []

    def order(self, order: Order) -> None:
        """Add one.

        Raises:
            pydantic.ValidationError: the fault has a field that this call cannot have.
        """
        fault = KINDS.get(order.call, AnswerFault).model_validate(order.fault)
        self._pending.append(_Pending(order.call, fault, order.times, order.after))

    def clear(self) -> None:
        """Forget them all."""
        self._pending.clear()

    def listed(self) -> list[dict[str, Any]]:
        """What is still to happen."""
        return [
            {
                "call": pending.call,
                "fault": pending.fault.model_dump(exclude_defaults=True),
                "times": pending.times,
                "after": pending.after,
            }
            for pending in self._pending
        ]

    def take(self, call: CallName, kind: type[_F], meets: Callable[[_F], bool] = lambda _: True) -> _F | None:
        """The fault of this call, if one is due; every fault ordered for such calls counts it.

        Args:
            meets: whether a fault can be this call's at all.
        """
        due = None
        for pending in list(self._pending):
            if pending.call is not call or not isinstance(pending.fault, kind) or not meets(pending.fault):
                continue
            if pending.after > 0:
                pending.after -= 1
            elif due is None:
                due = pending.fault
                if pending.times is not None:
                    pending.times -= 1
                    if pending.times == 0:
                        self._pending.remove(pending)
        return due
