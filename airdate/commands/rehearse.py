"""`airdate rehearse chaos`: bad days on purpose; a post that goes out twice, or gets lost, is a bug of ours."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from airdate.console import BUG_STATUS, Answer
from airdate.rehearse.chaos import Report, rehearse

SEEDS = 1_000_000_000


def chaos(rounds: int, seed: int | None, first: int, say: Callable[[str], None]) -> Answer:
    """Play the rounds; the seed is drawn when none is given, and always told."""
    report = rehearse(rounds, secrets.randbelow(SEEDS) if seed is None else seed, say, first=first)
    return Answer({**report.as_dict(), "error": None}, _words(report), BUG_STATUS if report.violations else 0)


def _words(report: Report) -> str:
    counted = ", ".join(f"{count} {outcome}" for outcome, count in report.outcomes.most_common())
    lines = [
        f"{report.rounds} rounds in {report.seconds:.0f} s with {report.blows} blows, seed {report.seed}: {counted}"
    ]
    if report.violations:
        found = ", ".join(f"{count} × {kind}" for kind, count in report.violations.items())
        lines.append(f"What must never happen happened: {found}. It is kept in {report.home}")
    else:
        lines.append("0 duplicates, 0 lost, 0 wrong states")
    return "\n".join(lines)
