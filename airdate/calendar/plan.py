"""What would have to happen for the ledger to say what a calendar says. Pure: rows and posts in, a plan out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from airdate.calendar.rows import Row
from airdate.ledger.posts import Post
from airdate.post import PostState as P

WAITING = (P.PLANNED, P.PREPARING, P.READY, P.HELD, P.MISSED)
"""Nothing of these was sent: an edited row changes them, and a row that is gone cancels them."""

HELD_BY_PERSON = "held"
"""The error code of a post that a person holds, as against one the engine stopped; only a release brings it back."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A post that stays as it is although its row says otherwise, and why."""

    post: Post
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, and what is not.

    Attributes:
        add: rows without a post.
        change: rows that were edited or came back, with their posts.
        unchanged: rows whose posts need nothing.
        cancel: posts whose rows are gone.
        keep: posts that it is too late for, or that only a person may bring back.
    """

    add: tuple[Row, ...]
    change: tuple[tuple[Row, Post], ...]
    unchanged: tuple[Row, ...]
    cancel: tuple[Post, ...]
    keep: tuple[Kept, ...]


def plan(
    calendar: str, rows: Sequence[Row], posts: Sequence[Post], applied: Mapping[str, str], withdrawn: Collection[str]
) -> Plan:
    """Compare a calendar with the posts that came from it.

    Args:
        applied: the digest of each row when it was last applied. A row that still has it was not edited, and then
            its post stays as it is: somebody may have moved, held or cancelled it by hand meanwhile.
        withdrawn: ids of posts that were cancelled because their rows were gone; a row that is back revives them.
    """
    by_key = {post.key: post for post in posts}
    add: list[Row] = []
    change: list[tuple[Row, Post]] = []
    unchanged: list[Row] = []
    keep: list[Kept] = []
    for row in rows:
        post = by_key.pop(row_key(calendar, row.id), None)
        if post is None:
            add.append(row)
        elif post.id in withdrawn:
            change.append((row, post))
        elif applied[row.id] == row.digest if row.id in applied else says_the_same(row, post):
            unchanged.append(row)
        elif post.state in WAITING and not is_held_by_person(post):
            change.append((row, post))
        else:
            keep.append(Kept(post, f"its row was edited, but {_standing(post)}"))
    gone = by_key.values()
    cancel = [post for post in gone if post.state in WAITING]
    keep += [Kept(post, f"its row is gone, but {_standing(post)}") for post in gone if post.state is P.PUBLISHING]
    return Plan(tuple(add), tuple(change), tuple(unchanged), tuple(cancel), tuple(keep))


def row_key(calendar: str, row_id: str) -> str:
    """The key of a row's post (contract, section 1)."""
    return f"{calendar}/{row_id}"


def row_of(post: Post) -> str:
    """The id of the row that a calendar's post came from."""
    return post.key.partition("/")[2]


def says_the_same(row: Row, post: Post) -> bool:
    """Whether the post is what the row asks for; what the row leaves to the account is not compared."""
    mode = row.mode or post.options.mode
    privacy = row.options.privacy or post.options.privacy
    return (
        (post.slot, post.zone, post.account, post.assets) == (row.slot, row.zone, row.account, row.assets)
        and (post.late_minutes, post.late_policy) == (row.late_minutes, row.late_policy)
        and post.options == replace(row.options, mode=mode, privacy=privacy)
    )


def is_held_by_person(post: Post) -> bool:
    """Whether a person holds the post, as against the engine."""
    return post.state is P.HELD and (post.error is None or post.error["code"] == HELD_BY_PERSON)


def _standing(post: Post) -> str:
    """Why an edited row cannot reach its post, and what would."""
    match post.state:
        case P.HELD:
            return "a person holds it; release it first"
        case P.FAILED | P.CANCELLED:
            return f"it is {post.state}; `airdate posts retry {post.id}` brings it back"
        case _:
            return f"it is {post.state} already"
