"""One well-built ffmpeg command for a film: copied where it can be, decoded and encoded once where it must be."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import ffmpeg as graph

from airdate.errors import Refused
from airdate.media.clauses import CUT_FADE_S, END_GAP_S, lacks_tags
from airdate.media.film.chain import Corner, covering, filtered, takes_changes
from airdate.media.film.cutting import Cut, clean_cut
from airdate.media.film.evening import grid_of
from airdate.media.film.safe_zones import free_box
from airdate.media.film.timing import timed
from airdate.media.plan import Plan, plan_heard
from airdate.media.probe import WALL_S, Picture, Probe, Sound
from airdate.media.probe import probe as inspect
from airdate.media.profile import Framing, Profile
from airdate.media.programs.child import call
from airdate.media.programs.ffmpeg import build, command, source
from airdate.media.programs.hardware import Encoder
from airdate.media.programs.runner import OnProgress, run
from airdate.media.reading.opening import MAX_PIXELS
from airdate.media.reading.packets import TIMELESS
from airdate.media.sound.leveling import ENCODER, Level, heard, leveled
from airdate.post import PlanKind

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

SHORTEST_S = 0.001
"""Containers round times to this, or to less."""

LARGE_PIXELS = 4096 * 2304
GROWTH = 4
"""A picture may become as large in mid-film, or so many times as large as it is at first: decoders keep a dozen of
them, and a small film that grew to 8192×8192 took gigabytes."""

_TAG_BSF = "h264_metadata=colour_primaries=1:transfer_characteristics=1:matrix_coefficients=1:video_full_range_flag=0"
_STRICTLY = "-xerror"
"""Has ffmpeg end at the first error."""

_LESS_STRICTLY = ("-max_error_rate", "0")
"""At the first one of a decoder: what is at odds with what came before may be a join."""

_ANEW = (PlanKind.ENCODE, PlanKind.AUDIO)
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""The native decoders leave the alpha channel out."""


def normalize(
    plan: Plan,
    part: Path,
    *,
    hardware: Encoder | None = None,
    on_progress: OnProgress | None,
    cancel: threading.Event | None,
) -> Plan:
    """Write the rendition of a film plan to `part`.

    Args:
        hardware: what encodes instead of x264.

    Returns:
        The plan, whose reasons say by now how loud the sound was.

    Raises:
        Refused: the film is damaged.
        Transient: the disk is full, or it was cancelled.
    """
    probe = plan.inputs[0]
    cut = clean_cut(probe, _picture(probe), plan.seconds, cancel) if _is_cut_as_it_is(plan) else None
    plan = listened(plan, plan.seconds if cut is None else cut.seconds, cancel)
    ours = _command(plan, cut, part, hardware, cancel)
    go = partial(
        run,
        item=probe.name,
        seconds=plan.seconds,
        size=probe.size,
        on_progress=on_progress,
        cancel=cancel,
        on_device=hardware is not None,
    )
    try:
        go(ours)
    except Refused as refusal:
        if refusal.code != "media_times_jump" or _STRICTLY not in ours:
            raise
        # Where picture or sound change their form, ffmpeg begins its filters anew, and their first times are passed by.
        go([ours[0], *_LESS_STRICTLY, *(word for word in ours[1:] if word != _STRICTLY)])
    if (options := _again(plan, part, cancel)) is not None:
        _copy_again(part, options, go)
    return plan


def _copy_again(part: Path, options: Mapping[str, Any], go: Callable[[list[str]], object]) -> None:
    copy, film = part.with_name(f"{part.name}.again"), graph.input(f"file:{part.absolute()}", f="mp4")
    node = graph.output(film["v"], film["a?"], f"file:{copy.absolute()}", **CONTAINER, c="copy", **options)
    try:
        go(command(node, _STRICTLY))
        copy.replace(part)
    finally:
        copy.unlink(missing_ok=True)


def _again(plan: Plan, part: Path, cancel: threading.Event | None) -> dict[str, Any] | None:
    """Options of a copy of what was written, where one command is not enough; None where it is."""
    if plan.kind is PlanKind.ENCODE:
        written = inspect(part, name=plan.inputs[0].name, cancel=cancel) if plan.profile.salvage else None
        return None if written is None else _ending_together(written)
    grid = grid_of(_picture(plan.inputs[0]))
    return None if grid is None else grid.later()


def _ending_together(written: Probe) -> dict[str, Any] | None:
    """Options by which the sound of a damaged film ends with its picture; it was filled up to where that should end."""
    picture, sound = _picture(written), written.sound
    is_longer = sound is not None and sound.end_s is not None and sound.end_s - picture.end_s > END_GAP_S
    return {"t": f"{picture.end_s:.6f}"} if is_longer else None


