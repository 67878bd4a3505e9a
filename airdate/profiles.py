"""Profiles by name, or from a TOML file of an operator's own, and what of them makes a rendition another one."""

from __future__ import annotations

import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from airdate.errors import NeedsPerson, Refused, WrongUsage
from airdate.files import seal
from airdate.media.plan import VERSION, Plan
from airdate.media.profile import PROFILES, Profile
from airdate.media.slides.slideshow import check_font
from airdate.post import PlanKind
from airdate.settings import Settings, expanded

FILES = ("music", "titles")
"""Fields of a profile that name files."""

SLIDESHOWS_HEED = ("fps", "seconds_per_photo", "crossfade_s", "ken_burns", "on_beat", *FILES)
NEVER_HEEDED = ("name", "duration")
"""Of these nothing is seen in a finished film; what a limit did to it is in its length."""


def profile_named(name: str) -> Profile:
    """The profile of this name, or of the TOML file at this path, whose keys are the fields of a profile.

    What a file leaves out is as in `standard`. Paths in it are relative to the file.

    Raises:
        WrongUsage: there is no such profile, or a value in the file is wrong.
    """
    if name in PROFILES:
        return PROFILES[name]
    path = _file_named(name)
    if path is None:
        raise WrongUsage(
            "profile_unknown",
            f"there is no profile named {name!r}",
            item=name,
            rule=f"one of {', '.join(PROFILES)}, or a file that ends in .toml",
            fix="name one of them, or write the file",
        )
    try:
        values = {"name": path.stem, **tomllib.loads(path.read_text(encoding="utf-8"))}
        if strange := values.keys() - Profile.__dataclass_fields__.keys():
            raise _wrong(path, f"a profile has no {', '.join(sorted(strange))}")
        profile = TypeAdapter(Profile).validate_python(_absolute(values, path.parent))
    except ValidationError as failed:
        faults = "; ".join(f"{error['loc'][0]}: {error['msg']}" for error in failed.errors(include_url=False))
        raise _wrong(path, faults) from None
    except (ValueError, RecursionError, OSError) as unreadable:  # a ValueError is also a number of 5,000 digits
        raise _wrong(path, str(unreadable)) from None
    return profile


def _file_named(name: str) -> Path | None:
    """The TOML file of this name, if there is one."""
    try:
        path = expanded(Path(name))
    except ValueError:
        return None
    return path if name.endswith(".toml") and _is_file(path) else None


def _is_file(path: Path) -> bool:
    """Whether a file is there; nowhere is one whose name is longer than a name can be."""
    try:
        return path.is_file()
    except OSError:
        return False


def default_profile(settings: Settings) -> Profile:
    """The profile that `AIRDATE_PROFILE` names, for all that name none themselves.

    Raises:
        NeedsPerson: there is no such profile, or a value in the file is wrong.
    """
    try:
        return profile_named(settings.profile)
    except WrongUsage as wrong:
        raise NeedsPerson(
            "setting_invalid",
            f"a setting is wrong: {wrong}",
            item="AIRDATE_PROFILE",
            rule=wrong.rule,
            fix="correct it, or leave it out for the profile standard",
        ) from None


def rendition_facts(plan: Plan) -> dict[str, Any]:
    """What of a profile, and of the limits it met, makes a rendition what it is; plain JSON.

    Files count by their content, because a file may change under its name; what only slideshows heed is left out for
    films, so that new music makes no film anew.

    Raises:
        NeedsPerson: as `check_files`.
    """
    check_files(plan)
    facts = asdict(plan.profile) | {"seconds": plan.seconds, "version": VERSION}
    left_out = NEVER_HEEDED if plan.kind is PlanKind.SLIDESHOW else (*NEVER_HEEDED, *SLIDESHOWS_HEED)
    facts = {name: value for name, value in facts.items() if name not in left_out}
    return facts | {name: seal(facts[name]).sha256 for name in FILES if facts.get(name) is not None}


def check_files(plan: Plan) -> None:
    """Raise `NeedsPerson` where a slideshow needs a file that its profile names, and that is not there or no font."""
    if plan.kind is not PlanKind.SLIDESHOW:
        return
    for name in FILES:
        path: Path | None = getattr(plan.profile, name)
        if path is not None and not _is_file(path):
            raise NeedsPerson(
                "profile_file_missing",
                f"the profile's {name} is not there",
                item=str(path),
                rule=f"{name} of the profile {plan.profile.name} is a file on this host",
                fix="put it there, or change the profile",
            )
    if plan.profile.titles is not None:
        _check_font(plan.profile.titles, plan.profile.name)


def _check_font(font: Path, profile: str) -> None:
    try:
        check_font(font)
    except Refused as refused:
        raise NeedsPerson(
            "font_unreadable",
            "it is no font that can be read",
            item=str(font),
            rule=f"titles of the profile {profile} is a TrueType or OpenType font",
            fix="put a .ttf or .otf file there, or change the profile",
        ) from refused


def _absolute(values: dict[str, object], folder: Path) -> dict[str, object]:
    """Files that are named in a profile lie beside it, wherever the command is run."""
    files = {name: _beside(folder, str(values[name])) for name in FILES if values.get(name)}
    return values | files


def _beside(folder: Path, name: str) -> Path:
    return expanded(Path(name)) if name.startswith("~") else folder / name


def _wrong(path: Path, why: str) -> WrongUsage:
    return WrongUsage(
        "profile_file_wrong",
        why,
        item=str(path),
        rule="TOML, with the fields of a profile",
        fix="see the table of profiles in docs/media.md",
    )
