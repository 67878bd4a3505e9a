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

TELL_EVERY_S = 20.0


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
    try:
        with staged(folder) as stage:
            for number in range(first, first + rounds):
                _play_one(stage, number, report, say)
                report.seconds = time.monotonic() - began
                if len(report.failed) >= most_failed:
                    break
                if time.monotonic() - told_at > TELL_EVERY_S:
                    told_at = time.monotonic()
                    say(f"round {number}: {report.seconds:.0f} s, {dict(report.outcomes)}")
    finally:
        if report.failed:
            report.home = folder
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return report


def _play_one(stage: Stage, number: int, report: Report, say: Callable[[str], None]) -> None:
    settings = stage.new_home(number)
    bout = play(stage, settings, draw_plan(report.seed, number, stage.sizes))
    report.count(bout)
    if not bout.violations:
        shutil.rmtree(settings.home)
        return
    ledger = Ledger.open(settings, stage.clock.now)
    story = told(ledger, stage.control, settings, bout)
    ledger.close()
    report.failed.append(story.facts)
    say(story.words)
