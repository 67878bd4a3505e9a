"""One round of the clock's questions to TikTok, about all posts of all accounts that are due to be looked at.

It holds no worker: it is over within a minute, waits for no rate window, and leaves the rest to the next round. An
account that cannot be asked, or a post that makes trouble, stops no other.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from airdate.engine import Engine
from airdate.errors import AirdateError
from airdate.following.looking import Patience, ask_status, is_there_question, mark_overdue, mark_stopped, wants_status
from airdate.following.pace import LIST_SCOPE, next_look
from airdate.following.taking_down import query
from airdate.ledger import looks, posts, rates, submissions
from airdate.ledger.looks import Appointment
from airdate.ledger.posts import Post
from airdate.redact import redact
from airdate.tiktok.session import Session
from airdate.tiktok.tokens import Stopped

log = logging.getLogger(__name__)

LONGEST = timedelta(seconds=50)
"""A round is over before the next minute's begins."""

SPARE = 10
"""Of the 30 status calls a minute those that are left to the watchers of single posts, which wait for an answer."""

ACCOUNTS_AT_ONCE = 4

MOST_POSTS = 200
"""Posts of one account in a round; more than its rate allows to ask, fewer than would fill the memory."""

MOST_FAULTS = 3
"""Questions of one account that fail one after the other before the rest is left to the next round."""

PUT_OFF = timedelta(minutes=5)
"""When an account that cannot be asked at all is tried again."""

FULL = (rates.FULL, "rate_limit_exceeded")
"""Nothing is wrong with the post; it comes first in a later round."""


@dataclass
class Swept:
    """What one round did.

    Attributes:
        asked: posts that TikTok was asked about.
        decided: those that are no longer in the state they were in.
        left: posts that are still due, for the next round.
        faults: by account, what stopped its questions.
    """

    asked: int = 0
    decided: list[str] = field(default_factory=list)
    left: int = 0
    faults: dict[str, AirdateError] = field(default_factory=dict)


def sweep(engine: Engine) -> Swept:
    """Ask about every post that is due, the longest-waiting first, within the rates and the time of one round."""
    end = engine.ledger.now() + LONGEST
    swept = Swept()
    names = looks.accounts_due(engine.ledger)
    with ThreadPoolExecutor(ACCOUNTS_AT_ONCE, thread_name_prefix="sweep") as pool:
        for round_ in pool.map(lambda name: _Round(engine, name, end).run(), names):
            swept.asked += round_.asked
            swept.decided += round_.decided
            if round_.fault is not None:
                swept.faults[round_.account] = round_.fault
    swept.left = looks.count_due(engine.ledger)
    return swept


class _Round:
    """One account's part of a round, in a thread of its own."""

    def __init__(self, engine: Engine, account: str, end: datetime) -> None:
        self.engine = engine
        self.ledger = engine.ledger
        self.account = account
        self.end = end
        self.asked = 0
        self.decided: list[str] = []
        self.fault: AirdateError | None = None
        self._faults = 0
        self._listed: list[Post] = []

    def run(self) -> _Round:
        """Ask about its posts; whatever stops that is kept, never raised."""
        try:
            if self.ledger.now() < self.end:
                self._run(looks.due(self.ledger, self.account, most=MOST_POSTS))
        except AirdateError as failed:
            self.fault = failed
            log.warning("the posts of %s cannot be asked about: %s", self.account, failed)
        except Exception as bug:  # noqa: BLE001 (one account must not stop the others; the log says that it is a bug)
            self._bug(self.account, bug)
        return self

    def _run(self, due: list[Appointment]) -> None:
        try:
            pause = Patience(self.engine, self.account)
            session = Session(self.engine.settings, self.ledger, self.account, pause, spare=SPARE)
        except AirdateError as failed:
            for appointment in due:
                self._put_off(appointment, failed)
            raise
        with session:
            for appointment in due:
                if self._faults >= MOST_FAULTS or self.ledger.now() >= self.end:
                    break
                self._attempt(session, appointment)
            if self._listed:
                self._ask_if_there(session)

    def _ask_if_there(self, session: Session) -> None:
        try:
            query(self.engine, session, self._listed)
        except AirdateError:
            for post in self._listed:
                looks.put(self.ledger, post.id, self.ledger.now() + PUT_OFF)
            raise

    def _put_off(self, appointment: Appointment, failed: AirdateError) -> None:
        """Nobody can be asked: it comes up again later, and if a person must act or it waits too long, that is said."""
        try:
            looks.keep(self.ledger, appointment, self.ledger.now() + PUT_OFF)
            if isinstance(failed, Stopped):
                mark_stopped(self.engine, appointment.post_id, failed)
            mark_overdue(self.engine, appointment.post_id)
        except Exception as bug:  # noqa: BLE001 (one post must not stop the others)
            self._bug(appointment.post_id, bug)

    def _attempt(self, session: Session, appointment: Appointment) -> None:
        """One post; what it meets is counted, and stops nothing but at last its own account."""
        try:
            self._look(session, appointment)
            self._faults = 0
        except AirdateError as failed:
            if failed.code in FULL:
                looks.put(self.ledger, appointment.post_id, appointment.at)
                self._faults = MOST_FAULTS
                return
            self._faults += 1
            self.fault = failed
            log.warning("could not ask about %s: %s", appointment.post_id, failed)
            mark_overdue(self.engine, appointment.post_id)
        except Exception as bug:  # noqa: BLE001 (one post must not stop the others)
            self._bug(appointment.post_id, bug)

    def _look(self, session: Session, appointment: Appointment) -> None:
        post = posts.get(self.ledger, appointment.post_id)
        asks = wants_status(post)
        if asks and rates.count_free(self.ledger, session.account.rate_subject, "status") <= SPARE:
            return
        if not looks.keep(self.ledger, appointment, self._again(post)):
            return
        self.asked += 1
        if asks:
            before, post = post.state, ask_status(self.engine, session, post)
            if post.state is not before:
                self.decided.append(post.id)
        if is_there_question(post) and LIST_SCOPE in session.account.scopes:
            self._listed.append(post)

    def _again(self, post: Post) -> datetime:
        known = submissions.of_post(self.ledger, post.id)
        return next_look(post, known[-1].asked_at if known else None, self.ledger.now())

    def _bug(self, item: str, bug: Exception) -> None:
        log.error("asking about %s met a bug: %s", item, redact(f"{type(bug).__name__}: {bug}"))
