"""The refusals of films that more than one part of the engine finds."""

from __future__ import annotations

from airdate.errors import Refused
from airdate.media.profile import MIN_SECONDS


def damaged(item: str, why: str) -> Refused:
    """The refusal of a film of which a part does not decode."""
    return Refused(
        "media_damaged",
        f"the film cannot be decoded to its end: {why}",
        item=item,
        rule="a film that decodes from its first picture to its last",
        fix="export it again from its editor, or convert what is left of it with --salvage",
    )


def too_short(item: str, seconds: float, how: str = "the film lasts") -> Refused:
    """The refusal of a film that TikTok would refuse for its length."""
    return Refused(
        "media_too_short",
        f"{how} {seconds:.2f} s",
        item=item,
        rule=f"at least {MIN_SECONDS:.0f} s",
        fix=f"make it {MIN_SECONDS - seconds:.2f} s longer",
    )


def changing(item: str, where: str) -> Refused:
    """The refusal to copy a film whose picture changes its form; encoded it has one."""
    return Refused(
        "media_changes_size",
        f"the picture changes its size, depth or colours {where}",
        item=item,
        rule="a film's pictures have one size, one depth and colours of one kind",
        fix="export it again from its editor",
    )


def interlaced(item: str, where: str) -> Refused:
    """The refusal to copy a film that becomes interlaced in its middle; encoded it is progressive."""
    return Refused(
        "media_interlaced",
        f"the picture is interlaced {where}",
        item=item,
        rule="progressive pictures",
        fix="export it again from its editor, progressive",
    )


def jumping(item: str) -> Refused:
    """The refusal of a film in whose middle the times begin anew, as where two recordings were joined."""
    return Refused(
        "media_times_jump",
        "the times of its pictures or of its sound jump back in the middle",
        item=item,
        rule="times that go forward",
        fix="export it again from its editor",
    )


def cut_short(item: str, why: str, *, is_salvable: bool = True) -> Refused:
    """The refusal of a film whose end is missing."""
    again = "copy or export it again"
    return Refused(
        "media_truncated",
        f"the end of the film is missing: {why}",
        item=item,
        rule="a file is as long as it says",
        fix=f"{again}, or convert what is left of it with --salvage" if is_salvable else again,
    )


def unreadable(item: str, why: str) -> Refused:
    """The refusal of what is no film or picture, or of a kind that nobody reads."""
    return Refused(
        "media_unreadable",
        f"this is no film or picture we can read: {why}",
        item=item,
        rule="MP4, MOV, WebM, MKV, MPEG, AVI and their like, or a photo, judged by content and not by name",
        fix="export it again, a film as MP4 and a photo as JPEG, or give the right file",
    )
