"""How an error is kept in the ledger, and the exit status that a post's state means (contract, section 2)."""

from __future__ import annotations

from typing import Any

from airdate.errors import AirdateError, NeedsPerson, OutcomeUnknown, Transient, Who
from airdate.ledger.posts import Post
from airdate.post import PostState

DONE = (PostState.PUBLISHED, PostState.DELIVERED)
UNFINISHED = (PostState.PLANNED, PostState.PREPARING, PostState.READY, PostState.PUBLISHING)


def error_record(error: AirdateError) -> dict[str, Any]:
    """An error as the ledger keeps it: the contract's object and the exit status that its class means.

    A post that failed for good never exits 5, whatever the class of the last straw.
    """
    return {**error.as_dict(), "exit": error.exit_code}


def exit_status(post: Post) -> int:
    """What a command that asked about this post exits with."""
    if post.state in DONE:
        return 0
    if post.state is PostState.PROCESSING:
        return OutcomeUnknown.exit_code
    stored = (post.error or {}).get("exit")
    if post.state in UNFINISHED:
        return int(stored) if stored is not None else Transient.exit_code
    return int(stored) if stored is not None else NeedsPerson.exit_code


def shown_error(post: Post, follower: str | None = None) -> dict[str, Any] | None:
    """The `error` object of the contract; for a post in processing it names who follows it.

    Args:
        follower: who goes on with the post; None when nobody does.
    """
    if post.state is PostState.PROCESSING:
        said = f"{follower} follows it" if follower else "nobody follows it until the next command"
        if post.error is not None and post.error.get("exit") == OutcomeUnknown.exit_code:
            known = {name: value for name, value in post.error.items() if name != "exit"}
            return {**known, "message": f"{known['message']}; {said}"}
        return OutcomeUnknown(
            "unconfirmed" if post.unconfirmed else "processing",
            f"TikTok has the post and has not decided; {said}",
            item=post.id,
            rule="what was sent is never sent again",
            fix="nothing" if follower else "run the same command again, or `airdate posts follow`",
            who=Who.TIKTOK,
        ).as_dict()
    if post.error is None:
        return None
    known = {name: value for name, value in post.error.items() if name != "exit"}
    waits = post.state in UNFINISHED and post.not_before is not None and known.get("who") == Who.NOBODY
    if waits and not follower:
        known["fix"] = "run `airdate up`, which takes it out by itself, or give the same command again then"
    return known
