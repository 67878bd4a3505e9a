"""The media engine's front door: look, decide, make. Everything else in this room is behind it."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from airdate.errors import Refused, WrongUsage
from airdate.files import seal
from airdate.media.clauses import NORMAL_FPS, copied_bytes
from airdate.media.normalize import encoder, listened, normalize
from airdate.media.pictures.cover import Found, find_cover
from airdate.media.plan import (
    Plan,
    decide_kind,
    default_names,
    plan_instead,
    plan_slideshow,
    plan_video,
    refuse,
)
from airdate.media.probe import Kind, Probe, probe_all
from airdate.media.probe import probe as inspect
from airdate.media.profile import MAX_SECONDS, Profile
from airdate.media.programs import hardware
from airdate.media.programs.runner import OnProgress, part_of
from airdate.media.slides.slideshow import make_slideshow
from airdate.media.verify import decode_parts, verify
from airdate.post import PlanKind
from airdate.store import check_free_space, disk_errors

__all__ = ["Plan", "Prepared", "Probe", "as_it_is", "decide", "inspect", "proved", "render"]

log = logging.getLogger(__name__)

_FICLONE = 0x40049409


@dataclass(frozen=True, slots=True)
class Prepared:
    """A finished rendition.

    Attributes:
        path: where it is; the original itself when nothing had to be done and no copy was asked for.
        reasons: what was decided and why, and any warning.
        input: probes of the originals.
        output: probe of the rendition.
        size: in bytes.
        duration_s: seconds.
        cover_ms: the picture that stands for it; None leaves it to TikTok.
    """

    path: Path
    plan: Plan
    reasons: tuple[str, ...]
    input: tuple[Probe, ...]
    output: Probe
    sha256: str
    size: int
    duration_s: float
    cover_ms: int | None


def decide(
    paths: Sequence[Path],
    profile: Profile,
    *,
    max_seconds: float = MAX_SECONDS,
    names: Sequence[str] | None = None,
    cancel: threading.Event | None = None,
) -> Plan:
    """Look at the originals and decide; one film, or photos in order.

    Args:
        max_seconds: the creator's limit.
        names: what errors call the files.

    Returns:
        The plan; of kind `refuse`, with the refusal, for what TikTok would not take.

    Raises:
        WrongUsage: there are no files.
        Transient: a file cannot be read to its end for now, or it was cancelled.
    """
    if not paths:
        raise WrongUsage(
            "media_missing", "there is nothing to prepare", rule="one film, or photos", fix="name at least one file"
        )
    names = list(names) if names is not None else default_names(paths)
    try:
        probes = probe_all(paths, names, cancel=cancel)
        kind = decide_kind(probes)
    except Refused as refusal:
        return refuse(refusal, profile)
    if kind is Kind.PHOTO:
        return plan_slideshow(probes, profile, max_seconds=max_seconds)
    return _decided_by_ear(plan_video(probes[0], profile, max_seconds=max_seconds), max_seconds, cancel)


def _decided_by_ear(plan: Plan, max_seconds: float, cancel: threading.Event | None) -> Plan:
    """The plan once its sound was listened to, if that decides whether it is copied.

    Sound that cannot be decoded is left to the rendering, which refuses or salvages it.
    """
    wanted = plan.profile.loudness
    if wanted is None or not plan.hangs_on_loudness:
        return plan
    try:
        plan = listened(plan, plan.seconds, cancel)
    except Refused:
        return plan
    if plan.leveling is None or not plan.leveling.is_needless(wanted):
        return plan
    kept = plan_video(plan.inputs[0], replace(plan.profile, loudness=None), max_seconds=max_seconds)
    return replace(kept, reasons=(*kept.reasons, plan.leveling.reason(wanted, is_kept=True)))


def proved(plan: Plan, *, cancel: threading.Event | None = None) -> Plan:
    """The plan of a film that is to go out as it is, once it was read; another where it turns out that it cannot.

    Raises:
        Refused: it is damaged.
        Transient: it was cancelled.
    """
    probe = plan.inputs[0]
    try:
        decode_parts(probe, item=probe.name, cancel=cancel)
    except Refused as refusal:
        if (instead := plan_instead(plan, refusal)) is None:
            raise
        return instead
    return plan


def as_it_is(plan: Plan) -> Prepared:
    """A film that was proved, and goes out as it is: hashed, and neither moved nor copied."""
    return _prepared(plan, plan.inputs[0], find_cover(plan.inputs[0], plan.profile.cover))


def render(
    plan: Plan, out: Path, *, on_progress: OnProgress | None = None, cancel: threading.Event | None = None
) -> Prepared:
    """Make the rendition at `out`, which is replaced at once or not at all.

    Args:
        on_progress: called with the part that is done, 0.0 to 1.0.
        cancel: set to stop; what was begun is taken away.

    Raises:
        Refused: the plan is one, or the source cannot be converted.
        Transient: the disk is full, or it was cancelled.
    """
    if plan.refusal is not None:
        raise plan.refusal
    check_free_space(out.parent, _room(plan))
    part = part_of(out)
    try:
        plan, output = _made(plan, part, on_progress, cancel)
        cover = find_cover(output, plan.profile.cover, cancel=cancel)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return _prepared(plan, replace(output, path=out), cover)


def _made(plan: Plan, part: Path, on_progress: OnProgress | None, cancel: threading.Event | None) -> tuple[Plan, Probe]:
    """The verified rendition at `part`; a film that cannot be copied, as is found on the way, is encoded."""
    source = plan.inputs[0]
    try:
        if plan.kind is PlanKind.KEEP:
            _duplicate(source.path, part)
            decode_parts(source, item=source.name, cancel=cancel)
            return plan, source
        if plan.kind is PlanKind.ENCODE:
            plan, output = _encoded(plan, part, on_progress, cancel)
        else:
            plan, output = _written(plan, part, None, on_progress, cancel)
    except Refused as refusal:
        if (instead := plan_instead(plan, refusal)) is None:
            raise
        part.unlink(missing_ok=True)  # it may be the source itself by another name, over which nothing must be written
        return _made(instead, part, on_progress, cancel)
    _sync(part)
    return plan, output


def _encoded(
    plan: Plan, part: Path, on_progress: OnProgress | None, cancel: threading.Event | None
) -> tuple[Plan, Probe]:
    """The verified encode at `part`: by this host's hardware if that works, else by x264, which also takes over.

    The reasons say whose work it is, unless it is x264's as ever.
    """
    chosen, word = hardware.choose(encoder(plan.profile, plan.fps or NORMAL_FPS))
    if chosen is not None:
        try:
            made, output = _written(plan, part, chosen, on_progress, cancel)
        except Refused as failed:
            hardware.forget(chosen)
            word = f"{chosen.name} failed on it ({failed.message}) → x264"
        else:
            by_whom = f"encoded by {chosen.name}, the hardware of this host"
            return replace(made, reasons=(*made.reasons, by_whom)), output
    if word is not None:
        log.warning("%s: %s", plan.inputs[0].name, word)
        plan = replace(plan, reasons=(*plan.reasons, word))
    return _written(plan, part, None, on_progress, cancel)


def _written(
    plan: Plan,
    part: Path,
    chosen: hardware.Encoder | None,
    on_progress: OnProgress | None,
    cancel: threading.Event | None,
) -> tuple[Plan, Probe]:
    """The plan as it was carried out, and the probe of the rendition that was written to `part` and proved."""
    if plan.kind is PlanKind.SLIDESHOW:
        plan = make_slideshow(plan, part, on_progress=on_progress, cancel=cancel)
    else:
        plan = normalize(plan, part, hardware=chosen, on_progress=on_progress, cancel=cancel)
    output = inspect(part, name=plan.inputs[0].name, cancel=cancel)
    verify(plan, output, cancel=cancel)
    return plan, output


def _prepared(plan: Plan, output: Probe, cover: Found) -> Prepared:
    sealed = seal(output.path)
    salvaged: tuple[str, ...] = ()
    if plan.profile.salvage and plan.kind is PlanKind.ENCODE:
        salvaged = ("salvaged: damaged parts, if there were any, are missing or patched",)
    return Prepared(
        output.path,
        plan,
        (*plan.reasons, *salvaged, *cover.words),
        plan.inputs,
        output,
        sealed.sha256,
        sealed.size,
        output.duration_s,
        cover.ms,
    )


def _room(plan: Plan) -> int:
    """Bytes the work may need at most, twice because the index moves to the front at the end; a tenth is sound."""
    if plan.kind in (PlanKind.ENCODE, PlanKind.SLIDESHOW):
        return int(2.2 * plan.seconds * plan.profile.maxrate_kbps * 1000 / 8)
    probe = plan.inputs[0]
    if plan.kind is PlanKind.KEEP or probe.picture is None:
        return 0
    return int(2 * copied_bytes(probe, probe.picture, plan.seconds))


def _duplicate(path: Path, part: Path) -> None:
    """The same bytes under another name: shared blocks where the file system can, a hard link, else a copy."""
    part.unlink(missing_ok=True)
    try:
        with path.open("rb") as source, part.open("wb") as target:
            fcntl.ioctl(target, _FICLONE, source.fileno())
    except OSError:
        part.unlink(missing_ok=True)
    else:
        return
    try:
        os.link(path, part)
    except OSError:
        with disk_errors(part.parent, path.stat().st_size):
            shutil.copyfile(path, part)
            _sync(part)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
