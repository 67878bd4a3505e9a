"""The proof: a rendition is looked at like any other file, and decoded, before it gets its name."""

from __future__ import annotations

import threading

import ffmpeg as graph

from airdate.errors import Refused
from airdate.media.boxes import Boxes
from airdate.media.ffmpeg import command, source
from airdate.media.plan import END_GAP_S, FPS_SLACK, H264_PROFILES, NEAR_S, Plan
from airdate.media.probe import Picture, Probe
from airdate.media.profile import MAX_BYTES, MAX_FPS, MAX_SIDE, MIN_FPS, MIN_SIDE
from airdate.media.runner import run
from airdate.post import PlanKind

LENGTH_SLACK_S = 0.05
"""A rendition may be this much, or a frame, longer or shorter than planned."""

COPY_SLACK_S = 0.25
"""A container other than MP4 tells its own length only about."""

ENCODES = (PlanKind.ENCODE, PlanKind.SLIDESHOW)


def verify(plan: Plan, output: Probe, *, cancel: threading.Event | None = None) -> None:
    """Check form and length, and decode: an encode whole (6 % of its cost), a copy at its key frames.

    Raises:
        Refused: it is not what was planned, or does not decode.
    """
    item = plan.names[0]
    faults = form_faults(output) + _length_faults(plan, output)
    if faults:
        raise Refused(
            "rendition_faulty",
            f"the film that came out is not what TikTok takes: {'; '.join(faults)}",
            item=item,
            rule="MP4, index first, H.264 8-bit 4:2:0 in BT.709, constant 23 to 60 frames a second",
            fix="export it again from its editor as MP4 with H.264",
        )
    decode(output, item=item, key_frames_only=plan.kind not in ENCODES, cancel=cancel)


def decode(output: Probe, *, item: str, key_frames_only: bool, cancel: threading.Event | None = None) -> None:
    """Decode a film to nothing.

    Raises:
        Refused: a picture or a sound does not decode.
    """
    options = {"skip_frame": "nokey"} if key_frames_only else {}
    given = source(output.path, output.container, **options)
    full = command(graph.output(given["0"], "pipe:2", f="null", fps_mode="passthrough"))
    if output.sound is not None:
        full = command(graph.output(given["0"], given["1"], "pipe:2", f="null", fps_mode="passthrough"))
    full.insert(1, "-xerror")
    run(full, item=item, seconds=output.duration_s, cancel=cancel)


def form_faults(output: Probe) -> list[str]:
    """What keeps a film from being the normal form; empty for one that is."""
    picture, boxes = output.picture, output.boxes
    if picture is None or boxes is None:
        return ["it is no MP4 with a picture"]
    return [fault for fault, found in _faults(output, picture, boxes).items() if found]


def _faults(output: Probe, picture: Picture, boxes: Boxes) -> dict[str, bool]:
    tags = (picture.matrix, picture.primaries, picture.transfer, picture.range)
    sound = output.sound
    end = sound.start_s + sound.duration_s - picture.start_s - output.duration_s if sound else 0.0
    return {
        "the index is not first": not boxes.moov_first or boxes.fragmented,
        "it is cut off": boxes.truncated,
        "it tells a place, a date, a device or a title": boxes.has_metadata,
        f"its picture is {picture.codec} {picture.profile} {picture.pix_fmt}": picture.codec != "h264"
        or picture.profile not in H264_PROFILES
        or picture.pix_fmt != "yuv420p",
        f"its colours are marked {tags}": tags != ("bt709", "bt709", "bt709", "tv"),
        f"it has {picture.width}×{picture.height} pixels": any(
            side % 2 or not MIN_SIDE <= side <= MAX_SIDE for side in (picture.width, picture.height)
        ),
        "its pixels are not square, or it is turned by a tag": abs(picture.sar - 1) > 0.001 or picture.rotation != 0,
        f"it has {picture.fps:.3f} frames a second": not MIN_FPS - FPS_SLACK <= picture.fps <= MAX_FPS + FPS_SLACK,
        "its rate varies": picture.is_variable,
        f"its picture begins at {picture.start_s:.3f} s": abs(picture.start_s) > NEAR_S,
        "its sound is not AAC-LC": sound is not None and (sound.codec, sound.profile) != ("aac", "LC"),
        f"its sound begins at {sound.start_s if sound else 0:.3f} s": sound is not None and abs(sound.start_s) > NEAR_S,
        f"its sound ends {end:+.2f} s from the picture": abs(end) > END_GAP_S,
        f"it has {output.streams} tracks": output.streams != (2 if sound else 1),
        f"it has {output.size:,} bytes": output.size > MAX_BYTES,
    }


def _length_faults(plan: Plan, output: Probe) -> list[str]:
    if plan.profile.salvage:
        return []  # what is left of a damaged film is as long as it is
    wanted, fps = plan.duration_s, output.picture.fps if output.picture else 1.0
    slack = max(LENGTH_SLACK_S, 1.5 / max(fps, 1.0)) if plan.kind in ENCODES else COPY_SLACK_S
    faults = []
    if abs(output.duration_s - wanted) > slack:
        faults.append(f"it lasts {output.duration_s:.2f} s instead of {wanted:.2f} s")
    track = output.boxes.video if output.boxes else None
    if track is not None and plan.kind in ENCODES:
        frames = sum(count for _, count in track.gaps)
        if abs(frames / fps - wanted) > slack:
            faults.append(f"it has {frames} frames at {fps:.2f} a second for {wanted:.2f} s")
    return faults
