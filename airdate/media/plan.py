"""The decision, with reasons: how originals become a rendition. Pure: it looks at probes, never at files.

The first answer that fits wins: refuse, keep, remux, filter, audio, encode. Nothing to do is the best plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from airdate.errors import Refused
from airdate.media.probe import Kind, Picture, Probe, Sound
from airdate.media.profile import (
    MAX_BYTES,
    MAX_FPS,
    MAX_PHOTOS,
    MAX_SECONDS,
    MAX_SIDE,
    MIN_FPS,
    MIN_SECONDS,
    MIN_SIDE,
    SECONDS_SLACK,
    Framing,
    Profile,
)
from airdate.post import PlanKind

NEAR_S = 0.1
"""Starts of picture and sound may differ from 0 and from each other by this much."""

END_GAP_S = 0.25
"""Sound may end this much before or after the picture."""

COPIED_PROFILES = ("Baseline", "Constrained Baseline", "Main", "Extended", "High")
COPIED_RATES = (44_100, 48_000)
NORMAL_FPS = 30.0
SMALLEST_SHORT_SIDE = 720
"""Where an encode happens anyway, a smaller picture is scaled up to this on its short side."""

SHORTEST_PHOTO_S = 1.0
"""Below this a photo is a flicker; a set that does not fit so is refused."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done.

    Attributes:
        reasons: plain words, in the order of the decisions.
        inputs: probes of the originals, in order.
        size: width and height of the rendition; None leaves the picture as it is.
        fps: frames a second of an encode; None keeps the source's.
        seconds_per_photo: of a slideshow.
        refusal: why nothing can be done, when the kind is `refuse`.
    """

    kind: PlanKind
    reasons: tuple[str, ...]
    inputs: tuple[Probe, ...]
    profile: Profile
    size: tuple[int, int] | None = None
    fps: float | None = None
    seconds_per_photo: float | None = None
    refusal: Refused | None = field(default=None)


def plan_video(probe: Probe, profile: Profile, *, max_seconds: float = MAX_SECONDS, name: str | None = None) -> Plan:
    """The plan for one film.

    Args:
        max_seconds: the creator's limit, at most TikTok's.
        name: what a refusal calls the file.
    """
    picture = probe.picture
    if picture is None:
        raise ValueError("a film has a picture")
    if refusal := _refusal(probe, min(max_seconds, MAX_SECONDS), name or probe.path.name):
        return Plan(PlanKind.REFUSE, (refusal.message,), (probe,), profile, refusal=refusal)
    if reasons := _encode_reasons(probe, picture, profile):
        size, shape = _size(picture, profile)
        fps, rate = _fps(picture)
        reasons += [*shape, *rate, *_sound_words(probe, probe.sound)]
        return Plan(PlanKind.ENCODE, tuple(reasons), (probe,), profile, size=size, fps=fps)
    if reasons := _sound_reasons(probe, probe.sound):
        return Plan(PlanKind.AUDIO, ("the picture is copied as it is", *reasons), (probe,), profile)
    if _lacks_tags(picture):
        return Plan(
            PlanKind.FILTER,
            ("the picture is copied and its colour is tagged BT.709, which it did not say of itself",),
            (probe,),
            profile,
        )
    if reasons := _remux_reasons(probe):
        return Plan(PlanKind.REMUX, ("picture and sound are copied as they are", *reasons), (probe,), profile)
    return Plan(PlanKind.KEEP, ("nothing to do: it is what TikTok takes, byte for byte",), (probe,), profile)


def plan_slideshow(
    probes: Sequence[Probe], profile: Profile, *, max_seconds: float = MAX_SECONDS, names: Sequence[str] = ()
) -> Plan:
    """The plan for photos, in their order."""
    count, limit = len(probes), min(max_seconds, MAX_SECONDS)
    cross = profile.crossfade_s if count > 1 else 0.0
    each = profile.seconds_per_photo
    reasons = [f"{count} photo{'s' if count > 1 else ''}, in order, as a film: TikTok takes no photos as files"]
    if count > MAX_PHOTOS:
        refusal = Refused(
            "photos_too_many",
            f"there are {count} photos",
            item=names[MAX_PHOTOS] if names else None,
            rule=f"at most {MAX_PHOTOS} photos a post",
            fix=f"leave out {count - MAX_PHOTOS}",
        )
        return Plan(PlanKind.REFUSE, (refusal.message,), tuple(probes), profile, refusal=refusal)
    total = _length(count, each, cross)
    if total < MIN_SECONDS:
        each = (MIN_SECONDS + cross * (count - 1)) / count
        reasons.append(f"each photo stands {each:.2f} s, so that the film has the {MIN_SECONDS:.0f} s it needs")
    elif total > limit:
        each = (limit + cross * (count - 1)) / count
        if each < SHORTEST_PHOTO_S:
            refusal = Refused(
                "photos_too_many_for_limit",
                f"{count} photos leave {each:.2f} s for each within {limit:.0f} s",
                item=names[0] if names else None,
                rule=f"at least {SHORTEST_PHOTO_S:.0f} s a photo and at most {limit:.0f} s in all",
                fix="leave some photos out",
            )
            return Plan(PlanKind.REFUSE, (refusal.message,), tuple(probes), profile, refusal=refusal)
        reasons.append(f"each photo stands {each:.2f} s, so that the film keeps to {limit:.0f} s")
    framing = "a blurred copy of itself" if profile.framing in (Framing.KEEP, Framing.BLUR) else profile.framing.value
    reasons.append(
        f"{profile.width}×{profile.height} at {profile.fps} frames a second, {each:.2f} s a photo, "
        f"cross-fades of {cross:.1f} s; framing: {framing}"
    )
    return Plan(
        PlanKind.SLIDESHOW,
        tuple(reasons),
        tuple(probes),
        profile,
        size=(profile.width, profile.height),
        fps=float(profile.fps),
        seconds_per_photo=each,
    )


def _length(count: int, each: float, cross: float) -> float:
    return count * each - (count - 1) * cross


def _refusal(probe: Probe, limit: float, name: str) -> Refused | None:
    seconds = probe.duration_s
    if probe.boxes is not None and probe.boxes.encrypted:
        return Refused(
            "media_encrypted",
            "the film is encrypted",
            item=name,
            rule="a film without DRM",
            fix="export it without protection",
        )
    if seconds < MIN_SECONDS - SECONDS_SLACK:
        return Refused(
            "media_too_short",
            f"the film lasts {seconds:.2f} s",
            item=name,
            rule=f"at least {MIN_SECONDS:.0f} s",
            fix=f"make it {MIN_SECONDS - seconds:.2f} s longer",
        )
    if seconds > limit + SECONDS_SLACK:
        return Refused(
            "media_too_long",
            f"the film lasts {seconds:.2f} s",
            item=name,
            rule=f"TikTok, Media Transfer Guide: at most {limit:.0f} s for this creator",
            fix=f"cut {seconds - limit:.2f} s",
        )
    return None


def _encode_reasons(probe: Probe, picture: Picture, profile: Profile) -> list[str]:
    """Why the picture cannot be copied."""
    checks = [
        (picture.codec != "h264", f"{picture.codec} → H.264, the codec TikTok prefers"),
        (
            picture.codec == "h264" and (picture.profile not in COPIED_PROFILES or picture.pix_fmt != "yuv420p"),
            f"{picture.profile or '?'} {picture.pix_fmt} → High 8-bit 4:2:0, which every phone can decode",
        ),
        (picture.is_hdr, f"HDR ({'HLG' if picture.transfer == 'arib-std-b67' else 'PQ'}) → SDR BT.709"),
        (_is_wrong_colour(picture), f"colour {picture.matrix or 'untagged'} {picture.range or ''} → BT.709 limited"),
        (abs(picture.sar - 1) > 0.001, f"pixels {picture.sar:.3f} wide → square"),
        (picture.rotation % 360 != 0 or _has_matrix(probe), "turned by a tag → turned in the picture itself"),
        (picture.is_interlaced, "interlaced → progressive"),
        (picture.width % 2 != 0 or picture.height % 2 != 0, f"{picture.width}×{picture.height} → even sides"),
        (
            not all(MIN_SIDE <= side <= MAX_SIDE for side in picture.shown),
            f"{picture.width}×{picture.height} → sides of {MIN_SIDE} to {MAX_SIDE} pixels",
        ),
        (picture.is_variable, f"{picture.fps:.2f} frames a second, variable → constant"),
        (
            not MIN_FPS - 0.03 <= picture.fps <= MAX_FPS + 0.001,
            f"{picture.fps:.2f} frames a second → {MIN_FPS:.0f} to {MAX_FPS:.0f}",
        ),
        (abs(picture.start_s) > NEAR_S, f"the picture begins at {picture.start_s:.2f} s → 0"),
        (not picture.starts_with_key, "the first picture is not whole → re-encoded from the first whole one"),
        (probe.boxes is not None and probe.boxes.edits > 1, "an edit list with several cuts → cut in the film itself"),
        (probe.size > MAX_BYTES, f"{probe.size:,} bytes → at most {MAX_BYTES:,}"),
        (profile.framing is not Framing.KEEP and _other_shape(picture, profile), f"framing: {profile.framing}"),
    ]
    return [reason for applies, reason in checks if applies]


def _is_wrong_colour(picture: Picture) -> bool:
    """BT.601 and full range look wrong when they are taken for BT.709; so does an untagged small picture."""
    if picture.range == "pc" or (picture.pix_fmt or "").startswith("yuvj"):
        return True
    if picture.matrix is None:
        return min(picture.shown) < SMALLEST_SHORT_SIDE
    return picture.matrix != "bt709"


def _lacks_tags(picture: Picture) -> bool:
    return (picture.matrix, picture.primaries, picture.transfer) != ("bt709", "bt709", "bt709") or picture.range != "tv"


def _has_matrix(probe: Probe) -> bool:
    return probe.boxes is not None and probe.boxes.has_matrix


def _other_shape(picture: Picture, profile: Profile) -> bool:
    return picture.shown != (profile.width, profile.height)


def _sound_reasons(probe: Probe, sound: Sound | None) -> list[str]:
    """Why the sound cannot be copied."""
    if sound is None:
        return []
    reasons = []
    if sound.codec != "aac" or sound.profile != "LC":
        reasons.append(f"sound {sound.codec} {sound.profile or ''}".strip() + " → AAC-LC")
    if sound.channels not in (1, 2):
        reasons.append(f"{sound.channels} channels → stereo")
    if sound.rate not in COPIED_RATES:
        reasons.append(f"{sound.rate} Hz → 48000 Hz")
    if abs(sound.start_s) > NEAR_S:
        reasons.append(f"the sound begins at {sound.start_s:.2f} s → 0, with silence before it")
    if sound.duration_s is not None and abs(sound.start_s + sound.duration_s - probe.duration_s) > END_GAP_S:
        reasons.append(f"the sound ends {sound.duration_s - probe.duration_s:+.2f} s from the picture → together")
    return reasons


def _sound_words(probe: Probe, sound: Sound | None) -> list[str]:
    if sound is None:
        return ["no sound, and none is added"]
    return _sound_reasons(probe, sound)


def _remux_reasons(probe: Probe) -> list[str]:
    boxes = probe.boxes
    if boxes is None or "mp4" not in probe.container or boxes.brand == "qt  ":
        return ["the container becomes MP4"]
    checks = [
        (boxes.fragmented, "the fragments become one film"),
        (not boxes.moov_first, "the index goes first, so that the film can start before it is all there"),
        (boxes.has_metadata, "place, date, device and title are taken out"),
        (probe.streams > (2 if probe.sound else 1), "tracks besides one picture and one sound are taken out"),
    ]
    return [reason for applies, reason in checks if applies]


def _size(picture: Picture, profile: Profile) -> tuple[tuple[int, int], list[str]]:
    """The picture's size after an encode, in even pixels, and a word if it changes."""
    if profile.framing is not Framing.KEEP:
        return (profile.width, profile.height), []
    width, height = picture.shown
    scale = 1.0
    if min(width, height) < SMALLEST_SHORT_SIDE:
        scale = SMALLEST_SHORT_SIDE / min(width, height)
    scale = min(scale, MAX_SIDE / max(width, height))
    size = (max(MIN_SIDE, round(width * scale / 2) * 2), max(MIN_SIDE, round(height * scale / 2) * 2))
    return size, [f"{width}×{height} → {size[0]}×{size[1]}"] if size != (width, height) else []


