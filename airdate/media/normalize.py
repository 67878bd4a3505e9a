"""One well-built ffmpeg command for a film: copied where it can be, decoded and encoded once where it must be."""

from __future__ import annotations

import os
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg as graph

from airdate.media.ffmpeg import program, source
from airdate.media.plan import SMALLEST_SHORT_SIDE, Plan
from airdate.media.probe import Picture, Probe
from airdate.media.profile import Framing
from airdate.media.runner import OnProgress, run
from airdate.post import PlanKind

SOUND_RATE = 48_000
SOUND_BITRATE = "128k"

GROUP_S = 2
"""Seconds between key pictures: TikTok's players seek by them."""

COLOUR = {"color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709", "color_range": "tv"}
"""For old builds; ffmpeg 9 takes the tags from `setparams` alone."""

CONTAINER = {
    "movflags": "+faststart",
    "map_metadata": "-1",
    "map_chapters": "-1",
    "f": "mp4",
}
"""MP4 with the index first, and none of the source's metadata: phone clips carry where they were shot."""

_TAG_BSF = "h264_metadata=colour_primaries=1:transfer_characteristics=1:matrix_coefficients=1:video_full_range_flag=0"
_MATRICES = {"bt709": "bt709", "smpte170m": "smpte170m", "bt470bg": "bt470", "bt2020nc": "bt2020"}

BLUR_WIDTH = 72
"""The background is blurred at this width and scaled up: eight times cheaper than at full size, and looks the same."""


def normalize(
    plan: Plan, part: Path, *, item: str, on_progress: OnProgress | None, cancel: threading.Event | None
) -> list[str]:
    """Write the rendition of a film plan to `part`; returns what ffmpeg complained about."""
    probe = plan.inputs[0]
    command = _command(plan, probe, part)
    return run(command, item=item, seconds=probe.duration_s, on_progress=on_progress, cancel=cancel)


def _command(plan: Plan, probe: Probe, part: Path) -> list[str]:
    options: dict[str, Any] = dict(CONTAINER)
    original = source(probe.path, probe.container)
    picture, sound = _picture(probe), probe.sound
    streams = [original[str(picture.index)]]
    if plan.kind is PlanKind.ENCODE:
        streams = [_encoded(plan, picture, streams[0])]
        options |= _encoder(plan, picture) | COLOUR
    else:
        options["c:v"] = "copy"
    if plan.kind is PlanKind.FILTER:
        options |= {"bsf:v": _TAG_BSF} | COLOUR
    if sound is not None:
        heard = original[str(sound.index)]
        if plan.kind in (PlanKind.ENCODE, PlanKind.AUDIO):
            heard = _heard(heard, sound.channels, probe.duration_s)
            options |= {"c:a": "aac", "b:a": SOUND_BITRATE}
        else:
            options["c:a"] = "copy"
        streams.append(heard)
    flags = ["-hide_banner", "-v", "error"] + ([] if plan.profile.salvage else ["-xerror"])
    return list(
        graph.output(*streams, f"file:{part}", **options).global_args(*flags).overwrite_output().compile(cmd=program())
    )


def _picture(probe: Probe) -> Picture:
    if probe.picture is None:
        raise ValueError("a film has a picture")
    return probe.picture


def _encoder(plan: Plan, picture: Picture) -> dict[str, Any]:
    profile = plan.profile
    fps = plan.fps or picture.fps
    return {
        "c:v": "libx264",
        "preset": profile.preset,
        "crf": profile.crf,
        "maxrate": f"{profile.maxrate_kbps}k",
        "bufsize": f"{2 * profile.maxrate_kbps}k",
        "profile:v": "high",
        "pix_fmt": "yuv420p",
        "g": round(GROUP_S * fps),
        "fps_mode": "cfr",
        "threads": os.cpu_count() or 2,
    }


