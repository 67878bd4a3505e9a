"""What came in, what was changed and why, what was sent, and where it is: the record of one post, for people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airdate import previews
from airdate.engine import Engine
from airdate.ledger import posts, submissions
from airdate.ledger.posts import Event, Post
from airdate.ledger.submissions import Submission
from airdate.media.pictures.sheets import Pictures
from airdate.outcome import shown_error
from airdate.post import Mode, PlanKind


@dataclass(frozen=True, slots=True)
class Report:
    """A post with its submissions, its story, and its pictures as far as they are on this host."""

    post: Post
    submissions: tuple[Submission, ...]
    events: tuple[Event, ...]
    pictures: Pictures

    def facts(self, follower: str | None = None) -> dict[str, Any]:
        """The `posts show` object of the contract.

        Args:
            follower: who asks TikTok further about a post in processing; None when nobody does.
        """
        return {
            **self.post.outcome().as_dict(),
            "error": shown_error(self.post, follower),
            "events": [event.as_dict() for event in self.events],
            "submissions": [submission.as_dict() for submission in self.submissions],
            "pictures": [str(path) for path in self.pictures.files] or None,
        }

    def markdown(self) -> str:
        """A page for the run in Prefect. Captions and provider answers are shown as text, never as markup."""
        post = self.post
        lines = [
            f"## {_text(post.account)}: {post.state}" + (" (unconfirmed)" if post.unconfirmed else ""),
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {_text(value)} |" for name, value in self._rows() if value),
        ]
        if post.rendition:
            lines += ["", "### What was changed, and why", ""]
            lines += [f"- {_text(reason)}" for reason in post.rendition["reasons"]]
        error = shown_error(post, "follow-posts")
        if error:
            lines += ["", f"### {_text(error['code'])}", "", _text(error["message"]), ""]
            lines += [f"- {name}: {_text(error[name])}" for name in ("rule", "fix", "who", "log_id") if error[name]]
        lines += ["", "### What happened", "", "| when (UTC) | what | why |", "|---|---|---|"]
        lines += [f"| {event.at:%Y-%m-%d %H:%M:%S} | {event.to_state} | {_text(event.why)} |" for event in self.events]
        return "\n".join(lines)

    def _rows(self) -> list[tuple[str, object]]:
        post, options = self.post, self.post.options
        allowed = ("allow_comment", "allow_duet", "allow_stitch")
        switches = (*allowed, "own_brand", "branded_content", "ai_generated", "auto_music")
        rendition = post.rendition or {}
        log_ids = [log_id for submission in self.submissions for log_id in submission.log_ids]
        caption = "Caption (shown to the creator, not sent)" if keeps_caption(post) else "Caption"
        return [
            ("Post", post.id),
            ("Goes to", post.target),
            ("Came from", ", ".join(asset.asset_id for asset in post.assets)),
            ("Revision", ", ".join(asset.revision[:16] for asset in post.assets if asset.revision)),
            ("Title", options.title),
            (caption, options.caption),
            ("Privacy", options.privacy),
            ("Switched on", ", ".join(name for name in switches if getattr(options, name)) or "nothing"),
            ("Slot", post.slot.isoformat() if post.slot else "at once"),
            ("Consent", f"{post.consent.kind} by {post.consent.who} at {post.consent.at.isoformat()}"),
            ("Sent", f"{rendition['size']:,} bytes, SHA-256 {rendition['sha256']}" if rendition else None),
            ("publish_id", post.publish_id),
            ("log_id", ", ".join(log_ids)),
            ("TikTok post", ", ".join(post.tiktok_post_ids)),
            ("Taken down", f"{post.taken_down_at:%Y-%m-%d %H:%M:%S} UTC" if post.taken_down_at else None),
        ]


def keeps_caption(post: Post) -> bool:
    """Whether the caption does not go out with the post: a film's draft has no place for one (TikTok, Upload)."""
    return post.options.mode is Mode.INBOX and (post.rendition or {}).get("plan") != PlanKind.PHOTO


def report(engine: Engine, post_id: str) -> Report:
    """Read the record of a post."""
    post = posts.get(engine.ledger, post_id)
    folder = (post.rendition or {}).get("pictures")
    return Report(
        post,
        tuple(submissions.of_post(engine.ledger, post_id)),
        tuple(posts.story(engine.ledger, post_id)),
        previews.found(Path(folder) if folder else None),
    )


def _text(value: object) -> str:
    """Make a value safe inside a Markdown table: no markup, no cell or line breaks."""
    text = str(value)
    for character in "\\`*_[]<>|":
        text = text.replace(character, f"&#{ord(character)};")
    return " ".join(text.split())
