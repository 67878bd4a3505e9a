"""A pull whose answer was lost: whether TikTok lists a post that could be it, for the person who has to decide.

Nothing is settled by what is found. A text and a time are evidence; sent again it never is.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from airdate.engine import Engine
from airdate.errors import OutcomeUnknown, Who
from airdate.following.pace import LIST_SCOPE
from airdate.following.settling import ASK_PERSON, ask_person
from airdate.ledger import Ledger
from airdate.ledger.posts import Post
from airdate.ledger.schema import posts as table
from airdate.ledger.submissions import Submission
from airdate.post import PostState
from airdate.tiktok.answers import Video
from airdate.tiktok.session import Session

MOST_PAGES = 5
"""A hundred posts of one creator since the request are more than TikTok's cap allows in days."""

SKEW = timedelta(minutes=2)
"""How far TikTok's clock may be behind ours."""

INIT_UNKNOWN = "init_unknown"
LOST = "TikTok was asked to pull it and the answer is lost"


def search(engine: Engine, session: Session, post: Post, submission: Submission) -> Post:
    """Look for the post among those the creator has made since it was asked for, and keep what was found.

    Raises:
        AirdateError: TikTok cannot be asked now.
    """
    if LIST_SCOPE not in session.account.scopes:
        said, fix = f"{LOST}; without the scope {LIST_SCOPE} nobody can look for it from here", ASK_PERSON
    else:
        said, fix = _told(post, _alike(engine.ledger, session, post, submission.asked_at or post.created_at))
    error = OutcomeUnknown(
        INIT_UNKNOWN,
        said,
        item=post.id,
        rule="a pull that was asked for may have gone out, so it is never asked for again",
        fix=fix,
        who=Who.OPERATOR,
    )
    return ask_person(engine, post, submission, error)


def _told(post: Post, found: list[Video]) -> tuple[str, str]:
    if not _texts(post):
        return f"{LOST}; it has no text by which it could be found", ASK_PERSON
    if not found:
        return f"{LOST}; TikTok lists no post with its text since then, but may not list private ones", ASK_PERSON
    names = ", ".join(f"{video.id} of {_when(video)}" for video in found)
    if len(found) > 1:
        return f"{LOST}; TikTok lists {len(found)} posts with its text since then: {names}", ASK_PERSON
    place = found[0].share_url or "the creator's account"
    word = f"`airdate posts resolve {post.id} --published --post-id {found[0].id}`"
    return f"{LOST}; TikTok lists one post with its text since then: {names}", f"look at {place}; if it is this: {word}"


def _when(video: Video) -> str:
    return f"{datetime.fromtimestamp(video.created_at or 0, UTC):%Y-%m-%d %H:%M:%S %Z}"


def _alike(ledger: Ledger, session: Session, post: Post, asked_at: datetime) -> list[Video]:
    """The creator's posts since then that have this post's text and are no other post of ours."""
    wanted, taken = _texts(post), _known_ids(ledger, post)
    return [
        video
        for video in _since(session, asked_at - SKEW)
        if video.id not in taken and wanted & {_plain(text) for text in video.texts}
    ]


def _since(session: Session, begin: datetime) -> Iterator[Video]:
    cursor: int | None = None
    for _ in range(MOST_PAGES):
        page = session.video_list(cursor)
        recent = [video for video in page.videos if (video.created_at or 0) >= begin.timestamp()]
        yield from recent
        cursor = page.cursor
        if cursor is None or len(recent) < len(page.videos):
            return


def _texts(post: Post) -> set[str]:
    return {_plain(text) for text in (post.options.title, post.options.caption)} - {""}


def _plain(text: str) -> str:
    return " ".join(text.split())


def _known_ids(ledger: Ledger, post: Post) -> set[str]:
    """Ids that other posts of the account have."""
    mine = (table.c.account == post.account, table.c.state == PostState.PUBLISHED.value)
    with ledger.read() as connection:
        rows = connection.execute(select(table.c.tiktok_post_ids).where(*mine))
        return {name for (ids,) in rows for name in ids}
