"""Our own code on somebody's file, in a process of its own: a crash, a hang or a memory bomb ends there.

The called function is a generator of plain JSON values; each is one line on the child's standard output. Libraries
that decode (PyAV, Pillow) are imported in children only, so the process that called stays small.
"""

from __future__ import annotations

import errno
import importlib
import json
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from airdate.errors import Refused, Transient
from airdate.media.runner import by_line, launch

Said = dict[str, Any]

_ROOT = Path(__file__).resolve().parents[2]
_BEGIN = "import sys; sys.path.insert(0, sys.argv[1]); from airdate.media.child import main; main()"
"""The child finds this package where its parent found it, and never in the working directory."""


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
        [sys.executable, "-P", "-c", _BEGIN, str(_ROOT), *function.split(":")],
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


def _how(status: int, tail: tuple[str, ...]) -> str:
    return f"signal {-status}" if status < 0 else (tail[-1] if tail else f"status {status}")


def _error(facts: Mapping[str, Any]) -> Refused | Transient:
    kind = Transient if facts["code"] == "disk_full" else Refused
    return kind(facts["code"], facts["message"], item=facts["item"], rule=facts["rule"], fix=facts["fix"])


def main() -> None:
    """In the child: call what the arguments name with the order on standard input."""
    module, name = sys.argv[2:4]
    order = json.load(sys.stdin)
    try:
        for said in getattr(importlib.import_module(module), name)(**order):
            _say(said)
    except (Refused, Transient) as error:
        _say({"refused": error.as_dict()})
    except OSError as failed:
        if failed.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        full = Transient("disk_full", "the disk is full", rule="room for the rendition", fix="free some room")
        _say({"refused": full.as_dict()})


def _say(said: Said) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
