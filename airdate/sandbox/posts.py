"""A post in the sandbox: its upload, what the film turned out to be, and where it stands at an instant."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from airdate.sandbox.faults import PostIds, ProcessingFault
from airdate.sandbox.film import Film
from airdate.sandbox.rules import Chunks

PUBLIC = "PUBLIC_TO_EVERYONE"

LATE_ID_S = 60.0
"""How much later a `late` public id comes."""

DAY_S = 86_400.0


class Status(StrEnum):
    """TikTok's words for where a post stands (TikTok, Get Post Status)."""

    PROCESSING_UPLOAD = "PROCESSING_UPLOAD"
    SEND_TO_USER_INBOX = "SEND_TO_USER_INBOX"
    PUBLISH_COMPLETE = "PUBLISH_COMPLETE"
    FAILED = "FAILED"


@dataclass(slots=True)
class Upload:
    """The one URL a film is sent to.

    Attributes:
        token: who has it may send.
        expires_at: after this no byte is taken, also of a chunk that began before.
        path: where the bytes go.
        received: bytes that are in, always whole chunks.
        turn: counts the PUTs, so that a connection that is dead already cannot write into a newer one's chunk.
    """

    id: str
    token: str = field(repr=False)
    chunks: Chunks
    expires_at: float
    path: Path
    received: int = 0
    turn: int = 0
    forgotten: bool = False
    content_type: str = "video/mp4"

    @property
    def complete(self) -> bool:
        """Whether every byte is in."""
        return self.received == self.chunks.size


@dataclass(slots=True)
class Post:
    """One init and what followed.

    Attributes:
        creator: the creator's name here.
        direct: a post; else a draft in the creator's inbox.
        info: `post_info` as sent.
        post_id: the id a public post gets; above 2^53, as TikTok's are.
        received_at: when the last byte came.
        ready_at: when processing ends, if the film was looked at by then.
        public_at: when a public post gets its id.
        posted_at: when the creator posted the draft.
        film: what was found in it; None until it was looked at.
        capped: the creator's cap for the day was full when the last byte came.
        fault: what was ordered to become of it.
        examining: the task that looks at the film.
    """

    publish_id: str
    creator: str
    direct: bool
    info: dict[str, Any]
    post_id: int
    created_at: float
    upload: Upload
    received_at: float | None = None
    ready_at: float = 0.0
    public_at: float = 0.0
    posted_at: float | None = None
    film: Film | None = None
    capped: bool = False
    fault: ProcessingFault = field(default_factory=ProcessingFault)
    examining: asyncio.Task[None] | None = None

    @property
    def fail_reason(self) -> str | None:
        """Why it fails, or will fail when processing ends; None when it does not, or nobody knows yet."""
        if self.fault.fail_reason:
            return self.fault.fail_reason
        if self.capped:
            return "spam_risk_too_many_posts"
        return self.film.fail_reason if self.film else None

    def status(self, now: float) -> Status:
        """Where it stands."""
        undecided = self.received_at is None or self.film is None or now < self.ready_at
        if undecided or self.fault.endless:
            return Status.PROCESSING_UPLOAD
        if self.fail_reason:
            return Status.FAILED
        return Status.PUBLISH_COMPLETE if self.direct or self.posted_at is not None else Status.SEND_TO_USER_INBOX

    def is_public(self, now: float) -> bool:
        """Whether everybody can see it and it has its id."""
        late = LATE_ID_S if self.fault.post_ids is PostIds.LATE else 0.0
        return (
            self.direct
            and self.info.get("privacy_level") == PUBLIC
            and self.status(now) is Status.PUBLISH_COMPLETE
            and now >= self.public_at + late
        )

    def fetched(self, now: float) -> dict[str, Any]:
        """The `data` of status/fetch; what has no value is left out."""
        status = self.status(now)
        data: dict[str, Any] = {"status": status.value}
        if status is Status.PROCESSING_UPLOAD:
            data["uploaded_bytes"] = self.upload.received
        if status is Status.FAILED:
            data["fail_reason"] = self.fail_reason
        if status is Status.PUBLISH_COMPLETE and self.fault.post_ids is PostIds.EMPTY:
            data["publicaly_available_post_id"] = []
        elif self.is_public(now) and self.fault.post_ids is not PostIds.ABSENT:
            forms: dict[PostIds, Any] = {PostIds.STRINGS: [str(self.post_id)], PostIds.SCALAR: self.post_id}
            data["publicaly_available_post_id"] = forms.get(self.fault.post_ids, [self.post_id])
        return data

    def pending_share(self, now: float) -> bool:
        """Whether it counts as an unfinished draft: opened within 24 h, neither posted nor failed nor lapsed."""
        lapsed = not self.upload.complete and now > self.upload.expires_at
        ended = self.status(now) in (Status.FAILED, Status.PUBLISH_COMPLETE)
        return not self.direct and now - self.created_at < DAY_S and not lapsed and not ended

    def counts_today(self, now: float) -> bool:
        """Whether it counts for the creator's cap: a film of the last 24 h that was not refused."""
        recent = self.received_at is not None and now - self.received_at < DAY_S
        return self.direct and recent and self.fail_reason is None
