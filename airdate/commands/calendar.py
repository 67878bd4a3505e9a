"""`airdate calendar`: what a calendar file would change, the change itself, and what the ledger holds of calendars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from airdate import calendar
from airdate.calendar.plan import row_of
from airdate.console import Answer, table
from airdate.engine import Engine
from airdate.intake import command_consent


def plan(path: Path) -> Answer:
    """What `apply` would do; nothing is written.

    Raises:
        WrongUsage: the file is no calendar, or rows of it are wrong.
    """
    with Engine.open() as engine:
        found = calendar.preview(engine, path)
        warnings = calendar.crowded(engine, path)
    return _answer(
        path.stem,
        added=(row.id for row in found.add),
        changed=(row.id for row, _ in found.change),
        unchanged=(row.id for row in found.unchanged),
        cancelled=(row_of(post) for post in found.cancel),
        kept={row_of(kept.post): kept.why for kept in found.keep},
        warnings=warnings,
    )


def apply(path: Path) -> Answer:
    """Write the file's rows to the ledger, all of them or none.

    Raises:
        WrongUsage: the file is no calendar, or rows of it are wrong.
    """
    with Engine.open() as engine:
        done = calendar.apply(engine, path, who=command_consent(engine.ledger.now()).who)
        warnings = calendar.crowded(engine, path)
    return _answer(
        done.calendar,
        added=done.added,
        changed=done.changed,
        unchanged=done.unchanged,
        cancelled=done.cancelled,
        kept=done.kept,
        warnings=warnings,
    )


def show_all() -> Answer:
    """All posts of calendars, by slot."""
    with Engine.open() as engine:
        found = calendar.listing(engine)
    head = ("calendar", "id", "local", "zone", "account", "state", "post_id")
    rows = [[row[name] for name in head] for row in found]
    return Answer({"posts": found}, table(head, rows) if rows else "no calendar was applied yet")


def _answer(name: str, *, kept: Mapping[str, str], warnings: Sequence[str], **rows: Iterable[str]) -> Answer:
    done = {kind: list(ids) for kind, ids in rows.items()}
    lines = [f"{name}: " + ", ".join(f"{len(ids)} {kind}" for kind, ids in done.items())]
    lines += [f"  {kind}: {', '.join(ids)}" for kind, ids in done.items() if ids and kind != "unchanged"]
    lines += [f"  kept as it is: {row}: {why}" for row, why in kept.items()]
    lines += [f"  warning: {warning}" for warning in warnings]
    document = {"calendar": name, **done, "kept": dict(kept), "warnings": list(warnings), "error": None}
    return Answer(document, "\n".join(lines))
