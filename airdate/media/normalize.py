"""From a plan to one ffmpeg command: copy, tag, make new sound, or encode with colour, rate, size and framing right."""

from __future__ import annotations

import re
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg as graph

from airdate.media.ffmpeg import command, source
from airdate.media.plan import Plan, input_matrix, lacks_tags
from airdate.media.probe import Picture, Probe
from airdate.media.profile import Framing, Profile
from airdate.media.runner import OnProgress, run
from airdate.post import PlanKind

CONTAINER: dict[str, Any] = {
    "f": "mp4",
    "movflags": "+faststart",
    "map_metadata": -1,
    "map_chapters": -1,
    "fflags": "+bitexact",
}
"""MP4, index first, nothing told about people and places, and the same bytes each time."""

TAGS: dict[str, Any] = {"color_range": "tv", "color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709"}
"""Output options for builds before 9.0; from there on only `setparams` counts."""

TAGGING = {
    "bsf:v": "h264_metadata=video_full_range_flag=0:colour_primaries=1:transfer_characteristics=1:matrix_coefficients=1"
}
"""Output options that mark a copied picture as the BT.709 it is."""

RATES = tuple(Fraction(*rate) for rate in ((24000, 1001), (30000, 1001), (60000, 1001))) + tuple(
    Fraction(rate) for rate in (24, 25, 30, 48, 50, 60)
)
SAMPLE_RATE = 48_000
KEY_SECONDS = 2.0
GROUND = 15
"""The blurred ground is made at a fifteenth of the frame's sides: 7 ms a frame instead of 41, and it looks the same."""

MAX_GAIN_DB = 20.0
CEILING = 0.84
"""-1.5 dBFS: what a lossy encoding may add above this does not clip."""

ALPHA = re.compile(r"^(yuva|rgba|bgra|argb|abgr|gbrap|ya\d|pal8)")
RGB = re.compile(r"^(rgb|bgr|gbr|0rgb|0bgr|argb|abgr|pal8|gray|ya\d|monob|monow)")


def normalize(
    plan: Plan, out: Path, *, on_progress: OnProgress | None = None, cancel: threading.Event | None = None
) -> None:
    """Write the rendition of one film to `out`, which is no rendition until it was verified.

    Raises:
        Refused: the film is damaged and the profile does not salvage.
        Transient: the disk is full, or it was cancelled.
    """
    probe = plan.inputs[0]
    full = command(_output(plan, probe, f"file:{out}", cancel))
    if not plan.profile.salvage:
        # Without it ffmpeg turns a cut or damaged film into a shorter or grey one and says that all is well.
        full.insert(1, "-xerror")
    run(full, item=plan.names[0], seconds=probe.duration_s, on_progress=on_progress, cancel=cancel)


def _output(plan: Plan, probe: Probe, out: str, cancel: threading.Event | None) -> Any:
    """The graph of a plan."""
    match plan.kind:
        case PlanKind.REMUX:
            return _copied(probe, out)
        case PlanKind.FILTER:
            return _copied(probe, out, **TAGGING)
        case PlanKind.AUDIO:
            return _with_new_sound(probe, out, _gain(plan, cancel))
        case PlanKind.ENCODE:
            return _encoded(plan, probe, out, _gain(plan, cancel))
        case _:
            raise ValueError(f"a film is not made by {plan.kind}")


def x264(profile: Profile, fps: float) -> dict[str, Any]:
    """Output options of the picture."""
    return {
        "c:v": "libx264",
        "preset": profile.preset,
        "crf": profile.crf,
        "maxrate": f"{profile.maxrate_kbps}k",
        "bufsize": f"{2 * profile.maxrate_kbps}k",
        "profile:v": "high",
        "pix_fmt": "yuv420p",
        "g": round(KEY_SECONDS * fps),
        **TAGS,
    }


