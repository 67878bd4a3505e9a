"""Plain URLs as a source: fetched once for all runs that want the same one, kept by content."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from pathlib import Path

from airdate.post import AssetRef, Original
from airdate.settings import Settings
from airdate.sources.contract import Pause, Progress, pinned_hash
from airdate.sources.download import Expected, download
from airdate.store import Store


class UrlSource:
    """Files behind HTTP(S) addresses."""

    def __init__(self, settings: Settings, store: Store, *, pause: Pause = time.sleep) -> None:
        self._settings = settings
        self._store = store
        self._pause = pause

    def fetch(self, ref: AssetRef, locator: str, *, on_progress: Progress | None = None) -> Original:
        """Download the URL into the store; see `contract.Source.fetch`.

        A revision that is a hash is taken from the store without asking, and enforced on what is downloaded. Without
        one every call asks anew, since a URL's content may change, except for runs that waited here for another one.
        """
        asked_at = time.time()
        approved = pinned_hash(ref)
        name = hashlib.sha256(ref.asset_id.encode()).hexdigest()
        with self._store.locked(f"fetch-{name}"):
            latest = self._store.incoming_path(f"{name}.latest")
            sha256 = approved or _written_since(latest, asked_at)
            path = self._store.find_original(sha256) if sha256 else None
            if sha256 is None or path is None:
                got = download(
                    locator,
                    self._store.incoming_path(name),
                    settings=self._settings,
                    expected=Expected(sha256=approved),
                    pause=self._pause,
                    on_progress=on_progress,
                )
                sha256 = got.sha256
                path = self._store.adopt(got.path, sha256, suffix=Path(got.filename).suffix)
                latest.write_text(sha256, "ascii")
        return Original(replace(ref, revision=ref.revision or sha256), path, sha256, path.stat().st_size)


def _written_since(latest: Path, moment: float) -> str | None:
    try:
        return latest.read_text("ascii") if latest.stat().st_mtime >= moment else None
    except FileNotFoundError:
        return None
