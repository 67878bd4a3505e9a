"""One round: a post is recorded, its workers meet their blows, and then it is brought to its end."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from airdate import decisions, steps
from airdate.engine import Engine
from airdate.intake import command_consent, intake
from airdate.ledger import Ledger, accounts, posts
from airdate.ledger.posts import Post
from airdate.post import Form, Mode, Options, PostState, Privacy
from airdate.rehearse.menu import Fault
from airdate.rehearse.plan import Blow, End, Kind, Life, Plan
from airdate.rehearse.stage import Stage
from airdate.rehearse.verdict import LIVE, Violation, judge
from airdate.rehearse.worker import BUG, Forked, start_worker
from airdate.settings import Settings
from airdate.store import Store

ACCOUNT = "rehearsal"

LIFE_S = 3.0
"""Real seconds that workers have until what still lives of them is killed."""

WALK_S = 20.0
"""Real seconds that the last, undisturbed workers have each."""

MOST_WALKS = 30
"""Undisturbed workers, one after the other, until the post must have come to its end."""

ON_ITS_WAY_S = 2.0
"""How long before a jump a call may have begun that the jump met."""

LOOK_S = 0.004
"""How often a blow looks for the call it waits for."""

PATIENT_WALKS = 4
"""Of them, those after which a post in processing is what a person has to look at, or what never ends."""

ENDED = (PostState.PUBLISHED, PostState.DELIVERED, PostState.FAILED)

SENT_AGAIN = frozenset({"upload_lapsed", "too_many_uploads"})
"""Errors after which a person sends the post again, because nothing of it went out."""

NEW_CONSENT = frozenset({"invalid_grant", "access_token_invalid"})
"""Errors after which the creator consents anew."""


@dataclass
class Bout:
    """What became of a round.

    Attributes:
        post: in the end; None when it could not even be recorded.
        walks: undisturbed workers that it took.
        blows: workers that were killed or stopped in mid-work.
        mended: errors that a person had to mend on the way.
        violations: what must never happen, and did.
    """

    plan: Plan
    post: Post | None = None
    walks: int = 0
    blows: int = 0
    mended: list[str] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def outcome(self) -> str:
        """The post's state, with the code of its error if it has one."""
        if self.post is None:
            return "not recorded"
        code = (self.post.error or {}).get("code")
        return f"{self.post.state} ({code})" if code else str(self.post.state)


def play(stage: Stage, settings: Settings, plan: Plan) -> Bout:
    """Play the round of `plan` in the home of `settings` and judge it."""
    began = time.monotonic()
    bout = Bout(plan)
    _Round(stage, settings, bout).play()
    bout.seconds = time.monotonic() - began
    return bout


