"""The clock's look at the ledger: a run for each post that comes due, and new ones for those left behind.

First it applies the calendar file that the settings name.

Any number of ticks may look at once: a run has one key for a post and its turn, and a turn grows by compare-and-set.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select, update

from airdate import gates, steps
from airdate.calendar.apply import Applied, apply
from airdate.engine import Engine, StartRun, run_name
from airdate.errors import AirdateError, NeedsPerson
from airdate.intake import command_consent
from airdate.ledger import Ledger, posts, submissions, switches
from airdate.ledger.leases import Holder, claim
from airdate.ledger.owner import is_gone
from airdate.ledger.posts import Post
from airdate.ledger.schema import posts as table
from airdate.ledger.transitions import SETTLED, is_unsent, note
from airdate.post import PostState as P

log = logging.getLogger(__name__)

HORIZON = timedelta(minutes=15)
"""How far ahead runs are made. Later, a clock that stops for some minutes would miss slots; earlier, most runs would
be old before they begin, because calendars change."""

QUIET = timedelta(seconds=30)
"""A post that nobody holds and nothing has happened to for this long is nobody's."""

PATIENCE = timedelta(hours=1)
"""How long a run may wait for its turn in a busy queue before its post is brought back. Sooner, and the second run
would end the first, go to the end of the queue, and be ended by the third."""

MOST_RETURNS = 5
"""A post that its workers left behind this often in a day kills them; a person must look."""

WHO = "clock"
LEFT_BEHIND = "its worker left it behind; brought back"

TAKEN_OUT_BY_THEMSELVES = ("command", "form")
"""Origins of posts whose own process, or run, takes them out."""

AT_WORK = (P.PLANNED, P.PREPARING, P.READY, P.PUBLISHING)


@dataclass
class Ticked:
    """What one tick did.

    Attributes:
        applied: what the calendar file changed; None without one, or when it is wrong.
        runs: the runs that were made or found, one for each post that wanted one.
        late: posts that were held or missed for their lateness.
        back: posts that their workers had left behind.
        stops: what keeps posts of all accounts waiting: a freeze, an incident at TikTok.
        errors: what stopped a part of the tick; the rest was done.
    """

    applied: Applied | None = None
    runs: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    back: list[str] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)
    errors: list[AirdateError] = field(default_factory=list)

    @contextmanager
    def part(self) -> Iterator[None]:
        """A part of the tick: what stops it is reported, and stops nothing else."""
        try:
            yield
        except AirdateError as failed:
            log.warning("%s", failed)
            self.errors.append(failed)


@dataclass(frozen=True, slots=True)
class _Unattended:
    """A post that nobody is at; `left_behind` if a run was at its present turn and is gone."""

    post: Post
    left_behind: bool


def tick(engine: Engine, start_run: StartRun) -> Ticked:
    """Apply the calendar that the settings name, and see that every post that is due soon has a living run."""
    ticked = Ticked()
    if engine.settings.calendar is not None:
        with ticked.part():
            who = command_consent(engine.ledger.now()).who
            ticked.applied = apply(engine, engine.settings.calendar, who=who, kind="standing")
    with ticked.part():
        gates.tend(engine.ledger)
        ticked.stops = gates.stops(engine.ledger)
    is_frozen = switches.frozen(engine.ledger) is not None
    for found in _unattended(engine.ledger):
        with ticked.part():
            _attend(engine, found, start_run, ticked, is_frozen=is_frozen)
    return ticked


def _unattended(ledger: Ledger) -> list[_Unattended]:
    """Posts that want a run within the horizon, and have no living one."""
    now = ledger.now()
    soon = now + HORIZON
    claims = select(table.c.id, table.c.lease_owner, table.c.lease_until).where(table.c.lease_until.is_not(None))
    with ledger.read() as connection:
        leases = connection.execute(claims).all()
    owned = {row.id for row in leases if row.lease_owner is not None}
    alive = {row.id for row in leases if row.id in owned and row.lease_until > now and not is_gone(row.lease_owner)}
    reserved = {row.id for row in leases if row.id not in owned and row.lease_until > now}
    return [
        _Unattended(post, left_behind=post.id in owned or (post.run_turn == post.turn and post.state is not P.PLANNED))
        for post in posts.listed(ledger, states=AT_WORK, due_before=soon)
        if post.id not in alive
        and (post.not_before is None or post.not_before <= soon)
        and (post.id in owned or _wants_run(post, now, is_reserved=post.id in reserved))
    ]


