"""What a freeze finds on its way: what stops by itself before its last byte, and what can no longer be stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airdate.ledger import Ledger, posts, submissions
from airdate.ledger.posts import Post
from airdate.ledger.submissions import Submission
from airdate.ledger.transitions import SETTLED, is_unsent
from airdate.post import PostState as P

AHEAD = (P.PLANNED, P.PREPARING, P.READY)


@dataclass(frozen=True, slots=True)
class OnItsWay:
    """A post of which something may be at TikTok.

    Attributes:
        submission: its newest one; None when it has not begun yet.
    """

    post: Post
    submission: Submission | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        last = self.submission
        return {
            "post_id": self.post.id,
            "account": self.post.account,
            "state": self.post.state.value,
            "submission": last.state.value if last else None,
            "publish_id": last.publish_id if last else None,
            "acknowledged": last.acknowledged if last else 0,
            "size": last.film_size if last else None,
        }


@dataclass(frozen=True, slots=True)
class Traffic:
    """Where all posts stand that a freeze concerns.

    Attributes:
        in_flight: uploads that stop before their last byte.
        cannot_be_stopped: posts whose last byte may be at TikTok, or whose pictures it was asked to fetch.
        waiting: how many others are due and of which nothing was sent.
    """

    in_flight: tuple[OnItsWay, ...]
    cannot_be_stopped: tuple[OnItsWay, ...]
    waiting: int


def traffic(ledger: Ledger) -> Traffic:
    """What is on its way now. After `switches.freeze` has returned, nothing is added to what cannot be stopped."""
    now = ledger.now()
    stops: list[OnItsWay] = []
    gone: list[OnItsWay] = []
    for post in posts.listed(ledger, states=[P.PUBLISHING, P.PROCESSING]):
        known = submissions.of_post(ledger, post.id)
        last = known[-1] if known and known[-1].state not in SETTLED else None
        if last is not None and not is_unsent(last.transfer, last.state):
            gone.append(OnItsWay(post, last))
        elif post.state is P.PUBLISHING:
            stops.append(OnItsWay(post, last))
    waiting = len(posts.listed(ledger, states=AHEAD, due_before=now))
    return Traffic(tuple(stops), tuple(gone), waiting)
