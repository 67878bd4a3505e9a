"""How long a film a creator may post: learned from TikTok, kept in the ledger, and what films are planned for.

TikTok says it in every answer about a creator, and changes it: accounts grow into longer films. So the last answer is
enough to plan with as long as it changes nothing. Where it would refuse or shorten a film, TikTok is asked anew; and
where an answer right before init is lower than what the film was made for, the film is made again.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from airdate import publishing
from airdate.clearance import OverLimit
from airdate.engine import Engine
from airdate.ledger import accounts, posts
from airdate.ledger.posts import Post
from airdate.media import prepare as media
from airdate.media.profile import MAX_SECONDS, Profile
from airdate.post import Mode, Original
from airdate.tiktok.session import Session


def planned(
    engine: Engine,
    post: Post,
    originals: Sequence[Original],
    names: Sequence[str],
    profile: Profile,
    *,
    cancel: threading.Event | None = None,
) -> tuple[media.Plan, float]:
    """The plan for a post's rendition, and the limit in seconds that it keeps to.

    Raises:
        NeedsPerson, WaitUntil: TikTok had to be asked, and did not answer.
        Transient: that likewise, or it was cancelled.
    """
    paths = [original.path for original in originals]
    limit = _known(engine, post)
    plan = media.decide(paths, profile, max_seconds=limit, names=names, cancel=cancel)
    if limit >= MAX_SECONDS or not plan.is_limited or publishing.is_open(engine, post.id):
        return plan, limit
    limit = _asked(engine, post)
    return media.decide(paths, profile, max_seconds=limit, names=names, cancel=cancel), limit


def may_fit(engine: Engine, post_id: str, over: OverLimit) -> bool:
    """Whether preparing the post again may help: its film was made for a higher limit than the creator has now."""
    rendition = posts.get(engine.ledger, post_id).rendition or {}
    return over.limit_s < (rendition.get("limit_s") or MAX_SECONDS)


def _known(engine: Engine, post: Post) -> float:
    """What TikTok last said. A draft is finished in TikTok's app, which has its own word on its length.

    An upload that was begun goes on with the very film it began with.
    """
    if post.options.mode is Mode.INBOX:
        return MAX_SECONDS
    if publishing.is_open(engine, post.id):
        known = (post.rendition or {}).get("limit_s")
    else:
        known = accounts.longest_post_s(engine.ledger, post.account)
    return min(known or MAX_SECONDS, MAX_SECONDS)


def _asked(engine: Engine, post: Post) -> float:
    with Session(engine.settings, engine.ledger, post.account, engine.pause) as session:
        session.refresh_if_due()
        return min(session.creator_info().max_video_post_duration_sec or MAX_SECONDS, MAX_SECONDS)
