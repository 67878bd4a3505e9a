"""The pictures of a photo post, fitted to what TikTok takes: made once, kept in the store, listed in one small file.

The list is the rendition's path; its hash and size are those of the pictures' bytes in their order.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from airdate.engine import Engine
from airdate.errors import NeedsPerson, Refused, Transient
from airdate.media.photos import post as photo_post
from airdate.media.photos.post import Fitted
from airdate.post import CAPTION_UNITS, Options, Original, PlanKind, Rendition, utf16_units
from airdate.store import renditions
from airdate.store.store import rendition_key, rendition_lock


@dataclass(frozen=True, slots=True)
class Photo:
    """One fitted picture.

    Attributes:
        what: for people: its place in the post and the name of its source.
        size: in bytes.
    """

    path: Path
    what: str
    sha256: str
    size: int


def fitted(
    engine: Engine, originals: Sequence[Original], names: Sequence[str], *, cancel: threading.Event | None = None
) -> Rendition:
    """The pictures from the store, made first if they are not there.

    Raises:
        Refused: a picture cannot go out; the message names it and its place.
        Transient: the disk is full, or the work was stopped.
    """
    how = {"photo_post": photo_post.VERSION, "names": list(names)}
    key = rendition_key([original.sha256 for original in originals], how, PlanKind.PHOTO)
    path = engine.store.rendition_path(key, ".json")
    with engine.store.locked(rendition_lock(key)):
        facts = renditions.found(engine.store, key)
        if facts is None:
            paths = [original.path for original in originals]
            facts = _facts(photo_post.fit(paths, names, _folder(path), cancel=cancel), names)
            renditions.listed(engine.store, key, facts)
    return Rendition(
        path=path,
        sha256=facts["sha256"],
        size=facts["size"],
        plan=PlanKind.PHOTO,
        reasons=tuple(facts["reasons"]),
        duration_s=0.0,
    )


def _facts(pictures: Sequence[Fitted], names: Sequence[str]) -> dict[str, Any]:
    digest = hashlib.sha256()
    for picture in pictures:
        digest.update(picture.path.read_bytes())
    count = len(pictures)
    reasons = [f"{count} photo{'s' if count > 1 else ''} in order, as TikTok's own photo post"]
    for number, (name, picture) in enumerate(zip(names, pictures, strict=True), 1):
        reasons += [f"photo {number} of {count} ({name}): {reason}" for reason in picture.reasons]
    size = sum(picture.size for picture in pictures)
    entries = [{"file": each.path.name, "sha256": each.sha256, "size": each.size} for each in pictures]
    return {"sha256": digest.hexdigest(), "size": size, "reasons": reasons, "names": list(names), "pictures": entries}


def _folder(path: Path) -> Path:
    return path.with_suffix("")


def photos_of(rendition: Rendition) -> tuple[Photo, ...]:
    """The pictures of a rendition, in their order.

    Raises:
        Transient: the store does not have them any more; they are fitted again.
    """
    try:
        facts = json.loads(rendition.path.read_text())
    except FileNotFoundError:
        raise Transient(
            "photos_not_here",
            "the fitted pictures are not in the store any more",
            item=rendition.path.name,
            fix="nothing: they are fitted again",
        ) from None
    named = zip(facts["names"], facts["pictures"], strict=True)
    count = len(facts["pictures"])
    return tuple(
        Photo(
            path=_folder(rendition.path) / each["file"],
            what=f"photo {number} of {count} ({name})",
            sha256=each["sha256"],
            size=each["size"],
        )
        for number, (name, each) in enumerate(named, 1)
    )


def check_slideshow(kind: PlanKind, name: str, options: Options, missing: Sequence[str]) -> None:
    """Refuse a slideshow in the place of a photo post where it would lose something.

    Args:
        kind: what the sources would become.
        name: of the first source; a film is the only one.
        missing: the settings that are not set, for want of which TikTok cannot fetch pictures.

    Raises:
        Refused: the source is a film, which no photo post takes.
        NeedsPerson: the post has what only a photo post carries; it is not dropped.
    """
    if kind is not PlanKind.SLIDESHOW:
        raise Refused(
            "photo_post_film",
            "this is no photo, and a photo post takes nothing else",
            item=name,
            rule="TikTok, Photo Post reference: photos only",
            fix="post the film by itself, without --as photo",
        )
    only_photos = {
        "title": bool(options.title),
        "auto_music": options.auto_music,
        "cover_photo": options.cover_photo is not None,
        f"a caption of more than {CAPTION_UNITS} UTF-16 units": utf16_units(options.caption) > CAPTION_UNITS,
    }
    if lost := [name for name, given in only_photos.items() if given]:
        raise NeedsPerson(
            "photo_post_unavailable",
            f"{_not_set(missing)}, so only a slideshow is possible, and it cannot carry {', '.join(lost)}",
            item=lost[0],
            rule="TikTok fetches the pictures of a photo post from a verified address of ours",
            fix="set both AIRDATE_PULL_DIR and AIRDATE_PULL_URL, or leave that out",
        )


def as_slideshow(rendition: Rendition, missing: Sequence[str]) -> Rendition:
    """The slideshow that goes out because TikTok could not fetch pictures from here; the plan says so."""
    why = f"a slideshow instead of a photo post: {_not_set(missing)}, so TikTok could not fetch pictures from here"
    return replace(rendition, reasons=(why, *rendition.reasons))


def _not_set(missing: Sequence[str]) -> str:
    return f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} not set"