class _Round:
    def __init__(self, stage: Stage, settings: Settings, bout: Bout) -> None:
        self.stage = stage
        self.settings = settings
        self.bout = bout
        self.plan = bout.plan
        self.post_id = ""
        self.jumps: list[float] = []

    def play(self) -> None:
        control = self.stage.control
        control.reset()
        control.settings(**self.plan.rules, verified_prefixes=[self.stage.pull_url])
        self.post_id = self._record()
        for fault in self.plan.faults:
            self._order(fault)
        for life in self.plan.lives:
            self._live(life)
        control.clear_faults()
        self._recover()
        self._look_later()
        with self._ledger() as engine:
            self.bout.post = posts.get(engine.ledger, self.post_id)
            known = control.posts()
            self.bout.violations += judge(
                engine.ledger,
                self.bout.post,
                self.plan,
                known,
                [each for each in control.broken() if not self._was_on_its_way(each["at"])],
                control.calls("upload"),
                self.bout.blows,
            )
        bug = self.settings.home / BUG
        if bug.exists():
            self.bout.violations.append(Violation("bug", bug.read_text()))

    @contextmanager
    def _ledger(self) -> Iterator[Engine]:
        """The engine in this process; closed before a worker is forked, because SQLite does not survive a fork."""
        ledger = Ledger.open(self.settings, self.stage.clock.now)
        with Engine(self.settings, ledger, Store(self.settings.store), self.stage.clock.pause) as engine:
            yield engine

    def _record(self) -> str:
        plan, is_public = self.plan, self.plan.creator == "public"
        privacy = Privacy.PUBLIC if is_public else Privacy.SELF_ONLY
        options = Options(
            caption=f"round {plan.number} 🎬",
            privacy=privacy if plan.mode is Mode.DIRECT else None,
            mode=plan.mode,
            form=Form.PHOTO if plan.kind is Kind.PHOTOS else Form.SLIDESHOW,
        )
        sources = [str(path) for path in self.stage.sources[plan.kind]]
        with self._ledger() as engine:
            self._consent(engine)
            taken = intake(
                engine,
                sources=sources,
                account=ACCOUNT,
                options=options,
                consent=command_consent(engine.ledger.now()),
                origin="command",
            )
            return steps.record(engine, taken, who="rehearsal").id

    def _consent(self, engine: Engine) -> None:
        grant = self.stage.control.grant(self.plan.creator)
        accounts.add(
            engine.ledger,
            name=ACCOUNT,
            api_url=self.stage.addresses.api,
            client_key=grant["client_key"],
            open_id=grant["open_id"],
            client_secret=grant["client_secret"],
            refresh_token=grant["refresh_token"],
            audited=self.plan.creator == "public",
            mode=self.plan.mode,
            privacy=None,
        )

    def _jump(self, seconds: float) -> None:
        """Let time pass while workers are dead or asleep; what they had asked may still be on its way."""
        self.jumps.append(self.stage.clock.time())
        self.stage.clock.jump(seconds)

    def _was_on_its_way(self, at: float) -> bool:
        """Whether a call that began then may have been met by a jump: it was not the worker that was late."""
        return any(jump - ON_ITS_WAY_S <= at <= jump for jump in self.jumps)

    def _order(self, fault: Fault) -> None:
        self.stage.control.fault(fault.call, times=fault.times, after=fault.after, **fault.what)

    def _worker(self) -> Forked:
        return start_worker(self.settings, self.stage.clock, self.post_id)

    def _live(self, life: Life) -> None:
        """Workers at the post; the first one meets the blow."""
        end = time.monotonic() + LIFE_S
        seen = self._calls(life.blow)
        if life.slow is not None:
            self._order(life.slow)
        workers = [self._worker() for _ in range(life.workers)]
        try:
            if self._wait_for(life.blow, workers[0], seen, end):
                self.bout.blows += 1
                self._strike(life.blow, workers)
            for worker in workers:
                while worker.is_alive and time.monotonic() < end:
                    time.sleep(LOOK_S)
        finally:
            for worker in workers:
                self.bout.blows += worker.is_alive
                worker.kill()

    def _calls(self, blow: Blow) -> int:
        return len(self.stage.control.calls(blow.call)) if blow.call else 0

    def _wait_for(self, blow: Blow, worker: Forked, seen: int, end: float) -> bool:
        """Wait for the blow's instant; false when the worker was through before it."""
        while blow.call and self._calls(blow) < seen + blow.number:
            if not worker.is_alive or time.monotonic() >= end:
                return False
            time.sleep(LOOK_S)
        time.sleep(blow.seconds)
        return worker.is_alive

    def _strike(self, blow: Blow, workers: list[Forked]) -> None:
        if blow.end is End.KILL:
            workers[0].kill()
            self._jump(blow.jump_s)
            return
        # It is stopped as a machine is that sleeps: its lease runs out, another takes over, then it wakes.
        workers[0].send(signal.SIGSTOP)
        self._jump(max(blow.jump_s, self.settings.lease_seconds + 1))
        workers.append(self._worker())
        end = time.monotonic() + LIFE_S / 3
        while any(worker.is_alive for worker in workers[1:]) and time.monotonic() < end:
            time.sleep(LOOK_S)
        workers[0].send(signal.SIGCONT)

    def _recover(self) -> None:
        """Bring the post to its end as the clock and a careful person would: nothing is disturbed any more."""
        known: list[tuple[str, str | None]] = []
        for _ in range(MOST_WALKS):
            with self._ledger() as engine:
                post = self._tended(engine)
            if post is None:
                return
            self.bout.walks += 1
            worker = self._worker()
            end = time.monotonic() + WALK_S
            while worker.is_alive and time.monotonic() < end:
                time.sleep(LOOK_S)
            if worker.is_alive:
                worker.kill()
                self.bout.violations.append(Violation("lost", f"an undisturbed worker did not end in {WALK_S:.0f} s"))
                return
            # What stands still may wait for an hour to pass, such as that of an upload's URL.
            known.append((post.state, (post.error or {}).get("code")))
            if known[-3:] == [known[-1]] * 3:
                self.stage.clock.jump(3700)

    def _tended(self, engine: Engine) -> Post | None:
        """The post when it is time for its next worker; None when it has come to its end."""
        post = posts.get(engine.ledger, self.post_id)
        code = (post.error or {}).get("code")
        if post.state is PostState.PROCESSING and self.bout.walks >= PATIENT_WALKS:
            if code == "init_unknown":
                self._resolve(engine, post)
                return None
            if self.plan.is_endless:
                return None
        if post.state in ENDED and code not in SENT_AGAIN:
            return None
        if accounts.get(engine.ledger, ACCOUNT).blocked is not None:
            self.bout.mended.append(str(code))
            self._consent(engine)
        if post.state in (PostState.HELD, PostState.FAILED):
            self.bout.mended.append(str(code))
            if code in NEW_CONSENT:
                self._consent(engine)
            if code in SENT_AGAIN:
                post = decisions.retry(engine, post.id, who="rehearsal")
        now = engine.ledger.now()
        if post.not_before is not None and post.not_before > now:
            self.stage.clock.jump((post.not_before - now + timedelta(seconds=1)).total_seconds())
        return post

    def _resolve(self, engine: Engine, post: Post) -> None:
        """A person looks at the creator's account and says what is there, as Airdate asks for."""
        self.bout.mended.append("init_unknown")
        states = [each["state"] for each in self.stage.control.posts()]
        if any(state in LIVE for state in states):
            decisions.resolve_published(engine, post.id, tiktok_post_id=None, who="rehearsal", why="seen")
        elif not self.plan.is_endless or all(state == "FAILED" for state in states):
            decisions.resolve_not_published(engine, post.id, who="rehearsal", why="not to be seen")

    def _look_later(self) -> None:
        """Hours later one more worker comes, as one does that was told twice; it must change nothing."""
        self.stage.clock.jump(3 * 3600)
        worker = self._worker()
        end = time.monotonic() + WALK_S
        while worker.is_alive and time.monotonic() < end:
            time.sleep(LOOK_S)
        worker.kill()
