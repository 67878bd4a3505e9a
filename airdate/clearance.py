"""Everything that can be known before init is known here: scopes, privacy, duration, disclosure, the audit.

Pure but for the two calls that fetch the facts. It runs again after a review and at the slot, and is never cached.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from airdate.errors import NeedsPerson, Refused, WaitUntil, Who
from airdate.ledger.accounts import Account
from airdate.post import Mode, Options, Privacy, check_options
from airdate.tiktok.answers import CreatorInfo
from airdate.tiktok.session import Session

SCOPES = {Mode.DIRECT: "video.publish", Mode.INBOX: "video.upload"}
"""What the creator must have granted; `video.publish` does not include `video.upload` (TikTok, Scopes)."""

FRESH = timedelta(seconds=50)
"""creator_info must be at most a minute old at init (TikTok, Content Sharing Guidelines); ten seconds are kept."""

DURATION_SLACK_S = 0.05
"""A film may be this much over the creator's limit: containers round to a frame."""


class Stale(WaitUntil):
    """What TikTok said of the creator is too old for an init; nothing was sent."""


class OverLimit(Refused):
    """The film is longer than the creator may post now; made again, it may be shorter.

    Attributes:
        limit_s: what TikTok said, in seconds.
    """

    def __init__(self, account: str, duration_s: float, limit_s: int) -> None:
        super().__init__(
            "duration_over_creator_limit",
            f"the film lasts {duration_s:.2f} s and this creator may post {limit_s} s",
            item=account,
            rule=f"TikTok, Query Creator Info: max_video_post_duration_sec is {limit_s}",
            fix=f"cut the film to {limit_s} s, or have its end cut off: `duration` of the profile is `trim`",
        )
        self.limit_s = limit_s


@dataclass(frozen=True, slots=True)
class Clearance:
    """The post may go out, as of `at`.

    Attributes:
        creator: what TikTok said of the creator; None in inbox mode, which does not ask.
    """

    at: datetime
    creator: CreatorInfo | None

    def is_fresh(self, now: datetime) -> bool:
        """Whether init may still lean on it."""
        return now - self.at < FRESH

    def check_fresh(self, now: datetime) -> None:
        """Raise `Stale` unless init may still lean on it; asked right before each attempt."""
        if not self.is_fresh(now):
            raise Stale(
                "clearance_stale",
                "TikTok's rate kept the post waiting until what it said of the creator was old",
                rule="TikTok, Content Sharing Guidelines: creator_info is asked anew right before every post",
                fix="nothing: it is asked again, and the post goes on",
                not_before=now,
            )


def clear(session: Session, options: Options, duration_s: float, now: datetime) -> Clearance:
    """Ask TikTok what the creator allows, and compare.

    Args:
        duration_s: seconds of the film.
        now: the instant the answer counts from.

    Raises:
        Refused: caption, privacy level or duration is not possible for this creator.
        NeedsPerson: a scope is missing, or the app is not audited and the account or level is not private.
        WaitUntil: the creator's or the app's cap for the day is reached.
    """
    check_options(options)
    session.refresh_if_due()
    check_scopes(session.account, options.mode)
    if options.mode is Mode.INBOX:
        return Clearance(now, None)
    creator = session.creator_info()
    check_creator(session.account, options, creator, duration_s)
    return Clearance(now, creator)


def check_scopes(account: Account, mode: Mode) -> None:
    """Raise `NeedsPerson` when the grant lacks what the mode needs."""
    needed = SCOPES[mode]
    if account.scopes and needed not in account.scopes:
        raise NeedsPerson(
            "scope_not_authorized",
            f"the creator did not grant {needed}; granted: {', '.join(account.scopes)}",
            item=account.name,
            rule=f"mode {mode} needs the scope {needed}",
            fix=f"let the creator consent again with {needed} ticked: `airdate account connect {account.name}`",
            who=Who.CREATOR,
        )


def check_creator(account: Account, options: Options, creator: CreatorInfo, duration_s: float) -> None:
    """Compare a direct post with what the creator allows; raises as `clear` does."""
    offered = creator.privacy_level_options
    if options.privacy is None:
        raise NeedsPerson(
            "privacy_unset",
            "nobody chose who may see the post",
            item="privacy",
            rule="TikTok, Content Sharing Guidelines: a person chooses, there is no default",
            fix=f"choose one of {', '.join(offered)}",
        )
    if options.privacy.value not in offered:
        raise Refused(
            "privacy_level_option_mismatch",
            f"TikTok does not offer {options.privacy} to this creator now; it offers {', '.join(offered) or 'nothing'}",
            item="privacy",
            rule="TikTok, Query Creator Info: one of the options it answers, never another in its place",
            fix="choose one of those, or have the creator change the account's privacy",
        )
    if not account.audited:
        _check_unaudited(account, options, offered)
    limit = creator.max_video_post_duration_sec
    if limit is not None and duration_s > limit + DURATION_SLACK_S:
        raise OverLimit(account.name, duration_s, limit)
    if options.cover_ms is not None and options.cover_ms >= duration_s * 1000:
        raise Refused(
            "cover_after_end",
            f"the cover time {options.cover_ms} ms is not before the film's end at {duration_s * 1000:.0f} ms",
            item="cover_ms",
            rule="a time inside the film",
            fix=f"give a time below {duration_s * 1000:.0f} ms",
        )


def _check_unaudited(account: Account, options: Options, offered: tuple[str, ...]) -> None:
    """What init would refuse with a 403: TikTok has not audited the app (Content Sharing Guidelines)."""
    if Privacy.PUBLIC.value in offered:
        raise NeedsPerson(
            "unaudited_client_can_only_post_to_private_accounts",
            "the creator's account is public, and TikTok lets an app it has not audited post to private accounts only",
            item=account.name,
            rule="TikTok, Content Sharing Guidelines: unaudited apps post to private accounts, SELF_ONLY",
            fix="have the creator make the account private while posting, pass TikTok's audit and add the account "
            "with --audited, or use mode inbox",
            who=Who.CREATOR,
        )
    if options.privacy is not Privacy.SELF_ONLY:
        raise NeedsPerson(
            "unaudited_client_can_only_post_to_private_accounts",
            f"TikTok has not audited the app, so {options.privacy} is not possible",
            item="privacy",
            rule="TikTok, Content Sharing Guidelines: unaudited apps post SELF_ONLY",
            fix="post with SELF_ONLY, or pass TikTok's audit and add the account with --audited",
        )
