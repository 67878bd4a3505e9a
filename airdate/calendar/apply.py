"""Brings the ledger to what a calendar file says: all of it, or nothing when any row is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import select

from airdate import steps
from airdate.calendar.memory import recall, remember
from airdate.calendar.plan import WAITING, Plan, plan, row_key, row_of
from airdate.calendar.reading import CalendarWrong, Sheet, read
from airdate.calendar.rows import COLUMNS, Problem, Row
from airdate.engine import Engine
from airdate.errors import AirdateError, NeedsPerson, Transient
from airdate.intake import Intake, with_standing_privacy
from airdate.ledger import accounts, posts
from airdate.ledger.leases import Holder, claim
from airdate.ledger.posts import Post
from airdate.ledger.schema import posts as table
from airdate.ledger.transitions import move_post
from airdate.outcome import error_record
from airdate.post import Consent, PostRequest, PostState, check_options

ROW_GONE = "its row is gone from the calendar"
ROW_EDITED = "its row in the calendar was edited"


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying a calendar did, by the ids of its rows.

    Attributes:
        calendar: the calendar's name.
        kept: rows whose posts stay as they are although they say otherwise, and why.
    """

    calendar: str
    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    cancelled: tuple[str, ...]
    kept: Mapping[str, str]


def origin_of(calendar: str) -> str:
    """The origin of a calendar's posts."""
    return f"calendar:{calendar}"


def preview(engine: Engine, path: Path) -> Plan:
    """What `apply` would do; nothing is written.

    Raises:
        WrongUsage: as `apply`.
    """
    sheet = read(path)
    planned = _plan(engine, sheet)
    _requests(engine, sheet, planned, Consent("command", "nobody", engine.ledger.now()))
    return planned


def apply(engine: Engine, path: Path, *, who: str, kind: str = "command") -> Applied:
    """Write a calendar's rows to the ledger. The same file again changes nothing.

    Args:
        who: the operating system's user, for the events and the consent.
        kind: the consent's: `command` for a person, `standing` for the clock, which applies the file it was given.

    Raises:
        CalendarWrong: rows are wrong; all of them are named.
        WrongUsage: the file is no calendar.
        Transient: the ledger does not answer; what was written stays, and the next time does the rest.
    """
    sheet = read(path)
    with engine.store.locked(f"calendar-{sheet.name}"):
        planned = _plan(engine, sheet)
        requests = _requests(engine, sheet, planned, Consent(kind, who, engine.ledger.now()))
        for row in planned.add:
            steps.record(engine, requests[row.id], who=who)
        kept = {row_of(kept.post): kept.why for kept in planned.keep}
        for row, post in planned.change:
            if not _change(engine, post, requests[row.id], who):
                kept[row.id] = "its row was edited, but a worker is at it; the next time tells"
        for post in planned.cancel:
            if not _cancel(engine, post, who):
                kept[row_of(post)] = "its row is gone, but it was just being sent"
        _remember(engine, sheet, kept)
    return Applied(
        calendar=sheet.name,
        added=tuple(row.id for row in planned.add),
        changed=tuple(row.id for row, _ in planned.change if row.id not in kept),
        unchanged=tuple(row.id for row in planned.unchanged),
        cancelled=tuple(row_of(post) for post in planned.cancel if row_of(post) not in kept),
        kept=kept,
    )


def _plan(engine: Engine, sheet: Sheet) -> Plan:
    known = posts.listed(engine.ledger, origin=origin_of(sheet.name))
    keys = {row_key(sheet.name, row.id) for row in sheet.rows}
    back = [post for post in known if post.state is PostState.CANCELLED and post.key in keys]
    withdrawn = {post.id for post in back if posts.story(engine.ledger, post.id)[-1].why == ROW_GONE}
    return plan(sheet.name, sheet.rows, known, recall(engine.ledger.home, sheet.name), withdrawn)


def _requests(engine: Engine, sheet: Sheet, planned: Plan, consent: Consent) -> dict[str, Intake]:
    """The request of each row that is new or edited.

    Raises:
        CalendarWrong: with what reading found wrong, what accounts and options make wrong, and the missing files.
    """
    problems = list(sheet.problems)
    requests: dict[str, Intake] = {}
    for row in (*planned.add, *(row for row, _ in planned.change)):
        problems += row.missing
        try:
            requests[row.id] = _request(engine, sheet.name, row, consent)
        except Transient:
            raise
        except AirdateError as wrong:
            problems.append(_problem(sheet.file, row, wrong))
    if problems:
        raise CalendarWrong(sheet.file, problems)
    return requests


def _request(engine: Engine, calendar: str, row: Row, consent: Consent) -> Intake:
    account = accounts.get(engine.ledger, row.account)
    options = with_standing_privacy(replace(row.options, mode=row.mode or account.mode), account)
    check_options(options)
    request = PostRequest(
        key=row_key(calendar, row.id),
        account=row.account,
        assets=row.assets,
        options=options,
        consent=consent,
        slot=row.slot,
        zone=row.zone,
        late_minutes=row.late_minutes,
        late_policy=row.late_policy,
        origin=origin_of(calendar),
    )
    return Intake(request, row.locators)


def _problem(file: str, row: Row, wrong: AirdateError) -> Problem:
    column = wrong.item if wrong.item in COLUMNS else "account"
    said = {"account": row.account, "privacy": row.options.privacy or "", "caption": row.options.caption[:40]}
    return Problem(file, row.line, column, said.get(column, ""), wrong.message, wrong.rule, wrong.fix)


def _change(engine: Engine, post: Post, wanted: Intake, who: str) -> bool:
    """Give the post its row's new facts; False when a worker is at it, or it went on meanwhile.

    Under a lease, so that no worker goes on with the film or the slot of before.
    """
    lease = claim(engine.ledger, post.id, engine.settings.lease_seconds)
    if isinstance(lease, Holder):
        return False
    with lease:
        if posts.get(engine.ledger, post.id).state is not post.state:
            return False
        posts.replan(engine.ledger, post.id, wanted.request, wanted.locators, who=who, why=ROW_EDITED)
        if post.account != wanted.request.account:
            posts.store(engine.ledger, post.id, target=None)
            steps.record(engine, wanted, who=who)
    return True


def _cancel(engine: Engine, post: Post, who: str) -> bool:
    """Cancel the post unless it is being sent by now; a worker that prepares it finds out at its next step."""
    with engine.ledger.write() as connection:
        state = connection.execute(select(table.c.state).where(table.c.id == post.id).with_for_update()).scalar_one()
        if PostState(state) not in WAITING:
            return False
        gone = error_record(_gone(post))
        move_post(connection, post.id, PostState.CANCELLED, who=who, why=ROW_GONE, now=engine.ledger.now(), error=gone)
    return True


def _gone(post: Post) -> NeedsPerson:
    return NeedsPerson(
        "post_cancelled",
        ROW_GONE,
        item=post.key,
        rule="a row that is gone from its calendar's file cancels its post",
        fix="nothing, or put the row back and apply the file again",
    )


def _remember(engine: Engine, sheet: Sheet, kept: Mapping[str, str]) -> None:
    """Keep the digests of the rows that their posts follow; a row that is kept is looked at again the next time."""
    before = recall(engine.ledger.home, sheet.name)
    now = {row.id: row.digest for row in sheet.rows if row.id not in kept}
    now |= {row.id: before[row.id] for row in sheet.rows if row.id in kept and row.id in before}
    if now != before:
        remember(engine.ledger.home, sheet.name, now)
