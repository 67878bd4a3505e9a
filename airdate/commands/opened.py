"""The engine of a command that asks TikTok, and who goes on when the command has ended."""

from __future__ import annotations

from airdate.engine import Engine
from airdate.settings import load_settings
from airdate.up import joined, running

FOLLOWER = "the running `airdate up`"


def open_engine() -> Engine:
    """The engine, turned to the sandbox when that is what the `airdate up` of this home is turned to.

    Raises:
        NeedsPerson: a setting or the key is wrong.
        Transient: the database does not answer.
    """
    return Engine.open(joined(load_settings()))


def follower(engine: Engine) -> str | None:
    """Who asks TikTok further about posts of this home; None when nobody does."""
    return FOLLOWER if running(engine.settings.home) is not None else None
