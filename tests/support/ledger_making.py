"""Ready-made requests, posts and accounts for the tests of the ledger."""

from __future__ import annotations

from datetime import UTC, datetime

from airdate.ledger import Ledger, accounts, posts
from airdate.ledger.accounts import Account
from airdate.ledger.posts import Post
from airdate.post import AssetRef, Consent, Mode, Options, PostRequest, Privacy

FILM_SHA256 = "a" * 64


def make_request(key: str = "k1", options: Options | None = None) -> PostRequest:
    return PostRequest(
        key=key,
        account="demo",
        assets=(AssetRef("file", "/films/a.mp4", FILM_SHA256),),
        options=options or Options(caption="hello", privacy=Privacy.SELF_ONLY),
        consent=Consent("command", "ana", datetime(2026, 11, 22, 9, tzinfo=UTC)),
    )


def plan_post(ledger: Ledger, key: str = "k1", locator: str = "/films/a.mp4") -> Post:
    return posts.record(ledger, make_request(key), [locator], who="test")


def add_account(ledger: Ledger, name: str = "demo") -> Account:
    return accounts.add(
        ledger,
        name=name,
        api_url="http://127.0.0.1:1",
        client_key="ck",
        open_id="oid",
        client_secret="CANARY-SECRET",
        refresh_token="CANARY-REFRESH",
        audited=False,
        mode=Mode.DIRECT,
        privacy=None,
    )
