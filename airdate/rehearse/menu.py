"""What can go wrong at TikTok: every kind of fault the sandbox knows, on every call of a post's way."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault as `POST /@control/faults` takes it.

    Attributes:
        call: which calls it is for.
        what: its fields, those of `airdate.sandbox.faults`.
        times: how many calls get it.
        after: how many calls pass before the first.
    """

    call: str
    what: Mapping[str, Any]
    times: int = 1
    after: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"call": self.call, **self.what, "times": self.times, "after": self.after}


_Kind = Callable[[random.Random], Mapping[str, Any]]

_ANSWERS: tuple[_Kind, ...] = (
    lambda _: {"lose_answer": True},
    lambda _: {"reset": True},
    lambda draw: {"status": draw.choice([500, 502, 503, 504]), "html": True},
    lambda _: {"status": 500, "code": "internal_error"},
    lambda draw: {"status": 429, "code": "rate_limit_exceeded", "retry_after": draw.randint(1, 3)},
    lambda _: {"status": 429, "html": True},
    lambda _: {"status": 200, "body": ""},
    lambda draw: {"delay_seconds": round(draw.uniform(0.02, 0.3), 3)},
    lambda _: {"data": {"a_new_field": "of tomorrow"}},
)
"""What may happen to any call to the API."""

_EXPIRED: _Kind = lambda _: {"status": 401, "code": "access_token_invalid"}  # noqa: E731

_ANSWERS_OF: Mapping[str, tuple[_Kind, ...]] = {
    "token": (lambda _: {"omit": ["refresh_expires_in"]},),
    "creator_info": (_EXPIRED, lambda _: {"omit": ["max_video_post_duration_sec"]}),
    "init": (_EXPIRED, lambda _: {"omit": ["upload_url"]}, lambda _: {"omit": ["publish_id"]}),
    "status": (
        _EXPIRED,
        lambda _: {"data": {"status": "A_NEW_STATUS"}},
        lambda _: {"omit": ["uploaded_bytes"]},
        lambda _: {"omit": ["status"]},
    ),
}
"""What may happen to one of them besides."""

_UPLOADS: tuple[Callable[[random.Random, int], Mapping[str, Any]], ...] = (
    lambda _, _size: {"lose_answer": True},
    lambda _, _size: {"reset": True},
    lambda draw, size: {"reset_at_byte": draw.randrange(size)},
    lambda _, size: {"reset_at_byte": size - 1},
    lambda draw, _size: {"status": draw.choice([500, 502, 503]), "html": True},
    lambda _, _size: {"status": 429, "retry_after": 1},
    lambda _, _size: {"status": 416},
    lambda _, _size: {"status": 400},
    lambda _, _size: {"expire": True},
    lambda _, _size: {"forget": True},
    lambda draw, _size: {"delay_seconds": round(draw.uniform(0.02, 0.3), 3)},
)

FAIL_REASONS = (
    "internal",
    "file_format_check_failed",
    "frame_rate_check_failed",
    "spam_risk",
    "spam_risk_too_many_posts",
    "publish_cancelled",
    "never_heard_of",
)

SENT_ANEW = frozenset({"internal", "video_pull_failed", "photo_pull_failed"})
"""Fail reasons after which a post may be sent once more, at most twice."""

ID_FORMS = ("strings", "scalar", "empty", "absent", "late")

SLOW_S = 0.25
DRIP = 1500
"""How long a slow call takes; an answer, which is some hundred bytes long, comes at so many a second. An upload is
slow after its last byte has come."""

CALLS = ("token", "creator_info", "init", "upload", "upload", "status", "processing")


def draw_fault(draw: random.Random, size: int) -> Fault:
    """One of them.

    Args:
        size: bytes of the film; 0 for photos, which are not uploaded.
    """
    call = draw.choice(CALLS)
    if call == "processing" or (call == "upload" and not size):
        return _draw_processing(draw)
    times, after = draw.choice([1, 1, 1, 2, 3]), draw.choice([0, 0, 0, 1, 2])
    if call == "upload":
        return Fault(call, draw.choice(_UPLOADS)(draw, size), times, after)
    return Fault(call, draw.choice([*_ANSWERS, *_ANSWERS_OF[call]])(draw), times, after)


def draw_slowness(draw: random.Random, call: str, number: int) -> Fault:
    """Has the n-th call of that name last about `SLOW_S`: before TikTok does what was asked, or after it."""
    before = {"delay_seconds": SLOW_S}
    after = before if call == "upload" else {"bytes_per_second": DRIP}
    return Fault(call, draw.choice([before, after, after]), after=number - 1)


def _draw_processing(draw: random.Random) -> Fault:
    kind = draw.random()
    if kind < 0.5:
        return Fault("processing", {"post_ids": draw.choice(ID_FORMS)})
    if kind < 0.6:
        return Fault("processing", {"endless": True})
    reason = draw.choice(FAIL_REASONS)
    times = draw.choice([1, 2, 3]) if reason in SENT_ANEW else 1
    return Fault("processing", {"fail_reason": reason}, times)
