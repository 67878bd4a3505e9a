"""Proof that a rendition is what it should be: its form, and that it decodes. What fails is never handed out."""

from __future__ import annotations

import threading
from pathlib import Path

from airdate.errors import Refused
from airdate.media.clauses import END_GAP_S, NEAR_S, is_legal_rate
from airdate.media.plan import Plan
from airdate.media.probe import SCAN_BYTES_A_SECOND, WALL_S, Picture, Probe
from airdate.media.profile import MAX_BYTES, MAX_SIDE, MIN_SECONDS, MIN_SIDE
from airdate.media.programs.child import Said, call
from airdate.media.programs.ffmpeg import QUIET, program
from airdate.media.programs.runner import run
from airdate.media.refusals import changing, damaged, interlaced, too_short
from airdate.post import PlanKind

LENGTH_SLACK_S = 0.05
"""Besides one frame: containers round."""

LOST_S = 0.25
"""A rendition that is this much shorter than its source lost pictures that did not decode."""


def verify(plan: Plan, output: Probe, *, cancel: threading.Event | None = None) -> None:
    """Check a finished rendition.

    Raises:
        Refused: it is not what the plan promised; a fault of ours or of a damaged source.
        Transient: it was cancelled.
    """
    item = plan.inputs[0].name
    faults = form_faults(output, keeps_matrix=plan.profile.keep_matrix)
    short = plan.seconds - output.duration_s
    if plan.kind is PlanKind.ENCODE and short > LOST_S and not plan.profile.salvage and _should_be_whole(plan):
        raise damaged(item, f"only {output.duration_s:.2f} s of {plan.seconds:.2f} s are there")
    if plan.profile.salvage and round(output.duration_s, 3) < MIN_SECONDS:
        raise too_short(item, output.duration_s, "what decodes of the film lasts")
    if plan.inputs[0].sound is not None and output.sound is None and plan.kind is not PlanKind.KEEP:
        faults.append("its sound is missing")
    if plan.is_shortened and -short > LENGTH_SLACK_S:
        faults.append(f"it lasts {output.duration_s:.2f} s, and was to be cut at {plan.seconds:.2f} s")
    if plan.kind is PlanKind.SLIDESHOW and abs(short) > LENGTH_SLACK_S + 1 / plan.profile.fps:
        faults.append(f"it lasts {output.duration_s:.2f} s instead of {plan.seconds:.2f} s")
    if faults:
        raise Refused(
            "rendition_faulty",
            f"the rendition is not what TikTok takes: {'; '.join(faults)}",
            item=item,
            rule="the normal form: MP4, index first, H.264 4:2:0 BT.709, constant 23 to 60 frames a second",
            fix="export the film again from its editor; if that does not help, report it with `airdate probe`",
        )
    if plan.kind is PlanKind.ENCODE or (plan.kind is PlanKind.SLIDESHOW and plan.profile.ken_burns):
        decode_whole(output, item=item, cancel=cancel)
    else:
        decode_parts(output, item=item, keys_only=plan.kind is PlanKind.SLIDESHOW, cancel=cancel)


def _should_be_whole(plan: Plan) -> bool:
    probe = plan.inputs[0]
    return probe.cut_off is None and probe.picture is not None and probe.picture.starts_whole


def form_faults(output: Probe, *, keeps_matrix: bool = False) -> list[str]:
    """In what a file differs from the normal form; nothing if it is in it."""
    picture, boxes = output.picture, output.boxes
    if picture is None or boxes is None:
        return ["it is no MP4 film"]
    checks = [
        (not boxes.moov_first, "the index is not first"),
        (boxes.has_metadata, "it carries metadata"),
        (output.streams > (2 if output.sound else 1), "it has other streams"),
        (output.size > MAX_BYTES, f"it has {output.size:,} bytes"),
        (picture.is_turned and not keeps_matrix, f"it is turned by {picture.rotation}"),
        *_picture_checks(picture),
        *_sound_checks(output, picture),
    ]
    return [fault for is_wrong, fault in checks if is_wrong]


def _picture_checks(picture: Picture) -> list[tuple[bool, str]]:
    width, height = picture.width, picture.height
    return [
        (picture.codec != "h264" or picture.pix_fmt != "yuv420p", f"it is {picture.codec} {picture.pix_fmt}"),
        (picture.matrix != "bt709" or picture.range != "tv", f"its colour is {picture.matrix} {picture.range}"),
        (abs(picture.sar - 1) > 0.001, f"its pixels are {picture.sar:.3f} wide"),
        (width % 2 != 0 or height % 2 != 0, f"its sides are odd: {width}×{height}"),
        (not all(MIN_SIDE <= side <= MAX_SIDE for side in (width, height)), f"its sides are {width}×{height}"),
        (picture.is_variable, "its rate is variable"),
        (not is_legal_rate(picture.fps), f"it has {picture.fps:.3f} frames a second"),
        (abs(picture.start_s) > NEAR_S, f"it begins at {picture.start_s:.2f} s"),
    ]


def _sound_checks(output: Probe, picture: Picture) -> list[tuple[bool, str]]:
    sound = output.sound
    if sound is None:
        return []
    gap = sound.end_s - picture.end_s if sound.end_s is not None else 0.0
    return [
        (sound.codec != "aac" or sound.channels > 2, f"its sound is {sound.codec} in {sound.channels} channels"),
        (abs(gap) > END_GAP_S, f"its sound ends {gap:+.2f} s from the picture"),
    ]


def decode_whole(output: Probe, *, item: str, cancel: threading.Event | None = None) -> None:
    """Decode every picture and sample of an encode. Raises as `run` does.

    In one thread, and without smoothing the edges between blocks, which finds nothing: a fifth less work, for a wait of
    a tenth of the film's length.
    """
    place = f"file:{Path(output.path).absolute()}"
    reading = ("-threads", "1", "-skip_loop_filter", "all", "-f", "mov", "-i", place)
    command = [program(), *QUIET, "-xerror", *reading, "-f", "null", "-"]
    run(command, item=item, seconds=output.duration_s, cancel=cancel)


def decode_parts(output: Probe, *, item: str, keys_only: bool = False, cancel: threading.Event | None = None) -> None:
    """Read every packet, and decode key pictures and both ends: enough where the pictures were copied.

    Args:
        keys_only: leave the ends out: enough where each group of pictures is one still of our own, many times.

    Raises:
        Refused: something in it is damaged, or its pictures have several sizes or become interlaced.
        Transient: it was cancelled.
    """
    heard: list[Said] = []
    order = {"path": str(Path(output.path).absolute()), "seconds": output.duration_s, "keys_only": keys_only}
    wall_s = WALL_S + output.duration_s + output.size / SCAN_BYTES_A_SECOND
    call("airdate.media.reading.scanning:scan", order, item=item, wall_s=wall_s, on_said=heard.append, cancel=cancel)
    if heard[0]["fault"] is not None:
        raise damaged(item, heard[0]["fault"])
    if heard[0]["change"] is not None:
        raise changing(item, heard[0]["change"])
    if heard[0]["combs"] is not None:
        raise interlaced(item, heard[0]["combs"])
