"""The story of a round that went wrong: what was drawn, what happened to the post, what the sandbox saw. No secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airdate.ledger import Ledger, posts, submissions
from airdate.redact import redact
from airdate.rehearse.bout import Bout
from airdate.rehearse.worker import LOG
from airdate.sandbox.running import Control
from airdate.settings import Settings

SHOWN_LINES = 60
"""Of the workers' log, the last ones."""


@dataclass(frozen=True, slots=True)
class Story:
    """The same for a script and for people."""

    facts: dict[str, Any]
    words: str


def told(ledger: Ledger, control: Control, settings: Settings, bout: Bout) -> Story:
    """Tell it, from the ledger, the sandbox and the workers' log."""
    plan, post = bout.plan, bout.post
    lines = [f"round {plan.number} of seed {plan.seed}: {bout.outcome}, after {bout.seconds:.1f} s"]
    lines += [f"  VIOLATION {each.kind}: {each.text}" for each in bout.violations]
    lines += [f"  drawn: {plan.kind} of {plan.creator}, {plan.mode}, {dict(plan.rules)}"]
    lines += [f"  fault: {fault.as_dict()}" for fault in plan.faults]
    lines += [
        f"  life: {life.workers} workers, {life.blow}; {life.slow and life.slow.as_dict()}" for life in plan.lives
    ]
    lines += [f"  mended by a person: {bout.mended}; undisturbed workers: {bout.walks}"]
    if post is not None:
        for event in posts.story(ledger, post.id):
            lines.append(f"  {event.at:%H:%M:%S.%f} {event.from_state} -> {event.to_state}: {event.why}")
        lines += [f"  submission: {each.as_dict()}" for each in submissions.of_post(ledger, post.id)]
    lines += [
        f"  TikTok: {each['publish_id']} {each['state']} {each['fail_reason']} {each['received']}/{each['size']}"
        for each in control.posts()
    ]
    lines += [
        f"  call {each['number']}: {each['call']} {each['status']} {each['code']} lost={each['lost']} "
        f"{each['headers'].get('content-range', '')} {each['broken'] or ''}"
        for each in control.calls()
    ]
    log = settings.home / LOG
    if log.exists():
        lines += [f"  | {line}" for line in log.read_text().splitlines()[-SHOWN_LINES:]]
    lines += [f"  kept: {settings.home}"]
    words = redact("\n".join(lines))
    facts = {"plan": plan.as_dict(), "outcome": bout.outcome, "home": str(settings.home), "story": words.split("\n")}
    return Story(facts | {"violations": [each.as_dict() for each in bout.violations]}, words)
