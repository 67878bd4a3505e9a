"""Posts in the ledger: recorded once per key, read back as one frozen object, changed only by moves."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from airdate.errors import NeedsPerson, WrongUsage
from airdate.ledger.database import Ledger
from airdate.ledger.schema import events, posts
from airdate.ledger.transitions import move_post, note
from airdate.post import AssetRef, Consent, LatePolicy, Options, Outcome, PostRequest, PostState, Rendition


@dataclass(frozen=True, slots=True)
class Post:
    """A post as the ledger holds it.

    Attributes:
        target: `tiktok`, `sandbox` or the origin it goes to; None until the account was read.
        turn: counter of wanted runs; a run with a smaller one is old.
        run_turn: the last turn a scheduled run was made for.
        not_before: the work is not allowed before this instant (a rate, a cap).
        rendition: `sha256`, `size`, `plan`, `reasons`, `duration_s`, `limit_s`, `cover_ms` and `pictures`, the folder,
            once it is made.
        look_at: when TikTok is asked about it next; None is at once.
        watched_until: a delivered or published post is looked at until then; None for one that is not.
        missing_since: a look found it gone; only the next look is believed.
        taken_down_at: since when it is known to be public no more.
    """

    id: str
    key: str
    account: str
    target: str | None
    state: PostState
    unconfirmed: bool
    error: dict[str, Any] | None
    options: Options
    assets: tuple[AssetRef, ...]
    consent: Consent
    origin: str
    slot: datetime | None
    zone: str | None
    late_minutes: int | None
    late_policy: LatePolicy
    not_before: datetime | None
    turn: int
    run_turn: int | None
    rendition: dict[str, Any] | None
    publish_id: str | None
    tiktok_post_ids: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    look_at: datetime | None = None
    watched_until: datetime | None = None
    missing_since: datetime | None = None
    taken_down_at: datetime | None = None

    def outcome(self) -> Outcome:
        """The contract's view of it."""
        return Outcome(
            post_id=self.id,
            key=self.key,
            account=self.account,
            target=self.target,
            state=self.state,
            unconfirmed=self.unconfirmed,
            slot=self.slot,
            publish_id=self.publish_id,
            tiktok_post_ids=self.tiktok_post_ids,
            rendition=shown_rendition(self.rendition),
            error={name: value for name, value in self.error.items() if name != "exit"} if self.error else None,
        )


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a post's story."""

    at: datetime
    who: str
    from_state: str | None
    to_state: str
    why: str

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "at": self.at.isoformat()}


def shown_rendition(stored: dict[str, Any] | None) -> dict[str, Any] | None:
    """The `rendition` object of the contract."""
    return {name: stored[name] for name in ("sha256", "size", "plan", "reasons")} if stored else None


def record(ledger: Ledger, request: PostRequest, locators: Sequence[str], *, who: str) -> Post:
    """Write the request down under its key; asking twice gives the same post.

    Args:
        locators: where each asset's bytes are (a path, a URL that may be signed), in the order of the assets;
            stored encrypted.

    Raises:
        WrongUsage: the key is taken by a post with other options.
    """
    now = ledger.now()
    post_id = f"p_{uuid.uuid4().hex[:20]}"
    values = _columns(request) | {
        "id": post_id,
        "locators": ledger.vault.seal(json.dumps(list(locators))),
        "state": PostState.PLANNED.value,
        "tiktok_post_ids": [],
        "turn": 1,
        "lease_epoch": 0,
        "unconfirmed": False,
        "created_at": now,
        "updated_at": now,
    }
    try:
        with ledger.write() as connection:
            if (known := _by_key(connection, request.key)) is None:
                connection.execute(insert(posts).values(values))
                note(
                    connection, post_id, None, PostState.PLANNED, who=who, why=f"asked for by {request.origin}", now=now
                )
    except IntegrityError:
        known = by_key(ledger, request.key)
    if known is None:
        return get(ledger, post_id)
    check_same(known, request)
    return known


def _columns(request: PostRequest) -> dict[str, Any]:
    return {
        "key": request.key,
        "account": request.account,
        "options": request.options.as_dict(),
        "assets": [asdict(asset) for asset in request.assets],
        "consent": {**asdict(request.consent), "at": request.consent.at.isoformat()},
        "origin": request.origin,
        "slot": request.slot,
        "zone": request.zone,
        "late_minutes": request.late_minutes,
        "late_policy": request.late_policy.value,
    }


def check_same(known: Post, request: PostRequest) -> None:
    """Raise `WrongUsage` naming what differs, when one key is used for two different posts."""
    differing = [name for name, was in known.options.as_dict().items() if was != getattr(request.options, name)]
    if known.account != request.account:
        differing.append("account")
    if [_identity(asset) for asset in known.assets] != [_identity(asset) for asset in request.assets]:
        differing.append("source")
    if request.slot is not None and known.slot != request.slot:
        differing.append("slot")
    if differing:
        raise WrongUsage(
            "key_conflict",
            f"this key belongs to post {known.id} ({known.state}), which has another {', '.join(differing)}",
            item=request.key,
            rule="one key is one post with one set of options",
            fix="repeat the first options, or give a new --key to post on purpose a second time",
        )


def _identity(asset: AssetRef) -> tuple[str | None, ...]:
    """What makes an asset the same one: a file is its content, wherever it lies."""
    return (asset.revision,) if asset.source == "file" else (asset.source, asset.asset_id, asset.revision)