def listened(plan: Plan, seconds: float, cancel: threading.Event | None = None) -> Plan:
    """The plan once its sound was listened to, where its loudness is to change and that was not done yet.

    Args:
        seconds: how much of it will be heard.

    Raises:
        Refused: it cannot be decoded.
        Transient: it was cancelled.
    """
    probe, wanted = plan.inputs[0], plan.profile.loudness
    sound = probe.sound
    if sound is None or wanted is None or plan.leveling is not None or plan.kind not in _ANEW:
        return plan
    voice = _timed(sound, source(probe.path, probe.container, **_skipping(probe))[str(sound.index)])

    def chain(level: Level | None) -> Any:
        return heard(voice, sound.channels, seconds, level, fade_s=_fade_s(plan), is_joined=_is_joined(probe))

    found = leveled(chain, wanted, channels=sound.channels, item=probe.name, seconds=seconds, cancel=cancel)
    return plan_heard(plan, found)


def _command(
    plan: Plan, cut: Cut | None, part: Path, hardware: Encoder | None, cancel: threading.Event | None
) -> list[str]:
    probe = plan.inputs[0]
    picture, sound = _picture(probe), probe.sound
    skipped = _skipping(probe) if plan.kind in _ANEW else {}
    original = source(probe.path, probe.container, **_decoder(plan, picture), **skipped)
    options: dict[str, Any] = dict(CONTAINER)
    if cut is not None:
        options |= _cut_options(probe, picture, cut)
        plan = replace(plan, seconds=cut.seconds)
    streams = [original[str(picture.index)]]
    if plan.kind is PlanKind.ENCODE:
        size, corner = plan.size or picture.shown, _corner(plan, probe, picture, cancel)
        box = free_box(size) if plan.profile.safe_zones else None
        shown = timed(probe, picture, streams[0], plan.fps or picture.fps)
        framed = filtered(picture, shown, size, plan.framing, plan.fps or picture.fps, corner, box)
        streams = [framed.filter("trim", end_frame=_most_pictures(plan, picture))]
        x264 = encoder(plan.profile, plan.fps or picture.fps)
        options |= (x264 if hardware is None else hardware.options(x264)) | COLOUR
        if hardware is not None:
            streams = [hardware.fed(streams[0])]
    else:
        options |= _copied(plan, picture)
    if sound is not None:
        anew = plan.kind in _ANEW
        options |= ENCODER if anew else {"c:a": "copy"}
        voice = original[str(sound.index)]
        streams.append(_voiced(plan, sound, _timed(sound, voice)) if anew else voice)
    flags = [*_strictness(plan, picture, sound), *(() if hardware is None else hardware.flags)]
    if sound is not None and not sound.is_timed:
        flags += ["-copyts", "-start_at_zero"]  # else ffmpeg makes up for each jump by shifting the picture too
    if plan.kind in (PlanKind.REMUX, PlanKind.FILTER):
        begun, more = _copied_start(plan, probe, picture, sound)
        options, flags = options | begun, flags + more
    elif plan.kind is PlanKind.AUDIO:
        options |= _start(picture.start_s - probe.start_s)
    return command(graph.output(*streams, f"file:{part.absolute()}", **options), *flags)


def _copied(plan: Plan, picture: Picture) -> dict[str, Any]:
    """Options by which the picture is copied: tagged and made even on the way, where it is not."""
    options: dict[str, Any] = {"c:v": "copy"}
    filters = []
    if plan.inputs[0].container == "avi":  # as `shown_at` has it
        time = f"DTS+{round(picture.wait_s * picture.fps)}*DURATION*not(N)"
        filters.append(f"setts=pts={time}:dts={time}")
    if lacks_tags(picture):
        filters.append(_TAG_BSF)
        options |= COLOUR
    if (grid := grid_of(picture)) is not None:
        evened, options["video_track_timescale"] = grid.at_once()
        filters += evened
    return options | ({"bsf:v": ",".join(filters)} if filters else {})


def _copied_start(plan: Plan, probe: Probe, picture: Picture, sound: Sound | None) -> tuple[dict[str, Any], list[str]]:
    """Options and flags by which what is copied begins at its first picture."""
    early = picture.start_s if probe.boxes is None else picture.start_s - (sound.start_s if sound else picture.start_s)
    if plan.is_shortened or (probe.boxes is not None and early <= SHORTEST_S):
        return {}, []
    if picture.is_joined:
        return _start(picture.start_s - probe.start_s), []  # with its own times its clock would begin anew here too
    return _start(early), ["-copyts"] if probe.boxes is None else []


