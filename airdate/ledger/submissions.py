"""Submissions in the ledger, written in the order that makes a crash at any instant harmless.

The order (fact sheet, section 23): intend, mark asked, store the publish id before any byte, acknowledge chunks,
mark the commit before the last chunk, store the end. Every write compares the lease's epoch through its post.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from airdate.errors import Transient
from airdate.ledger.database import Ledger
from airdate.ledger.schema import posts, submissions
from airdate.ledger.transitions import SETTLED, LeaseLost, move_submission
from airdate.post import Mode, SubmissionState, Transfer

LONGEST_INIT = timedelta(minutes=15)
"""The tries of one init and the waits between them take less: five of a minute each, and four waits of a minute."""

Gate = Callable[[Connection], None]
"""Raises when what a transaction is about to write may not be done now."""


def open_gate(_connection: Connection) -> None:
    """Let everything pass."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One init at TikTok and all that follows from it.

    Attributes:
        film_sha256: of what it sends; of the pictures' bytes in their order for a photo post, as is the size.
        chunk_size: 0 for a pull, as is the count.
        acknowledged: bytes TikTok has taken, as far as we were told.
        url_expires_at: an hour after the upload was asked for; bytes are sent before it only.
    """

    id: int
    post_id: str
    state: SubmissionState
    mode: Mode
    film_sha256: str
    film_size: int
    chunk_size: int
    chunk_count: int
    asked_at: datetime | None
    publish_id: str | None
    url_expires_at: datetime | None
    acknowledged: int
    fail_reason: str | None
    log_ids: tuple[str, ...]
    transfer: Transfer = Transfer.UPLOAD

    @property
    def url_dead_at(self) -> datetime | None:
        """From when on TikTok can take no byte of it, whenever in the tries of the init it issued the URL."""
        return None if self.url_expires_at is None else self.url_expires_at + LONGEST_INIT

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; without the upload URL, which is a secret."""
        return {
            "state": self.state.value,
            "mode": self.mode.value,
            "transfer": self.transfer.value,
            "publish_id": self.publish_id,
            "film_sha256": self.film_sha256,
            "film_size": self.film_size,
            "acknowledged": self.acknowledged,
            "asked_at": self.asked_at.isoformat() if self.asked_at else None,
            "fail_reason": self.fail_reason,
            "log_ids": list(self.log_ids),
        }


def of_post(ledger: Ledger, post_id: str) -> list[Submission]:
    """All submissions of a post, oldest first."""
    with ledger.read() as connection:
        return of(connection, post_id)


def of(connection: Connection, post_id: str) -> list[Submission]:
    """All submissions of a post, oldest first, inside a transaction."""
    query = select(submissions).where(submissions.c.post_id == post_id).order_by(submissions.c.id)
    return [_submission(row) for row in connection.execute(query)]


def intend(
    ledger: Ledger,
    post_id: str,
    epoch: int,
    *,
    mode: Mode,
    sha256: str,
    plan: tuple[int, int, int],
    transfer: Transfer = Transfer.UPLOAD,
    gate: Gate = open_gate,
) -> Submission:
    """Write down what is about to be asked, before it is asked.

    Args:
        plan: size, chunk size and chunk count; the last two are 0 for a pull.
        gate: asked in the same transaction; what it raises leaves nothing written.

    Raises:
        LeaseLost: the epoch is no longer the ledger's.
        Transient: an earlier submission of the post may still go live.
    """
    size, chunk_size, chunk_count = plan
    with ledger.write() as connection:
        fence(connection, post_id, epoch)
        _check_settled(connection, post_id)
        gate(connection)
        now = ledger.now()
        row = connection.execute(
            insert(submissions)
            .values(
                post_id=post_id,
                state=SubmissionState.INTENDED.value,
                mode=mode.value,
                transfer=transfer.value,
                film_sha256=sha256,
                film_size=size,
                chunk_size=chunk_size,
                chunk_count=chunk_count,
                acknowledged=0,
                log_ids=[],
                created_at=now,
                updated_at=now,
            )
            .returning(submissions)
        ).one()
    return _submission(row)


