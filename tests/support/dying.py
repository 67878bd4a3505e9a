"""A process that dies at one of its writes to the ledger, played in this one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, update

from airdate.engine import Engine
from airdate.ledger.schema import posts


class Killed(BaseException):
    """The process died here."""


@contextmanager
def dying_at(engine: Engine, number: int, *, after: bool) -> Iterator[None]:
    """Let the process die at its n-th write to the ledger, before or after it; nothing is written from then on."""
    real, count = engine.ledger.write, 0

    @contextmanager
    def write(*, durable: bool = True) -> Iterator[Connection]:
        nonlocal count
        count += 1
        if count > number or (count == number and not after):
            raise Killed
        with real(durable=durable) as connection:
            yield connection
        if count == number:
            raise Killed

    engine.ledger.write = write  # type: ignore[method-assign]
    try:
        yield
    finally:
        engine.ledger.write = real  # type: ignore[method-assign]
        with real() as connection:
            # The system tells a dead process's lease by its number; this one only played dead.
            connection.execute(update(posts).values(lease_owner=None))
