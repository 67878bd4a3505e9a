"""The whole look, in the order in which one thing needs another."""

from __future__ import annotations

from collections.abc import Callable

from airdate.doctor import books, machine, tiktok
from airdate.doctor.check import Check, of_error, right
from airdate.engine import Engine
from airdate.errors import AirdateError, NeedsPerson
from airdate.settings import Settings

Prefect = Callable[[], list[Check]]
"""What only the front door can ask: its API, worker, deployments and schedules."""


def examine(settings: Settings, prefect: Prefect) -> list[Check]:
    """Look at everything; nothing that is found wrong keeps the rest from being looked at.

    Args:
        prefect: looks at Prefect.
    """
    found = [right("settings", f"valid; the home is {settings.home}"), *machine.look(settings)]
    found += [books.key(settings), *_books(settings), *tiktok.look(settings)]
    return found + prefect()


def _books(settings: Settings) -> list[Check]:
    try:
        with Engine.open(settings) as engine:
            return [*books.look(engine.ledger), *tiktok.look_at(engine.ledger, settings)]
    except AirdateError as error:
        return [of_error("database", error)]
    except OSError as error:
        return [of_error("database", _unwritable(error))]


def _unwritable(error: OSError) -> AirdateError:
    return NeedsPerson(
        "home_unwritable", f"the home cannot be written: {error.strerror}", fix="make it writable, or set AIRDATE_HOME"
    )
