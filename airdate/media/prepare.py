"""The media engine's front door: look, decide, make. Everything else in this room is behind it."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from airdate.errors import Refused
from airdate.files import seal
from airdate.media.normalize import normalize
from airdate.media.plan import Plan, decide_kind, default_names, plan_slideshow, plan_video
from airdate.media.probe import Kind, Probe
from airdate.media.probe import probe as inspect
from airdate.media.profile import MAX_SECONDS, Profile
from airdate.media.runner import OnProgress, part_of
from airdate.media.slideshow import make_slideshow
from airdate.media.verify import decode_ends, verify
from airdate.post import PlanKind
from airdate.store import check_free_space

__all__ = ["Plan", "Prepared", "Probe", "decide", "inspect", "render", "verify_kept"]

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
    """

    path: Path
    plan: Plan
    reasons: tuple[str, ...]
    input: tuple[Probe, ...]
    output: Probe
    sha256: str
    size: int
    duration_s: float


def decide(
    paths: Sequence[Path], profile: Profile, *, max_seconds: float = MAX_SECONDS, names: Sequence[str] | None = None
) -> Plan:
    """Look at the originals and decide; one film, or photos in order.

    Args:
        max_seconds: the creator's limit.
        names: what errors call the files.

    Returns:
        The plan; of kind `refuse`, with the refusal, for what TikTok would not take.
    """
    names = list(names) if names is not None else default_names(paths)
    try:
        probes = [inspect(path, name=name) for path, name in zip(paths, names, strict=True)]
        kind = decide_kind(probes, names)
    except Refused as refusal:
        return Plan(PlanKind.REFUSE, (refusal.message,), (), profile, refusal=refusal)
    if kind is Kind.PHOTO:
        return plan_slideshow(probes, profile, max_seconds=max_seconds, names=names)
    return plan_video(probes[0], profile, max_seconds=max_seconds, name=names[0])


def verify_kept(plan: Plan) -> Prepared:
    """A film that goes out as it is: proved, hashed, and neither moved nor copied."""
    probe = plan.inputs[0]
    decode_ends(probe.path, item=probe.path.name)
    return _prepared(plan, probe.path, probe)


def render(
    plan: Plan, out: Path, *, on_progress: OnProgress | None = None, cancel: threading.Event | None = None
) -> Prepared:
    """Make the rendition at `out`, which is replaced at once or not at all.

    Raises:
        Refused: the plan is one, or the source cannot be converted.
        Transient: the disk is full, or it was cancelled.
    """
    if plan.refusal is not None:
        raise plan.refusal
    check_free_space(out.parent, _room(plan))
    part = part_of(out)
    item = plan.inputs[0].path.name
    try:
        if plan.kind is PlanKind.KEEP:
            _duplicate(plan.inputs[0].path, part)
            decode_ends(part, item=item)
        else:
            if plan.kind is PlanKind.SLIDESHOW:
                names = [probe.path.name for probe in plan.inputs]
                make_slideshow(plan, part, names, on_progress=on_progress, cancel=cancel)
            else:
                normalize(plan, part, item=item, on_progress=on_progress, cancel=cancel)
            verify(plan, inspect(part, name=item), item=item)
            _sync(part)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return _prepared(plan, out, inspect(out))


def _prepared(plan: Plan, path: Path, output: Probe) -> Prepared:
    sealed = seal(path)
    return Prepared(path, plan, plan.reasons, plan.inputs, output, sealed.sha256, sealed.size, output.duration_s)


def _room(plan: Plan) -> int:
    """Bytes the work may need at most: the result at its capped rate, and once more to move the index to the front."""
    if plan.kind in (PlanKind.ENCODE, PlanKind.SLIDESHOW):
        seconds = sum(probe.duration_s for probe in plan.inputs) or 3.0 * len(plan.inputs)
        return int(2 * seconds * plan.profile.maxrate_kbps * 1000 / 8)
    return 0 if plan.kind is PlanKind.KEEP else 2 * plan.inputs[0].size


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
        shutil.copyfile(path, part)
        _sync(part)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
