"""Proof that a rendition is what it should be: its form, and that it decodes. What fails is never handed out."""

from __future__ import annotations

from pathlib import Path

import av
from av.error import FFmpegError

from airdate.errors import Refused
from airdate.media.ffmpeg import program
from airdate.media.plan import END_GAP_S, NEAR_S, Plan
from airdate.media.probe import Picture, Probe, opened
from airdate.media.profile import MAX_BYTES, MAX_FPS, MAX_SIDE, MIN_FPS, MIN_SIDE
from airdate.media.runner import run
from airdate.post import PlanKind

LENGTH_SLACK_S = 0.15
"""A rendition may be this much longer or shorter than planned: a frame at the lowest rate, and a packet of sound."""


def verify(plan: Plan, output: Probe, *, item: str) -> None:
    """Check a finished rendition.

    Raises:
        Refused: it is not what the plan promised; a fault of ours or of a damaged source.
    """
    faults = form_faults(output)
    if plan.kind in (PlanKind.ENCODE, PlanKind.SLIDESHOW):
        if abs(output.duration_s - planned_seconds(plan)) > LENGTH_SLACK_S:
            faults.append(f"it lasts {output.duration_s:.2f} s instead of {planned_seconds(plan):.2f} s")
        decode_whole(output.path, output.duration_s, item=item)
    else:
        decode_ends(output.path, item=item)
    if faults:
        raise Refused(
            "rendition_faulty",
            f"the rendition is not what TikTok takes: {'; '.join(faults)}",
            item=item,
            rule="the normal form: MP4, index first, H.264 4:2:0 BT.709, constant 23 to 60 frames a second",
            fix="export the film again from its editor; if that does not help, report it with `airdate probe`",
        )


def planned_seconds(plan: Plan) -> float:
    """How long the rendition should be."""
    if plan.kind is PlanKind.SLIDESHOW:
        count, each = len(plan.inputs), plan.seconds_per_photo or 0.0
        return count * each - (count - 1) * (plan.profile.crossfade_s if count > 1 else 0.0)
    picture = plan.inputs[0].picture
    return plan.inputs[0].duration_s + max(0.0, picture.start_s if picture else 0.0)


def form_faults(output: Probe) -> list[str]:
    """In what a file differs from the normal form; nothing if it is in it."""
    picture, boxes = output.picture, output.boxes
    if picture is None or boxes is None:
        return ["it is no MP4 film"]
    checks = [
        (not boxes.moov_first, "the index is not first"),
        (boxes.has_metadata, "it carries metadata"),
        (output.streams > (2 if output.sound else 1), "it has other streams"),
        (output.size > MAX_BYTES, f"it has {output.size:,} bytes"),
        *_picture_checks(picture),
        *_sound_checks(output),
    ]
    return [fault for is_wrong, fault in checks if is_wrong]


def _picture_checks(picture: Picture) -> list[tuple[bool, str]]:
    width, height = picture.width, picture.height
    return [
        (picture.codec != "h264" or picture.pix_fmt != "yuv420p", f"it is {picture.codec} {picture.pix_fmt}"),
        (picture.matrix != "bt709" or picture.range == "pc", f"its colour is {picture.matrix} {picture.range}"),
        (picture.rotation % 360 != 0, f"it is turned by {picture.rotation}"),
        (abs(picture.sar - 1) > 0.001, f"its pixels are {picture.sar:.3f} wide"),
        (width % 2 != 0 or height % 2 != 0, f"its sides are odd: {width}×{height}"),
        (not all(MIN_SIDE <= side <= MAX_SIDE for side in (width, height)), f"its sides are {width}×{height}"),
        (picture.is_variable, "its rate is variable"),
        (not MIN_FPS - 0.03 <= picture.fps <= MAX_FPS + 0.001, f"it has {picture.fps:.3f} frames a second"),
        (abs(picture.start_s) > NEAR_S, f"it begins at {picture.start_s:.2f} s"),
    ]


def _sound_checks(output: Probe) -> list[tuple[bool, str]]:
    sound = output.sound
    if sound is None:
        return []
    end = sound.start_s + (sound.duration_s or output.duration_s)
    return [
        (sound.codec != "aac" or sound.channels > 2, f"its sound is {sound.codec} in {sound.channels} channels"),
        (abs(end - output.duration_s) > END_GAP_S, f"its sound ends {end - output.duration_s:+.2f} s from the picture"),
    ]


def decode_whole(path: Path, seconds: float, *, item: str) -> None:
    """Decode every picture and sample; raises as `run` does."""
    command = [program(), "-hide_banner", "-v", "error", "-xerror", "-i", f"file:{path}", "-f", "null", "-"]
    run(command, item=item, seconds=seconds)


def decode_ends(path: Path, *, item: str) -> None:
    """Read every packet, and decode the first and last second.

    Raises:
        Refused: something in it cannot be read.
    """
    try:
        with opened(path) as container:
            video = container.streams.video[0]
            for packet in container.demux():
                if packet.is_corrupt:
                    raise ValueError("a packet is damaged")
            end = float((video.duration or 0) * (video.time_base or 0))
            for moment in (0.0, max(0.0, end - 1)):
                container.seek(int(moment * av.time_base))
                for frame in container.decode(video):
                    if frame.time is not None and frame.time > moment + 1:
                        break
    except (FFmpegError, ValueError, OSError) as failed:
        raise Refused(
            "media_damaged",
            f"the film cannot be read to its end: {type(failed).__name__}",
            item=item,
            rule="every packet is whole, and the first and last second decode",
            fix="export it again from its editor",
        ) from None
