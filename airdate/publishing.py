"""The only road to TikTok: write first, then act, so that a crash at any instant is followed by the one right thing.

`next_step` is the restart table of the fact sheet (section 23) as a pure function; `publish` walks it until the film
is accepted. A retry, a second worker and a second command all come in here and find in the ledger what is allowed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum, auto

from airdate import gates
from airdate.clearance import Clearance, Stale, clear
from airdate.engine import Engine
from airdate.errors import NeedsPerson, OutcomeUnknown, Refused, Transient, WaitUntil
from airdate.files import SealedFile, seal
from airdate.ledger import posts, submissions
from airdate.ledger.leases import Lease
from airdate.ledger.posts import Post
from airdate.ledger.submissions import Submission
from airdate.ledger.transitions import SETTLED, LeaseLost, is_unsent
from airdate.post import Mode, Options, PostState, Rendition, SubmissionState
from airdate.tiktok.chunks import ChunkPlan, has_all
from airdate.tiktok.client import PostInfo
from airdate.tiktok.hosts import check_upload_url
from airdate.tiktok.session import Session
from airdate.tiktok.upload import Progress, UploadUrlDead, upload

log = logging.getLogger(__name__)

UPLOAD_LIFE = timedelta(hours=1)
"""An upload URL lives an hour from its issue (TikTok, Media Transfer Guide); we count from when we asked, and
`Submission.url_dead_at` says from when on nothing of it can arrive."""

UPLOAD_MARGIN = timedelta(seconds=60)
"""No byte is sent in the last minute of the URL: what would be cut off is better asked about."""

MAX_ABANDONED = 4
"""Uploads of one post that were begun and never finished, before a person is asked; none of them can go live."""

MAX_STALE = 4
"""How often in a row TikTok's rate may keep an init waiting until what it said of the creator is old."""

LAPSED = "upload_url_lapsed"
"""The upload's word for: our own margin ended it."""

BEYOND_UPLOAD = ("PUBLISH_COMPLETE", "SEND_TO_USER_INBOX", "FAILED")
"""Statuses that tell that no byte is missed; `PROCESSING_UPLOAD` covers both the upload and what follows it."""

OnProgress = Callable[[float], None]


class Next(Enum):
    """What the ledger allows to be done next."""

    INIT = auto()
    ABANDON = auto()
    RESUME = auto()
    ASK_ONCE = auto()
    FOLLOW = auto()


def next_step(last: Submission | None, now: datetime) -> Next:
    """The restart table: what to do with the post's newest submission, found in the ledger at `now`."""
    if last is None or last.state in SETTLED:
        return Next.INIT
    if last.state in (SubmissionState.INTENDED, SubmissionState.ASKED):
        # An upload was asked for and its answer is lost: no byte was sent, so nothing can have gone live.
        return Next.ABANDON
    if last.state in (SubmissionState.OPEN, SubmissionState.COMMITTING):
        alive = last.url_expires_at is not None and now < last.url_expires_at - UPLOAD_MARGIN
        return Next.RESUME if alive else Next.ASK_ONCE
    return Next.FOLLOW


def publish(
    engine: Engine, lease: Lease, rendition: Rendition, clearance: Clearance, on_progress: OnProgress | None = None
) -> Post:
    """Bring the post to `processing`: TikTok has every byte of one submission, and decides.

    Raises:
        Refused: TikTok refused the request, or the film changed on disk.
        NeedsPerson: an account, the configuration or the limit of inits stands in the way.
        WaitUntil: a cap, or the old upload URL must lapse first.
        Transient: the upload budget is used up; the same key resumes.
    """
    post = posts.get(engine.ledger, lease.post_id)
    film = seal(rendition.path)
    if film.sha256 != rendition.sha256:
        raise Refused(
            "file_changed",
            "the film is no longer the one that was checked",
            item=rendition.path.name,
            rule=f"SHA-256 {rendition.sha256}",
            fix="publish again with a file that nobody changes meanwhile",
        )
    if post.state is not PostState.PUBLISHING:
        post = posts.move(
            engine.ledger, post.id, PostState.PUBLISHING, who=lease.owner, why="uploading", epoch=lease.epoch
        )
    with Session(engine.settings, engine.ledger, post.account, engine.pause) as session:
        return _Publication(engine, lease, post, film, rendition, session, on_progress).run(clearance)


