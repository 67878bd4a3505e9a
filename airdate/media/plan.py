"""The decision, with its reasons. Pure: it looks at probes and never at files.

The first answer that fits wins: refuse, keep, remux, filter, audio, encode. The best plan is to do nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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
"""Picture and sound may begin this far from 0 and from each other in a copy."""

END_GAP_S = 0.25
"""Sound may end this much before or after the picture."""

FPS_SLACK = 0.001
"""Rates are fractions: 60000/1000 may be read as 60.0002."""

NORMAL_FPS = 30.0
FAST_FPS = 60.0
FAST_FROM = 40.0
"""A variable rate above this becomes 60, else 30."""

SMALL_SIDE = 720
"""A picture that must be encoded anyway is enlarged until its short side has this."""

HD_LINES = 720
"""Untagged film from this height up is BT.709, below it BT.601: what every player assumes."""

MIN_PHOTO_S = 1.0
"""A photo that is on for less is a flicker."""

H264_PROFILES = ("Baseline", "Constrained Baseline", "Main", "Extended", "High")
AAC_RATES = (44_100, 48_000)


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done, and why.

    Attributes:
        reasons: plain words, in the order of the decisions.
        inputs: the originals, in their order; those that could be read, when it is refused.
        names: what errors call them.
        size: width and height of the rendition; None leaves the picture as it is.
        fps: frames a second of the rendition; None leaves the rate as it is.
        seconds_per_photo: how long each photo of a slideshow is on, its cross-fade in included.
        refusal: why nothing can be done; only with the kind `refuse`.
    """

    kind: PlanKind
    reasons: tuple[str, ...]
    inputs: tuple[Probe, ...]
    profile: Profile
    names: tuple[str, ...]
    size: tuple[int, int] | None = None
    fps: float | None = None
    seconds_per_photo: float | None = None
    refusal: Refused | None = None

    @property
    def duration_s(self) -> float:
        """Seconds the rendition will last."""
        if self.seconds_per_photo is None:
            return self.inputs[0].duration_s if self.inputs else 0.0
        count = len(self.inputs)
        return count * self.seconds_per_photo - (count - 1) * self.crossfade_s

    @property
    def crossfade_s(self) -> float:
        """Seconds of one cross-fade: the profile's, but never over half of a photo's time."""
        return min(self.profile.crossfade_s, (self.seconds_per_photo or 0.0) / 2)


def refuse(refusal: Refused, inputs: Iterable[Probe], profile: Profile, names: Sequence[str]) -> Plan:
    """The plan to do nothing."""
    return Plan(PlanKind.REFUSE, (refusal.message,), tuple(inputs), profile, tuple(names), refusal=refusal)


def plan(
    probes: Sequence[Probe], profile: Profile, *, max_seconds: float = MAX_SECONDS, names: Sequence[str] | None = None
) -> Plan:
    """The plan for one film, or for photos in their order.

    Args:
        max_seconds: the creator's limit; TikTok's own holds beside it.
        names: what reasons and refusals call the inputs; their file names when None.
    """
    called = tuple(names) if names is not None else tuple(probe.path.name for probe in probes)
    limit = min(max_seconds, MAX_SECONDS)
    if probes and all(probe.kind is Kind.PHOTO for probe in probes):
        return plan_slideshow(probes, profile, max_seconds=limit, names=called)
    if len(probes) == 1:
        return plan_film(probes[0], profile, max_seconds=limit, name=called[0])
    films = [name for name, probe in zip(called, probes, strict=True) if probe.kind is Kind.VIDEO]
    refusal = Refused(
        "media_mixed",
        f"a post is one film or some photos, and here are {len(films)} films among {len(probes)} files",
        item=films[0] if films else None,
        rule="one film, or photos only",
        fix="post each film by itself",
    )
    return refuse(refusal, probes, profile, called)


