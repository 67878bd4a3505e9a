"""The front of the room: look, decide, render. A rendition gets its name only when it is whole and proven."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from airdate.errors import Refused, WrongUsage
from airdate.media.normalize import normalize
from airdate.media.plan import Plan, names_of, refuse
from airdate.media.plan import plan as plan_of
from airdate.media.probe import Probe, probe
from airdate.media.profile import MAX_SECONDS, Profile
from airdate.media.runner import OnProgress
from airdate.media.slideshow import make_slideshow
from airdate.media.verify import decode, verify
from airdate.post import PlanKind
from airdate.store import check_free_space, disk_errors, sha256_of

ROOM_FACTOR = 1.1
AUDIO_KBPS = 128

__all__ = ["Plan", "Prepared", "Probe", "decide", "inspect", "render", "verify_kept"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A film that may be sent.

    Attributes:
        input: the first original as it was found; the others are in the plan.
        output: the film itself, as found after the work.
        size: in bytes.
    """

    path: Path
    plan: Plan
    reasons: tuple[str, ...]
    input: Probe
    output: Probe
    sha256: str
    size: int
    duration_s: float


def inspect(path: Path, *, name: str | None = None) -> Probe:
    """What a file is; `airdate.media.probe.probe`."""
    return probe(path, name=name)


def decide(
    paths: Sequence[Path], profile: Profile, *, max_seconds: float = MAX_SECONDS, names: Sequence[str] | None = None
) -> Plan:
    """Look at the files and plan; a file that cannot go out gives a plan with a refusal, never an exception.

    Args:
        paths: one film, or photos in their order.
        max_seconds: the creator's limit.
        names: what reasons and errors call the files; their own names when None.

    Raises:
        WrongUsage: there are no files.
    """
    if not paths:
        raise WrongUsage(
            "media_missing", "there is nothing to prepare", rule="one film, or photos", fix="name at least one file"
        )
    called = names_of(paths, names)
    probes: list[Probe] = []
    try:
        for path, name in zip(paths, called, strict=True):
            probes.append(probe(path, name=name))
    except Refused as refusal:
        return refuse(refusal, probes, profile, called)
    return plan_of(probes, profile, max_seconds=max_seconds, names=called)


def render(
    plan: Plan, out: Path, *, on_progress: OnProgress | None = None, cancel: threading.Event | None = None
) -> Prepared:
    """Carry out a plan. `out` is replaced at once by a proven film, or left as it was.

    Raises:
        Refused: the plan is a refusal, or the original turned out to be damaged.
        Transient: the disk is full, or it was cancelled.
    """
    if plan.refusal is not None:
        raise plan.refusal
    needed = _room(plan)
    check_free_space(out.absolute().parent, needed)
    part = out.with_name(f".{out.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with disk_errors(out.absolute().parent, needed):
            _make(plan, part, on_progress, cancel)
            output = probe(part, name=plan.names[0])
            verify(plan, output, cancel=cancel)
            _sync(part)
            prepared = _prepared(plan, output, out)
            part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    if on_progress:
        on_progress(1.0)
    return prepared


def verify_kept(plan: Plan) -> Prepared:
    """Prove an original that is kept, where it lies; nothing is copied.

    Raises:
        Refused: it does not decode.
    """
    if plan.kind is not PlanKind.KEEP:
        raise ValueError(f"a plan to {plan.kind} keeps nothing")
    original = plan.inputs[0]
    decode(original, item=plan.names[0], key_frames_only=True)
    return _prepared(plan, original, original.path)


def _make(plan: Plan, part: Path, on_progress: OnProgress | None, cancel: threading.Event | None) -> None:
    if plan.kind is PlanKind.KEEP:
        shutil.copyfile(plan.inputs[0].path, part)
    elif plan.kind is PlanKind.SLIDESHOW:
        make_slideshow(plan, part, on_progress=on_progress, cancel=cancel)
    else:
        normalize(plan, part, on_progress=on_progress, cancel=cancel)


def _room(plan: Plan) -> int:
    """Bytes the work may take: a copy is its original again, an encode its length at the capped rate."""
    if plan.kind in (PlanKind.ENCODE, PlanKind.SLIDESHOW):
        return int(plan.duration_s * (plan.profile.maxrate_kbps + AUDIO_KBPS) * 125 * ROOM_FACTOR)
    return int(plan.inputs[0].size * ROOM_FACTOR)


def _sync(path: Path) -> None:
    """Bring the bytes to the disk before the name says that they are there."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _prepared(plan: Plan, output: Probe, path: Path) -> Prepared:
    reasons = plan.reasons
    if plan.profile.salvage and plan.kind is not PlanKind.KEEP:
        reasons = (*reasons, "salvaged: damaged parts, if there were any, are missing or patched")
    return Prepared(
        path=path,
        plan=plan,
        reasons=reasons,
        input=plan.inputs[0],
        output=output,
        sha256=sha256_of(output.path),
        size=output.size,
        duration_s=output.duration_s,
    )
