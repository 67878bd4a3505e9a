"""The one retry loop of the sources: few attempts, full jitter, the server's own `Retry-After`."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from airdate.errors import Transient
from airdate.sources.contract import Pause

MAX_ATTEMPTS = 5
FIRST_WAIT_S = 0.5
"""The first wait is between 0 and this; the bound doubles each time. All four together stay under 8 s."""

MAX_WAIT_S = 60.0
"""The longest a server's `Retry-After` is followed here; a longer wait belongs to the run that called."""

_log = logging.getLogger(__name__)
_random = random.SystemRandom()
_T = TypeVar("_T")


class Interrupted(Transient):
    """A fault that the loop may try to get over at once.

    Attributes:
        retry_after: seconds the server asked for; 0 to go on at once; None to leave it to the loop.
    """

    def __init__(self, code: str, message: str, *, retry_after: float | None = None, **facts: Any) -> None:
        super().__init__(code, message, **facts)
        self.retry_after = retry_after


def persist(attempt: Callable[[], _T], *, pause: Pause) -> _T:
    """Call `attempt` until it returns, at most `MAX_ATTEMPTS` times; anything but `Interrupted` ends it at once.

    Raises:
        Interrupted: the last one, when all attempts are used up.
    """
    for number in range(1, MAX_ATTEMPTS):
        try:
            return attempt()
        except Interrupted as fault:
            wait = _random.uniform(0, FIRST_WAIT_S * 2 ** (number - 1))
            if fault.retry_after is not None:
                wait = min(fault.retry_after, MAX_WAIT_S)
            _log.info("attempt %d of %d: %s; again in %.1f s", number, MAX_ATTEMPTS, fault, wait)
            if wait > 0:
                pause(wait)
    return attempt()


def retry_after(value: str | None) -> float | None:
    """Seconds of a `Retry-After` header in either form, seconds or a date (RFC 9110, 10.2.3); None if it is neither."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
