"""The decision, with reasons: how originals become a rendition. Pure: it looks at probes, never at files.

The first answer that fits wins: refuse, keep, remux, filter, audio, encode. Nothing to do is the best plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil, floor
from pathlib import Path

from airdate.errors import Refused
from airdate.media.clauses import (
    SMALLEST_SHORT_SIDE,
    UNEVEN,
    cut_reasons,
    encode_reasons,
    is_too_long,
    lacks_tags,
    length_after,
    loudness_reason,
    rate_after,
    refusal,
    remux_reasons,
    silence_reason,
    sound_reasons,
)
from airdate.media.probe import Kind, Picture, Probe
from airdate.media.profile import (
    MAX_BYTES,
    MAX_PHOTOS,
    MAX_SECONDS,
    MAX_SIDE,
    MIN_PHOTO_S,
    MIN_SECONDS,
    MIN_SIDE,
    Framing,
    Profile,
)
from airdate.media.sound.leveling import Leveling
from airdate.post import PlanKind

LARGEST_SHORT_SIDE = 1080
"""TikTok shows no more; where an encode happens anyway, a larger picture is scaled down to this on its short side."""

WHOLE_FRAME = 0.001
"""Of a frame: a measured rate is not exact, and the last frame must not be lost to its rounding."""

VERSION = 3
"""Counts the changes after which the same plan makes another film: the store hands out none from before."""

COPIES = (PlanKind.KEEP, PlanKind.REMUX, PlanKind.FILTER, PlanKind.AUDIO)
"""Plans by which the picture stays what it is, packet by packet."""

SOUND_KBPS = 160
"""What the sound of a rendition takes."""


_MENDED = {"media_changes_size": "one form", "media_interlaced": "progressive"}
"""What an encode makes of that which a copy would be refused for."""

BY_LIMIT = ("duration_over_creator_limit", "photos_too_many_for_limit")
"""Refusals that a higher limit of the creator would lift."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done.

    Attributes:
        reasons: plain words, in the order of the decisions.
        inputs: probes of the originals, in order.
        profile: how it is made; its cap on the rate is lowered where the film would not fit TikTok's size otherwise.
        size: width and height of the rendition; None leaves the picture as it is.
        framing: how the picture fills that size.
        fps: frames a second of an encode.
        seconds: length of the rendition; the most that it may have where its end is cut off.
        is_shortened: to keep to a limit, the end of the film is cut off, or photos stand shorter than was asked for.
        seconds_per_photo: of a slideshow, cross-fades included.
        crossfade_s: of a slideshow.
        leveling: what is done about the loudness, once the sound was listened to.
        refusal: why nothing can be done, when the kind is `refuse`.
    """

    kind: PlanKind
    reasons: tuple[str, ...]
    inputs: tuple[Probe, ...]
    profile: Profile
    size: tuple[int, int] | None = None
    framing: Framing = Framing.KEEP
    fps: float | None = None
    seconds: float = 0.0
    is_shortened: bool = False
    seconds_per_photo: float = 0.0
    crossfade_s: float = 0.0
    leveling: Leveling | None = None
    refusal: Refused | None = field(default=None)

    @property
    def is_limited(self) -> bool:
        """Whether it would be another plan if a longer film could be posted."""
        return self.is_shortened or (self.refusal is not None and self.refusal.code in BY_LIMIT)

    @property
    def hangs_on_loudness(self) -> bool:
        """Whether nothing but its loudness keeps a film's sound from being copied."""
        probe, as_it_is = self.inputs[0], replace(self.profile, loudness=None)
        if self.kind is not PlanKind.AUDIO or self.is_shortened or probe.picture is None:
            return False
        return not sound_reasons(probe.picture, probe.sound, as_it_is)


def plan_video(probe: Probe, profile: Profile, *, max_seconds: float = MAX_SECONDS) -> Plan:
    """The plan for one film.

    Args:
        max_seconds: the creator's limit, at most TikTok's.
    """
    picture, sound = probe.picture, probe.sound
    if picture is None:
        raise ValueError("a film has a picture")
    limit = min(max_seconds, MAX_SECONDS)
    if refused := refusal(probe, picture, profile, limit):
        return refuse(refused, profile, (probe,))
    cut = cut_reasons(probe, picture, limit)
    if encode := encode_reasons(probe, picture, profile, limit):
        return _encode(probe, picture, profile, [*cut, *encode], limit)
    anew = sound_reasons(picture, sound, profile)
    both = ["picture and sound are copied as they are" if sound is not None else "the picture is copied as it is"]
    untagged = ["a note on its colours is added (BT.709), which it lacks"] if lacks_tags(picture) else []
    moved = remux_reasons(probe)
    if anew or (cut and sound is not None):
        kind, copied = PlanKind.AUDIO, ["the picture is copied as it is"]
    elif untagged:
        kind, copied = PlanKind.FILTER, both
    elif moved or cut:
        kind, copied = PlanKind.REMUX, both
    else:
        kind, copied = PlanKind.KEEP, ["nothing to do: it is what TikTok takes, byte for byte"]
    reasons = (*copied, *cut, *anew, *untagged, *moved)
    seconds = limit if cut else length_after(probe, picture)
    return Plan(kind, reasons, (probe,), profile, fps=picture.fps, seconds=seconds, is_shortened=bool(cut))


