"""What the calendars hold, for people and scripts: each row's post, where it stands, and when it is due."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from airdate.calendar.apply import origin_of
from airdate.calendar.plan import row_of
from airdate.engine import Engine
from airdate.ledger import posts
from airdate.ledger.posts import Post


def listing(engine: Engine) -> list[dict[str, Any]]:
    """All posts of calendars by slot, as plain JSON values; a file's path or a URL without its query as source."""
    return [_shown(post) for post in posts.listed(engine.ledger) if post.origin.startswith(origin_of(""))]


def _shown(post: Post) -> dict[str, Any]:
    local = post.slot.astimezone(ZoneInfo(post.zone)) if post.slot and post.zone else None
    return {
        "calendar": post.origin.removeprefix(origin_of("")),
        "id": row_of(post),
        "post_id": post.id,
        "slot": post.slot.isoformat() if post.slot else None,
        "local": f"{local:%Y-%m-%d %H:%M:%S}" if local else None,
        "zone": post.zone,
        "account": post.account,
        "state": post.state.value,
        "source": [asset.asset_id for asset in post.assets],
    }
