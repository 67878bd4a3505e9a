"""Progress bars on standard error, drawn on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

OnStep = Callable[[str, float], None]
"""Takes a step's name and how much of it is done, 0.0 to 1.0."""


@contextmanager
def bars() -> Iterator[OnStep]:
    """A bar for each step that reports; nothing at all when standard error is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _step, _part: None
        return
    columns = (TextColumn("{task.description:>8}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as drawn:
        known: dict[str, TaskID] = {}

        def tell(step: str, part: float) -> None:
            if step not in known:
                known[step] = drawn.add_task(step, total=1.0)
            drawn.update(known[step], completed=part)

        yield tell
