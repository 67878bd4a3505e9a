"""The brake: when one fault spreads over creators within minutes it is TikTok and not us, and publishing pauses.

The pause ends by a trial: one post goes first while the others wait. If TikTok takes it, all go on; if it meets the
fault again, the next pause is twice as long. `judge` and `is_spread` decide, and are pure. A switch's row remembers.

Uploads under way are not broken: the brake is asked only before something new begins.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from sqlalchemy import Connection

from airdate.errors import AirdateError, Transient, WaitUntil
from airdate.ledger import faults, submissions, switches
from airdate.ledger.database import Ledger
from airdate.ledger.faults import Fault
from airdate.ledger.switches import INCIDENT, Switch
from airdate.post import SubmissionState as S
from airdate.tiktok.codes import WORDS

log = logging.getLogger(__name__)

SPREAD = 3
"""Creators that must meet one fault. With two it may be chance, or something that the two have in common; so an
installation with fewer than three creators has no brake, and each of its posts rests by itself."""

WITHIN = timedelta(minutes=10)

FIRST_PAUSE = timedelta(minutes=15)
LONGEST_PAUSE = timedelta(hours=1)
"""A pause doubles with each trial that fails, up to this: by then a trial costs one post an hour."""

TRIAL = timedelta(minutes=10)
"""How long the others wait for the post that goes first. After a fault in processing, one that was not failed for
this long counts as taken: TikTok may take hours to moderate it."""

STALE = timedelta(hours=1)
"""An incident that nobody tried to end for this long after its pause is over: nothing was to be sent."""

MOST_LOG_IDS = 20
"""TikTok's support wants some, not all."""

WAITING = "tiktok_incident"
"""The error code of a post that waits for the end of an incident."""

WHO = "brake"

OURS_FOR_TIKTOKS = ("tiktok_unreachable", "answer_incomplete", "upload_unfinished", "init_unknown")
"""Our words for faults that lie with TikTok, or with the network between, where TikTok said none of its own."""

_KNOWN = {entry.word for entry in WORDS}
_TIKTOKS = {entry.word for entry in WORDS if issubclass(entry.error, Transient)} | {"internal"}


class Verdict(Enum):
    """Where an incident stands."""

    PAUSED = auto()
    FREE = auto()
    """The pause is over, and the next post goes first."""
    TRYING = auto()
    """One post has gone first; the others wait for what becomes of it."""
    OVER = auto()


@dataclass(frozen=True, slots=True)
class Incident:
    """A fault that spread over creators.

    Attributes:
        code: TikTok's word for it.
        pause_s: seconds of the pause that ends at `until`.
        processing: TikTok fails posts that it had accepted.
        trial_id: the post that goes first, since `trial_at`.
    """

    code: str
    since: datetime
    until: datetime
    pause_s: float
    processing: bool
    accounts: tuple[str, ...]
    log_ids: tuple[str, ...]
    trial_id: str | None = None
    trial_at: datetime | None = None


def is_tiktoks_own(error: AirdateError) -> bool:
    """Whether an error is a fault of TikTok's own, as against a cap, a consent, a film or a setting of one account."""
    if isinstance(error, WaitUntil):
        return False
    if error.code in _KNOWN:
        return error.code in _TIKTOKS
    if error.code in OURS_FOR_TIKTOKS or error.code.startswith("http_"):
        return True
    # A word that TikTok does not document comes with a log id, and without a rule: we know none.
    return error.log_id is not None and error.rule is None


def is_spread(found: Sequence[Fault], now: datetime) -> bool:
    """Whether these faults, all of one code, make an incident."""
    return len({fault.creator for fault in found if now - WITHIN < fault.at <= now}) >= SPREAD


def judge(incident: Incident, trial: S | None, now: datetime) -> Verdict:
    """Where the incident stands.

    Args:
        trial: the state of what the trial's post has sent since it went first; None if nothing yet.
    """
    if now < incident.until:
        return Verdict.PAUSED
    if incident.trial_at is None:
        return Verdict.OVER if now >= incident.until + STALE else Verdict.FREE
    is_late = now >= incident.trial_at + TRIAL
    if trial is S.COMPLETE or (trial is S.ACCEPTED and (is_late or not incident.processing)):
        return Verdict.OVER
    if is_late or trial in (S.FAILED, S.ABANDONED, S.UNKNOWN):
        return Verdict.OVER if now >= max(incident.until, incident.trial_at) + STALE else Verdict.FREE
    return Verdict.TRYING


def heard(ledger: Ledger, account: str, error: AirdateError, *, processing: bool = False) -> None:
    """Take note of what stopped a post, if that is a fault of TikTok's own; it may open an incident or prolong it.

    Args:
        account: the account's name.
        processing: TikTok had accepted the post.
    """
    if not is_tiktoks_own(error):
        return
    now, name = ledger.now(), f"{INCIDENT}{error.code}"[:200]
    with ledger.write() as connection:
        switches.throw(connection)
        faults.add(connection, account=account, code=error.code, log_id=error.log_id, at=now)
        known = next((switch for switch in switches.found(connection) if switch.name == name), None)
        if known is not None:
            _prolong(connection, known, account, error.log_id, now)
            return
        found = faults.since(connection, now - WITHIN, error.code)
        if not is_spread(found, now):
            return
        names = sorted({fault.account for fault in found})
        log_ids = [fault.log_id for fault in found if fault.log_id][-MOST_LOG_IDS:]
        facts = {
            "pause_s": FIRST_PAUSE.total_seconds(),
            "processing": processing,
            "accounts": names,
            "log_ids": log_ids,
        }
        why = f"{error.code} for {len(names)} accounts within {WITHIN.total_seconds() / 60:.0f} minutes"
        switches.turn_on(connection, Switch(name, now, now + FIRST_PAUSE, WHO, why, facts))
    until = f"{now + FIRST_PAUSE:%Y-%m-%d %H:%M} UTC"
    log.warning("publishing pauses until %s: TikTok fails with %s; log ids %s", until, why, ", ".join(log_ids))


