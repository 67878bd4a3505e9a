"""Which rows were applied last, so that only an edited row touches its post.

A file of the home and not of the ledger: it is of no more weight than a habit. Without it rows are compared with
their posts field by field, which tells an edited row from a post that was moved by hand only by luck.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path


def recall(home: Path, calendar: str) -> dict[str, str]:
    """The digest of each row of a calendar when it was last applied."""
    try:
        return dict(json.loads(_path(home, calendar).read_text("utf-8")))
    except (FileNotFoundError, ValueError):
        return {}


def remember(home: Path, calendar: str, digests: Mapping[str, str]) -> None:
    """Keep them for the next time; a reader sees the old ones or the new."""
    path = _path(home, calendar)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".draft")
    draft.write_text(json.dumps(digests), "utf-8")
    draft.replace(path)


def _path(home: Path, calendar: str) -> Path:
    return home / "calendars" / f"{calendar}.json"