def plan_film(probe: Probe, profile: Profile, *, max_seconds: float, name: str) -> Plan:
    """The plan for one film."""
    picture = probe.picture
    if picture is None:
        raise ValueError("a film has a picture")
    refusal = _refusal(probe, max_seconds, name)
    if refusal is not None:
        return refuse(refusal, (probe,), profile, (name,))
    found = Plan(PlanKind.KEEP, (), (probe,), profile, (name,))
    if why := _encode_reasons(probe, picture, profile):
        return _encode(found, probe, picture, why)
    if why := _sound_reasons(probe, probe.sound, profile):
        return replace(found, kind=PlanKind.AUDIO, reasons=("the picture is copied as it is", *why))
    if lacks_tags(picture):
        why = ["picture and sound are copied; the colours are marked as the BT.709 they are"]
        return replace(found, kind=PlanKind.FILTER, reasons=tuple(why))
    if why := _remux_reasons(probe):
        return replace(found, kind=PlanKind.REMUX, reasons=("picture and sound are copied as they are", *why))
    return replace(found, reasons=("nothing to do: it is what TikTok takes, byte for byte",))


def plan_slideshow(probes: Sequence[Probe], profile: Profile, *, max_seconds: float, names: Sequence[str]) -> Plan:
    """The plan for photos: as long as the profile says, longer or shorter where the film's limits ask for it."""
    count = len(probes)
    if count > MAX_PHOTOS:
        refusal = Refused(
            "photos_too_many",
            f"there are {count} photos",
            item=names[MAX_PHOTOS],
            rule=f"TikTok, Photo Post reference: at most {MAX_PHOTOS} photos",
            fix=f"leave out {count - MAX_PHOTOS} of them",
        )
        return refuse(refusal, probes, profile, names)
    overlap = profile.crossfade_s * (count - 1)
    least, most = (MIN_SECONDS + overlap) / count, (max_seconds + overlap) / count
    each = min(max(profile.seconds_per_photo, least), most)
    if each < MIN_PHOTO_S:
        refusal = Refused(
            "photos_too_many_for_limit",
            f"{count} photos within {max_seconds:g} s leave {each:.2f} s for each",
            item=names[0],
            rule=f"at least {MIN_PHOTO_S:g} s a photo, and at most {max_seconds:g} s for this creator",
            fix="leave some photos out",
        )
        return refuse(refusal, probes, profile, names)
    fill = {Framing.PAD: "black bars", Framing.CROP: "cut to fill"}.get(
        profile.framing, "over a blurred copy of itself"
    )
    reasons = [
        f"{count} photo{'s' if count > 1 else ''} in order, as a film: TikTok takes no photos as files",
        f"{profile.width}×{profile.height} at {profile.fps} frames a second, {fill}",
        f"each photo is on for {each:.2f} s" + (f", {profile.crossfade_s:g} s of it a cross-fade" if count > 1 else ""),
    ]
    if each != profile.seconds_per_photo:
        bound = f"the {MIN_SECONDS:g} s it needs" if each > profile.seconds_per_photo else f"{max_seconds:g} s at most"
        reasons.append(f"that is not the {profile.seconds_per_photo:g} s of the profile: the film must have {bound}")
    return Plan(
        PlanKind.SLIDESHOW,
        tuple(reasons),
        tuple(probes),
        profile,
        tuple(names),
        size=(profile.width, profile.height),
        fps=float(profile.fps),
        seconds_per_photo=each,
    )


def input_matrix(picture: Picture) -> str:
    """The matrix a player would use on this picture, in `scale`'s words: its tag, else a guess by its height."""
    if picture.matrix is None:
        return "bt709" if picture.height >= HD_LINES else "bt601"
    return {"bt470bg": "bt601", "smpte170m": "bt601", "bt2020nc": "bt2020", "bt2020c": "bt2020"}.get(
        picture.matrix, picture.matrix
    )


