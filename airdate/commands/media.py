"""`airdate probe` and `airdate prepare`: the media engine alone, without account, ledger or Prefect."""

from __future__ import annotations

import errno
import fcntl
import glob
import math
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from airdate.commands.progress import bars
from airdate.console import Answer, described, failed, shown
from airdate.errors import AirdateError, Refused, Transient, WrongUsage
from airdate.media.pictures.sheets import NAMES, Pictures, picture_film
from airdate.media.prepare import Prepared, Probe, decide, render
from airdate.media.profile import Cover, Duration, Framing, Profile
from airdate.media.programs.runner import part_of
from airdate.media.slides.slideshow import check_font
from airdate.post import PlanKind
from airdate.profiles import check_files, default_profile, profile_named
from airdate.settings import load_settings
from airdate.sources.files import resolve_file
from airdate.sources.reference import reference
from airdate.sources.registry import source_named
from airdate.store import Store

OFF = "off"

WORK = ".work"
"""How the name of a folder ends that a command works in; before it stands the name of the part it makes."""


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
            "titles": _font(self.titles),
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


def _font(path: Path | None) -> Path | None:
    """The file, if it is a font."""
    file = _file(path)
    if file is None:
        return None
    try:
        check_font(file)
    except Refused:
        raise WrongUsage(
            "font_unreadable",
            "it is no font that can be read",
            item=str(path),
            rule="titles are written in a TrueType or OpenType font",
            fix="give a .ttf or .otf file",
        ) from None
    return file


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
        WrongUsage: an option makes no sense, or `out` or a picture cannot be written, or both go to the same place.
        AirdateError: a source cannot be had, or no film can be made of it.
    """
    profile = making.resolved()
    _check_places(out, pictures)
    settings = load_settings()
    with _workspace(out) as folder, bars() as tell:
        originals = []
        for source in sources:
            asset, locator = reference(source)
            place = source_named(asset.source, settings=settings, store=Store(folder))
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


def _fault_of_out(out: Path) -> str | None:
    """Why no film can be put at `out`; None if nothing stands against it."""
    try:
        folder = out.absolute().parent
    except FileNotFoundError:
        return "the working directory is gone"
    if not os.access(folder, os.W_OK) or not folder.is_dir():
        return "its folder is not there, or may not be written to"
    try:
        mode = out.stat().st_mode
    except FileNotFoundError:
        return None
    except OSError as failed:  # a name that is too long, a link that leads to itself
        return str(failed.strerror)
    if stat.S_ISDIR(mode):
        return "it is a folder"
    return None if stat.S_ISREG(mode) else "it is a pipe, a socket or a device"


def _fault_of_pictures(folder: Path) -> str | None:
    """Why no folder for pictures can be there; None if there is one, or nothing yet."""
    try:
        mode = folder.stat().st_mode
    except FileNotFoundError:
        return None
    except OSError as failed:
        return str(failed.strerror)
    return None if stat.S_ISDIR(mode) else "it is no folder"


def _check_places(out: Path, pictures: Path | None) -> None:
    if (why := _fault_of_out(out)) is not None:
        raise _unwritable(out, why)
    if pictures is None:
        return
    if (why := _fault_of_pictures(pictures)) is not None:
        raise WrongUsage(
            "out_unwritable",
            why,
            item=str(pictures),
            rule="--pictures names a folder, which is made if it is not there",
            fix="name another folder",
        )
    if out.name in NAMES and pictures.exists() and out.absolute().parent.samefile(pictures):
        raise WrongUsage(
            "out_is_picture",
            "a picture for people is written there, over the film",
            item=str(out),
            rule=f"the pictures are named {', '.join(NAMES)}",
            fix="name another file, or another folder for the pictures",
        )


def _unwritable(out: Path, why: str) -> WrongUsage:
    return WrongUsage(
        "out_unwritable",
        why,
        item=str(out),
        rule="--out names a file in a folder that can be written to",
        fix="name another file, or make the folder",
    )


def _check_not_source(out: Path, paths: Sequence[Path]) -> None:
    if any(_is_the_name_of(out, path) for path in paths):
        raise WrongUsage(
            "out_is_source",
            "it is one of the sources, which would be lost",
            item=str(out),
            rule="an original is never altered",
            fix="name another file",
        )


def _is_the_name_of(out: Path, path: Path) -> bool:
    """Whether `out` is the source, or a link to its name; another hard link of it can be replaced without loss."""
    if not out.exists() or not out.samefile(path):
        return False
    place = out.resolve()
    # The same name may be spelled otherwise: through another mount, or in capitals where the disk ignores them.
    is_same_name = place.name.casefold() == path.name.casefold() and place.parent.samefile(path.parent)
    return is_same_name or path.stat().st_nlink == 1


@contextmanager
def _workspace(out: Path) -> Iterator[Path]:
    """A folder beside `out` for what is fetched; first, what killed processes left there of this `out` is taken away.

    It is locked while its process lives, so that another process can tell whether it was left.

    Raises:
        Transient: there is no room for it.
        WrongUsage: it cannot be made.
    """
    _sweep(out)
    folder = Path(f"{part_of(out)}{WORK}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as failed:
        if failed.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise _unwritable(out, str(failed.strerror)) from None
        raise Transient(
            "disk_full", "the disk is full", item=str(out), rule="room for the rendition", fix="free some room"
        ) from None
    lock = _locked(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _sweep(out: Path) -> None:
    begin = part_of(out).name.rsplit(".", 2)[0]
    for folder in out.parent.glob(f"{glob.escape(begin)}.*-*.part{WORK}"):
        lock = _locked(folder)
        if lock is not None:
            part = folder.with_name(folder.name.removesuffix(WORK))
            for left in ("", ".silent", ".again"):
                part.with_name(f"{part.name}{left}").unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _locked(folder: Path) -> int | None:
    """A descriptor that holds the folder's lock; None if a living process does, or if the disk knows no locks."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


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
