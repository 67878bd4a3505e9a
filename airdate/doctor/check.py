"""What one look of the doctor found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from airdate.errors import AirdateError, Who
from airdate.redact import redact


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be right.

    Attributes:
        name: what was looked at.
        who: who must act; None when it is right.
        message: what was found.
        fix: what the one who must act can do; None when it is right.
    """

    name: str
    ok: bool
    who: Who | None
    message: str
    fix: str | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def right(name: str, message: str) -> Check:
    """Nothing is to be done."""
    return Check(name, True, None, redact(message), None)


def wrong(name: str, message: str, fix: str, who: Who = Who.OPERATOR) -> Check:
    """Somebody must act, or wait."""
    return Check(name, False, who, redact(message), redact(fix))


def of_error(name: str, error: AirdateError) -> Check:
    """An error, as the doctor tells it."""
    message = error.message if error.item is None else f"{error.item}: {error.message}"
    return wrong(name, message, error.fix or "nothing: it passes by itself", error.who)


def guarded(name: str, look: Callable[[], Check]) -> Check:
    """A look whose error is what it found."""
    try:
        return look()
    except AirdateError as error:
        return of_error(name, error)
