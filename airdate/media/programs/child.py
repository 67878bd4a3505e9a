"""Our own code on somebody's file, in a process of its own: a crash, a hang or a memory bomb ends there.

The called function is a generator of plain JSON values; each is one line on the child's standard output. Libraries
that decode (PyAV, Pillow) are imported in children only, so the process that called stays small.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from airdate.errors import Refused, Transient
from airdate.media.programs.runner import by_line, launch

Said = dict[str, Any]

_ROOT = Path(__file__).resolve().parents[3]
_BEGIN = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from airdate.media.programs.begun import main; main()"
)
"""The child finds this package and the libraries where its parent found them, and never in the working directory.
Python's own search for them, and what only a parent needs, would be a tenth of its whole work on a small film."""


def call(
    function: str,
    order: Mapping[str, Any],
    *,
    item: str,
    wall_s: float,
    on_said: Callable[[Said], None],
    cancel: threading.Event | None = None,
) -> None:
    """Run a function of ours in a child.

    Args:
        function: `module:name` of a generator; a name, so that this process need not import what decodes.
        order: its keyword arguments, plain JSON.
        on_said: takes each value as it is made.

    Raises:
        Refused: it said so, or it crashed or hung on the file.
        Transient: the disk is full, or it was cancelled.
    """
    refusal: list[Refused | Transient] = []

    def hear(line: str) -> bool:
        try:
            said = json.loads(line)
        except ValueError:  # a child that was killed in the middle of a line; how it ended says the rest
            return False
        if "refused" in said:
            refusal.append(_error(said["refused"]))
        else:
            on_said(said)
        return True

    ended = launch(
        [sys.executable, "-S", "-P", "-c", _BEGIN, json.dumps(_places()), *function.split(":")],
        item=item,
        wall_s=wall_s,
        stall_s=wall_s,
        taking=by_line(hear),
        said=json.dumps(order).encode(),
        cancel=cancel,
    )
    if refusal:
        raise refusal[0]
    if ended.status != 0:
        raise Refused(
            "media_crashes",
            f"reading the file ended the reader: {_how(ended.status, ended.tail)}",
            item=item,
            rule="a file that can be read without harm",
            fix="export it again from its editor, as MP4 or JPEG",
        )


def _places() -> list[str]:
    """Where the child looks for modules."""
    return [str(_ROOT), *(place for place in sys.path if Path(place).is_absolute())]


def _how(status: int, tail: tuple[str, ...]) -> str:
    return f"signal {-status}" if status < 0 else (tail[-1] if tail else f"status {status}")


def _error(facts: Mapping[str, Any]) -> Refused | Transient:
    kind = Transient if facts["code"] == "disk_full" else Refused
    return kind(facts["code"], facts["message"], item=facts["item"], rule=facts["rule"], fix=facts["fix"])
