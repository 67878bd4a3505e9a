"""What `airdate.media.programs.child` begins: a function of ours, called in a process of its own."""

from __future__ import annotations

import errno
import importlib
import json
import sys
from typing import Any

from airdate.errors import Refused, Transient


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


def _say(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