def _encoded(plan: Plan, picture: Picture, stream: Any) -> Any:
    """The picture, upright, at its rate, size and colour. Frames are dropped first, so that none is scaled in vain."""
    if picture.is_interlaced:
        stream = stream.filter("bwdif", mode="send_frame", deint="interlaced")
    rate = Fraction(plan.fps or picture.fps).limit_denominator(1001)
    stream = stream.filter("fps", fps=f"{rate.numerator}/{rate.denominator}", start_time=0)
    width, height = plan.size or picture.shown
    framed = _framed(plan, picture, stream, width, height)
    stream = _to_sdr(framed, width, height) if picture.is_hdr else _to_709(framed, picture, width, height)
    return (
        stream.filter("format", "yuv420p")
        .filter("setsar", 1)
        .filter("setparams", range="tv", color_primaries="bt709", color_trc="bt709", colorspace="bt709")
    )


def _framed(plan: Plan, picture: Picture, stream: Any, width: int, height: int) -> Any:
    """The picture inside the profile's frame, never stretched; unframed pictures pass."""
    framing = plan.profile.framing
    if framing is Framing.KEEP:
        return stream
    shown_width, shown_height = picture.shown
    cover = max(width / shown_width, height / shown_height)
    fit = min(width / shown_width, height / shown_height)
    if framing is Framing.CROP:
        return _scaled(stream, shown_width * cover, shown_height * cover).filter("crop", width, height)
    inner_width, inner_height = _even(shown_width * fit), _even(shown_height * fit)
    if framing is Framing.PAD:
        return _scaled(stream, inner_width, inner_height).filter(
            "pad", width, height, "(ow-iw)/2", "(oh-ih)/2", color="black"
        )
    halves = stream.split()
    small = _even(BLUR_WIDTH * height / width)
    ground = (
        _scaled(halves[0], BLUR_WIDTH * cover / (width / shown_width), small * cover / (height / shown_height))
        .filter("crop", BLUR_WIDTH, small)
        .filter("gblur", sigma=2)
        .filter("scale", width, height, flags="bicubic")
        .filter("setsar", 1)
    )
    front = _scaled(halves[1], inner_width, inner_height).filter("setsar", 1)
    return graph.overlay(ground, front, x=(width - inner_width) // 2, y=(height - inner_height) // 2)


def _scaled(stream: Any, width: float, height: float) -> Any:
    return stream.filter("scale", _even(width), _even(height), flags="bicubic")


def _even(value: float) -> int:
    return max(2, round(value / 2) * 2)


def _to_709(stream: Any, picture: Picture, width: int, height: int) -> Any:
    """Any SDR picture as BT.709 limited, by what it says of itself, or by what its size suggests."""
    options = {"flags": "bicubic", "out_color_matrix": "bt709", "out_range": "tv"}
    if picture.matrix in _MATRICES:
        options["in_color_matrix"] = _MATRICES[picture.matrix]
    elif picture.matrix is None and not _is_rgb(picture):
        options["in_color_matrix"] = "bt709" if min(picture.shown) >= SMALLEST_SHORT_SIDE else "bt601"
    return stream.filter("scale", width, height, **options)


def _is_rgb(picture: Picture) -> bool:
    return (picture.pix_fmt or "").startswith(("rgb", "bgr", "gbr", "argb", "abgr", "pal8", "gray"))


def _to_sdr(stream: Any, width: int, height: int) -> Any:
    """HDR as SDR: scaled first, because tone-mapping 4K costs eight times as much; mobius kept bright skies best."""
    return (
        stream.filter("scale", width, height, flags="bicubic")
        .filter("zscale", t="linear", npl=203)
        .filter("format", "gbrpf32le")
        .filter("zscale", p="bt709")
        .filter("tonemap", "mobius", param=0.3, desat=0)
        .filter("zscale", t="bt709", m="bt709", r="tv", npl=203)
        .filter("format", "yuv420p")
        .filter("sidedata", mode="delete")
    )


def _heard(stream: Any, channels: int, seconds: float) -> Any:
    """The sound at 48 kHz in one or two channels, from 0 to the picture's end."""
    return (
        stream.filter("aresample", **{"async": 1, "first_pts": 0})
        .filter("aformat", sample_rates=SOUND_RATE, channel_layouts="mono" if channels == 1 else "stereo")
        .filter("apad", whole_dur=f"{seconds:.6f}")
        .filter("atrim", end=f"{seconds:.6f}")
    )
