"""The road of a photo post: TikTok fetches the pictures, and one request is all it needs from us.

That makes it the more dangerous road. An upload that was asked for can be asked for again, because without its bytes
nothing goes live; a photo post that was asked for may be live whatever became of the answer. So the request leaves
once, under a lease that outlives it, and a request whose answer is lost is never repeated by anybody: the submission
becomes `unknown`, the post stays `processing` and unconfirmed, and a person says what became of it.

`next_step` is the restart table's PULL rows (fact sheet, section 23) as a pure function.
"""

from __future__ import annotations

import logging
import random
from enum import Enum, auto

from airdate import brake, gates
from airdate.clearance import Clearance, clear
from airdate.engine import Engine
from airdate.errors import AirdateError, NeedsPerson, OutcomeUnknown, Transient, WaitUntil
from airdate.following import look
from airdate.ledger import posts, pulls, submissions
from airdate.ledger.leases import Lease
from airdate.ledger.posts import Post
from airdate.ledger.submissions import Submission
from airdate.ledger.transitions import SETTLED, LeaseLost, note
from airdate.outcome import error_record
from airdate.photo_set import photos_of
from airdate.post import PostState, Rendition, SubmissionState, Transfer
from airdate.pull_store import Served, check_served, place_of, serve
from airdate.tiktok.client import LONGEST_WAIT_S, TokenRefused
from airdate.tiktok.photos import OpenPull, init_unknown, photo_request
from airdate.tiktok.session import Session

log = logging.getLogger(__name__)

REQUEST_S = 130.0
"""The longest one init may be on its way: connecting 10 s, sending 30 s, the first byte of the answer 30 s, the rest
of it 60 s. For so long nobody else may believe to be alone with the post."""

MARGIN_S = 20.0
"""A worker that needed longer than this from renewing its lease to the request has stalled, and sends nothing."""

ATTEMPTS = 5
"""Inits of which it is certain that they made nothing, before the post rests for a while."""

FIRST_WAIT_S = 1.0
ANSWER_TRIES = 10
"""TikTok's answer is written down even if the ledger is away for a moment; without it nobody can ask about the post."""

_random = random.SystemRandom()


class Next(Enum):
    """What the ledger allows to be done next."""

    INIT = auto()
    ABANDON = auto()
    PARK = auto()
    FOLLOW = auto()


def next_step(last: Submission | None) -> Next:
    """The restart table: what to do with the newest submission of a photo post, found in the ledger."""
    if last is None or last.state in SETTLED:
        return Next.INIT
    if last.state is SubmissionState.INTENDED:
        return Next.ABANDON  # the request leaves only after `asked` is written, so it never left
    if last.state in (SubmissionState.ASKED, SubmissionState.UNKNOWN):
        return Next.PARK
    return Next.FOLLOW


def settle(engine: Engine, lease: Lease) -> Post | None:
    """Bring the post to where a pull of it leads that was begun earlier; None when there is none, or it asked nothing.

    It needs neither the sources nor TikTok, so it comes before everything that may fail for want of them.

    Raises:
        LeaseLost: another worker holds the post.
    """
    known = submissions.of_post(engine.ledger, lease.post_id)
    last = known[-1] if known else None
    if last is None or last.transfer is not Transfer.PULL or last.state in SETTLED:
        return None
    post = posts.get(engine.ledger, lease.post_id)
    if post.state is not PostState.PUBLISHING:
        return None
    match next_step(last):
        case Next.ABANDON:
            submissions.move(engine.ledger, last, lease.epoch, SubmissionState.ABANDONED)
            return None
        case Next.PARK:
            what = "the worker that asked ended before the answer came"
            return _parked(engine, lease, last, init_unknown(what, item=post.id))
        case _:
            return _followed(engine, lease, last)


def _followed(engine: Engine, lease: Lease, submission: Submission) -> Post:
    return posts.move(
        engine.ledger,
        submission.post_id,
        PostState.PROCESSING,
        who=lease.owner,
        why="TikTok fetches the pictures and decides",
        epoch=lease.epoch,
        publish_id=submission.publish_id,
        error=None,
        not_before=None,
    )


def _parked(engine: Engine, lease: Lease, submission: Submission, lost: OutcomeUnknown) -> Post:
    log.error("%s", lost)
    brake.heard(engine.ledger, posts.get(engine.ledger, submission.post_id).account, lost)
    why = f"{lost.code}: {lost.message}"
    pulls.lose(engine.ledger, submission, lease.epoch, why=why, error=error_record(lost), who=lease.owner)
    return posts.get(engine.ledger, submission.post_id)