def move(
    ledger: Ledger,
    submission: Submission,
    epoch: int,
    to: SubmissionState,
    *,
    log_id: str | None = None,
    gate: Gate = open_gate,
    **values: Any,
) -> Submission:
    """Move the submission under its post's lease and store `values`; a new `log_id` is kept with the others.

    Args:
        gate: asked in the same transaction; what it raises leaves nothing written.

    Raises:
        LeaseLost: the epoch is no longer the ledger's.
    """
    with ledger.write() as connection:
        fence(connection, submission.post_id, epoch)
        gate(connection)
        if log_id and log_id not in submission.log_ids:
            values["log_ids"] = [*submission.log_ids, log_id]
        move_submission(connection, submission.id, to, now=ledger.now(), **values)
        row = connection.execute(select(submissions).where(submissions.c.id == submission.id)).one()
    return _submission(row)


def acknowledge(ledger: Ledger, submission: Submission, epoch: int, uploaded: int) -> None:
    """Note how many bytes TikTok has taken: one statement, because it stands between every two chunks.

    Raises:
        LeaseLost: the epoch is no longer the ledger's.
    """
    in_force = select(posts.c.lease_epoch).where(posts.c.id == submission.post_id).scalar_subquery()
    with ledger.write(durable=False) as connection:
        done = connection.execute(
            update(submissions)
            .where(submissions.c.id == submission.id, in_force == epoch)
            .values(acknowledged=uploaded, updated_at=ledger.now())
        )
    if done.rowcount != 1:
        raise LeaseLost(submission.post_id)


def upload_url(ledger: Ledger, submission: Submission) -> str | None:
    """The upload URL in clear, for the upload alone."""
    with ledger.read() as connection:
        sealed = connection.execute(
            select(submissions.c.upload_url).where(submissions.c.id == submission.id)
        ).scalar_one()
    return ledger.vault.unseal(sealed) if sealed else None


def newest(connection: Connection, post_id: str) -> Submission | None:
    """The post's last submission, inside a transaction."""
    query = select(submissions).where(submissions.c.post_id == post_id).order_by(submissions.c.id.desc()).limit(1)
    row = connection.execute(query).first()
    return _submission(row) if row else None


def by_publish_id(ledger: Ledger, publish_id: str) -> Submission | None:
    """The submission that TikTok knows by this id, if it is one of ours."""
    query = select(submissions).where(submissions.c.publish_id == publish_id).order_by(submissions.c.id.desc()).limit(1)
    with ledger.read() as connection:
        row = connection.execute(query).first()
    return _submission(row) if row else None


def fence(connection: Connection, post_id: str, epoch: int) -> None:
    """Stop a writer whose lease was taken over; the row stays locked until the write is done."""
    now_epoch = connection.execute(
        select(posts.c.lease_epoch).where(posts.c.id == post_id).with_for_update()
    ).scalar_one()
    if now_epoch != epoch:
        raise LeaseLost(post_id)


def _check_settled(connection: Connection, post_id: str) -> None:
    """The rule against two posts, kept where it cannot be passed by, whatever road a worker believes to be on."""
    if any(each.state not in SETTLED for each in of(connection, post_id)):
        raise Transient(
            "submission_unsettled",
            "an earlier request of this post may still go live, so none was begun beside it",
            item=post_id,
            rule="a new submission only when every earlier one is failed or abandoned",
            fix="nothing: the post goes on with the earlier one by itself",
        )


def _submission(row: Row[Any]) -> Submission:
    facts = {name: getattr(row, name) for name in Submission.__slots__}
    facts |= {
        "state": SubmissionState(row.state),
        "mode": Mode(row.mode),
        "transfer": Transfer(row.transfer),
        "log_ids": tuple(row.log_ids),
    }
    return Submission(**facts)