class _Publication:
    """One attempt at one post under one lease."""

    def __init__(
        self,
        engine: Engine,
        lease: Lease,
        post: Post,
        film: SealedFile,
        rendition: Rendition,
        session: Session,
        on_progress: OnProgress | None,
    ) -> None:
        self.engine = engine
        self.ledger = engine.ledger
        self.lease = lease
        self.post = post
        self.film = film
        self.rendition = rendition
        self.session = session
        self.on_progress = on_progress
        self.opened: int | None = None
        self.stale = 0

    def run(self, clearance: Clearance) -> Post:
        while True:
            known = submissions.of_post(self.ledger, self.post.id)
            last = known[-1] if known else None
            match next_step(last, self.ledger.now()):
                case Next.INIT:
                    self._check_count(known)
                    try:
                        clearance = self._init(clearance)
                    except Stale as stale:
                        clearance = self._again(stale)
                case Next.ABANDON if last:
                    self._move(last, SubmissionState.ABANDONED)
                case Next.RESUME if last:
                    self._send(last)
                case Next.ASK_ONCE if last:
                    self._ask_once(last)
                case _ if last:
                    return self._accepted(last)

    def _check_count(self, known: list[Submission]) -> None:
        # A person who brings the post back says that the cause is mended, so only what came after is counted.
        since = max(event.at for event in posts.story(self.ledger, self.post.id) if event.to_state == PostState.PLANNED)
        begun = sum(
            each.state is SubmissionState.ABANDONED
            and each.publish_id is not None
            and (each.asked_at or since) >= since
            for each in known
        )
        if begun >= MAX_ABANDONED:
            raise NeedsPerson(
                "too_many_uploads",
                f"{begun} uploads of this post were begun and none was finished",
                item=self.post.id,
                rule=f"at most {MAX_ABANDONED} unfinished uploads a post",
                fix="look at the events with `airdate posts show`, mend the cause, then `airdate posts retry`",
            )

    def _init(self, clearance: Clearance) -> Clearance:
        """Ask TikTok for an upload; the ledger knows that we ask before we do, and the answer before any byte."""
        self.session.wait_for_turn("init", self.engine.longest_wait_s)
        if not clearance.is_fresh(self.ledger.now()):
            clearance = clear(self.session, self.post.options, self.rendition.duration_s, self.ledger.now())
        plan = ChunkPlan.for_size(self.film.size)
        mode = self.post.options.mode
        submission = submissions.intend(
            self.ledger,
            self.post.id,
            self.lease.epoch,
            mode=mode,
            sha256=self.film.sha256,
            plan=(plan.size, plan.chunk_size, plan.count),
            gate=gates.at_begin(self.ledger, self.post),
        )
        asked_at = self.ledger.now()
        submission = self._move(submission, SubmissionState.ASKED, asked_at=asked_at)
        try:
            if mode is Mode.INBOX or clearance.creator is None:
                opened = self.session.init_inbox(plan)
            else:
                info = PostInfo.of(self._options(), clearance.creator)
                opened = self.session.init_video(info, plan, lambda: clearance.check_fresh(self.ledger.now()))
            url = check_upload_url(opened.upload_url, self.engine.settings.tiktok_upload_hosts)
        except Stale:
            self._move(submission, SubmissionState.ABANDONED)
            raise
        except (Refused, NeedsPerson, WaitUntil) as refused:
            self._move(submission, SubmissionState.FAILED, fail_reason=refused.code, log_id=refused.log_id)
            raise
        except LeaseLost:
            raise
        except Transient:
            # Whatever TikTok has opened gets no byte from us: the answer held its address.
            self._move(submission, SubmissionState.ABANDONED)
            raise
        self.opened = submission.id
        self._move(
            submission,
            SubmissionState.OPEN,
            log_id=opened.log_id,
            publish_id=opened.publish_id,
            upload_url=self.ledger.vault.seal(url),
            url_expires_at=asked_at + UPLOAD_LIFE,
        )
        posts.store(self.ledger, self.post.id, epoch=self.lease.epoch, publish_id=opened.publish_id)
        return clearance

    def _options(self) -> Options:
        """What a person chose; the cover is the one that was found with the film where nobody named one."""
        options = self.post.options
        return options if options.cover_ms is not None else replace(options, cover_ms=self.rendition.cover_ms)

    def _again(self, stale: Stale) -> Clearance:
        """Ask TikTok for the creator anew, because the waits for its rate have outlasted the last answer."""
        self.stale += 1
        if self.stale >= MAX_STALE:
            raise stale
        return clear(self.session, self.post.options, self.rendition.duration_s, self.ledger.now())

    def _send(self, submission: Submission) -> None:
        """Send what TikTok does not have, from the very file that was hashed before init."""
        start = 0
        if submission.id != self.opened:
            progress = self._progress(submission)
            if _has_all(submission, progress):
                self._move(submission, SubmissionState.ACCEPTED, acknowledged=submission.film_size)
                return
            if self.film.sha256 != submission.film_sha256:
                self._wrong_film(submission, progress)
                return
            start = submission.acknowledged if progress.uploaded_bytes is None else progress.uploaded_bytes
        url = submissions.upload_url(self.ledger, submission)
        if url is None or submission.url_expires_at is None:
            raise NeedsPerson(
                "upload_url_missing", "the upload URL is not in the ledger", item=self.post.id, fix="report this"
            )
        hooks = _Hooks(self, submission)
        try:
            upload(
                self.film,
                _plan_of(submission),
                url,
                start=start,
                deadline=submission.url_expires_at - UPLOAD_MARGIN,
                hooks=hooks,
                pause=self.engine.pause,
                now=self.ledger.now,
                was_committed=submission.state is SubmissionState.COMMITTING,
            )
        except UploadUrlDead as dead:
            self._ask_once(hooks.submission, refused=dead.code != LAPSED)
        except (Refused, NeedsPerson) as refused:
            log.warning("%s: %s", self.post.id, refused)
            if not self._is_sent(hooks):
                raise
        else:
            self._move(hooks.submission, SubmissionState.ACCEPTED, acknowledged=submission.film_size)

    def _wrong_film(self, submission: Submission, progress: Progress) -> None:
        """A rendition made again may differ by a byte, and two films must not be spliced."""
        if submission.state is SubmissionState.COMMITTING and progress.uploaded_bytes is None:
            self._move(submission, SubmissionState.ACCEPTED)
            return
        raise WaitUntil(
            "film_not_here",
            "an upload of another file of this post is open; its URL has to lapse before a new one may begin",
            item=self.post.id,
            rule="an upload goes on only with the file that was hashed before init",
            fix="nothing: the post goes on by itself",
            not_before=submission.url_expires_at or self.ledger.now() + UPLOAD_LIFE,
        )

    def _wait_for_lapse(self, submission: Submission) -> None:
        until = submission.url_dead_at
        if until is not None and self.ledger.now() < until:
            raise WaitUntil(
                "upload_lapsing",
                "the last bytes may still arrive; whether the film has to be sent again is known when the URL is dead",
                item=self.post.id,
                rule="no new init while an earlier one could go live",
                fix="nothing: the post goes on by itself",
                not_before=until,
            )

    def _is_sent(self, hooks: _Hooks) -> bool:
        """Whether an upload that cannot go on may have been complete already; if not, it is closed for good here.

        Raises:
            WaitUntil: an earlier attempt at its last chunk may still be taken.
        """
        submission = hooks.submission
        if submission.state is SubmissionState.COMMITTING:
            self._ask_once(submission, refused=not hooks.may_arrive)
            return submissions.of_post(self.ledger, self.post.id)[-1].state not in SETTLED
        self._move(submission, SubmissionState.ABANDONED, upload_url=None)
        return False

    def _ask_once(self, submission: Submission, *, refused: bool = False) -> None:
        """The URL is dead: TikTok's word on the old id decides whether there may be a new init.

        Args:
            refused: TikTok said that the URL is dead, or refused every last chunk that was sent. Else one that is on
                its way may still be taken, so the URL's hour has to pass first.
        """
        if submission.publish_id is None:
            self._move(submission, SubmissionState.ABANDONED)
            return
        progress = self._progress(submission)
        sent = progress.uploaded_bytes
        if _has_all(submission, progress):
            self._move(submission, SubmissionState.ACCEPTED, acknowledged=submission.film_size)
        elif sent is not None or submission.state is SubmissionState.OPEN:
            if submission.state is SubmissionState.COMMITTING and not refused:
                self._wait_for_lapse(submission)
            log.warning("%s: TikTok has %s of %s bytes and the URL is dead", self.post.id, sent, submission.film_size)
            self._move(submission, SubmissionState.ABANDONED, upload_url=None)
        else:
            # The last chunk may have arrived and TikTok does not say: follow, never send again.
            self._move(submission, SubmissionState.ACCEPTED)

    def _progress(self, submission: Submission) -> Progress:
        """What TikTok has of it. An id TikTok does not keep any more says nothing."""
        assert submission.publish_id is not None  # noqa: S101  (only open submissions are asked about)
        try:
            status = self.session.status(submission.publish_id)
        except OutcomeUnknown:
            return Progress(uploaded_bytes=None, finished=False)
        sent = status.uploaded_bytes
        most = submission.film_size - (2 if submission.state is SubmissionState.OPEN else 0)
        if sent is not None and sent > most:
            log.warning("%s: TikTok says it has %s bytes, and so many were never sent", self.post.id, sent)
            sent = None
        return Progress(uploaded_bytes=sent, finished=status.status in BEYOND_UPLOAD)

    def _accepted(self, submission: Submission) -> Post:
        unconfirmed = submission.acknowledged < submission.film_size
        return posts.move(
            self.ledger,
            self.post.id,
            PostState.PROCESSING,
            who=self.lease.owner,
            why="TikTok has the film and decides" if not unconfirmed else "the last bytes may have arrived",
            epoch=self.lease.epoch,
            unconfirmed=unconfirmed,
            publish_id=submission.publish_id,
            error=None,
            not_before=None,
        )

    def _move(
        self,
        submission: Submission,
        to: SubmissionState,
        *,
        log_id: str | None = None,
        gate: submissions.Gate = submissions.open_gate,
        **values: object,
    ) -> Submission:
        return submissions.move(self.ledger, submission, self.lease.epoch, to, log_id=log_id, gate=gate, **values)