def exact_rate(fps: float) -> Fraction:
    """The fraction that a measured rate stands for: 29.97003 is 30000/1001."""
    nearest = min(RATES, key=lambda rate: abs(float(rate) - fps))
    return nearest if abs(float(nearest) - fps) < 0.0005 * fps else Fraction(fps).limit_denominator(1001)


def fitted(shown: tuple[int, int], frame: tuple[int, int], *, cover: bool = False) -> tuple[int, int]:
    """Even sides of a picture scaled until it fits into the frame, or covers it."""
    choose = max if cover else min
    scale = choose(frame[0] / shown[0], frame[1] / shown[1])
    sides = [max(2, round(side * scale / 2) * 2) for side in shown]
    # Rounding may end a hair beside the frame, which would be a line of padding or a failed crop.
    near = [limit if abs(side - limit) <= 2 else side for side, limit in zip(sides, frame, strict=True)]
    return near[0], near[1]


def _streams(probe: Probe) -> tuple[Any, Any | None]:
    given = source(probe.path, probe.container)
    picture = given[str(probe.picture.index)] if probe.picture else given["V:0"]
    return picture, given[str(probe.sound.index)] if probe.sound else None


def _copied(probe: Probe, out: str, **options: Any) -> Any:
    streams = [stream for stream in _streams(probe) if stream is not None]
    return graph.output(*streams, out, c="copy", **options, **CONTAINER)


def _with_new_sound(probe: Probe, out: str, gain: float | None) -> Any:
    picture, sound = _streams(probe)
    options = {"c:v": "copy", **_aac(), **CONTAINER}
    if probe.picture is not None and lacks_tags(probe.picture):
        options |= TAGGING
    return graph.output(picture, _sound(sound, probe, gain), out, **options)


def _encoded(plan: Plan, probe: Probe, out: str, gain: float | None) -> Any:
    if probe.picture is None or plan.size is None:
        raise ValueError("an encode has a picture and a size")
    rate = exact_rate(plan.fps or probe.picture.fps)
    picture, sound = _streams(probe)
    streams = [tagged(_framed(_paced(picture, probe.picture, rate), probe.picture, plan.size, plan.profile.framing))]
    options = {**x264(plan.profile, float(rate)), **CONTAINER}
    if sound is not None:
        streams.append(_sound(sound, probe, gain))
        options |= _aac()
    return graph.output(*streams, out, **options)


def _aac() -> dict[str, Any]:
    return {"c:a": "aac", "b:a": "128k"}


def _sound(sound: Any, probe: Probe, gain: float | None) -> Any:
    """Sound that begins at 0, with silence where it came late, and ends with the picture.

    Never `asetpts=PTS-STARTPTS`, which takes the late start away, nor `-shortest`, which cuts the film.
    """
    sound = sound.filter("aresample", **{"async": 1, "first_pts": 0})
    sound = sound.filter("aformat", sample_rates=SAMPLE_RATE, channel_layouts="stereo|mono")
    if gain is not None:
        sound = sound.filter("volume", f"{gain:.2f}dB").filter("alimiter", limit=CEILING, level=0)
    seconds = f"{probe.duration_s:.6f}"
    return sound.filter("apad", whole_dur=seconds).filter("atrim", end=seconds)


def _paced(picture: Any, facts: Picture, rate: Fraction) -> Any:
    """Progressive and constant before anything is scaled, so that frames that go are not worked on.

    Never by renumbering frames: on film of variable rate that moved the sound by 0.35 s in 2 s.
    """
    if facts.is_interlaced:
        picture = picture.filter("bwdif", mode="send_frame", deint="interlaced")
    return picture.filter("fps", fps=f"{rate.numerator}/{rate.denominator}", start_time=0)


