"""The clauses a film must fulfil to be refused, copied or kept; each that fails gives its reason in plain words."""

from __future__ import annotations

from airdate.errors import Refused
from airdate.media.probe import Picture, Probe, Sound
from airdate.media.profile import (
    MAX_BYTES,
    MAX_FPS,
    MAX_SECONDS,
    MAX_SIDE,
    MIN_FPS,
    MIN_SECONDS,
    MIN_SIDE,
    SECONDS_SLACK,
    Duration,
    Framing,
    Profile,
)
from airdate.media.refusals import cut_short, too_short

NEAR_S = 0.1
"""Starts of picture and sound may differ from 0 and from each other by this much."""

END_GAP_S = 0.25
"""Sound may end this much before or after the picture."""

EDGE_FRAMES = 0.5
"""An edit may hide this much of a frame: containers round the ends of edits."""

CUT_FADE_S = 0.5
"""Sound that is cut off in the middle of a word or a bar sounds broken; faded over this it sounds ended."""

UNEVEN = 1.1
"""A part of a film, or what an encoder makes of it, may have this much more bytes than its average rate says."""

NORMAL_FPS = 30.0
FAST_FPS = 60.0
FAST_FROM_FPS = 40.0
"""A film of variable rate that mostly runs faster than this becomes one of 60 frames a second."""

FPS_SLACK = 0.03
"""Below 23: 22.98 is 23 as some containers round it. Above 60 there is none: a hair above is refused."""

COPIED_PROFILES = ("Baseline", "Constrained Baseline", "Main", "Extended", "High")
COPIED_RATES = (44_100, 48_000)

PLAYED = ("avc1", "mp4a", "")
"""By which an MP4 names H.264 and AAC so that every player finds them; empty of a track without samples."""

SMALLEST_SHORT_SIDE = 720
"""Where an encode happens anyway, a smaller picture is scaled up to this."""

FIRST_HD_LINES = 720
"""A picture that does not say of what colour it is has BT.709's from here on, and BT.601's below."""

KNOWN_MATRICES = ("bt709", "smpte170m", "bt470bg", "fcc", "smpte240m", "bt2020nc", "bt2020c")
"""By which brightness and colours are told apart; of others FFmpeg makes wrong colours, or gives up."""

UNREADABLE_DOLBY_VISION = 5
"""The only profile whose base layer has colours of its own that nothing but a Dolby decoder can turn into ours."""


def refusal(probe: Probe, picture: Picture, profile: Profile, limit: float) -> Refused | None:
    """Why no plan makes the film postable; None if one may.

    Args:
        limit: seconds the creator may post.
    """
    if picture.dolby_vision == UNREADABLE_DOLBY_VISION:
        return Refused(
            "media_dolby_vision_5",
            "the film is Dolby Vision profile 5, whose colours only a Dolby decoder knows",
            item=probe.name,
            rule="SDR, HLG, HDR10, or Dolby Vision 8",
            fix="export it as SDR, HLG or HDR10",
        )
    if picture.matrix not in (None, "gbr", *KNOWN_MATRICES):
        return Refused(
            "media_colour_unknown",
            f"the film's colours are coded by {picture.matrix}, which nothing here converts rightly",
            item=probe.name,
            rule="colours as BT.709, BT.601, BT.2020 or RGB have them",
            fix="export it with BT.709",
        )
    if probe.unheard is not None and not profile.salvage:
        return Refused(
            "media_sound_unreadable",
            f"the film has a sound that cannot be played: {probe.unheard}",
            item=probe.name,
            rule="sound that FFmpeg decodes, or none",
            fix="export it again with AAC sound, or go on without its sound with --salvage",
        )
    if probe.cut_off is not None and not profile.salvage:
        return cut_short(probe.name, probe.cut_off)
    return _length_refusal(probe, picture, profile, limit)


def _length_refusal(probe: Probe, picture: Picture, profile: Profile, limit: float) -> Refused | None:
    seconds = probe.duration_s
    if round(seconds, 3) < MIN_SECONDS:
        return too_short(probe.name, seconds)
    if not is_too_long(probe, picture, limit) or (profile.duration is Duration.TRIM and limit >= MIN_SECONDS):
        return None
    seconds = length_after(probe, picture)
    fix = f"cut {seconds - limit:.2f} s, or have its end cut off with --duration trim"
    if limit < MAX_SECONDS:
        return Refused(
            "duration_over_creator_limit",
            f"the film lasts {seconds:.2f} s and this creator may post {limit:.0f} s",
            item=probe.name,
            rule=f"TikTok, Query Creator Info: max_video_post_duration_sec is {limit:.0f}",
            fix=fix,
        )
    return Refused(
        "media_too_long",
        f"the film lasts {seconds:.2f} s",
        item=probe.name,
        rule=f"TikTok, Media Transfer Guide: at most {MAX_SECONDS:.0f} s",
        fix=fix,
    )


def is_too_long(probe: Probe, picture: Picture, limit: float) -> bool:
    """Whether a rendition of the whole film would last longer than `limit` seconds."""
    return length_after(probe, picture) > limit + SECONDS_SLACK