def _wants_run(post: Post, now: datetime, *, is_reserved: bool) -> bool:
    """Whether a post that nobody holds needs a run; one that was made for this turn may still be on its way."""
    quiet = now - max(post.updated_at, post.not_before or post.updated_at) >= QUIET
    if post.run_turn == post.turn:
        # Nobody began a planned one: asking again finds its run, or makes it if somebody deleted it in Prefect.
        return quiet and not is_reserved
    if post.not_before is not None and post.not_before > now:
        return True
    # A command or a form takes its post out itself, and has it in hand a moment after it was recorded.
    return quiet or (post.state is P.PLANNED and post.origin not in TAKEN_OUT_BY_THEMSELVES)


def _attend(engine: Engine, found: _Unattended, start_run: StartRun, ticked: Ticked, *, is_frozen: bool) -> None:
    post = found.post
    starts = max((at for at in (post.slot, post.not_before) if at is not None), default=None)
    ahead = starts if starts is not None and starts > engine.ledger.now() else None
    if ahead is None and _is_too_late(engine, post):
        ticked.late.append(post.id)
        return
    if is_frozen and not _is_sent(engine.ledger, post):
        return  # its run could only find the switch; when that is lifted, the next look makes it
    if found.left_behind:
        if not bring_back(engine, post):
            return
        ticked.back.append(post.id)
        post = posts.get(engine.ledger, post.id)
    ticked.runs.append(start_run(post, at=ahead, name=run_name(post)))
    posts.mark_run(engine.ledger, post.id, post.turn)
    _reserve(engine.ledger, post, (ahead or engine.ledger.now()) + PATIENCE)


def _is_sent(ledger: Ledger, post: Post) -> bool:
    """Whether something of the post may be at TikTok already, so that there is more to do for it than to send."""
    known = submissions.of_post(ledger, post.id)
    last = known[-1] if known else None
    return last is not None and last.state not in SETTLED and not is_unsent(last.transfer, last.state)


def _reserve(ledger: Ledger, post: Post, until: datetime) -> None:
    """Keep the post for the run that was made: a lease's end without an owner, which any claim replaces."""
    free = (table.c.id == post.id, table.c.turn == post.turn, table.c.lease_owner.is_(None))
    with ledger.write(durable=False) as connection:
        connection.execute(update(table).where(*free).values(lease_until=until))


def _is_too_late(engine: Engine, post: Post) -> bool:
    """Apply the post's lateness policy, by which it may be held or missed now."""
    try:
        steps.due(engine, post)
    except NeedsPerson as late:
        if late.code != "too_late":
            raise
        return True
    return False


def bring_back(engine: Engine, post: Post) -> bool:
    """Let the post's turn grow, so that the run that left it knows it is old; False when somebody else saw to it.

    The dead lease goes with it; a worker that only stalled finds that out when it renews.
    """
    now = engine.ledger.now()
    returns = [event for event in posts.story(engine.ledger, post.id) if event.why == LEFT_BEHIND]
    if sum(now - event.at < timedelta(days=1) for event in returns) >= MOST_RETURNS:
        _give_up(engine, post)
        return False
    with engine.ledger.write() as connection:
        same = (table.c.id == post.id, table.c.turn == post.turn, table.c.state == post.state.value)
        fresh = {"turn": post.turn + 1, "updated_at": now, "lease_owner": None, "lease_until": None}
        done = connection.execute(update(table).where(*same).values(fresh))
        if done.rowcount == 1:
            note(connection, post.id, post.state, post.state, who=WHO, why=LEFT_BEHIND, now=now)
        return done.rowcount == 1


def _give_up(engine: Engine, post: Post) -> None:
    """Hold a post whose workers die of it, or leave it to TikTok's answer if its last bytes may have arrived."""
    lease = claim(engine.ledger, post.id, engine.settings.lease_seconds)
    if isinstance(lease, Holder):
        return
    with lease:
        error = NeedsPerson(
            "left_behind",
            f"its workers left it behind {MOST_RETURNS} times within a day",
            item=post.id,
            rule=f"a post is brought back at most {MOST_RETURNS} times a day",
            fix="see in the logs of its runs what ended them, then publish it again with the same key",
        )
        steps.fail(engine, lease, error)