def replan(ledger: Ledger, post_id: str, request: PostRequest, locators: Sequence[str], *, who: str, why: str) -> Post:
    """Give a post that waits for its slot new facts, as an edited calendar row does; its turn grows."""
    with ledger.write() as connection:
        turn = connection.execute(select(posts.c.turn).where(posts.c.id == post_id)).scalar_one()
        values = _columns(request) | {
            "locators": ledger.vault.seal(json.dumps(list(locators))),
            "turn": turn + 1,
            "error": None,
            "not_before": None,
            "rendition": None,
        }
        move_post(connection, post_id, PostState.PLANNED, who=who, why=why, now=ledger.now(), **values)
        note(connection, post_id, PostState.PLANNED, PostState.PLANNED, who=who, why=why, now=ledger.now())
    return get(ledger, post_id)


def get(ledger: Ledger, post_id: str) -> Post:
    """The post with this id.

    Raises:
        NeedsPerson: there is none.
    """
    with ledger.read() as connection:
        row = connection.execute(select(posts).where(posts.c.id == post_id)).first()
    if row is None:
        raise _unknown(post_id)
    return _post(row)


def _unknown(name: str) -> NeedsPerson:
    return NeedsPerson(
        "post_unknown", "the ledger holds no such post", item=name, fix="see `airdate posts list` for the ids"
    )


def find(connection: Connection, name: str) -> Post:
    """The post with this id, else this key, its row locked until the transaction ends.

    Raises:
        NeedsPerson: there is none.
    """
    for column in (posts.c.id, posts.c.key):
        if row := connection.execute(select(posts).where(column == name).with_for_update()).first():
            return _post(row)
    raise _unknown(name)


def by_key(ledger: Ledger, key: str) -> Post | None:
    """The post under this key, if any."""
    with ledger.read() as connection:
        return _by_key(connection, key)


def _by_key(connection: Connection, key: str) -> Post | None:
    row = connection.execute(select(posts).where(posts.c.key == key)).first()
    return _post(row) if row else None


def listed(
    ledger: Ledger, *, states: Sequence[PostState] = (), origin: str | None = None, due_before: datetime | None = None
) -> list[Post]:
    """Posts by slot, else by when they were asked for.

    Args:
        due_before: only those whose slot, if any, lies before this instant.
    """
    query = select(posts)
    if states:
        query = query.where(posts.c.state.in_([state.value for state in states]))
    if origin is not None:
        query = query.where(posts.c.origin == origin)
    if due_before is not None:
        query = query.where((posts.c.slot.is_(None)) | (posts.c.slot <= due_before))
    with ledger.read() as connection:
        found = [_post(row) for row in connection.execute(query)]
    return sorted(found, key=lambda post: (post.slot or post.created_at, post.id))


def locators(ledger: Ledger, post_id: str) -> tuple[str, ...]:
    """Where the post's assets are; may hold signed URLs, so it never leaves the process that asked."""
    with ledger.read() as connection:
        sealed = connection.execute(select(posts.c.locators).where(posts.c.id == post_id)).scalar_one()
    return tuple(json.loads(ledger.vault.unseal(sealed)))


def story(ledger: Ledger, post_id: str) -> list[Event]:
    """The post's events, oldest first."""
    with ledger.read() as connection:
        rows = connection.execute(select(events).where(events.c.post_id == post_id).order_by(events.c.id))
        return [Event(row.at, row.who, row.from_state, row.to_state, row.why) for row in rows]


def move(
    ledger: Ledger, post_id: str, to: PostState, *, who: str, why: str, epoch: int | None = None, **values: Any
) -> Post:
    """One move in a transaction of its own; see `transitions.move_post`."""
    with ledger.write() as connection:
        move_post(connection, post_id, to, who=who, why=why, now=ledger.now(), epoch=epoch, **values)
    return get(ledger, post_id)


def store(ledger: Ledger, post_id: str, *, epoch: int | None = None, **values: Any) -> None:
    """Store facts of a post without moving it."""
    with ledger.write() as connection:
        state = PostState(connection.execute(select(posts.c.state).where(posts.c.id == post_id)).scalar_one())
        move_post(connection, post_id, state, who="", why="", now=ledger.now(), epoch=epoch, **values)


def mark_run(ledger: Ledger, post_id: str, turn: int) -> None:
    """Remember that a scheduled run was made for this turn."""
    with ledger.write() as connection:
        connection.execute(update(posts).where(posts.c.id == post_id, posts.c.turn == turn).values(run_turn=turn))


def rendition_columns(rendition: Rendition) -> dict[str, Any]:
    """A rendition as the ledger keeps it."""
    return {
        "sha256": rendition.sha256,
        "size": rendition.size,
        "plan": rendition.plan.value,
        "reasons": list(rendition.reasons),
        "duration_s": rendition.duration_s,
        "limit_s": rendition.limit_s,
        "cover_ms": rendition.cover_ms,
        "pictures": str(rendition.pictures) if rendition.pictures else None,
    }


def _post(row: Row[Any]) -> Post:
    facts = {name: getattr(row, name) for name in Post.__slots__}
    consent = row.consent
    return replace(
        Post(**facts),
        state=PostState(row.state),
        options=Options.from_dict(row.options),
        assets=tuple(AssetRef(**asset) for asset in row.assets),
        consent=Consent(**{**consent, "at": datetime.fromisoformat(consent["at"])}),
        late_policy=LatePolicy(row.late_policy),
        tiktok_post_ids=tuple(row.tiktok_post_ids),
    )
