"""What child processes run that use one account's token at the same time, or die in the middle of storing it."""

from __future__ import annotations

import os
import threading
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any

from sqlalchemy import event

from airdate.ledger import Ledger
from airdate.settings import Settings
from airdate.tiktok.session import Session


def use_in_threads(settings: Settings, name: str, count: int, start: Barrier, tell: Connection) -> None:
    """`count` threads begin together and each gets a token; tells the set of what they got."""
    ledger = Ledger.open(settings)
    got: set[str] = set()
    ready = threading.Barrier(count)

    def use() -> None:
        with Session(settings, ledger, name, lambda _seconds: None) as session:
            ready.wait(60)
            got.add(session.token())

    threads = [threading.Thread(target=use) for _ in range(count)]
    start.wait(60)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tell.send(sorted(got))
    ledger.close()


def die_at_the_write(settings: Settings, name: str) -> None:
    """Refresh, and be killed in the moment the ledger is to hold the answer."""
    ledger = Ledger.open(settings)

    @event.listens_for(ledger.engine, "before_cursor_execute")
    def kill(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("UPDATE accounts"):
            os._exit(9)

    with Session(settings, ledger, name, lambda _seconds: None) as session:
        session.token()
