"""Downloading one file by HTTP(S): guarded, resumed without ever splicing two versions, checked, then named.

The bytes go to `NAME.part`. The final name exists only for a complete file whose size, hash and first bytes were
checked. A process that is killed leaves the part, and the next call goes on from it.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import httpx

from airdate.errors import Refused, Transient
from airdate.redact import redact
from airdate.settings import Settings
from airdate.sources.answer import check_content, check_status, not_media, too_large, unreachable
from airdate.sources.contract import Pause, Progress, changed_since_approval
from airdate.sources.filename import filename_of
from airdate.sources.origins import allowed_origins, parse_url
from airdate.sources.part import Part, Version
from airdate.sources.request import open_response
from airdate.sources.retry import Interrupted, persist
from airdate.sources.sniff import SNIFF_BYTES, Kind, sniff
from airdate.store import check_free_space, disk_errors


@dataclass(frozen=True, slots=True)
class Limits:
    """How slow a download may be.

    Attributes:
        connect_s: seconds to a connection.
        read_s: seconds between two reads.
        total_s: seconds of the whole call, its attempts and waits included. 4 GB take an hour at 10 Mbit/s.
        floor_bytes_per_s: fewer than this over `floor_s` seconds count as a stall.
        floor_s: the window of that rule, in seconds.
    """

    connect_s: float = 10.0
    read_s: float = 30.0
    total_s: float = 2 * 3600.0
    floor_bytes_per_s: int = 8 * 1024
    floor_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of the file that was approved; None where nothing is."""

    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A complete file.

    Attributes:
        size: in bytes.
        content_type: by its first bytes, not by the server's word.
        filename: for people; its suffix is the one of `content_type`.
    """

    path: Path
    size: int
    sha256: str
    content_type: str
    filename: str


NOTHING_EXPECTED = Expected()
USUAL_LIMITS = Limits()
NO_CREDENTIALS: Mapping[str, str] = {}


def download(
    url: str,
    target: Path,
    *,
    settings: Settings,
    expected: Expected = NOTHING_EXPECTED,
    limits: Limits = USUAL_LIMITS,
    credentials: Mapping[str, str] = NO_CREDENTIALS,
    pause: Pause = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    on_progress: Progress | None = None,
) -> Downloaded:
    """Download `url` to `target`. The caller holds a lock on `target` (`Store.locked`).

    Args:
        url: https, or what the operator's origins allow. Its query is treated as a secret.
        target: the final name; its folder is made. `target.part` and `target.part.json` lie beside it meanwhile.
        settings: `allowed_origins` and `max_source_bytes` are read.
        expected: what to compare the file with.
        limits: how slow it may be.
        credentials: headers for the URL's own origin; a redirect to another one does not get them.
        pause: waits between attempts.
        clock: seconds, for the limits.
        on_progress: called after each piece.

    Raises:
        WrongUsage: the URL cannot be asked by anybody (exit 2).
        Refused: it answers 4xx, with no media, too large, or not what was expected (exit 3).
        NeedsPerson: the operator has to allow its origin or address, or its certificate is wrong (exit 4).
        Transient: no answer after all attempts, too slow, or the disk is full (exit 5); the part is kept.
    """
    job = _Job(url, target, settings, expected, limits, credentials, clock, on_progress or _unheard)
    return persist(job.attempt, pause=pause)


class _Job:
    """The facts that one download's attempts share."""

    def __init__(
        self,
        url: str,
        target: Path,
        settings: Settings,
        expected: Expected,
        limits: Limits,
        credentials: Mapping[str, str],
        clock: Callable[[], float],
        on_progress: Progress,
    ) -> None:
        self._url = url
        self._host = parse_url(url).host
        self._item = redact(url)
        self._target = target
        self._part = Part(target)
        self._allowed = allowed_origins(settings.allowed_origins)
        self._max_bytes = settings.max_source_bytes
        self._expected = expected
        self._limits = limits
        self._credentials = credentials
        self._clock = clock
        self._deadline = clock() + limits.total_s
        self._on_progress = on_progress

    def attempt(self) -> Downloaded:
        """Ask once, for the rest if there is a part that can be gone on from, else for the whole file."""
        self._check_deadline()
        known = self._part.resumable(checksum_known=self._expected.sha256 is not None)
        conditions = {}
        if known:
            conditions["Range"] = f"bytes={known[0]}-"
            if known[1].if_range:
                conditions["If-Range"] = known[1].if_range
        timeout = httpx.Timeout(self._limits.read_s, connect=self._limits.connect_s)
        try:
            with open_response(
                self._url,
                allowed=self._allowed,
                credentials=self._credentials,
                conditions=conditions,
                timeout=timeout,
                remaining=self._remaining,
            ) as response:
                return self._resume(response, *known) if known else self._begin(response)
        except httpx.TransportError as failed:
            raise unreachable(failed, self._item, self._host) from None

    def _resume(self, response: httpx.Response, have: int, version: Version) -> Downloaded:
        if response.status_code == httpx.codes.OK:
            return self._begin(response)
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            if not version.completed_at(response, have):
                raise self._start_over("the server has no bytes behind those that are here")
        else:
            check_status(response, self._item, accepted=httpx.codes.PARTIAL_CONTENT)
            check_content(response, self._item)
            if not version.continued_by(response, have):
                raise self._start_over("the file changed on the server")
        try:
            return self._receive(response, version, have)
        except Refused as refused:
            if refused.code != "changed_since_approval":
                raise
            raise self._start_over("the pieces do not make up the expected file") from None

    def _begin(self, response: httpx.Response) -> Downloaded:
        check_status(response, self._item, accepted=httpx.codes.OK)
        check_content(response, self._item)
        version = Version.of(response)
        if version.total is not None:
            self._check_size(version.total)
            check_free_space(self._target.parent, version.total)
        with disk_errors(self._target.parent, version.total or 0):
            self._part.begin(version)
        return self._receive(response, version, 0)

    def _receive(self, response: httpx.Response, version: Version, have: int) -> Downloaded:
        missing = (version.total or have) - have
        try:
            with disk_errors(self._target.parent, missing), self._part.path.open("r+b") as file:
                digest = hashlib.file_digest(file, "sha256")
                size = have
                if response.status_code != httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                    size = self._write(response, file, digest, version, have)
                self._check_complete(size, digest.hexdigest(), version)
                kind = self._identify(file)
                os.fsync(file.fileno())
        except Refused:
            self._part.discard()
            raise
        self._part.finish(self._target)
        name = filename_of(response, kind.suffix)
        return Downloaded(self._target, size, digest.hexdigest(), kind.content_type, name)

    def _write(self, response: httpx.Response, file: BinaryIO, digest: _Digest, version: Version, have: int) -> int:
        size, known_media = have, False
        window, floor = (self._clock(), have), self._limits.floor_bytes_per_s * self._limits.floor_s
        for piece in response.iter_raw():
            size += len(piece)
            if size > self._max_bytes:
                raise too_large(self._item, size, self._max_bytes)
            file.write(piece)
            digest.update(piece)
            if not known_media and size >= SNIFF_BYTES:
                self._identify(file)
                known_media = True
            self._on_progress(size, version.total)
            self._check_deadline()
            if self._clock() - window[0] >= self._limits.floor_s:
                if size - window[1] < floor:
                    raise self._stalled(size - window[1])
                window = (self._clock(), size)
        return size

    def _identify(self, file: BinaryIO) -> Kind:
        file.flush()
        place = file.tell()
        file.seek(0)
        kind = sniff(file.read(SNIFF_BYTES))
        file.seek(place)
        if kind is None:
            raise not_media(self._item, "its first bytes are of no film or picture that we know")
        return kind

    def _check_size(self, total: int) -> None:
        if total > self._max_bytes:
            raise too_large(self._item, total, self._max_bytes)
        if total == 0:
            raise Refused(
                "media_empty",
                "the file has 0 bytes",
                item=self._item,
                rule="a film or picture has bytes",
                fix="upload it to the source again",
            )
        if self._expected.size not in (None, total):
            raise changed_since_approval(self._item, f"it has {total} bytes, approved were {self._expected.size}")

    def _check_complete(self, size: int, sha256: str, version: Version) -> None:
        if version.total not in (None, size):
            raise Interrupted(
                "source_unreachable",
                f"{self._host} sent {size} of {version.total} bytes",
                item=self._item,
                fix="try again later",
            )
        self._check_size(size)
        if self._expected.sha256 not in (None, sha256):
            raise changed_since_approval(self._item, f"its SHA-256 is {sha256}, approved was {self._expected.sha256}")

    def _remaining(self) -> float:
        return self._deadline - self._clock()

    def _check_deadline(self) -> None:
        if self._remaining() <= 0:
            raise Transient(
                "source_too_slow",
                f"it took longer than {self._limits.total_s:.0f} seconds",
                item=self._item,
                rule=f"at most {self._limits.total_s:.0f} seconds a download",
                fix="run it again: it goes on where it stopped",
            )

    def _stalled(self, got: int) -> Interrupted:
        return Interrupted(
            "source_too_slow",
            f"only {got} bytes came in {self._limits.floor_s:.0f} seconds",
            item=self._item,
            rule=f"at least {self._limits.floor_bytes_per_s} bytes a second",
            fix="run it again: it goes on where it stopped",
        )

    def _start_over(self, why: str) -> Interrupted:
        self._part.discard()
        return Interrupted(
            "source_changed", f"{why}; it is fetched from the start", item=self._item, fix="try again", retry_after=0.0
        )


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


def _unheard(done: int, total: int | None) -> None:
    """Nobody asked to be told."""