def _prolong(connection: Connection, switch: Switch, account: str, log_id: str | None, now: datetime) -> None:
    """The fault was met again: by what was under way when the pause began, or after it, by the trial."""
    facts = dict(switch.facts)
    facts["accounts"] = sorted({*facts["accounts"], account})
    facts["log_ids"] = [*facts["log_ids"], *([log_id] if log_id else [])][-MOST_LOG_IDS:]
    until = switch.until or now
    if now >= until:
        pause = min(timedelta(seconds=2 * facts["pause_s"]), LONGEST_PAUSE)
        until = now + pause
        facts |= {"pause_s": pause.total_seconds(), "trial_id": None, "trial_at": None}
        log.warning("publishing pauses again until %s: %s goes on", f"{until:%Y-%m-%d %H:%M} UTC", switch.name)
    switches.change(connection, switch.name, until=until, facts=facts)


def check(
    connection: Connection, known: Sequence[Switch], post_id: str, now: datetime, *, begins: bool = False
) -> None:
    """Let a post pass, or say when it may.

    Args:
        begins: the post sends something now, so it becomes the trial where one is wanted.

    Raises:
        WaitUntil: an incident pauses publishing, or another post goes first.
    """
    free: list[Switch] = []
    for switch in known:
        if not switch.name.startswith(INCIDENT):
            continue
        incident = incident_of(switch)
        verdict = judge(incident, _trial(connection, incident), now)
        if verdict is Verdict.FREE:
            free.append(switch)
        elif verdict is Verdict.PAUSED or (verdict is Verdict.TRYING and incident.trial_id != post_id):
            raise _wait(incident, verdict, post_id)
    for switch in free if begins else ():
        facts = switch.facts | {"trial_id": post_id, "trial_at": now.isoformat()}
        switches.change(connection, switch.name, facts=facts)
        log.warning("%s goes first, to see whether TikTok still fails with %s", post_id, switch.name)


def _wait(incident: Incident, verdict: Verdict, post_id: str) -> WaitUntil:
    many = f"{len(incident.accounts)} accounts since {incident.since:%Y-%m-%d %H:%M} UTC"
    if verdict is Verdict.PAUSED or incident.trial_at is None:
        until, then = incident.until, f"nothing new is sent until {incident.until:%H:%M} UTC; then one post goes first"
    else:
        until, then = incident.trial_at + TRIAL, f"post {incident.trial_id} goes first and the others wait for it"
    return WaitUntil(
        WAITING,
        f"TikTok fails with {incident.code} for {many}, so {then}",
        item=post_id,
        rule=f"one fault of {SPREAD} creators within {WITHIN.total_seconds() / 60:.0f} minutes is TikTok's",
        fix="nothing: it goes out by itself when TikTok has recovered, under its lateness policy",
        log_id=incident.log_ids[-1] if incident.log_ids else None,
        not_before=until,
    )


def tend(ledger: Ledger) -> list[str]:
    """End the incidents that are over, and bring back the posts that waited for that; the codes that are."""
    if not any(switch.name.startswith(INCIDENT) for switch in switches.listed(ledger)):
        return []
    over = []
    with ledger.write() as connection:
        now = ledger.now()
        for switch in switches.found(connection, hold=True):
            if switch.name.startswith(INCIDENT):
                incident = incident_of(switch)
                if judge(incident, _trial(connection, incident), now) is Verdict.OVER:
                    switches.turn_off(connection, switch.name)
                    over.append(incident.code)
    if over:
        log.warning("publishing goes on: TikTok no longer fails with %s", ", ".join(over))
        switches.let_go(ledger, WAITING, who=WHO, why=f"TikTok no longer fails with {', '.join(over)}")
    return over


def incidents(ledger: Ledger) -> list[Incident]:
    """The incidents that are open, the oldest first."""
    return [incident_of(switch) for switch in switches.listed(ledger) if switch.name.startswith(INCIDENT)]


def incident_of(switch: Switch) -> Incident:
    """An incident's switch, read."""
    facts = switch.facts
    at = facts.get("trial_at")
    return Incident(
        code=switch.name.removeprefix(INCIDENT),
        since=switch.since,
        until=switch.until or switch.since,
        pause_s=facts["pause_s"],
        processing=facts["processing"],
        accounts=tuple(facts["accounts"]),
        log_ids=tuple(facts["log_ids"]),
        trial_id=facts.get("trial_id"),
        trial_at=datetime.fromisoformat(at) if at else None,
    )


def _trial(connection: Connection, incident: Incident) -> S | None:
    """What became of what the trial's post has sent since it went first."""
    if incident.trial_id is None or incident.trial_at is None:
        return None
    newest = submissions.newest(connection, incident.trial_id)
    begun = newest.asked_at if newest is not None else None
    return newest.state if newest is not None and begun is not None and begun >= incident.trial_at else None
