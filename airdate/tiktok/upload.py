"""The upload: chunks in order, each sent until TikTok has it, none believed sent because we sent it.

Where an answer is lost or contradicts us, TikTok is asked how far it is, and the same range goes to the same URL
again: that can never make a second post. The last block of the film is the commit. It leaves only after the file
was seen unchanged, the ledger holds the commit mark, and the fence says that nobody took the post over.
"""

from __future__ import annotations

import logging
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from airdate.errors import NeedsPerson, Transient, WaitUntil
from airdate.files import SealedFile, SealedReader
from airdate.redact import redact
from airdate.tiktok import witness
from airdate.tiktok.chunks import ChunkPlan
from airdate.tiktok.wire import Answer, NoAnswer, Wire

MAX_ATTEMPTS = 6
"""For one chunk (fact sheet, section 23). More would hide wrong bytes of our own, which TikTok's gateway answers with
the same 502 as its faults."""

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0
"""Waits are between 0 and 1 s, the bound doubling up to 30 s."""

TEMPORARY = (408, 425, 429)
"""Statuses below 500 after which the same range is sent again (RFC 9110, RFC 8470, RFC 6585)."""

CONTENT_TYPE = "video/mp4"
"""Every rendition is MP4."""

SHOWN_CHARS = 500

_log = logging.getLogger(__name__)
_random = random.SystemRandom()
_RANGE = re.compile(r"\s*bytes\s+\d+\s*-\s*(\d{1,15})\s*/\s*(?:\d+|\*)\s*", re.IGNORECASE)


class UploadUrlDead(Transient):
    """The URL takes no more bytes; the restart table says whether there may be a new one."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far TikTok says it is.

    Attributes:
        uploaded_bytes: None when it does not say.
        finished: it is beyond the upload, or has decided; no byte is missed.
    """

    uploaded_bytes: int | None
    finished: bool


class UploadHooks(Protocol):
    """What the upload asks of the one who keeps the record."""

    def before_send(self, first: int) -> None:
        """The fence: raises when the lease is lost. Called before every PUT, and again before the film's last block."""
        ...

    def before_last(self) -> None:
        """Write the commit mark. Called once, before the last (or only) chunk is sent for the first time."""
        ...

    def unrefused(self) -> None:
        """The last chunk went out and was not refused: it is taken now, or may be as long as the URL lives."""
        ...

    def acknowledged(self, uploaded: int) -> None:
        """TikTok has this many bytes from the start of the film. Less than before, if TikTok lost some."""
        ...

    def ask_progress(self) -> Progress:
        """Ask status/fetch about this upload."""
        ...


def upload(
    film: SealedFile,
    plan: ChunkPlan,
    upload_url: str,
    *,
    start: int,
    deadline: datetime,
    hooks: UploadHooks,
    pause: Callable[[float], None],
    now: Callable[[], datetime],
    was_committed: bool = False,
) -> None:
    """Send what TikTok does not have yet; return when it has every byte, or has decided.

    Args:
        upload_url: checked by `hosts.check_upload_url`.
        start: bytes TikTok is known to have; sending begins with the chunk they end in.
        deadline: aware; no attempt begins and no wait ends after it.
        was_committed: the last chunk may have been sent before; else a host that says it has it is not believed.

    Raises:
        Refused: the film changed; its last block was not sent.
        UploadUrlDead: the URL lapsed or was refused; go by the restart table.
        Transient: the attempts are used up; the same call goes on later.
        NeedsPerson: TikTok refuses the request itself, or redirects.
    """
    if film.size != plan.size:
        raise ValueError(f"a plan for {plan.size} bytes and a film of {film.size}")
    with film.opened() as reader, Wire() as wire:
        _Upload(film.path.name, plan, upload_url, reader, wire, deadline, hooks, pause, now, was_committed).run(start)