def length_after(probe: Probe, picture: Picture) -> float:
    """Seconds of a rendition: ffmpeg's zero is the earliest time in the file; the picture is filled up from there."""
    return picture.end_s - min(probe.start_s, picture.start_s)


def cut_reasons(probe: Probe, picture: Picture, limit: float) -> list[str]:
    """That the end of the film is cut off, if it is too long."""
    if not is_too_long(probe, picture, limit):
        return []
    whose = "TikTok takes" if limit >= MAX_SECONDS else "this creator may post"
    fades = f"; the sound fades out over the last {CUT_FADE_S:g} s" if probe.sound is not None else ""
    return [f"{length_after(probe, picture):.2f} s → the first {limit:g} s, which is what {whose}{fades}"]


def encode_reasons(probe: Probe, picture: Picture, profile: Profile, limit: float = MAX_SECONDS) -> list[str]:
    """Why the picture cannot be copied, or its first `limit` seconds cannot."""
    wishes = _wish_checks(probe, picture, profile, limit)
    checks = [*_stream_checks(picture, profile), *_time_checks(probe, picture), *wishes]
    return [reason for applies, reason in checks if applies]


def _stream_checks(picture: Picture, profile: Profile) -> list[tuple[bool, str]]:
    is_h264 = picture.codec == "h264"
    small = not all(MIN_SIDE <= side <= MAX_SIDE for side in picture.shown)
    return [
        (not is_h264, f"{picture.codec} → H.264, the codec TikTok prefers"),
        (
            is_h264 and (picture.profile not in COPIED_PROFILES or picture.pix_fmt not in ("yuv420p", "yuvj420p")),
            f"{picture.profile or '?'} {picture.pix_fmt} → High 8-bit 4:2:0, which every phone can decode",
        ),
        (picture.is_hdr, f"HDR ({'HLG' if picture.transfer == 'arib-std-b67' else 'PQ'}) → SDR BT.709"),
        (not picture.is_hdr and has_other_colour(picture), f"{_colour(picture)} → those of HD video (BT.709)"),
        (abs(picture.sar - 1) > 0.001, f"stored squeezed, its pixels {picture.sar:.3f} wide → its true shape"),
        (picture.is_turned and not profile.keep_matrix, "turned by a mark in the file → turned in the picture itself"),
        (picture.is_interlaced, "interlaced → progressive"),
        (picture.is_mixed, "its pictures are encoded in several ways → in one"),
        (any(picture.crop), f"{_edges(picture)} at its edges, which are not to be shown → cut off"),
        (picture.width % 2 != 0 or picture.height % 2 != 0, f"{picture.width}×{picture.height} → even sides"),
        (small, f"{picture.shown[0]}×{picture.shown[1]} → sides of {MIN_SIDE} to {MAX_SIDE} pixels"),
    ]


def _time_checks(probe: Probe, picture: Picture) -> list[tuple[bool, str]]:
    begins = picture.start_s if probe.boxes is not None else picture.start_s - probe.start_s
    hides = picture.hidden_s * picture.fps > EDGE_FRAMES
    rate = f"{picture.fps:.2f} → {rate_after(picture):g} frames a second"
    return [
        (picture.is_variable, f"{rate}, constant, so that nothing stutters"),
        (
            not picture.is_variable and not is_legal_rate(picture.fps),
            f"{rate}, constant: TikTok takes {MIN_FPS:.0f} to {MAX_FPS:.0f}",
        ),
        (abs(begins) > NEAR_S, f"the picture begins at {begins:.2f} s → 0"),
        (not picture.is_timed, "the container does not say when its pictures are shown → counted anew"),
        (not picture.starts_whole, "the first pictures cannot be decoded → begun at the first whole one"),
        (picture.edits > 1, "its editor hid several parts of it → cut out of the film itself"),
        (picture.edits <= 1 and hides, f"its editor hid {picture.hidden_s:.2f} s of it → cut out of the film itself"),
    ]


def _wish_checks(probe: Probe, picture: Picture, profile: Profile, limit: float) -> list[tuple[bool, str]]:
    framing = profile.film_framing
    framed = framing is not Framing.KEEP and (profile.safe_zones or picture.shown != (profile.width, profile.height))
    clear = ", clear of TikTok's buttons and texts" if profile.safe_zones else ""
    return [
        (copied_bytes(probe, picture, limit) > MAX_BYTES, f"{probe.size:,} bytes → at most {MAX_BYTES:,}"),
        (framed, f"framing: {framing} to {profile.width}×{profile.height}{clear}"),
        (probe.cut_off is not None, f"its end is missing ({probe.cut_off}) → what is left of it"),
        (picture.is_joined and is_too_long(probe, picture, limit), "several recordings, joined → one, to be cut off"),
    ]


def rate_after(picture: Picture) -> float:
    """Frames a second of an encode: the source's own where TikTok takes it."""
    if picture.is_variable:
        return FAST_FPS if picture.fps > FAST_FROM_FPS else NORMAL_FPS
    if is_legal_rate(picture.fps):
        return max(MIN_FPS, picture.fps)
    return FAST_FPS if picture.fps > MAX_FPS else NORMAL_FPS