def plan_heard(plan: Plan, leveling: Leveling) -> Plan:
    """The plan once its sound was listened to: its reasons say how loud that is."""
    wanted = plan.profile.loudness
    if wanted is None:
        raise ValueError("no loudness is wanted")
    asked, told = loudness_reason(plan.profile), leveling.reason(wanted)
    return replace(
        plan, leveling=leveling, reasons=tuple(told if reason == asked else reason for reason in plan.reasons)
    )


def plan_instead(plan: Plan, refusal: Refused) -> Plan | None:
    """The plan to encode a film that was to be copied and cannot be, as its packets told; None if that is no help."""
    if plan.kind not in COPIES:
        return None
    if (wanted := _MENDED.get(refusal.code)) is not None:
        return _plan_anew(plan, f"{refusal.message} → {wanted}")
    if refusal.code == "media_damaged" and plan.profile.salvage:
        return _plan_anew(plan, f"damaged ({refusal.message}) → what decodes of it")
    return None


def _plan_anew(plan: Plan, reason: str) -> Plan:
    probe = plan.inputs[0]
    if probe.picture is None:
        raise ValueError("a film has a picture")
    limit = plan.seconds if plan.is_shortened else MAX_SECONDS
    cut = cut_reasons(probe, probe.picture, limit)
    return _encode(probe, probe.picture, plan.profile, [*cut, reason], limit)


def _encode(probe: Probe, picture: Picture, profile: Profile, reasons: Sequence[str], limit: float) -> Plan:
    size, framing, shape = _size(picture, profile)
    fps = rate_after(picture)
    words = sound_reasons(picture, probe.sound, profile) if probe.sound else [silence_reason(probe)]
    is_cut, seconds = is_too_long(probe, picture, limit), length_after(probe, picture)
    if is_cut:
        seconds = floor(limit * fps + WHOLE_FRAME) / fps
    fitted, cap = fit_to_size(profile, seconds)
    return Plan(
        PlanKind.ENCODE,
        (*reasons, *shape, *cap, *words),
        (probe,),
        fitted,
        size=size,
        framing=framing,
        fps=fps,
        seconds=seconds,
        is_shortened=is_cut,
    )


def fit_to_size(profile: Profile, seconds: float) -> tuple[Profile, list[str]]:
    """The profile with a cap on the rate under which so long a film fits TikTok's size, and a word if that is lower."""
    room_kbps = int(MAX_BYTES * 8 / 1000 / UNEVEN / seconds) - SOUND_KBPS
    if profile.maxrate_kbps <= room_kbps:
        return profile, []
    rates = f"at most {profile.maxrate_kbps:,} → {room_kbps:,} kb/s"
    lower = replace(profile, maxrate_kbps=room_kbps)
    return lower, [f"{rates}, so that {seconds:.0f} s keep to {MAX_BYTES:,} bytes"]


