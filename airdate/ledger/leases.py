"""Leases with a fence: one worker at a time on a post, and a worker that lost it can write nothing more.

The epoch grows with each claim, and every write of a step compares it. So a worker that stalls past its lease,
wakes and goes on finds its epoch stale at its first write, whatever it was about to send.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType

from sqlalchemy import or_, select, update

from airdate.errors import Transient
from airdate.ledger.database import Ledger
from airdate.ledger.owner import is_gone, new_owner
from airdate.ledger.schema import posts
from airdate.ledger.transitions import LeaseLost

log = logging.getLogger(__name__)

RENEWALS_PER_LEASE = 3
"""A lease of 30 s is renewed every 10 s, so that two renewals may fail before it runs out."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a post now.

    Attributes:
        seconds: until the lease runs out by itself.
    """

    owner: str
    seconds: float


class Lease:
    """A claim on one post, renewed in the background until it is left; use it as a context manager."""

    def __init__(self, ledger: Ledger, post_id: str, owner: str, epoch: int, seconds: float) -> None:
        self._ledger = ledger
        self.post_id = post_id
        self.owner = owner
        self.epoch = epoch
        self._seconds = seconds
        self._confirmed = ledger.now()
        self._at_least = self._confirmed
        self._stop = threading.Event()
        self.lost = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease {post_id}", daemon=True)

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        try:
            self._update(lease_owner=None, lease_until=None)
        except Transient as away:
            # What was done under it is in the ledger; an error of its end would hide that, and what stopped the work.
            log.warning("the lease of %s ends by itself: %s", self.post_id, away)

    def check(self) -> None:
        """Raise `LeaseLost` unless this lease still is the one in force.

        Nobody takes over a lease that was confirmed less than its length ago, so the ledger is asked only when half
        of it has passed: a stalled worker that wakes asks, a busy one is not slowed down.
        """
        if self.lost.is_set():
            raise LeaseLost(self.post_id)
        now = self._ledger.now()
        # A clock that was put back would otherwise keep the answer for as long as it was put back.
        if abs(now - self._confirmed) < timedelta(seconds=self._seconds / 2):
            return
        with self._ledger.read() as connection:
            row = connection.execute(
                select(posts.c.lease_epoch, posts.c.lease_owner).where(posts.c.id == self.post_id)
            ).one()
        if (row.lease_epoch, row.lease_owner) != (self.epoch, self.owner):
            self.lost.set()
            raise LeaseLost(self.post_id)

    def outlive(self, seconds: float) -> None:
        """Hold the post for at least this long from now, whether the lease is renewed meanwhile or not.

        For a request that must not be on its way while somebody else believes to be alone with the post.

        Raises:
            LeaseLost: the lease is no longer this worker's.
        """
        now = self._ledger.now()
        self._at_least = now + timedelta(seconds=seconds)
        if not self._update(lease_until=self._at_least):
            self.lost.set()
            raise LeaseLost(self.post_id)
        self._confirmed = now

    def _keep(self) -> None:
        while not self._stop.wait(self._seconds / RENEWALS_PER_LEASE):
            try:
                now = self._ledger.now()
                if not self._update(lease_until=max(self._at_least, now + timedelta(seconds=self._seconds))):
                    self.lost.set()
                    return
                self._confirmed = now
            except Transient as failed:
                # Nobody can take the post while the database is away either; the epoch decides when it is back.
                log.warning("could not renew the lease of %s: %s", self.post_id, failed)

    def _update(self, **values: object) -> bool:
        with self._ledger.write(durable=False) as connection:
            done = connection.execute(
                update(posts)
                .where(
                    posts.c.id == self.post_id,
                    posts.c.lease_epoch == self.epoch,
                    posts.c.lease_owner == self.owner,
                )
                .values(**values)
            )
            return done.rowcount == 1


def claim(ledger: Ledger, post_id: str, seconds: float) -> Lease | Holder:
    """Take the post if nobody lives who holds it, else say who does."""
    now = ledger.now()
    owner = new_owner()
    with ledger.write() as connection:
        row = connection.execute(
            select(posts.c.lease_owner, posts.c.lease_epoch, posts.c.lease_until).where(posts.c.id == post_id)
        ).one()
        taken = row.lease_owner is not None and row.lease_until > now and not is_gone(row.lease_owner)
        if taken:
            return Holder(row.lease_owner, (row.lease_until - now).total_seconds())
        done = connection.execute(
            update(posts)
            .where(
                posts.c.id == post_id,
                posts.c.lease_epoch == row.lease_epoch,
                or_(posts.c.lease_owner == row.lease_owner, posts.c.lease_owner.is_(None)),
            )
            .values(lease_owner=owner, lease_epoch=row.lease_epoch + 1, lease_until=now + timedelta(seconds=seconds))
        )
        if done.rowcount != 1:
            return Holder("another worker", seconds)
    return Lease(ledger, post_id, owner, row.lease_epoch + 1, seconds)


def claim_or_wait(
    ledger: Ledger,
    post_id: str,
    seconds: float,
    *,
    pause: Callable[[float], None],
    waiting: Callable[[Holder], None],
) -> Lease:
    """Take the post, waiting for a living holder to finish or to die; `waiting` is told once whom for."""
    told = False
    while isinstance(got := claim(ledger, post_id, seconds), Holder):
        if not told:
            waiting(got)
            told = True
        pause(0.5)
    return got
