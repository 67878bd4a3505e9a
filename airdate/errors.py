"""Every error Airdate raises on purpose, and the one question each answers: who must act?

    AirdateError
    ├── Transient        nobody: it will be retried                                exit 5
    ├── WaitUntil        nobody before an instant: a rate, a cap, an incident      exit 5
    ├── Refused          the content team: this input cannot go out as it is       exit 3
    │   └── WrongUsage   whoever typed it: an option, a file name, a column        exit 2
    ├── NeedsPerson      an operator, the creator or TikTok: retrying cannot help  exit 4
    └── OutcomeUnknown   nobody may send again: TikTok decides, we ask             exit 6

Retry is decided by the class and nowhere else. A message names the item, the number, the rule and the fix;
secrets never get in (see `airdate.redact`).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar


class Who(StrEnum):
    """Who must act before the item can go on."""

    NOBODY = "nobody"
    OPERATOR = "operator"
    CREATOR = "creator"
    CONTENT = "content"
    TIKTOK = "tiktok"


class AirdateError(Exception):
    """An answer to: what happened, to which item, by which rule, who must act, and how.

    Attributes:
        code: a fixed token; TikTok's own word, unchanged, where TikTok decided.
        message: one sentence for people.
        item: the file, URL, account or row it happened to.
        rule: the limit or rule that was broken, with its number.
        fix: what the one who must act can do.
        who: who that is.
        log_id: TikTok's id of the call, which its support asks for.
    """

    exit_code: ClassVar[int]
    default_who: ClassVar[Who]

    def __init__(
        self,
        code: str,
        message: str,
        *,
        item: str | None = None,
        rule: str | None = None,
        fix: str | None = None,
        who: Who | None = None,
        log_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.item = item
        self.rule = rule
        self.fix = fix
        self.who = who or self.default_who
        self.log_id = log_id

    def __str__(self) -> str:
        parts = [self.message if self.item is None else f"{self.item}: {self.message}"]
        if self.rule:
            parts.append(f"Rule: {self.rule}.")
        if self.fix:
            parts.append(f"Fix: {self.fix}.")
        return " ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """The `error` object of the contract's JSON."""
        return {
            "code": self.code,
            "who": self.who.value,
            "message": self.message,
            "item": self.item,
            "rule": self.rule,
            "fix": self.fix,
            "log_id": self.log_id,
        }


class Transient(AirdateError):
    """A fault that passes by itself: a network, a 5xx, a busy database."""

    exit_code = 5
    default_who = Who.NOBODY


class WaitUntil(AirdateError):
    """The work is allowed again at `not_before` (aware), and not earlier."""

    exit_code = 5
    default_who = Who.NOBODY

    def __init__(self, code: str, message: str, *, not_before: datetime, **facts: Any) -> None:
        super().__init__(code, message, **facts)
        self.not_before = not_before


class Refused(AirdateError):
    """The input cannot go out as it is; the same input will be refused again."""

    exit_code = 3
    default_who = Who.CONTENT


class WrongUsage(Refused):
    """The command, file or setting is wrong; nothing was begun."""

    exit_code = 2
    default_who = Who.OPERATOR


class NeedsPerson(AirdateError):
    """Something outside the input stands in the way, and only a person can move it."""

    exit_code = 4
    default_who = Who.OPERATOR


class OutcomeUnknown(AirdateError):
    """It was sent and TikTok has not decided; it is followed, never sent again."""

    exit_code = 6
    default_who = Who.NOBODY