class _Upload:
    """One call of `upload`: the counters, and what each answer means."""

    def __init__(
        self,
        name: str,
        plan: ChunkPlan,
        url: str,
        reader: SealedReader,
        wire: Wire,
        deadline: datetime,
        hooks: UploadHooks,
        pause: Callable[[float], None],
        now: Callable[[], datetime],
        was_committed: bool,
    ) -> None:
        self._name = name
        self._plan = plan
        self._url = url
        self._reader = reader
        self._wire = wire
        self._deadline = deadline
        self._hooks = hooks
        self._pause = pause
        self._now = now
        self._committed = False
        self._was_committed = was_committed
        self._attempts: Counter[int] = Counter()
        self._complaints: Counter[int] = Counter()
        self._doubts: Counter[int] = Counter()
        self._last_fault = ""

    def run(self, start: int) -> None:
        index = self._plan.next_chunk(start)
        while index < self._plan.count:
            self._wait_turn(index)
            answer = self._send(index)
            if index == self._plan.count - 1 and not _is_refusal(answer):
                self._hooks.unrefused()
            index = self._unanswered(index, answer) if isinstance(answer, NoAnswer) else self._answered(index, answer)

    def _wait_turn(self, index: int) -> None:
        """Wait before a repetition, within the attempts and the deadline."""
        tried = self._attempts[index]
        if tried >= MAX_ATTEMPTS:
            raise Transient(
                "upload_unfinished",
                f"{self._chunk(index)} did not arrive in {tried} attempts; the last: {self._last_fault}",
                item=self._name,
                fix="nothing: the upload goes on where it is, by itself or by the same command",
            )
        wait = _random.uniform(0, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (tried - 1))) if tried else 0.0
        if self._now() + timedelta(seconds=wait) >= self._deadline:
            raise self._dead("upload_url_lapsed", "the upload URL is at the end of its hour")
        if wait:
            _log.info("%s: %s: %s; again in %.1f s", self._name, self._chunk(index), self._last_fault, wait)
            self._pause(wait)

    def _send(self, index: int) -> Answer | NoAnswer:
        """One attempt at one chunk."""
        first, last = self._plan.range_of(index)
        if index == self._plan.count - 1 and not self._committed:
            self._hooks.before_last()
            self._committed = True
        self._hooks.before_send(first)
        self._attempts[index] += 1
        headers = {
            "Content-Type": CONTENT_TYPE,
            "Content-Length": str(last + 1 - first),
            "Content-Range": f"bytes {first}-{last}/{self._plan.size}",
        }
        answer = self._wire.put(self._url, headers, self._body(first, last), last + 1 - first)
        if isinstance(answer, Answer):
            witness.saw("PUT", answer.status, answer.headers, answer.body, headers["Content-Range"])
        return answer

    def _body(self, first: int, last: int) -> Iterator[bytes]:
        """The chunk's blocks; the film's last one only when the fence still holds.

        A process that slept in mid-chunk for an hour would otherwise wake up and finish a film that another worker
        has given up and sent anew.
        """
        offset = first
        for block in self._reader.blocks(first, last):
            offset += len(block)
            if offset == self._plan.size:
                self._hooks.before_send(first)
            yield block

    def _answered(self, index: int, answer: Answer) -> int:
        """The next chunk to send, after the host's answer to chunk `index`."""
        status, told = answer.status, self._uploaded(answer)
        self._last_fault = f"HTTP {status}" + (f" {_said(answer)}" if answer.body else "")
        if self._is_taken(index, answer, told):
            self._hooks.acknowledged(self._plan.range_of(index)[1] + 1)
            return index + 1
        if status in (403, 404, 410):
            raise self._dead(f"http_{status}", f"the upload URL is refused ({self._last_fault})", answer)
        if status == 416:
            return self._resynchronised(index, told, doubted=True)
        if 200 <= status < 300:
            # A success that cannot be one: its header is worth no more than its status, so TikTok is asked.
            return self._resynchronised(index, None, doubted=True)
        if 300 <= status < 400:
            raise self._refused("tiktok_redirect", "redirects the upload, which was not followed", answer)
        if status >= 500 or status in TEMPORARY:
            return index
        if status == 400 and not self._complaints[index]:
            self._complaints[index] += 1
            return index
        raise self._refused(f"http_{status}", f"refuses {self._chunk(index)}", answer)

    def _uploaded(self, answer: Answer) -> int | None:
        """The progress in a `Content-Range` header.

        None for a missing one, for the form that names only the total, and for more than there is.
        """
        found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        told = int(found[1]) if found else None
        return None if told is None or told > self._plan.size else told

    def _is_taken(self, index: int, answer: Answer, told: int | None) -> bool:
        """Whether a success can be believed: all was sent, it is the right one of the three, and nothing denies it."""
        is_last = index == self._plan.count - 1
        if not answer.whole or answer.status not in ((200, 201, 206) if is_last else (206,)):
            return False
        if answer.status == 201:
            return True
        denied = told is not None and self._plan.next_chunk(told) <= index
        return not denied and not (is_last and answer.status == 206 and told is None)

    def _unanswered(self, index: int, fault: NoAnswer) -> int:
        """The next chunk to send, after an attempt at chunk `index` whose outcome nobody knows."""
        self._last_fault = fault.why
        return self._resynchronised(index, None, doubted=False) if fault.reached else index

    def _resynchronised(self, index: int, told: int | None, *, doubted: bool) -> int:
        """The next chunk to send, by TikTok's own count: the answer's, else that of status/fetch.

        Args:
            doubted: the host itself denied what we sent. It may do so once for a chunk: then its count and ours
                cannot be brought together.
        """
        if told is None:
            progress = self._asked()
            if progress.finished:
                return self._plan.count
            told = progress.uploaded_bytes
        following = index if told is None else self._plan.next_chunk(told)
        if following == self._plan.count and not (self._committed or self._was_committed):
            following = index  # nobody sent the last chunk, so nobody can have it
        if following > index:
            self._hooks.acknowledged(self._plan.range_of(following - 1)[1] + 1)
        elif doubted or following < index:
            self._doubts[following] += 1
            if self._doubts[following] > 1:
                raise self._out_of_step(following, told)
        return following

    def _asked(self) -> Progress:
        try:
            return self._hooks.ask_progress()
        except (Transient, WaitUntil) as fault:
            # Not knowing is no reason to stop: the same range to the same URL may always be sent again.
            _log.warning("%s: could not ask TikTok how far the upload is: %s", self._name, fault)
            return Progress(uploaded_bytes=None, finished=False)

    def _out_of_step(self, index: int, told: int | None) -> Transient:
        """What cannot be brought together is given up before the commit; after it the URL must lapse first."""
        text = f"TikTok says it has {told} bytes and refuses {self._chunk(index)} all the same ({self._last_fault})"
        if not self._committed:
            return self._dead("upload_out_of_step", text)
        return Transient(
            "upload_out_of_step",
            text,
            item=self._name,
            fix="nothing: it goes on by itself when the upload URL has lapsed",
        )

    def _dead(self, code: str, text: str, answer: Answer | None = None) -> UploadUrlDead:
        return UploadUrlDead(
            code,
            text,
            item=self._name,
            rule="TikTok, Media Transfer Guide: an upload URL lives for one hour",
            fix="nothing: TikTok is asked what it has, and that decides",
            log_id=_log_id(answer),
        )

    def _refused(self, code: str, text: str, answer: Answer) -> NeedsPerson:
        return NeedsPerson(
            code,
            f"TikTok's upload host {text}: {self._last_fault}",
            item=self._name,
            rule="TikTok, Media Transfer Guide: length, type and range of each chunk as announced",
            fix="look for a proxy that alters uploads; if there is none, report it with the log id",
            log_id=_log_id(answer),
        )

    def _chunk(self, index: int) -> str:
        first, last = self._plan.range_of(index)
        return f"chunk {index + 1} of {self._plan.count} (bytes {first}-{last}/{self._plan.size})"


def _is_refusal(answer: Answer | NoAnswer) -> bool:
    """Whether what was sent cannot be taken any more. Behind a gateway's 5xx it may be, as behind silence."""
    if isinstance(answer, NoAnswer):
        return not answer.reached
    return 300 <= answer.status < 500 and answer.status not in TEMPORARY


def _said(answer: Answer) -> str:
    return redact(" ".join(answer.body.decode("utf-8", "replace").split()))[:SHOWN_CHARS]


def _log_id(answer: Answer | None) -> str | None:
    return answer.headers.get("x-tt-logid") if answer else None
