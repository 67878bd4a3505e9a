"""`airdate probe` and `airdate prepare`: the media engine alone, without account, ledger or Prefect."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from airdate.commands.progress import bars
from airdate.console import Answer, described, failed, shown
from airdate.errors import AirdateError, WrongUsage
from airdate.media.pictures import NAMES, Pictures, picture_film
from airdate.media.prepare import Prepared, Probe, decide, render
from airdate.media.profile import Cover, Duration, Framing, Profile
from airdate.post import PlanKind
from airdate.profiles import check_files, default_profile, profile_named
from airdate.settings import load_settings
from airdate.sources.files import resolve_file
from airdate.sources.reference import reference
from airdate.sources.registry import source_named
from airdate.store import Store

OFF = "off"


@dataclass(frozen=True, slots=True)
class Making:
    """How a rendition is to be made, as the command line says; None, and a switch that is off, leave it to the profile.

    Attributes:
        profile: a name or a TOML file; None leaves it to the setting.
        seconds_per_photo: how long each photo of a slideshow is shown.
        crossfade: seconds in which one goes over into the next; 0 cuts.
        loudness: LUFS, or `off`.
    """

    profile: str | None = None
    framing: Framing | None = None
    seconds_per_photo: float | None = None
    salvage: bool = False
    ken_burns: bool | None = None
    music: Path | None = None
    crossfade: float | None = None
    on_beat: bool = False
    titles: Path | None = None
    loudness: str | None = None
    safe_zones: bool = False
    duration: Duration | None = None
    cover: Cover | None = None

    def resolved(self) -> Profile:
        """The profile, with what the command line says instead.

        Raises:
            WrongUsage: there is no such profile or file, or a value makes no film.
        """
        profile = profile_named(self.profile) if self.profile else default_profile(load_settings())
        said = {
            "framing": self.framing,
            "seconds_per_photo": self.seconds_per_photo,
            "salvage": self.salvage or None,
            "ken_burns": self.ken_burns,
            "music": _file(self.music),
            "crossfade_s": self.crossfade,
            "on_beat": self.on_beat or None,
            "titles": _file(self.titles),
            "safe_zones": self.safe_zones or None,
            "duration": self.duration,
            "cover": self.cover,
        }
        wishes: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
        if self.loudness is not None:
            wishes["loudness"] = _loudness(self.loudness)
        return replace(profile, **wishes)


def _file(path: Path | None) -> Path | None:
    """The file, if there is one and it is a file."""
    return resolve_file(str(path)) if path is not None else None


def _loudness(text: str) -> float | None:
    """LUFS; what is no number is none that sound can be brought to."""
    if text == OFF:
        return None
    try:
        return float(text)
    except ValueError:
        return math.nan


def probe(files: Sequence[str]) -> Answer:
    """What each file is, what TikTok would say, and what would be done with it and why."""
    found = [_probed(file) for file in files]
    words = "\n".join(_told(facts) for facts, _ in found)
    return Answer({"files": [facts for facts, _ in found]}, words, max(status for _, status in found))


def _probed(file: str) -> tuple[dict[str, Any], int]:
    facts: dict[str, Any] = {"file": file, "plan": None, "reasons": None, "probe": None, "error": None}
    try:
        path = resolve_file(file)
        plan = decide([path], default_profile(load_settings()), names=[path.name])
    except AirdateError as error:
        return facts | {"error": shown(error.as_dict())}, error.exit_code
    facts |= {"plan": plan.kind.value, "reasons": list(plan.reasons)}
    facts["probe"] = plan.inputs[0].as_dict() if plan.inputs else None
    if plan.refusal is None:
        return facts, 0
    return facts | {"error": shown(plan.refusal.as_dict())}, plan.refusal.exit_code


def _told(facts: dict[str, Any]) -> str:
    if facts["error"] is not None:
        return described(facts["error"])
    return "\n".join([f"{facts['file']}: {facts['plan']}", *(f"  {reason}" for reason in facts["reasons"])])


def prepare(sources: Sequence[str], out: Path, making: Making, pictures: Path | None = None) -> Answer:
    """Make one film of a film, or of photos in order, at `out`, which is replaced at once or not at all.

    Args:
        pictures: folder for the cover, a contact sheet and what came in beside what goes out; None for none.

    Raises:
        WrongUsage: an option makes no sense, or `out` cannot be written, or is where a picture goes.
        AirdateError: a source cannot be had, or no film can be made of it.
    """
    profile = making.resolved()
    _check_out(out)
    _check_not_picture(out, pictures)
    settings = load_settings()
    with TemporaryDirectory(prefix=".airdate-", dir=out.absolute().parent) as folder, bars() as tell:
        originals = []
        for source in sources:
            asset, locator = reference(source)
            place = source_named(asset.source, settings=settings, store=Store(Path(folder)))
            originals.append(place.fetch(asset, locator))
        paths = [original.path for original in originals]
        for written in (out, *(pictures / name for name in NAMES if pictures is not None)):
            _check_not_source(written, paths)
        plan = decide(paths, profile, names=[Path(original.ref.asset_id).name for original in originals])
        if plan.refusal is not None:
            return _refused(plan.reasons, plan.inputs, plan.refusal)
        check_files(plan)
        prepared = render(plan, out, on_progress=lambda part: tell("prepare", part))
        if pictures is None:
            return _made(prepared, Pictures())
        seconds, cover_ms = prepared.duration_s, prepared.cover_ms
        return _made(prepared, picture_film(prepared.plan, out, seconds, pictures, cover_ms=cover_ms))


def _check_out(out: Path) -> None:
    folder = out.absolute().parent
    if out.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        why = "it is a folder" if out.is_dir() else "its folder is not there, or may not be written to"
        raise WrongUsage(
            "out_unwritable",
            why,
            item=str(out),
            rule="--out names a file in a folder that can be written to",
            fix="name another file, or make the folder",
        )


def _check_not_picture(out: Path, pictures: Path | None) -> None:
    if pictures is not None and out.resolve() in [(pictures / name).resolve() for name in NAMES]:
        raise WrongUsage(
            "out_is_picture",
            "a picture for people is written there, over the film",
            item=str(out),
            rule=f"the pictures are named {', '.join(NAMES)}",
            fix="name another file, or another folder for the pictures",
        )


def _check_not_source(out: Path, paths: Sequence[Path]) -> None:
    if out.exists() and any(path.samefile(out) for path in paths):
        raise WrongUsage(
            "out_is_source",
            "it is one of the sources, which would be lost",
            item=str(out),
            rule="an original is never altered",
            fix="name another file",
        )


def _made(prepared: Prepared, pictures: Pictures) -> Answer:
    document = {
        "out": str(prepared.path),
        "plan": prepared.plan.kind.value,
        "reasons": list(prepared.reasons),
        "input": _probes(prepared.plan.inputs),
        "output": prepared.output.as_dict(),
        "sha256": prepared.sha256,
        "size": prepared.size,
        "pictures": [str(path) for path in pictures.files] or None,
        "error": None,
    }
    lines = [f"{prepared.path}: {prepared.plan.kind}, {prepared.duration_s:.2f} s, {prepared.size:,} bytes"]
    lines += [f"  {words}" for words in (*prepared.reasons, *pictures.words)]
    return Answer(document, "\n".join(lines + [f"  {path}" for path in pictures.files]))


def _refused(reasons: Sequence[str], inputs: Sequence[Probe], refusal: AirdateError) -> Answer:
    found = {
        "out": None,
        "plan": PlanKind.REFUSE.value,
        "reasons": list(reasons),
        "input": _probes(inputs),
        "output": None,
        "sha256": None,
        "size": None,
        "pictures": None,
    }
    return failed(refusal, found)


def _probes(probes: Sequence[Probe]) -> Any:
    """A film's probe; those of photos as a list; None when nothing could be read."""
    found = [probe.as_dict() for probe in probes]
    return found if len(found) > 1 else next(iter(found), None)