def _framed(picture: Any, facts: Picture, frame: tuple[int, int], framing: Framing) -> Any:
    """The picture in the frame, in BT.709; what is blurred or padded is the picture as converted."""
    if framing is Framing.CROP:
        sides = fitted(facts.shown, frame, cover=True)
        picture = _converted(picture, facts, sides)
        return picture if sides == frame else picture.filter("crop", *frame)
    sides = fitted(facts.shown, frame)
    picture = _converted(picture, facts, sides)
    if sides == frame:
        return picture
    if framing is not Framing.BLUR:
        return picture.filter("pad", *frame, "(ow-iw)/2", "(oh-ih)/2", "black")
    halves = picture.filter_multi_output("split")
    small = (max(2, frame[0] // GROUND), max(2, frame[1] // GROUND))
    ground = halves[0].filter("scale", *fitted(sides, small, cover=True), flags="area").filter("crop", *small)
    ground = ground.filter("gblur", sigma=2).filter("scale", *frame, flags="bicubic")
    return graph.overlay(ground, halves[1], x="(W-w)/2", y="(H-h)/2", format="yuv420")


def _converted(picture: Any, facts: Picture, sides: tuple[int, int]) -> Any:
    """The picture at this size as BT.709, limited range, 8 bits; its numbers are converted, not only its tags."""
    if facts.is_hdr:
        return _tone_mapped(picture, facts, sides)
    options: dict[str, Any] = {"flags": "bicubic", "out_color_matrix": "bt709", "out_range": "tv"}
    read: dict[str, Any] = {}
    if not RGB.match(facts.pix_fmt or "") and facts.codec != "mjpeg":
        read = {"in_color_matrix": input_matrix(facts), "in_range": "pc" if facts.range == "pc" else "tv"}
    if ALPHA.match(facts.pix_fmt or ""):
        # Over black: what is clear has any colour at all in the file.
        picture = picture.filter("scale", **read).filter("format", "gbrap").filter("premultiply", inplace=1)
        read = {}
    return picture.filter("scale", *sides, **read, **options).filter("format", "yuv420p").filter("setsar", 1)


def _tone_mapped(picture: Any, facts: Picture, sides: tuple[int, int]) -> Any:
    """PQ or HLG to SDR, scaled first: eight times cheaper on a small picture."""
    known = {"color_primaries": facts.primaries or "bt2020", "colorspace": facts.matrix or "bt2020nc"}
    range_ = {"range": facts.range or "tv"}
    picture = picture.filter("setparams", color_trc=facts.transfer, **known, **range_)
    picture = picture.filter("zscale", w=sides[0], h=sides[1], f="bicubic")
    picture = picture.filter("zscale", t="linear", npl=203).filter("format", "gbrpf32le").filter("zscale", p="bt709")
    picture = picture.filter("tonemap", tonemap="mobius", param=0.3, desat=0)
    picture = picture.filter("zscale", t="bt709", m="bt709", r="tv", npl=203).filter("format", "yuv420p")
    return picture.filter("sidedata", mode="delete").filter("setsar", 1)


def tagged(picture: Any) -> Any:
    """The picture marked as what it is by now: square, 4:2:0, BT.709 of limited range."""
    names = {"range": "tv", "color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709"}
    return picture.filter("setsar", 1).filter("format", "yuv420p").filter("setparams", **names)


def _gain(plan: Plan, cancel: threading.Event | None) -> float | None:
    """Decibels to the wanted loudness: a measurement and a constant gain, a quarter of what `loudnorm` costs."""
    probe, wanted = plan.inputs[0], plan.profile.loudness
    if wanted is None or probe.sound is None:
        return None
    heard = source(probe.path, probe.container)[str(probe.sound.index)].filter("ebur128", framelog="verbose")
    full = command(graph.output(heard, "pipe:2", f="null"))
    full[full.index("-v") + 1] = "info"
    said = run(full, item=plan.names[0], seconds=probe.duration_s, cancel=cancel)
    found = [re.search(r"\bI:\s+(-?[\d.]+) LUFS", line) for line in said]
    measured = next((float(match[1]) for match in reversed(found) if match), None)
    if measured is None or measured <= -70:
        return None  # silence has no loudness, and amplifying it makes noise
    return max(-MAX_GAIN_DB, min(MAX_GAIN_DB, wanted - measured))
