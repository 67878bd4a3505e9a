"""One event on its way to the webhook: when it is sent next, and when it is given up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airdate.sandbox.faults import WebhookFault

FIRST_RETRY_S, LONGEST_RETRY_S = 1.0, 3600.0
"""TikTok says only that the waits grow; the first is short, so that a gateway that was started anew hears soon."""

GIVE_UP_S = 72 * 3600.0
"""After this TikTok drops an event (TikTok, Webhooks)."""


@dataclass(slots=True)
class Delivery:
    """An event and the tries to deliver it.

    Attributes:
        app: whose secret signs it, by the name of its seed.
        body: the JSON, byte for byte the same at each try.
        next_at: when it is sent, in the sandbox's time.
        answers: the HTTP status of each try; None where there was no answer.
        fault: what goes wrong with the first try; those after it are right.
        state: `pending`, `delivered` or `dropped`.
    """

    id: str
    app: str
    event: str
    body: str
    created_at: float
    next_at: float
    answers: list[int | None] = field(default_factory=list)
    fault: WebhookFault = field(default_factory=WebhookFault)
    state: str = "pending"

    def is_due(self, now: float) -> bool:
        """Whether it is to be sent now."""
        return self.state == "pending" and now >= self.next_at

    def answered(self, status: int | None, now: float) -> None:
        """Note how a try ended: only a 200 is an end."""
        self.answers.append(status)
        if status == 200:
            self.state = "delivered"
        elif now - self.created_at >= GIVE_UP_S:
            self.state = "dropped"
        else:
            self.next_at = now + min(FIRST_RETRY_S * 2 ** min(len(self.answers) - 1, 16), LONGEST_RETRY_S)

    def shown(self) -> dict[str, Any]:
        """For the control API."""
        return {
            "event": self.event,
            "body": self.body,
            "state": self.state,
            "answers": self.answers,
            "created_at": self.created_at,
            "next_at": self.next_at if self.state == "pending" else None,
        }