def lacks_tags(picture: Picture) -> bool:
    """Whether a picture does not say that it is BT.709 of limited range."""
    tags = (picture.matrix, picture.primaries, picture.transfer, picture.range)
    return tags != ("bt709", "bt709", "bt709", "tv")


def _refusal(probe: Probe, limit: float, name: str) -> Refused | None:
    seconds = probe.duration_s
    if probe.boxes is not None and probe.boxes.encrypted:
        return Refused(
            "media_encrypted",
            "the film is encrypted",
            item=name,
            rule="a film without copy protection",
            fix="export it without protection",
        )
    track = probe.boxes.video if probe.boxes else None
    if track is not None and track.dolby_vision == 5:
        return Refused(
            "media_dolby_vision",
            "the film is Dolby Vision of profile 5, whose colours only a licensed decoder knows",
            item=name,
            rule="SDR, HDR10, HLG, or Dolby Vision with such a base (profiles 7 and 8)",
            fix="export it as HDR10, HLG or SDR",
        )
    if seconds < MIN_SECONDS:
        return Refused(
            "media_too_short",
            f"the film lasts {seconds:.2f} s",
            item=name,
            rule=f"at least {MIN_SECONDS:g} s",
            fix=f"make it {MIN_SECONDS - seconds:.2f} s longer",
        )
    if seconds > limit + SECONDS_SLACK:
        return Refused(
            "media_too_long",
            f"the film lasts {seconds:.2f} s",
            item=name,
            rule=f"at most {limit:g} s for this creator (TikTok, Media Transfer Guide: 600 s for anybody)",
            fix=f"cut {seconds - limit:.2f} s off",
        )
    return None


def _encode_reasons(probe: Probe, picture: Picture, profile: Profile) -> list[str]:
    """Why the picture cannot be copied."""
    track = probe.boxes.video if probe.boxes else None
    width, height = picture.width, picture.height
    light = "HLG" if picture.transfer == "arib-std-b67" else "PQ"
    h264 = picture.codec == "h264"
    checks = {
        f"{picture.codec} → H.264, which TikTok recommends": not h264,
        f"{picture.profile} → High, which every phone decodes": h264 and picture.profile not in H264_PROFILES,
        f"{picture.pix_fmt} → 8-bit 4:2:0": h264 and picture.pix_fmt not in ("yuv420p", "yuvj420p"),
        f"HDR ({light}) → SDR BT.709": picture.is_hdr,
        f"colour {picture.matrix or 'untagged'} → BT.709": not picture.is_hdr and input_matrix(picture) != "bt709",
        "full range → limited range": _is_full_range(picture),
        f"pixels of {picture.sar:.3f}:1 → square": abs(picture.sar - 1) > 0.001,
        "turned or mirrored by a tag → in the picture itself": picture.rotation != 0
        or (track is not None and track.has_matrix),
        "interlaced → progressive": picture.is_interlaced,
        f"{width}×{height} → even sides": width % 2 == 1 or height % 2 == 1,
        f"{width}×{height} → sides of {MIN_SIDE} to {MAX_SIDE} pixels": not all(
            MIN_SIDE <= side <= MAX_SIDE for side in picture.shown
        ),
        f"the picture begins at {picture.start_s:.2f} s → at 0": abs(picture.start_s) > NEAR_S,
        "the first picture needs one that is missing → from the first whole one": not picture.starts_with_key,
        "cuts in the edit list → cut in the film itself": track is not None and track.cuts,
        f"{probe.size:,} bytes → at most {MAX_BYTES:,}": probe.size > MAX_BYTES,
        f"framing: {profile.framing}": _needs_framing(picture, profile),
    }
    return [reason for reason, applies in checks.items() if applies] + _rate_reasons(picture)


def _rate_reasons(picture: Picture) -> list[str]:
    fps = _legal_fps(picture)
    if fps is None:
        return []
    return [f"{picture.fps:.2f} frames a second{', variable' if picture.is_variable else ''} → {fps:g} constant"]


