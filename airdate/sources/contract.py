"""What every source of assets offers: the bytes of one asset, as a file in the store or in place."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol, TypeAlias

from airdate.errors import Refused
from airdate.post import AssetRef, Original

Pause: TypeAlias = Callable[[float], None]
"""Waits so many seconds; a test hands in one that does not."""

Progress: TypeAlias = Callable[[int, int | None], None]
"""Takes the bytes done so far, and all of them where that is known."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Source(Protocol):
    """A place that assets come from; `AssetRef.source` names it."""

    def fetch(self, ref: AssetRef, locator: str, *, on_progress: Progress | None = None) -> Original:
        """Bring the asset's bytes to this host.

        Args:
            ref: the asset, and the revision that was approved if one was.
            locator: how to reach it now: a path, a URL with its signature, or the id once more. It may be a bearer
                secret, so it is used here and stored nowhere.
            on_progress: called while bytes arrive.

        Returns:
            The original; its ref carries the revision, which is the content's SHA-256 if the source has none.

        Raises:
            Refused: what is there is no media, or not the revision that was approved.
            NeedsPerson: it may not be fetched from there.
            Transient: the source did not answer or the disk is full; asking again goes on where it stopped.
        """
        ...


def pinned_hash(ref: AssetRef) -> str | None:
    """The SHA-256 that the approved revision names, if it is one and not a version of the source's own."""
    return ref.revision if ref.revision and _SHA256.fullmatch(ref.revision) else None


def changed_since_approval(item: str, difference: str) -> Refused:
    """The refusal of bytes that are not the ones somebody approved; `difference` names both."""
    return Refused(
        "changed_since_approval",
        difference,
        item=item,
        rule="only the revision that was approved goes out",
        fix="approve it again as it is now, or put the approved file back",
    )
