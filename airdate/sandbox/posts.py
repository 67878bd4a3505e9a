"""A post in the sandbox: how its media come, what they turned out to be, and where it stands at an instant."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from airdate.sandbox.faults import PostIds, ProcessingFault
from airdate.sandbox.film import Film
from airdate.sandbox.photos import Album
from airdate.sandbox.rules import Chunks

PUBLIC = "PUBLIC_TO_EVERYONE"

LATE_ID_S = 60.0
"""How much later a `late` public id comes."""

DAY_S = 86_400.0


class Status(StrEnum):
    """TikTok's words for where a post stands (TikTok, Get Post Status)."""

    PROCESSING_UPLOAD = "PROCESSING_UPLOAD"
    PROCESSING_DOWNLOAD = "PROCESSING_DOWNLOAD"
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
        taken: bytes that came, those that came again included.
        turn: counts the PUTs, so that a connection that is dead already cannot write into a newer one's chunk.
    """

    id: str
    token: str = field(repr=False)
    chunks: Chunks
    expires_at: float
    path: Path
    received: int = 0
    taken: int = 0
    turn: int = 0
    forgotten: bool = False
    content_type: str = "video/mp4"

    @property
    def complete(self) -> bool:
        """Whether every byte is in."""
        return self.received == self.chunks.size


@dataclass(slots=True)
class Pull:
    """The addresses that TikTok fetches media from.

    Attributes:
        urls: a signed query in one is a secret.
        paths: where the bytes of each go.
        photos: whether they are photos; else it is one film.
        expires_at: what has not come by then does not come.
        received: bytes that came so far.
        complete: whether all of them came.
    """

    urls: tuple[str, ...] = field(repr=False)
    paths: tuple[Path, ...]
    photos: bool
    expires_at: float
    received: int = 0
    complete: bool = False
    content_type: str = "video/mp4"

    @property
    def path(self) -> Path:
        """Where the film goes, or the first photo."""
        return self.paths[0]


@dataclass(slots=True)
class Post:
    """One init and what followed.

    Attributes:
        app: whose token it was opened with, by the name of its seed.
        creator: the creator's name here.
        direct: a post; else a draft in the creator's inbox.
        info: `post_info` as sent.
        media: how the bytes come.
        post_id: the id a public post gets; above 2^53, as TikTok's are.
        received_at: when the last byte came.
        ready_at: when processing ends, if the media were looked at by then.
        public_at: when a public post gets its id.
        posted_at: when the creator posted the draft.
        taken_down_at: when it was no longer to be seen.
        found: what is in the media; None until they were looked at.
        stopped: the reason for which it failed before it was decided: its pull failed, or something ended it.
        stopped_why: the same for people.
        capped: the creator's cap for the day was full when the last byte came.
        fault: what was ordered to become of it.
        told: the webhook events that are out already.
    """

    publish_id: str
    app: str
    creator: str
    direct: bool
    info: dict[str, Any]
    media: Upload | Pull
    post_id: int
    created_at: float
    received_at: float | None = None
    ready_at: float = 0.0
    public_at: float = 0.0
    posted_at: float | None = None
    taken_down_at: float | None = None
    found: Film | Album | None = None
    stopped: str | None = None
    stopped_why: str | None = None
    capped: bool = False
    fault: ProcessingFault = field(default_factory=ProcessingFault)
    told: list[str] = field(default_factory=list)

    @property
    def photos(self) -> bool:
        """Whether it is made of photos."""
        return isinstance(self.media, Pull) and self.media.photos

    @property
    def fail_reason(self) -> str | None:
        """Why it fails, or will fail when processing ends; None when it does not, or nobody knows yet."""
        if self.stopped or self.fault.fail_reason:
            return self.stopped or self.fault.fail_reason
        if self.capped:
            return "spam_risk_too_many_posts"
        return self.found.fail_reason if self.found else None

    @property
    def why(self) -> str | None:
        """What is wrong with the media or their way here, for people."""
        return self.stopped_why or (self.found.why if self.found else None)

    def status(self, now: float) -> Status:
        """Where it stands."""
        if self.stopped:
            return Status.FAILED
        undecided = self.received_at is None or self.found is None or now < self.ready_at
        if undecided or self.fault.endless:
            return Status.PROCESSING_UPLOAD if isinstance(self.media, Upload) else Status.PROCESSING_DOWNLOAD
        if self.fail_reason:
            return Status.FAILED
        return Status.PUBLISH_COMPLETE if self.direct or self.posted_at is not None else Status.SEND_TO_USER_INBOX

    def is_public(self, now: float) -> bool:
        """Whether everybody can see it and it has its id."""
        return self.was_public(now) and self.taken_down_at is None

    def was_public(self, now: float) -> bool:
        """Whether it came so far, taken down since or not."""
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
            data["uploaded_bytes"] = self.media.received
        if status is Status.PROCESSING_DOWNLOAD:
            data["downloaded_bytes"] = self.media.received
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
        lapsed = not self.media.complete and now > self.media.expires_at
        ended = self.status(now) in (Status.FAILED, Status.PUBLISH_COMPLETE)
        return not self.direct and now - self.created_at < DAY_S and not lapsed and not ended

    def counts_today(self, now: float) -> bool:
        """Whether it counts for the creator's cap: a post of the last 24 h that was not refused."""
        recent = self.received_at is not None and now - self.received_at < DAY_S
        return self.direct and recent and self.fail_reason is None