def publish(engine: Engine, lease: Lease, rendition: Rendition, clearance: Clearance) -> Post:
    """Bring the post to `processing`: TikTok was asked to fetch the pictures, once.

    Raises:
        Refused: TikTok refused the request, or a picture changed on disk.
        NeedsPerson: an account, the configuration, or the address of the pictures stands in the way.
        WaitUntil: a rate or a cap.
        Transient: TikTok cannot be reached; nothing was sent.
    """
    post = posts.get(engine.ledger, lease.post_id)
    if post.state is not PostState.PUBLISHING:
        post = posts.move(
            engine.ledger,
            post.id,
            PostState.PUBLISHING,
            who=lease.owner,
            why="laying the pictures open",
            epoch=lease.epoch,
        )
    with Session(engine.settings, engine.ledger, post.account, engine.pause) as session:
        place = place_of(engine.settings, session.account.api_url)
        served = serve(engine.ledger, lease, place, photos_of(rendition))
        check_served(served, engine.pause)
        return _Publication(engine, lease, post, rendition, served, session).run(clearance)


class _Publication:
    """One attempt at one photo post under one lease."""

    def __init__(
        self,
        engine: Engine,
        lease: Lease,
        post: Post,
        rendition: Rendition,
        served: tuple[Served, ...],
        session: Session,
    ) -> None:
        self.engine = engine
        self.ledger = engine.ledger
        self.lease = lease
        self.post = post
        self.rendition = rendition
        self.served = served
        self.session = session

    def run(self, clearance: Clearance) -> Post:
        """Ask until there is an answer; again only after what is certain to have made nothing."""
        is_renewed = False
        for number in range(1, ATTEMPTS + 1):
            # An attempt whose end could not be written down is not over: the ledger is believed, not this loop.
            if (settled := settle(self.engine, self.lease)) is not None:
                return settled
            # The account's rate slot first: it may take a minute, and what TikTok says of the creator would be old.
            self.session.wait_for_turn("init", self.engine.longest_wait_s)
            if not clearance.is_fresh(self.ledger.now()):
                clearance = clear(self.session, self.post.options, self.rendition.duration_s, self.ledger.now())
            # The token too: to renew it takes calls of its own, which have no place between `asked` and the request.
            token = self.session.token()
            try:
                return self._ask(clearance, token)
            except LeaseLost:
                raise
            except TokenRefused as refused:
                if is_renewed:
                    self.session.block(refused, token)
                    raise
                self.session.renew(token)
                is_renewed = True
            except (Transient, WaitUntil) as stopped:
                self._wait(stopped, number)
        raise AssertionError("the last attempt returns or raises")

    def _wait(self, stopped: Transient | WaitUntil, number: int) -> None:
        """Wait before the next attempt; raises what stopped this one when there is none, or the wait is long."""
        wait = _random.uniform(0, FIRST_WAIT_S * 2 ** (number - 1))
        if isinstance(stopped, WaitUntil):
            wait = max(0.0, (stopped.not_before - self.ledger.now()).total_seconds())
        if number == ATTEMPTS or wait > LONGEST_WAIT_S:
            raise stopped
        log.info("%s: %s; again in %.1f s", self.post.id, stopped, wait)
        self.engine.pause(wait)

    def _ask(self, clearance: Clearance, token: str) -> Post:
        """Have TikTok fetch the pictures. The ledger knows that we ask before we do, and what came of it after."""
        options = self.post.options
        body = photo_request(options, clearance.creator, [picture.url for picture in self.served])
        submission = submissions.intend(
            self.ledger,
            self.post.id,
            self.lease.epoch,
            mode=options.mode,
            sha256=self.rendition.sha256,
            plan=(self.rendition.size, 0, 0),
            transfer=Transfer.PULL,
            gate=gates.at_begin(self.ledger, self.post),
        )

        def about_to_ask() -> None:
            # Dying up to here leaves `intended`: nothing was asked, the next worker asks.
            nonlocal submission
            clearance.check_fresh(begun := self.ledger.now())
            self.lease.outlive(REQUEST_S + MARGIN_S)
            submission = submissions.move(
                self.ledger,
                submission,
                self.lease.epoch,
                SubmissionState.ASKED,
                gate=gates.at_mark(self.ledger, self.post),
                asked_at=begun,
            )
            # Dying from here on leaves `asked`: nobody asks again. A worker that wakes up from a long sleep here may
            # no longer have the post to itself, so it sends nothing. Between this line and the socket nothing waits.
            if (self.ledger.now() - begun).total_seconds() > MARGIN_S:
                raise Transient(
                    "worker_stalled",
                    f"this worker stood still for over {MARGIN_S:.0f} s right before it asked TikTok; nothing was sent",
                    item=self.post.id,
                    fix="nothing: the post goes on by itself",
                )

        try:
            opened = self.session.init_photos(token, body, about_to_ask)
        except LeaseLost:
            raise
        except OutcomeUnknown as unknown:
            return self._lose(submission, unknown)
        except AirdateError as refused:
            # Each of these means that TikTok made nothing: it said so itself, or not a byte left this machine.
            was_asked = submission.state is SubmissionState.ASKED
            to = SubmissionState.FAILED if was_asked else SubmissionState.ABANDONED
            submissions.move(
                self.ledger, submission, self.lease.epoch, to, log_id=refused.log_id, fail_reason=refused.code
            )
            raise
        if opened.publish_id is None:
            return self._lose(submission, init_unknown("the answer lacks the publish id", log_id=opened.log_id))
        return self._keep(submission, opened, opened.publish_id)

    def _lose(self, submission: Submission, lost: OutcomeUnknown) -> Post:
        submission = self._with_log_id(submission, lost.log_id)
        return _parked(self.engine, self.lease, submission, lost)

    def _with_log_id(self, submission: Submission, log_id: str | None) -> Submission:
        """Keep TikTok's id of the call: it is the evidence its support asks for."""
        if log_id is None:
            return submission
        return submissions.move(self.ledger, submission, self.lease.epoch, submission.state, log_id=log_id)

    def _keep(self, submission: Submission, opened: OpenPull, publish_id: str) -> Post:
        """Write TikTok's answer down; a ledger that is away for a moment must not cost it."""
        log.info("%s: TikTok fetches its pictures as %s, log id %s", self.post.id, publish_id, opened.log_id)
        for number in range(1, ANSWER_TRIES + 1):
            try:
                pulls.accept(self.ledger, submission, publish_id, log_id=opened.log_id, who=self.lease.owner)
                break
            except Transient:
                if number == ANSWER_TRIES:
                    raise
                self.engine.pause(FIRST_WAIT_S * number)
        return posts.get(self.ledger, self.post.id)


