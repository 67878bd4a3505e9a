"""A clock that stands, creators, and posts of theirs that were asked for: for the tests of limits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count

from ledger_making import make_request
from sqlalchemy import update

from airdate.ledger import Ledger, accounts, posts, submissions
from airdate.ledger.accounts import Account
from airdate.ledger.posts import Post
from airdate.ledger.schema import submissions as table
from airdate.post import Mode, Options, Privacy, SubmissionState

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass
class Scene:
    """A ledger whose clock the test moves."""

    ledger: Ledger
    now: datetime = NOON
    numbers: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.ledger.now = lambda: self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)

    def creator(self, name: str, *, open_id: str | None = None, app: str = "ck", audited: bool = True) -> Account:
        return accounts.add(
            self.ledger,
            name=name,
            api_url="http://127.0.0.1:1",
            client_key=app,
            open_id=open_id or f"oid-{name}",
            client_secret="CANARY-SECRET",
            refresh_token="CANARY-REFRESH",
            audited=audited,
            mode=Mode.DIRECT,
            privacy=None,
        )

    def post(self, account: Account, mode: Mode = Mode.DIRECT) -> Post:
        privacy = Privacy.SELF_ONLY if mode is Mode.DIRECT else None
        options = Options(caption="hello", privacy=privacy, mode=mode)
        request = replace(make_request(f"k{next(self.numbers)}", options), account=account.name)
        return posts.record(self.ledger, request, ["/films/a.mp4"], who="test")

    def asked(
        self,
        account: Account,
        *,
        mode: Mode = Mode.DIRECT,
        state: SubmissionState = SubmissionState.ACCEPTED,
        post: Post | None = None,
    ) -> Post:
        """A post of which a submission was asked for now, and stands like this."""
        post = post or self.post(account, mode)
        made = submissions.intend(self.ledger, post.id, 0, mode=mode, sha256="a" * 64, plan=(10, 10, 1))
        asked_at = None if state is SubmissionState.INTENDED else self.now
        with self.ledger.write() as connection:
            connection.execute(update(table).where(table.c.id == made.id).values(state=state.value, asked_at=asked_at))
        return post
