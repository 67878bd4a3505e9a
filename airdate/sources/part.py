"""A download that is not complete: its bytes, and what tells whether more bytes belong to the same file.

`If-Range` alone cannot be trusted: several servers answer 206 whatever it says, and a file replaced in between would
become a mixture that looks playable. So the answer itself is compared with what the first one said.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_UNSATISFIED = re.compile(r"bytes \*/(\d+)")

_DATE_SETTLES_S = 60
"""A `Last-Modified` this much older than the answer's `Date` is a strong validator (RFC 9110, 8.8.2.2)."""


@dataclass(frozen=True, slots=True)
class Version:
    """Which version of the file a server sent.

    Attributes:
        total: bytes of the whole file, if the server said so.
        etag: as sent, weak ones with their `W/`.
        last_modified: as sent.
        settled: whether `last_modified` cannot stand for two versions of one second.
    """

    total: int | None
    etag: str | None
    last_modified: str | None
    settled: bool

    @classmethod
    def of(cls, response: httpx.Response) -> Version:
        """Read it from the answer to a request for the whole file."""
        headers = response.headers
        length = headers.get("Content-Length")
        return cls(
            int(length) if length is not None else None,
            headers.get("ETag"),
            headers.get("Last-Modified"),
            _old(headers),
        )

    @property
    def if_range(self) -> str | None:
        """What may stand in `If-Range`: a strong ETag, else a settled date; weak tags are not allowed there."""
        if self.etag is not None:
            return None if self.etag.startswith("W/") else self.etag
        return self.last_modified if self.settled else None

    def continued_by(self, response: httpx.Response, start: int) -> bool:
        """Whether a 206 carries on this very version at `start`."""
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if not found or int(found[1]) != start or int(found[3]) != self.total:
            return False
        etag, modified = response.headers.get("ETag"), response.headers.get("Last-Modified")
        if self.etag is not None:  # beside an ETag a 206 may leave the date out (RFC 9110, 15.3.7)
            return bool(etag == self.etag and modified in (None, self.last_modified))
        return bool(etag is None and modified == self.last_modified)

    def completed_at(self, response: httpx.Response, size: int) -> bool:
        """Whether a 416 says that nothing is missing behind `size` bytes."""
        found = _UNSATISFIED.fullmatch(response.headers.get("Content-Range", ""))
        return bool(found and int(found[1]) == size == self.total)


class Part:
    """`NAME.part` and `NAME.part.json` beside a download's target; a later process goes on from them."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f"{target.name}.part")
        self._sidecar = target.with_name(f"{target.name}.part.json")

    def resumable(self, *, checksum_known: bool) -> tuple[int, Version] | None:
        """How many bytes are there and of which version, if it is safe to go on from them.

        Args:
            checksum_known: the finished file will be compared with a hash, so that no validator is needed.
        """
        try:
            size = self.path.stat().st_size
            version = Version(**json.loads(self._sidecar.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        safe = version.if_range is not None or checksum_known
        return (size, version) if safe and version.total is not None and 0 < size <= version.total else None

    def begin(self, version: Version) -> None:
        """Start anew with this version: no bytes yet. Bytes go before the sidecar, so that a kill mixes no two."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(b"")
        self._sidecar.write_text(json.dumps(asdict(version)), "utf-8")

    def discard(self) -> None:
        """Forget the bytes and what was known of them."""
        self.path.unlink(missing_ok=True)
        self._sidecar.unlink(missing_ok=True)

    def finish(self, target: Path) -> None:
        """Give the complete bytes their final name, atomically.

        The folder itself is not synced: after a power cut the name may be missing, which costs one more download.
        """
        self.path.replace(target)
        self._sidecar.unlink(missing_ok=True)


def _old(headers: httpx.Headers) -> bool:
    try:
        sent, modified = (parsedate_to_datetime(headers[name]) for name in ("Date", "Last-Modified"))
        return (sent - modified).total_seconds() >= _DATE_SETTLES_S
    except (KeyError, ValueError, TypeError):
        return False