def cancel(engine: Engine, post: Post, *, who: str, why: str) -> Post:
    """Ask TikTok to stop fetching the pictures of a post in processing; best effort, as TikTok says itself.

    Raises:
        NeedsPerson: it is too late, or TikTok's id of the post is not known.
    """
    last = submissions.of_post(engine.ledger, post.id)[-1]
    if last.publish_id is None:
        raise NeedsPerson(
            "cannot_be_stopped",
            "whether TikTok took the post is not known, and without its id it cannot be told to stop",
            item=post.id,
            rule="TikTok cancels by the publish id, which came with the answer that is missing",
            fix="look at the creator's account; then `airdate posts resolve`",
        )
    with Session(engine.settings, engine.ledger, post.account, engine.pause) as session:
        try:
            session.cancel(last.publish_id)
        except NeedsPerson as refused:
            if refused.code != "publish_not_cancellable":
                raise
            found = look(engine, post)
            if found.state is PostState.FAILED:
                return found  # an earlier try did it, and its answer was lost
            raise NeedsPerson(
                refused.code,
                "TikTok has fetched the pictures, so it can no longer be told to stop",
                item=post.id,
                rule="TikTok, Cancel: only while it fetches, and best effort",
                fix="wait for its answer with `airdate posts follow`; delete the post in TikTok's app if it must go",
                log_id=refused.log_id,
            ) from refused
    with engine.ledger.write() as connection:
        said = f"TikTok was asked to cancel it: {why}"
        note(connection, post.id, post.state, post.state, who=who, why=said, now=engine.ledger.now())
    return look(engine, posts.get(engine.ledger, post.id))


def is_cancellable(engine: Engine, post: Post) -> bool:
    """Whether TikTok may still be fetching the post."""
    if post.state is not PostState.PROCESSING:
        return False
    known = submissions.of_post(engine.ledger, post.id)
    return bool(known) and known[-1].transfer is Transfer.PULL