def _legal_fps(picture: Picture) -> float | None:
    """The rate an encode must have; None where the source's own is legal."""
    if picture.is_variable:
        return FAST_FPS if picture.fps > FAST_FROM else NORMAL_FPS
    if picture.fps < MIN_FPS - FPS_SLACK:
        return NORMAL_FPS
    return FAST_FPS if picture.fps > MAX_FPS + FPS_SLACK else None


def _is_full_range(picture: Picture) -> bool:
    return picture.range == "pc" or (picture.pix_fmt or "").startswith("yuvj")


def _needs_framing(picture: Picture, profile: Profile) -> bool:
    return profile.framing is not Framing.KEEP and picture.shown != (profile.width, profile.height)


def _sound_reasons(probe: Probe, sound: Sound | None, profile: Profile) -> list[str]:
    """Why the sound cannot be copied."""
    if sound is None:
        return []
    gap = sound.start_s + sound.duration_s - (probe.picture.start_s if probe.picture else 0.0) - probe.duration_s
    spelled = f"{sound.codec} {sound.profile}" if sound.profile else sound.codec
    checks = {
        f"sound {spelled} → AAC-LC": (sound.codec, sound.profile) != ("aac", "LC"),
        f"sound with {sound.channels} channels → stereo": sound.channels not in (1, 2),
        f"sound at {sound.rate} Hz → 48000 Hz": sound.rate not in AAC_RATES,
        f"the sound begins at {sound.start_s:.2f} s → at 0, with silence before it": abs(sound.start_s) > NEAR_S,
        f"the sound ends {abs(gap):.2f} s {'after' if gap > 0 else 'before'} the picture → with it": abs(gap)
        > END_GAP_S,
        f"loudness → {profile.loudness} LUFS": profile.loudness is not None,
    }
    return [reason for reason, applies in checks.items() if applies]


def _remux_reasons(probe: Probe) -> list[str]:
    boxes = probe.boxes
    if boxes is None or boxes.brand == "qt  ":
        return [f"{probe.container.split(',')[0]} → MP4"]
    checks = {
        "the fragments become one film": boxes.fragmented,
        "the index goes to the front, so that a player can begin before it has all": not boxes.moov_first,
        "place, date, device, title and comment are taken out": boxes.has_metadata,
        "chapters are taken out": probe.chapters > 0 or boxes.has_chapters,
        "tracks besides one picture and one sound are taken out": probe.streams > (2 if probe.sound else 1),
    }
    return [reason for reason, applies in checks.items() if applies]


def _encode(found: Plan, probe: Probe, picture: Picture, why: list[str]) -> Plan:
    size = _encoded_size(picture, found.profile)
    if size != picture.shown:
        why.append(f"{picture.shown[0]}×{picture.shown[1]} → {size[0]}×{size[1]}")
    why += (
        _sound_reasons(probe, probe.sound, found.profile) if probe.sound else ["there is no sound, and none is added"]
    )
    return replace(found, kind=PlanKind.ENCODE, reasons=tuple(dict.fromkeys(why)), size=size, fps=_legal_fps(picture))


def _encoded_size(picture: Picture, profile: Profile) -> tuple[int, int]:
    """Even sides within the limits; a film too narrow for both limits is framed by bars."""
    if profile.framing is not Framing.KEEP:
        return profile.width, profile.height
    width, height = picture.shown
    scale = max(1.0, SMALL_SIDE / min(width, height))
    scale = min(scale, MAX_SIDE / max(width, height))
    even = (round(width * scale / 2) * 2, round(height * scale / 2) * 2)
    return max(MIN_SIDE, even[0]), max(MIN_SIDE, even[1])


def names_of(paths: Sequence[Path], names: Sequence[str] | None) -> tuple[str, ...]:
    """What errors call the files: the given names, else the files' own."""
    return tuple(names) if names is not None else tuple(path.name for path in paths)
