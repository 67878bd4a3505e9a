"""Pictures for people: the cover and a contact sheet of a rendition, and what came in beside what goes out.

They are drawn in a child process from a few key pictures, so that they cost well under a second. A picture that cannot
be made is told and missed by nobody but people: it never stops a post.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

from airdate.errors import Refused, Transient
from airdate.media.plan import Plan
from airdate.media.probe import Probe
from airdate.media.programs.child import Said, call
from airdate.media.reading.tracks import WHOLE
from airdate.media.slides.slideshow import stands
from airdate.post import PlanKind

log = logging.getLogger(__name__)

VERSION = 1
"""Of how they are drawn; others are made anew."""

NAMES: Final = ("cover.jpg", "sheet.jpg", "before-after.jpg")

SHEET_PICTURES = 12
PAIRS = 3

WALL_S = 30.0
"""A hundred times what they take."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """What was drawn.

    Attributes:
        files: in the order of `NAMES`.
        words: what the cover is, and what could not be drawn and why.
    """

    files: tuple[Path, ...] = ()
    words: tuple[str, ...] = ()


def picture_film(plan: Plan, film: Path, seconds: float, folder: Path, *, cover_ms: int | None) -> Pictures:
    """Draw the pictures of a film.

    Args:
        plan: how it was made; an encode is compared with its original, a slideshow with its photos.
        film: the rendition.
        seconds: its length.
        folder: where the pictures go; it is made.
        cover_ms: the picture that is named as the cover; None if TikTok takes its own choice, the first.
    """
    drawn = _Drawn(folder)
    with drawn.surviving():
        drawn.draw(film.name, _film_order(plan, film, seconds, (cover_ms or 0) / 1000))
    if drawn.cover_s is not None:
        named = "as named" if cover_ms is not None else "the first, which TikTok takes where none is named"
        drawn.words.insert(0, f"cover.jpg: the picture at {drawn.cover_s:.2f} s, {named}")
    return drawn.pictures()


def picture_photos(photos: Sequence[Path], folder: Path, *, cover: int) -> Pictures:
    """Draw the pictures of a photo post.

    Args:
        photos: as they go out, in order.
        cover: which of them is the cover, from 0.
    """
    drawn = _Drawn(folder)
    listed = [{"path": str(path.absolute()), "name": path.name} for path in photos]
    with drawn.surviving():
        drawn.draw(photos[0].name, {"photos": listed, "cover_photo": cover})
        drawn.words.insert(0, f"cover.jpg: photo {cover + 1} of {len(photos)}")
    return drawn.pictures()


@dataclass(slots=True)
class _Drawn:
    """What the child says of its drawings."""

    folder: Path
    made: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    cover_s: float | None = None

    @contextmanager
    def surviving(self) -> Iterator[None]:
        """What goes wrong inside is told in words."""
        try:
            yield
        except (Refused, Transient) as failed:
            self._lose("pictures", failed.message)
        except OSError as failed:
            self._lose("pictures", type(failed).__name__)

    def draw(self, item: str, order: dict[str, Any]) -> None:
        """Have the pictures drawn."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in NAMES:  # an earlier film's comparison must not stand for a film that has none
            (self.folder / name).unlink(missing_ok=True)
        call(
            "airdate.media.pictures.drawing:draw",
            {**order, "folder": str(self.folder.absolute())},
            item=item,
            wall_s=WALL_S,
            on_said=self._hear,
        )

    def pictures(self) -> Pictures:
        """What came of it."""
        return Pictures(tuple(self.folder / name for name in NAMES if name in self.made), tuple(self.words))

    def _hear(self, said: Said) -> None:
        if "made" in said:
            self.made.append(said["made"])
            self.cover_s = said.get("at_s", self.cover_s)
        else:
            self._lose(said["lost"], said["why"])

    def _lose(self, what: str, why: str) -> None:
        self.words.append(f"{what}: not made, because of {why}")
        log.warning("%s of %s: not made, because of %s", what, self.folder.name, why)


def _film_order(plan: Plan, film: Path, seconds: float, cover_s: float) -> dict[str, Any]:
    ours = {"index": 0, "zero_s": 0.0, "sar": 1.0, "crop": WHOLE}
    opening = _opening(plan.inputs[0]) if plan.kind is PlanKind.KEEP else ours
    order = {
        "film": {**opening, "path": str(film.absolute())},
        "cover_s": cover_s,
        "sheet_s": _spread(seconds, SHEET_PICTURES),
    }
    if plan.kind is PlanKind.ENCODE:
        before = plan.inputs[0]
        pairs = [{"at_s": at_s} for at_s in _middles(seconds, PAIRS)]
        return order | {"before": _opening(before), "pairs": pairs, "labels": (_label(before), _outcome(plan))}
    if plan.kind is PlanKind.SLIDESHOW:
        return order | {"pairs": _photo_pairs(plan), "labels": ("photos as they came", _outcome(plan))}
    return order


def _spread(seconds: float, count: int) -> list[float]:
    """Instants from the beginning to shortly before the end."""
    return [seconds * number / count for number in range(count)]


def _middles(seconds: float, count: int) -> list[float]:
    """The middles of as many equal parts."""
    return [seconds * (number + 0.5) / count for number in range(count)]


def _opening(probe: Probe) -> dict[str, object]:
    """How the child opens an original, whose beginning is where ffmpeg sees it."""
    picture = probe.picture
    if picture is None:
        raise ValueError("a film has a picture")
    zero_s = min(probe.start_s, picture.start_s)
    path = str(probe.path.absolute())
    return {"path": path, "index": picture.index, "zero_s": zero_s, "sar": picture.sar, "crop": picture.crop}


def _photo_pairs(plan: Plan) -> list[dict[str, object]]:
    """Some photos, spread over the slideshow, and the instants in the middle of their time."""
    count, fps = len(plan.inputs), plan.profile.fps
    frames = stands(plan)
    cross = round(plan.crossfade_s * fps)
    begins = list(accumulate((each - cross for each in frames), initial=0))
    chosen = sorted({int(middle) for middle in _middles(count, PAIRS)})
    return [
        {
            "path": str(plan.inputs[number].path.absolute()),
            "name": plan.inputs[number].name,
            "at_s": (begins[number] + frames[number] / 2) / fps,
        }
        for number in chosen
    ]


def _label(probe: Probe) -> str:
    picture = probe.picture
    if picture is None:
        raise ValueError("a film has a picture")
    width, height = picture.shown
    light = {"smpte2084": ", HDR roughly toned down", "arib-std-b67": ", HLG as it is"}.get(picture.transfer or "", "")
    return f"original, {width} x {height}{light}"


def _outcome(plan: Plan) -> str:
    width, height = plan.size or (0, 0)
    return f"rendition, {width} x {height}" if plan.size else "rendition"
