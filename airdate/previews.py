"""The pictures of a post's rendition, for people: made once, kept in the store, and never a reason to stop.

`pictures/ab/<key>/` in the store holds the files and, written last, `pictures.json`, which names them.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from airdate.engine import Engine
from airdate.media.pictures.sheets import VERSION, Pictures, picture_film, picture_photos
from airdate.media.plan import Plan
from airdate.photo_set import photos_of
from airdate.post import Options, Original, Rendition
from airdate.redact import redact

log = logging.getLogger(__name__)

LIST = "pictures.json"

MAX_ARTIFACT_BYTES = 700_000
"""Of the pictures in one artifact: Prefect keeps it in its database, and a page shows nothing while it loads."""


def film_pictured(
    engine: Engine, plan: Plan, rendition: Rendition, originals: Sequence[Original], options: Options
) -> Rendition:
    """The rendition with the pictures of a film; without any if none could be made."""
    cover_ms = options.cover_ms if options.cover_ms is not None else rendition.cover_ms
    plan = replace(plan, kind=rendition.plan)  # a damaged film may have been encoded though it was to be copied
    facts = {"originals": [original.sha256 for original in originals], "cover_ms": cover_ms}

    def drawn(folder: Path) -> Pictures:
        return picture_film(plan, rendition.path, rendition.duration_s, folder, cover_ms=cover_ms)

    return _pictured(engine, rendition, facts, drawn)


def photos_pictured(engine: Engine, rendition: Rendition, options: Options) -> Rendition:
    """The rendition with the pictures of a photo post; without any if none could be made."""
    cover = (options.cover_photo or 1) - 1

    def drawn(folder: Path) -> Pictures:
        return picture_photos([photo.path for photo in photos_of(rendition)], folder, cover=cover)

    return _pictured(engine, rendition, {"cover": cover}, drawn)


def _pictured(
    engine: Engine, rendition: Rendition, facts: dict[str, Any], drawn: Callable[[Path], Pictures]
) -> Rendition:
    try:
        text = json.dumps(facts | {"version": VERSION, "rendition": rendition.sha256, "plan": rendition.plan})
        key = hashlib.sha256(text.encode()).hexdigest()
        folder = engine.store.root / "pictures" / key[:2] / key
        with engine.store.locked(f"pictures-{key}"):
            if not found(folder).files:
                _list(folder, drawn(folder))
        return replace(rendition, pictures=folder)
    except Exception as failed:  # noqa: BLE001 (a post goes out without pictures as well)
        log.warning("no pictures of this post: %s", redact(f"{type(failed).__name__}: {failed}"))
        return rendition


def _list(folder: Path, pictures: Pictures) -> None:
    """Name what was drawn; the last thing that is written."""
    draft = folder / "pictures.draft"
    draft.write_text(json.dumps({"files": [path.name for path in pictures.files], "words": list(pictures.words)}))
    draft.replace(folder / LIST)


def found(folder: Path | None) -> Pictures:
    """The pictures in a folder of the store; none if they are not on this host, or not any more."""
    if folder is None or not (folder / LIST).is_file():
        return Pictures()
    facts = json.loads((folder / LIST).read_text())
    files = tuple(path for path in (folder / name for name in facts["files"]) if path.is_file())
    return Pictures(files, tuple(facts["words"]))


def markdown(pictures: Pictures) -> str:
    """A page that holds the pictures themselves, so that a browser needs no way to this host's files.

    Pictures beyond what a page may hold are named by their paths.
    """
    lines = [f"- {html.escape(redact(word))}" for word in pictures.words]
    room = MAX_ARTIFACT_BYTES
    for path in pictures.files:
        room -= path.stat().st_size
        shown = f"![{path.stem}]({_data_uri(path)})" if room >= 0 else f"`{path}`"
        lines += ["", f"### {_TITLES[path.stem]}", "", shown]
    return "\n".join(lines)


_TITLES = {"cover": "The cover", "sheet": "The film at a glance", "before-after": "What came in, and what goes out"}


def _data_uri(path: Path) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(path.read_bytes()).decode()}"