def _fps(picture: Picture) -> tuple[float | None, list[str]]:
    """The rate of an encode; None keeps the source's exact one."""
    if picture.is_variable:
        fps = 60.0 if picture.fps > 40 else NORMAL_FPS
    elif picture.fps < MIN_FPS - 0.03:
        fps = NORMAL_FPS
    elif picture.fps > MAX_FPS + 0.001:
        fps = 60.0
    else:
        return None, []
    return fps, [f"{picture.fps:.2f} → {fps:g} frames a second, constant"]


def decide_kind(probes: Sequence[Probe], names: Sequence[str]) -> Kind:
    """Whether the sources are one film or photos.

    Raises:
        Refused: they are mixed, or several films.
    """
    kinds = [probe.kind for probe in probes]
    if all(kind is Kind.PHOTO for kind in kinds):
        return Kind.PHOTO
    if len(kinds) == 1:
        return Kind.VIDEO
    films = [name for name, kind in zip(names, kinds, strict=True) if kind is Kind.VIDEO]
    raise Refused(
        "media_mixed",
        f"{len(films)} of the {len(kinds)} sources {'is a film' if len(films) == 1 else 'are films'}",
        item=films[0],
        rule="a post is one film, or photos",
        fix="post the film alone, or give photos only",
    )


def default_names(paths: Sequence[Path]) -> list[str]:
    """What errors call the files."""
    return [path.name for path in paths]
