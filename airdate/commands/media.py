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
from airdate.media.prepare import Prepared, Probe, decide, render
from airdate.media.profile import PROFILES, Framing, Profile
from airdate.post import PlanKind
from airdate.settings import load_settings
from airdate.sources.files import resolve_file
from airdate.sources.reference import reference
from airdate.sources.registry import source_named
from airdate.store import Store

MIN_PHOTO_S, MAX_PHOTO_S = 1.0, 60.0
"""Below the first a photo is a flicker; ten photos of the second already make the longest film TikTok takes."""


MIN_LUFS, MAX_LUFS = -30.0, -8.0
"""Quieter is not heard on a phone; louder cannot be without clipping."""

OFF = "off"


@dataclass(frozen=True, slots=True)
class Making:
    """How a rendition is to be made, as the command line says; None leaves it to the profile.

    Attributes:
        seconds_per_photo: how long each photo of a slideshow is shown.
        loudness: LUFS, or `off`.
    """

    profile: str = "standard"
    framing: Framing | None = None
    seconds_per_photo: float | None = None
    salvage: bool = False
    ken_burns: bool = False
    music: Path | None = None
    titles: Path | None = None
    loudness: str = OFF

    def resolved(self) -> Profile:
        """The profile.

        Raises:
            WrongUsage: there is none of that name, or a photo's time, the music or the loudness makes no film.
        """
        if self.profile not in PROFILES:
            raise WrongUsage(
                "profile_unknown",
                f"there is no profile named {self.profile!r}",
                item="--profile",
                rule=f"one of {', '.join(PROFILES)}",
                fix="name one of them",
            )
        profile = replace(
            PROFILES[self.profile],
            salvage=self.salvage,
            ken_burns=self.ken_burns,
            music=_file(self.music),
            titles=_file(self.titles),
            loudness=_loudness(self.loudness),
        )
        if self.framing is not None:
            profile = replace(profile, framing=self.framing)
        if self.seconds_per_photo is None:
            return profile
        if not MIN_PHOTO_S <= self.seconds_per_photo <= MAX_PHOTO_S:
            raise WrongUsage(
                "seconds_per_photo_invalid",
                f"{self.seconds_per_photo:g} s a photo make no film to look at",
                item="--seconds-per-photo",
                rule=f"{MIN_PHOTO_S:g} to {MAX_PHOTO_S:g} s",
                fix="give a time between these",
            )
        return replace(profile, seconds_per_photo=self.seconds_per_photo)


def _file(path: Path | None) -> Path | None:
    """The file, if there is one and it is a file."""
    return resolve_file(str(path)) if path is not None else None


def _loudness(text: str) -> float | None:
    if text == OFF:
        return None
    try:
        wanted = float(text)
    except ValueError:
        wanted = math.nan
    if not MIN_LUFS <= wanted <= MAX_LUFS:
        raise WrongUsage(
            "loudness_invalid",
            f"{text!r} is no loudness to bring sound to",
            item="--loudness",
            rule=f"{MIN_LUFS:g} to {MAX_LUFS:g} LUFS, or {OFF}",
            fix="give -14, which most platforms play at, or leave it out",
        )
    return wanted


def probe(files: Sequence[str]) -> Answer:
    """What each file is, what TikTok would say, and what would be done with it and why."""
    found = [_probed(file) for file in files]
    words = "\n".join(_told(facts) for facts, _ in found)
    return Answer({"files": [facts for facts, _ in found]}, words, max(status for _, status in found))


def _probed(file: str) -> tuple[dict[str, Any], int]:
    facts: dict[str, Any] = {"file": file, "plan": None, "reasons": None, "probe": None, "error": None}
    try:
        path = resolve_file(file)
        plan = decide([path], Profile(), names=[path.name])
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


def prepare(sources: Sequence[str], out: Path, making: Making) -> Answer:
    """Make one film of a film, or of photos in order, at `out`, which is replaced at once or not at all.

    Raises:
        WrongUsage: an option makes no sense, or `out` cannot be written.
        AirdateError: a source cannot be had, or no film can be made of it.
    """
    profile = making.resolved()
    _check_out(out)
    settings = load_settings()
    with TemporaryDirectory(prefix=".airdate-", dir=out.absolute().parent) as folder, bars() as tell:
        originals = []
        for source in sources:
            asset, locator = reference(source)
            place = source_named(asset.source, settings=settings, store=Store(Path(folder)))
            originals.append(place.fetch(asset, locator))
        paths = [original.path for original in originals]
        _check_not_source(out, paths)
        plan = decide(paths, profile, names=[Path(original.ref.asset_id).name for original in originals])
        if plan.refusal is not None:
            return _refused(plan.reasons, plan.inputs, plan.refusal)
        return _made(render(plan, out, on_progress=lambda part: tell("prepare", part)))


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


def _check_not_source(out: Path, paths: Sequence[Path]) -> None:
    if out.exists() and any(path.samefile(out) for path in paths):
        raise WrongUsage(
            "out_is_source",
            "it is one of the sources, which would be lost",
            item=str(out),
            rule="an original is never altered",
            fix="name another file",
        )


def _made(prepared: Prepared) -> Answer:
    document = {
        "out": str(prepared.path),
        "plan": prepared.plan.kind.value,
        "reasons": list(prepared.reasons),
        "input": _probes(prepared.plan.inputs),
        "output": prepared.output.as_dict(),
        "sha256": prepared.sha256,
        "size": prepared.size,
        "error": None,
    }
    lines = [f"{prepared.path}: {prepared.plan.kind}, {prepared.duration_s:.2f} s, {prepared.size:,} bytes"]
    return Answer(document, "\n".join(lines + [f"  {reason}" for reason in prepared.reasons]))


def _refused(reasons: Sequence[str], inputs: Sequence[Probe], refusal: AirdateError) -> Answer:
    found = {
        "out": None,
        "plan": PlanKind.REFUSE.value,
        "reasons": list(reasons),
        "input": _probes(inputs),
        "output": None,
        "sha256": None,
        "size": None,
    }
    return failed(refusal, found)


def _probes(probes: Sequence[Probe]) -> Any:
    """A film's probe; those of photos as a list; None when nothing could be read."""
    found = [probe.as_dict() for probe in probes]
    return found if len(found) > 1 else next(iter(found), None)
