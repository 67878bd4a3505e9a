"""The engine of a command that asks TikTok, and who goes on when the command has ended."""

from __future__ import annotations

import os

from airdate.engine import Engine
from airdate.settings import load_settings
from airdate.up import joined, running

FOLLOWER = "the running `airdate up`"
ELSEWHERE = "the Prefect at PREFECT_API_URL"


def open_engine() -> Engine:
    """The engine, turned to the sandbox when that is what the `airdate up` of this home is turned to.

    Raises:
        NeedsPerson: a setting or the key is wrong.
        Transient: the database does not answer.
    """
    return Engine.open(joined(load_settings()))


def follower(engine: Engine) -> str | None:
    """Who goes on with posts of this home, as far as is known here; None when nobody does."""
    if running(engine.settings.home) is not None:
        return FOLLOWER
    return ELSEWHERE if os.environ.get("PREFECT_API_URL") else None
