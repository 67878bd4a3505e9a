"""What a round draws: a film, an account, rules, faults, and how its workers come to their end. All from one seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from airdate.following.settling import MAX_RESENDS
from airdate.post import Mode
from airdate.rehearse.menu import SENT_ANEW, SLOW_S, Fault, draw_fault, draw_slowness


class Kind(StrEnum):
    """What is posted."""

    FILM = "film"
    CHUNKED = "chunked"
    PHOTOS = "photos"


class End(StrEnum):
    """What happens to a worker."""

    KILL = "kill"
    STALL = "stall"


@dataclass(frozen=True, slots=True)
class Blow:
    """A worker is killed, or stopped in mid-work while another takes its post over.

    Attributes:
        call: it happens so long after this call has reached the sandbox; after the worker's start when None.
        number: which call of that name, from 1, counted from the worker's start.
        seconds: how long after it.
        jump_s: how far the clock goes on meanwhile.
    """

    end: End
    call: str | None
    number: int
    seconds: float
    jump_s: float

    def __str__(self) -> str:
        what = f"{self.call} {self.number}" if self.call else "its start"
        return f"{self.end} {self.seconds * 1000:.0f} ms after {what}, then {self.jump_s:.0f} s pass"


@dataclass(frozen=True, slots=True)
class Life:
    """One or two workers at the same post; the blow meets the first of them.

    Attributes:
        slow: makes the call that the blow waits for take long enough to be met in its midst: what TikTok has done and
            nobody here knows yet is what matters, and it usually lasts for a millisecond.
    """

    workers: int
    blow: Blow
    slow: Fault | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole round.

    Attributes:
        creator: the sandbox's, by the name of its seed.
        rules: of the sandbox.
        lives: one after the other; then the post is brought to its end.
    """

    seed: int
    number: int
    kind: Kind
    creator: str
    mode: Mode
    rules: Mapping[str, Any]
    faults: tuple[Fault, ...]
    lives: tuple[Life, ...]

    @property
    def ends(self) -> frozenset[str]:
        """The error codes with which the post may end unpublished."""
        reasons = Counter[str]()
        for fault in self.faults:
            if "fail_reason" in fault.what:
                reasons[fault.what["fail_reason"]] += fault.times
        return frozenset(word for word, count in reasons.items() if count > (MAX_RESENDS if word in SENT_ANEW else 0))

    @property
    def is_endless(self) -> bool:
        """Whether TikTok may never decide."""
        return any(fault.what.get("endless") for fault in self.faults)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"faults": [fault.as_dict() for fault in self.faults]}


CHUNKED_PART, PHOTOS_PART = 0.08, 0.12
"""Parts of the rounds with a film in several chunks, which takes a second to send, and with photos."""

_CALLS = (None, None, "token", "creator_info", "init", "init", "upload", "upload", "upload", "status")
_JUMPS = (0.0, 0.0, 0.0, 5.0, 61.0, 1800.0, 3700.0, 7300.0)
"""Within a lease, past it, in the middle of an upload URL's hour, past that, past an access token's life."""

STALLED_PART = 0.2

LONGEST_S = 0.7
"""Seconds within which a blow after a worker's start falls: about a whole life of a worker with a small film."""


def draw_plan(seed: int, number: int, sizes: Mapping[Kind, int]) -> Plan:
    """The plan of round `number`; the same for the same seed.

    Args:
        sizes: bytes of each kind's film.
    """
    draw = random.Random(f"{seed}:{number}")  # noqa: S311 (a rehearsal wants to be repeated)
    kind = _kind(draw.random())
    creator = draw.choice(["demo", "public"])
    mode = Mode.INBOX if draw.random() < 0.15 and kind is not Kind.PHOTOS else Mode.DIRECT
    rules = {
        "processing_seconds": draw.choice([0, 0, 0, 20]),
        "progress_header": draw.choice(["count", "count", "last", "none"]),
        "repeated_range": draw.choice([416, 206]),
        "oauth_error_status": draw.choice([200, 400, 401]),
        "old_access_token": draw.choice(["lives", "dies"]),
        "access_token_seconds": draw.choice([7200, 7200, 7200, 45]),
    }
    faults = tuple(draw_fault(draw, sizes[kind]) for _ in range(draw.choice([0, 1, 1, 2, 3, 4])))
    lives = tuple(_life(draw, kind) for _ in range(draw.choice([0, 1, 2, 2, 3, 4])))
    return Plan(seed, number, kind, creator, mode, rules, faults, lives)


def _kind(part: float) -> Kind:
    if part < CHUNKED_PART:
        return Kind.CHUNKED
    return Kind.PHOTOS if part < CHUNKED_PART + PHOTOS_PART else Kind.FILM


def _life(draw: random.Random, kind: Kind) -> Life:
    call = draw.choice(_CALLS)
    number, slow = 1, None
    seconds = draw.uniform(0, LONGEST_S)
    if call is not None:
        number = draw.choice([1, 1, 1, 1, 2]) if kind is not Kind.CHUNKED else draw.randint(1, 6)
        slow = draw_slowness(draw, call, number)
        seconds = draw.uniform(0, SLOW_S)
    end = End.STALL if draw.random() < STALLED_PART else End.KILL
    blow = Blow(end, call, number, round(seconds, 4), draw.choice(_JUMPS))
    return Life(draw.choice([1, 1, 2]), blow, slow)
