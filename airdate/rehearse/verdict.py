"""What must hold after a round: one post or none, as the ledger says; and no rule of TikTok's was broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from airdate.ledger import Ledger, posts, submissions
from airdate.ledger.posts import Post
from airdate.ledger.schema import posts as posts_table
from airdate.ledger.transitions import POST_MOVES, SETTLED
from airdate.post import PostState, SubmissionState
from airdate.rehearse.plan import Plan

LIVE = ("PUBLISH_COMPLETE", "SEND_TO_USER_INBOX")
"""What the sandbox calls a post or a draft that somebody can see."""

NOT_THERE = "resolved_not_published"
"""The error code of a post of which a person said that it never went live."""

DONE = (PostState.PUBLISHED, PostState.DELIVERED)


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must never happen.

    Attributes:
        kind: `duplicate`, `lost`, `wrong state`, `rule` or `bug`.
    """

    kind: str
    text: str

    def as_dict(self) -> dict[str, str]:
        """Plain JSON values."""
        return {"kind": self.kind, "text": self.text}


def judge(
    ledger: Ledger,
    post: Post,
    plan: Plan,
    sent: Sequence[dict[str, Any]],
    broken: Sequence[dict[str, Any]],
    uploads: Sequence[dict[str, Any]],
    blows: int,
) -> list[Violation]:
    """Compare the ledger with the sandbox.

    Args:
        sent: the round's posts at the sandbox, whatever became of them.
        broken: the rules that were broken.
        uploads: the PUTs.
        blows: workers that were killed or stopped.
    """
    found = [
        *_counted(post, plan, sent),
        *_submitted(ledger, post, sent),
        *_story(ledger, post),
        *_repeated(sent, uploads, blows),
    ]
    found += [Violation("rule", f"{each['rule']}: {each['detail']}") for each in broken]
    return found


def _counted(post: Post, plan: Plan, sent: Sequence[dict[str, Any]]) -> list[Violation]:
    """Once when the ledger says so, never when it does not."""
    live = [each for each in sent if each["state"] in LIVE]
    coming = [each for each in sent if each["complete"] and each["state"] not in ("FAILED", *LIVE)]
    if len(live) + len(coming) > 1:
        ids = ", ".join(each["publish_id"] for each in (*live, *coming))
        return [Violation("duplicate", f"{len(live)} are live and {len(coming)} may become so: {ids}")]
    code = (post.error or {}).get("code")
    if post.state in DONE:
        if not live:
            return [Violation("wrong state", f"the ledger says {post.state}, and nothing is live")]
        if post.publish_id is not None and live[0]["publish_id"] != post.publish_id:
            return [Violation("wrong state", f"{live[0]['publish_id']} is live, not {post.publish_id}")]
        sha256 = (post.rendition or {}).get("sha256")
        if live[0]["kind"] == "film" and live[0]["sha256"] != sha256:
            return [Violation("wrong state", f"the film that is live has SHA-256 {live[0]['sha256']}, not {sha256}")]
        return []
    if live:
        return [Violation("wrong state", f"{live[0]['publish_id']} is live, and the ledger says {post.state} ({code})")]
    if post.state is PostState.FAILED and code in (*plan.ends, NOT_THERE):
        return []
    if post.state is PostState.PROCESSING and coming and plan.is_endless:
        return []
    return [Violation("lost", f"the post is {post.state} ({code}), which nothing that was drawn explains")]


def _submitted(ledger: Ledger, post: Post, sent: Sequence[dict[str, Any]]) -> list[Violation]:
    """Each submission against what TikTok knows of it."""
    at_tiktok = {each["publish_id"]: each for each in sent}
    known = submissions.of_post(ledger, post.id)
    found = []
    for number, submission in enumerate(known):
        is_newest = number == len(known) - 1
        if not is_newest and submission.state not in SETTLED:
            found.append(Violation("wrong state", f"submission {number + 1} is {submission.state} and has a successor"))
        if submission.publish_id is None and submission.state is SubmissionState.COMPLETE:
            continue  # its answer was lost, and a person saw what came of it
        theirs = at_tiktok.get(submission.publish_id or "", {}).get("state")
        is_out = submission.state is SubmissionState.COMPLETE or (is_newest and post.state in DONE)
        if is_out != (theirs in LIVE):
            text = f"submission {number + 1} is {submission.state}, and TikTok says {theirs}"
            found.append(Violation("wrong state", text))
    if post.state is PostState.PUBLISHED and known and known[-1].state is not SubmissionState.COMPLETE:
        found.append(Violation("wrong state", f"the post is published and its submission {known[-1].state}"))
    return found


def _story(ledger: Ledger, post: Post) -> list[Violation]:
    """The events are one chain of allowed moves, and nobody holds the post."""
    found, at = [], None
    for event in posts.story(ledger, post.id):
        was, to = event.from_state, PostState(event.to_state)
        if was != at:
            found.append(Violation("wrong state", f"an event says from {was} to {to}, and the post was {at}"))
        elif was is not None and was != to and to not in POST_MOVES[PostState(was)]:
            found.append(Violation("wrong state", f"the post went from {was} to {to}"))
        at = to
    if at != post.state:
        found.append(Violation("wrong state", f"the last event says {at}, the post {post.state}"))
    with ledger.read() as connection:
        owner = connection.execute(select(posts_table.c.lease_owner).where(posts_table.c.id == post.id)).scalar_one()
    if owner is not None:
        found.append(Violation("wrong state", f"{owner} still holds the post"))
    return found


def _repeated(sent: Sequence[dict[str, Any]], uploads: Sequence[dict[str, Any]], blows: int) -> list[Violation]:
    """At most one chunk is sent again for each interruption: a blow, or a PUT that was not answered with a success."""
    found = []
    for each in sent:
        if each["kind"] != "film" or not each["taken"]:
            continue
        mine = [put for put in uploads if put["publish_id"] == each["publish_id"]]
        faults = sum(put["status"] not in (201, 206) for put in mine)
        chunk = each["chunk_size"] + each["size"] % each["chunk_size"]
        again = each["taken"] - each["received"]
        if again > (blows + faults) * chunk:
            text = f"{again} bytes were sent again after {blows} blows and {faults} faults; a chunk has {chunk}"
            found.append(Violation("rule", text))
    return found