def _plan_of(submission: Submission) -> ChunkPlan:
    return ChunkPlan(submission.film_size, submission.chunk_size, submission.chunk_count)


def _has_all(submission: Submission, progress: Progress) -> bool:
    sent = progress.uploaded_bytes
    return progress.finished or (sent is not None and has_all(sent, submission.film_size))


class _Hooks:
    """What the upload tells and asks while it runs.

    Attributes:
        submission: as the ledger has it now.
        may_arrive: the last chunk was sent, here or by an earlier worker, and that attempt was not refused.
    """

    def __init__(self, publication: _Publication, submission: Submission) -> None:
        self._publication = publication
        self.submission = submission
        self.may_arrive = submission.state is SubmissionState.COMMITTING

    def before_send(self, first: int) -> None:  # noqa: ARG002  (the fence does not depend on the range)
        """The fence: a worker that lost its lease sends nothing more."""
        self._publication.lease.check()

    def before_last(self) -> None:
        """The commit mark: from here on a new init is forbidden until TikTok says that this one cannot go live.

        Raises:
            Frozen: somebody froze publishing; the upload stays open, and may go on within its hour.
        """
        publication = self._publication
        self.submission = publication._move(
            self.submission, SubmissionState.COMMITTING, gate=gates.at_mark(publication.ledger, publication.post)
        )

    def unrefused(self) -> None:
        """The last chunk may be taken until the URL is dead, whatever comes next."""
        self.may_arrive = True

    def acknowledged(self, uploaded: int) -> None:
        """TikTok has taken this many bytes."""
        publication = self._publication
        submissions.acknowledge(publication.ledger, self.submission, publication.lease.epoch, uploaded)
        if self._publication.on_progress:
            self._publication.on_progress(uploaded / self.submission.film_size)

    def ask_progress(self) -> Progress:
        """What TikTok says it has."""
        return self._publication._progress(self.submission)


def abandon_unsent(engine: Engine, lease: Lease) -> bool:
    """Close what was begun for a post that is to end now; True when something of it may still go live.

    Before the commit mark nothing can: the rest of the bytes never comes, because the URL is thrown away here.
    """
    known = submissions.of_post(engine.ledger, lease.post_id)
    last = known[-1] if known else None
    if last is None or last.state in SETTLED:
        return False
    if is_unsent(last.transfer, last.state):
        submissions.move(engine.ledger, last, lease.epoch, SubmissionState.ABANDONED, upload_url=None)
        return False
    return True


def is_open(engine: Engine, post_id: str) -> bool:
    """Whether an upload of the post is begun and not settled."""
    known = submissions.of_post(engine.ledger, post_id)
    return bool(known) and known[-1].state not in SETTLED
