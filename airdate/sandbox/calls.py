"""What was asked of the sandbox, and which of TikTok's rules were broken on the way. No secret is kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from airdate.redact import HIDDEN, redact
from airdate.sandbox.faults import CallName

KEPT = 20_000
"""The newest calls that are kept."""

SECRET_HEADERS = {"authorization", "cookie", "proxy-authorization"}


@dataclass(slots=True)
class Call:
    """One call.

    Attributes:
        number: counts from 1.
        path: without its query.
        headers: lower-case names; values of secret ones are hidden.
        at: when it began, in the sandbox's time (seconds since the epoch).
        status: the HTTP status of the answer; None while there is none, and when the connection was broken instead.
        code: the answer's own word, where it has one.
        creator: whose token it was.
        publish_id: which post it was about.
        body: the JSON that was sent, where it holds no secret.
        lost: the connection was broken on purpose.
        broken: names of the rules it broke.
    """

    number: int
    call: CallName
    method: str
    path: str
    headers: dict[str, str]
    at: float
    status: int | None = None
    code: str | None = None
    creator: str | None = None
    publish_id: str | None = None
    body: Any = None
    lost: bool = False
    broken: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Broken:
    """One rule that one call broke.

    Attributes:
        rule: a fixed token.
        detail: what happened, for people.
        call: the call's number.
    """

    rule: str
    detail: str
    call: int
    path: str
    at: float


def without_queries(body: dict[str, Any]) -> dict[str, Any]:
    """A request as it may be recorded: the query of an address that media come from may be a signature."""
    source = body.get("source_info")
    if not isinstance(source, dict):
        return body
    return {**body, "source_info": {name: _shown(value) for name, value in source.items()}}


def _shown(value: Any) -> Any:
    if isinstance(value, list):
        return [_shown(each) for each in value]
    return redact(value) if isinstance(value, str) else value


class Calls:
    """The record."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin anew; numbers begin at 1 again."""
        self._count = 0
        self._calls: deque[Call] = deque(maxlen=KEPT)
        self._broken: deque[Broken] = deque(maxlen=KEPT)

    def begin(self, call: CallName, method: str, path: str, headers: Iterable[tuple[str, str]], at: float) -> Call:
        """Write down that a call came in."""
        self._count += 1
        shown = {name: HIDDEN if name in SECRET_HEADERS else redact(value) for name, value in headers}
        begun = Call(self._count, call, method, path, shown, at)
        self._calls.append(begun)
        return begun

    def broke(self, call: Call, rule: str, detail: str) -> None:
        """Write down that it broke a rule."""
        call.broken.append(rule)
        self._broken.append(Broken(rule, detail, call.number, call.path, call.at))

    def calls(self, call: CallName | None = None) -> list[dict[str, Any]]:
        """All calls, or those of one name, in order."""
        return [asdict(each) for each in self._calls if call in (None, each.call)]

    def broken(self) -> list[dict[str, Any]]:
        """Every broken rule, in order."""
        return [asdict(each) for each in self._broken]