def plan_slideshow(probes: Sequence[Probe], profile: Profile, *, max_seconds: float = MAX_SECONDS) -> Plan:
    """The plan for photos, in their order."""
    count, limit = len(probes), min(max_seconds, MAX_SECONDS)
    each = round(profile.seconds_per_photo * profile.fps) / profile.fps
    cross = floor(min(profile.crossfade_s, each / 2) * profile.fps) / profile.fps if count > 1 else 0.0
    shortened = False
    reasons = [f"{count} photo{'s' if count > 1 else ''}, in order, as a film: TikTok takes no photos as files"]
    if count > MAX_PHOTOS:
        return refuse(_too_many(count, probes[MAX_PHOTOS].name), profile, probes)
    total = slideshow_seconds(count, each, cross)
    if total < MIN_SECONDS:
        each = ceil((MIN_SECONDS + cross * (count - 1)) / count * profile.fps) / profile.fps
        reasons.append(f"each photo stands {each:.2f} s, so that the film has the {MIN_SECONDS:.0f} s it needs")
    elif total > limit:
        # A shorter photo needs shorter cross-fades too: each fades in and out, and two must not meet in it.
        cross = min(cross, floor(limit / (count + 1) * profile.fps) / profile.fps)
        each = (limit + cross * (count - 1)) / count
        if each < MIN_PHOTO_S:
            return refuse(_too_many_for(limit, count, each, probes[0].name), profile, probes)
        each, shortened = floor(each * profile.fps) / profile.fps, True
        reasons.append(f"each photo stands {each:.2f} s, so that the film keeps to {limit:.0f} s")
    framing = Framing.BLUR if profile.framing is Framing.KEEP else profile.framing
    clear = ", clear of TikTok's buttons and texts" if profile.safe_zones else ""
    reasons.append(
        f"{profile.width}×{profile.height} at {profile.fps} frames a second, {each:.2f} s a photo, "
        f"{f'cross-fades of {cross:.1f} s' if cross else 'cuts'}; "
        f"framing: {'over a blurred copy' if framing is Framing.BLUR else framing}{clear}"
    )
    if profile.music is not None and profile.on_beat:
        reasons.append("photos change on the nearest beat of the music, if it keeps a beat")
    if moving := sum(1 for probe in probes if probe.photo is not None and probe.photo.is_moving):
        reasons.append(f"moving photos ({moving} of {count}) → the first picture of each")
    if profile.titles is not None:
        titled = sum(1 for probe in probes if probe.photo is not None and probe.photo.caption)
        reasons.append(f"{titled} of the {count} photos have a caption of their own, which is written onto them")
    seconds = slideshow_seconds(count, each, cross)
    fitted, cap = fit_to_size(profile, seconds)
    return Plan(
        PlanKind.SLIDESHOW,
        (*reasons, *cap),
        tuple(probes),
        fitted,
        size=(profile.width, profile.height),
        framing=framing,
        fps=float(profile.fps),
        seconds=seconds,
        is_shortened=shortened,
        seconds_per_photo=each,
        crossfade_s=cross,
    )


def slideshow_seconds(count: int, each: float, cross: float) -> float:
    """Length of a slideshow whose photos overlap in their cross-fades."""
    return count * each - (count - 1) * cross


def _too_many(count: int, first: str) -> Refused:
    return Refused(
        "photos_too_many",
        f"there are {count} photos",
        item=first,
        rule=f"at most {MAX_PHOTOS} photos a post",
        fix=f"leave out {count - MAX_PHOTOS}",
    )


def _too_many_for(limit: float, count: int, each: float, first: str) -> Refused:
    return Refused(
        "photos_too_many_for_limit",
        f"{count} photos leave {each:.2f} s for each within {limit:.0f} s",
        item=first,
        rule=f"at least {MIN_PHOTO_S:.0f} s a photo and at most {limit:.0f} s in all",
        fix="leave some photos out",
    )


def refuse(refused: Refused, profile: Profile, probes: Sequence[Probe] = ()) -> Plan:
    """The plan that nothing can be done."""
    return Plan(PlanKind.REFUSE, (refused.message,), tuple(probes), profile, refusal=refused)


def _size(picture: Picture, profile: Profile) -> tuple[tuple[int, int], Framing, list[str]]:
    """The rendition's size in even pixels, how the picture fills it, and a word if it changes."""
    width, height = picture.shown
    frame = (profile.width, profile.height)
    framing = profile.film_framing
    if framing is not Framing.KEEP and (profile.safe_zones or (width, height) != frame):
        return frame, framing, []
    short = min(max(min(width, height), SMALLEST_SHORT_SIDE), LARGEST_SHORT_SIDE)
    scale = min(short / min(width, height), MAX_SIDE / max(width, height))
    fitted = (max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2))
    size = (max(MIN_SIDE, fitted[0]), max(MIN_SIDE, fitted[1]))
    words = [f"{width}×{height} → {size[0]}×{size[1]}"] if size != (width, height) else []
    return size, Framing.PAD if size != fitted else Framing.KEEP, words


def decide_kind(probes: Sequence[Probe]) -> Kind:
    """Whether the sources are one film or photos.

    Raises:
        Refused: they are mixed, or several films.
    """
    if all(probe.kind is Kind.PHOTO for probe in probes):
        return Kind.PHOTO
    if len(probes) == 1:
        return Kind.VIDEO
    films = [probe.name for probe in probes if probe.kind is Kind.VIDEO]
    raise Refused(
        "media_mixed",
        f"{len(films)} of the {len(probes)} sources {'is a film' if len(films) == 1 else 'are films'}",
        item=films[0],
        rule="a post is one film, or photos",
        fix="post the film alone, or give photos only",
    )


def default_names(paths: Sequence[Path]) -> list[str]:
    """What errors call the files."""
    return [path.name for path in paths]
