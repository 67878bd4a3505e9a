"""Encoding by graphics hardware, where there is some and a trial of it works; everywhere else x264 encodes.

That ffmpeg lists such an encoder says nothing: every build lists several, and most hosts have no device for them. So
two frames are tried, and what a device made is proved like every rendition. A device that fails in mid-job, or whose
film is not in the normal form, is not asked again for this film.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ffmpeg as graph

from airdate.errors import Refused, Transient
from airdate.media.programs.ffmpeg import build, command
from airdate.media.programs.runner import by_line, launch
from airdate.settings import AUTO, SOFTWARE, load_settings

log = logging.getLogger(__name__)

TRIAL_SIZE = "256x256"
"""Some encoders take nothing smaller than 145 pixels."""

TRIAL_FRAMES, TRIAL_FPS = 2, 30
TRIAL_WALL_S = 20.0
"""A trial takes 15 to 280 ms; a driver that is not done by then hangs."""

TARGET = 0.75
"""Where a device knows no quality but only a rate: this part of the cap. x264 needs it for noisy handheld film; on a
calm one it is waste, which costs upload and no quality."""

_TAGGED = (
    "h264_metadata=colour_primaries=1:transfer_characteristics=1:matrix_coefficients=1:video_full_range_flag=0"
    ":sample_aspect_ratio=1/1"
)
"""Not every driver writes the colours it is told into the stream."""

_SHARED = ("maxrate", "bufsize", "g", "fps_mode")

Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Encoder:
    """One of ffmpeg's encoders that hand the work to a device.

    Attributes:
        name: ffmpeg's.
        devices: as what `/dev` shows such a device; without one `auto` does not spend a trial on it. macOS shows none.
        pix_fmt: of the frames it takes.
        quality: its own options, by those that x264 would have.
        flags: what ffmpeg must be told of the device, if frames have to be moved there by a filter.
    """

    name: str
    devices: tuple[str, ...]
    pix_fmt: str
    quality: Callable[[Options], dict[str, Any]]
    flags: tuple[str, ...] = ()

    def options(self, x264: Options) -> dict[str, Any]:
        """What an output node gets instead of x264's options: the same cap, the same closed groups, as good a film."""
        shared = {name: x264[name] for name in _SHARED}
        return {"c:v": self.name, "flags:v": "+cgop", "bsf:v": _TAGGED, **shared, **self.quality(x264)}

    def fed(self, stream: Any) -> Any:
        """The end of a filter chain: frames as the device takes them, and where it takes them."""
        stream = stream.filter("format", self.pix_fmt)
        return stream.filter("hwupload") if self.flags else stream

    def is_shown(self) -> bool:
        """Whether the system shows a device for it."""
        if not self.devices:
            return sys.platform == "darwin"
        return any(next(Path("/dev").glob(pattern), None) is not None for pattern in self.devices)


def _nvenc(x264: Options) -> dict[str, Any]:
    tried = {"profile:v": "high", "preset": "p5", "tune": "hq", "rc": "vbr", "cq": x264["crf"], "b:v": 0, "bf": 2}
    return {**tried, "spatial-aq": 1, "forced-idr": 1}


def _qsv(x264: Options) -> dict[str, Any]:
    return {"profile:v": "high", "preset": "faster", "global_quality": x264["crf"], "b:v": _rate(x264)}


def _videotoolbox(x264: Options) -> dict[str, Any]:
    return {"profile:v": "high", "b:v": _rate(x264)}


def _vaapi(x264: Options) -> dict[str, Any]:
    return {"profile:v": "high", "rc_mode": "VBR", "b:v": _rate(x264)}


def _v4l2m2m(x264: Options) -> dict[str, Any]:
    return {"profile:v": 100, "b:v": _rate(x264)}  # High, by its number: this one knows no names


def _rate(x264: Options) -> str:
    return f"{int(int(x264['maxrate'].removesuffix('k')) * TARGET)}k"


_VAAPI_DEVICE = ("-init_hw_device", "vaapi=gpu", "-filter_hw_device", "gpu")

ENCODERS = (
    Encoder("h264_nvenc", ("nvidiactl", "dxg"), "yuv420p", _nvenc),
    Encoder("h264_qsv", ("dri/renderD*",), "nv12", _qsv),
    Encoder("h264_videotoolbox", (), "nv12", _videotoolbox),
    Encoder("h264_vaapi", ("dri/renderD*",), "nv12", _vaapi, _VAAPI_DEVICE),
    Encoder("h264_v4l2m2m", ("video*",), "yuv420p", _v4l2m2m),
)
"""In the order of their quality."""


def choose(x264: Options) -> tuple[Encoder | None, str | None]:
    """Who encodes on this host, as `AIRDATE_ENCODER` and a trial say.

    Args:
        x264: the options that x264 would get.

    Returns:
        The encoder, None for x264; and a word on it if the one that was asked for by name does not work.
    """
    wish = load_settings().encoder
    if wish == SOFTWARE:
        return None, None
    if wish == AUTO:
        return next((one for one in ENCODERS if one.is_shown() and fault(one, x264) is None), None), None
    asked = next(one for one in ENCODERS if one.name == wish)
    why = fault(asked, x264)
    return (asked, None) if why is None else (None, f"{wish} does not work on this host ({why}) → x264")


_faults: dict[tuple[str, str], str | None] = {}


def fault(encoder: Encoder, x264: Options) -> str | None:
    """Why an encoder does not work here, None if it does: tried with the real options, once per process and ffmpeg."""
    known = (build().place, encoder.name)
    if known not in _faults:
        _faults[known] = _tried(encoder, x264)
        log.info("%s: %s", encoder.name, _faults[known] or "a trial worked")
    return _faults[known]


def forget(encoder: Encoder) -> None:
    """Have an encoder that failed in mid-job tried anew before the next one."""
    _faults.pop((build().place, encoder.name), None)


def _tried(encoder: Encoder, x264: Options) -> str | None:
    if encoder.name not in build().encoders:
        return "this ffmpeg does not have it"
    frames = encoder.fed(graph.input(f"color=s={TRIAL_SIZE}:r={TRIAL_FPS}", f="lavfi"))
    node = graph.output(frames, "-", f="null", **{"frames:v": TRIAL_FRAMES}, **encoder.options(x264))
    try:
        ended = launch(
            command(node, *encoder.flags),
            item=encoder.name,
            wall_s=TRIAL_WALL_S,
            stall_s=TRIAL_WALL_S,
            taking=by_line(lambda _: False),
            on_device=True,
        )
    except (Refused, Transient):
        return f"its driver hung for {TRIAL_WALL_S:.0f} s"
    if ended.status == 0:
        return None
    said = next(iter(ended.tail), f"status {ended.status}")  # the first line has the cause, later ones what it led to
    return re.sub(r"^(\[[^]]*\] )+", "", said).rstrip(".")