def _start(early: float) -> dict[str, Any]:
    """Options by which a rendition begins where its picture does, `early` seconds after its sound.

    That sound, as AAC from a broadcast has it, is left out by an edit list. Half a millisecond stays, for a rounded
    time must hide no picture.
    """
    if early == 0:
        return {}
    return {"output_ts_offset": f"{SHORTEST_S / 2 - early:.6f}", "avoid_negative_ts": "disabled"}


def _most_pictures(plan: Plan, picture: Picture) -> int:
    """Of an encode. Also where it is not cut, for ffmpeg lets the last picture stand as long as the others did.

    Of an FLV with a picture every few seconds that would be seconds after its sound has ended.
    """
    pictures = plan.seconds * (plan.fps or picture.fps)
    return round(pictures) if plan.is_shortened else ceil(pictures) + 1


def _cut_options(probe: Probe, picture: Picture, cut: Cut) -> dict[str, Any]:
    """By number, unless ffmpeg would end the sound with the last picture: then by time, half a picture later."""
    if probe.container in TIMELESS or not build().ends_streams_alone:
        return {"t": f"{cut.decoded_s + 0.5 / picture.fps:.6f}"}
    return {"frames:v": cut.pictures}


def _strictness(plan: Plan, picture: Picture, sound: Sound | None) -> tuple[str, ...]:
    """Damage ends the job, unless it is to be salvaged, or the film begins with what cannot be decoded."""
    if plan.profile.salvage or not picture.starts_whole or not (sound is None or sound.starts_whole):
        return ()
    return _LESS_STRICTLY if picture.is_joined else (_STRICTLY,)


def _skipping(probe: Probe) -> dict[str, Any]:
    """By which what an edit hides at the beginning is left out; half a millisecond less, which rounding may take."""
    return {"ss": f"{probe.lead_s - SHORTEST_S / 2:.6f}"} if probe.lead_s > SHORTEST_S else {}


def _decoder(plan: Plan, picture: Picture) -> dict[str, Any]:
    """How the picture is decoded: bounded, with its transparency, and through changes where the chain takes them."""
    options: dict[str, Any] = {
        "max_pixels": min(MAX_PIXELS, max(LARGE_PIXELS, GROWTH * picture.width * picture.height))
    }
    if plan.kind is not PlanKind.ENCODE:
        return options
    if takes_changes(picture):
        options["reinit_filter:v"] = 0
    if picture.has_alpha and picture.codec in _ALPHA_DECODERS:
        options["c:v"] = _ALPHA_DECODERS[picture.codec]
    return options


def _timed(sound: Sound, voice: Any) -> Any:
    """The sound at its times, where ffmpeg does not tell them right."""
    if not sound.is_timed:
        return voice.filter("asetpts", "N/SR/TB")
    if sound.is_trimmed:
        # ffmpeg 9 dates the first packet that is heard in part as if it were heard whole, up to 0.2 s too early. Where
        # there are holes it leaves out as much sound again, and what is left comes when it says.
        return voice.filter("asetpts", f"PTS-STARTPTS+{sound.start_s:.6f}/TB")
    return voice


def _voiced(plan: Plan, sound: Sound, voice: Any) -> Any:
    """The sound as it is heard, as loud as the profile says."""
    level = None if plan.leveling is None else plan.leveling.level
    joined = _is_joined(plan.inputs[0])
    return heard(voice, sound.channels, plan.seconds, level, fade_s=_fade_s(plan), is_joined=joined)


def _is_joined(probe: Probe) -> bool:
    return _picture(probe).is_joined or (probe.sound is not None and probe.sound.is_mixed)


def _fade_s(plan: Plan) -> float:
    return CUT_FADE_S if plan.is_shortened else 0.0


def _is_cut_as_it_is(plan: Plan) -> bool:
    return plan.is_shortened and plan.kind is not PlanKind.ENCODE


def _corner(plan: Plan, probe: Probe, picture: Picture, cancel: threading.Event | None) -> Corner | None:
    """Where the busiest window of the film begins, if that is what is to be kept."""
    if plan.framing is not Framing.SMART or plan.size is None:
        return None
    found: list[Corner] = []
    shown = covering(picture, plan.size)
    order = {"path": str(probe.path.absolute()), "index": picture.index, "shown": shown, "size": plan.size}
    call(
        "airdate.media.film.focus:look",
        order,
        item=probe.name,
        wall_s=WALL_S + plan.seconds,
        on_said=lambda said: found.append((said["left"], said["top"])),
        cancel=cancel,
    )
    return found[0]


def _picture(probe: Probe) -> Picture:
    if probe.picture is None:
        raise ValueError("a film has a picture")
    return probe.picture


def encoder(profile: Profile, fps: float) -> dict[str, Any]:
    """x264's options: quality, and a cap on the rate, without which noisy handheld film takes 36 Mb/s."""
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
        "threads": min(os.cpu_count() or 2, 8),
    }
