"""The rehearsal: round after round from one seed, until the first thing that must never happen."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airdate.ledger import Ledger
from airdate.rehearse.bout import Bout, play
from airdate.rehearse.plan import draw_plan
from airdate.rehearse.stage import Stage, staged
from airdate.rehearse.story import told


@dataclass
class Report:
    """What a rehearsal found.

    Attributes:
        outcomes: how many rounds ended how.
        failed: the rounds with violations, each with its whole story.
        home: where the homes of failed rounds are kept; None when there is none.
    """

    seed: int
    rounds: int = 0
    seconds: float = 0.0
    blows: int = 0
    mended: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    violations: Counter[str] = field(default_factory=Counter)
    failed: list[dict[str, Any]] = field(default_factory=list)
    home: Path | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "seed": self.seed,
            "rounds": self.rounds,
            "seconds": round(self.seconds, 1),
            "blows": self.blows,
            "mended": dict(self.mended),
            "outcomes": dict(self.outcomes),
            "violations": dict(self.violations),
            "failed": self.failed,
            "home": str(self.home) if self.home else None,
        }

    def count(self, bout: Bout) -> None:
        """Add a round."""
        self.rounds += 1
        self.blows += bout.blows
        self.mended.update(bout.mended)
        self.outcomes[bout.outcome] += 1
        self.violations.update(violation.kind for violation in bout.violations)


def rehearse(rounds: int, seed: int, say: Callable[[str], None], *, first: int = 1, most_failed: int = 3) -> Report:
    """Play rounds `first` to `first + rounds - 1`; it ends early when `most_failed` of them had violations.

    Args:
        say: told the seed, each violation, and from time to time how far it is.
    """
    report = Report(seed)
    folder = Path(tempfile.mkdtemp(prefix="airdate-rehearsal-"))
    began = told_at = time.monotonic()
    say(f"seed {seed}, {rounds} rounds, in {folder}")
    with staged(folder) as stage:
        for number in range(first, first + rounds):
            _play_one(stage, number, report, say)
            report.seconds = time.monotonic() - began
            if len(report.failed) >= most_failed:
                break
            if time.monotonic() - told_at > 20:
                told_at = time.monotonic()
                say(f"round {number}: {report.seconds:.0f} s, {dict(report.outcomes)}")
    if report.failed:
        report.home = folder
    else:
        shutil.rmtree(folder)
    return report


class _Kept(Exception):
    """The round's home shall be kept."""


def _play_one(stage: Stage, number: int, report: Report, say: Callable[[str], None]) -> None:
    plan = draw_plan(report.seed, number, stage.sizes)
    try:
        with stage.home(number) as settings:
            bout = play(stage, settings, plan)
            report.count(bout)
            if bout.violations:
                ledger = Ledger.open(settings, stage.clock.now)
                story = told(ledger, stage.control, settings, bout)
                ledger.close()
                raise _Kept
    except _Kept:
        report.failed.append(story.facts)
        say(story.words)