def is_legal_rate(fps: float) -> bool:
    """Whether TikTok takes a constant rate."""
    return MIN_FPS - FPS_SLACK <= fps <= MAX_FPS + 0.0005


def has_other_colour(picture: Picture) -> bool:
    """BT.601, wide gamuts and full range look wrong when taken for BT.709; so does an untagged small picture."""
    if picture.range == "pc" or (picture.pix_fmt or "").startswith("yuvj"):
        return True
    if picture.primaries in ("bt2020", "smpte431", "smpte432", "film"):
        return True
    return (picture.matrix or assumed_matrix(picture.height)) != "bt709"


def assumed_matrix(height: int) -> str:
    """The colour matrix of a picture that does not say it, by its coded height in pixels."""
    return "bt709" if height >= FIRST_HD_LINES else "smpte170m"


def _colour(picture: Picture) -> str:
    said = [word for word in (picture.matrix, picture.primaries, picture.range) if word is not None]
    return (
        f"colours as {', '.join(said)}" if said else "colours that the file does not name, taken for those of SD video"
    )


def _edges(picture: Picture) -> str:
    left, top, right, bottom = picture.crop
    return f"{left + right} columns and {top + bottom} rows"


def lacks_tags(picture: Picture) -> bool:
    """Whether BT.709 colour does not say so of itself."""
    return (picture.matrix, picture.primaries, picture.transfer, picture.range) != ("bt709", "bt709", "bt709", "tv")


def silence_reason(probe: Probe) -> str:
    """Why a rendition has no sound."""
    return "no sound, and none is added" if probe.unheard is None else f"its sound is left out: {probe.unheard}"


def sound_reasons(picture: Picture, sound: Sound | None, profile: Profile) -> list[str]:
    """Why the sound cannot be copied."""
    if sound is None:
        return []
    gap = sound.end_s - picture.end_s if sound.end_s is not None else 0.0
    lag = sound.start_s - picture.start_s
    checks = [
        (
            sound.codec != "aac" or sound.profile != "LC",
            f"sound {' '.join(filter(None, (sound.codec, sound.profile)))} → AAC-LC",
        ),
        (sound.channels not in (1, 2), f"{sound.channels} channels → stereo"),
        (sound.rate not in COPIED_RATES, f"{sound.rate} Hz → 48000 Hz"),
        (sound.edits > 1, "its editor cut the sound in several places → cut in the sound itself"),
        (not sound.starts_whole, "the first sound cannot be decoded → left out"),
        (sound.is_mixed, "the sound changes its rate or its channels → one form"),
        (picture.is_joined, "several recordings, joined → one sound, in time with the picture"),
        (abs(lag) > NEAR_S, f"the sound begins {_apart(lag)} the picture → together, with silence or a cut"),
        (abs(gap) > END_GAP_S, f"the sound ends {_apart(gap)} the picture → together, with silence or a cut"),
        (profile.loudness is not None, loudness_reason(profile)),
    ]
    return [reason for applies, reason in checks if applies]


def _apart(seconds: float) -> str:
    return f"{abs(seconds):.2f} s {'after' if seconds > 0 else 'before'}"


def loudness_reason(profile: Profile) -> str:
    """What is said of the loudness before the sound was listened to."""
    return f"loudness → {profile.loudness} LUFS"


def remux_reasons(probe: Probe) -> list[str]:
    """Why the container cannot stay."""
    boxes = probe.boxes
    if boxes is None or "mp4" not in probe.container or boxes.brand == "qt  ":
        return ["the container becomes MP4", *([] if probe.unheard is None else [silence_reason(probe)])]
    checks = [
        (boxes.fragmented, "stored in pieces → in one"),
        (not boxes.moov_first, "the index goes first, so that the film can start before it is all there"),
        (any(track.entry not in PLAYED for track in boxes.tracks), "its index names its codecs oddly → as players do"),
        (boxes.has_metadata, "place, date, device and title are taken out"),
        (probe.unheard is not None, silence_reason(probe)),
        (probe.streams > (2 if probe.sound else 1), "tracks besides one picture and one sound are taken out"),
        (probe.size > MAX_BYTES, f"{probe.size:,} bytes → at most {MAX_BYTES:,}, by leaving out what is empty"),
        (_sound_is_late(probe), "the film begins at 0"),
    ]
    return [reason for applies, reason in checks if applies]


def _sound_is_late(probe: Probe) -> bool:
    return probe.sound is not None and abs(probe.sound.start_s) > NEAR_S


def copied_bytes(probe: Probe, picture: Picture, limit: float) -> float:
    """What a copy of the film, or of its first `limit` seconds, would have; a part is not sure to be average."""
    used = used_bytes(probe)
    if not is_too_long(probe, picture, limit):
        return used
    return min(used, UNEVEN * used * limit / length_after(probe, picture))


def used_bytes(probe: Probe) -> int:
    """The file without its empty boxes."""
    return probe.boxes.used_bytes if probe.boxes is not None else probe.size
