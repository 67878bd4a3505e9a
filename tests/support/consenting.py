"""Accounts of the sandbox's creators, who have just consented."""

from __future__ import annotations

from airdate.ledger import Ledger, accounts
from airdate.ledger.accounts import Account
from airdate.post import Mode
from airdate.sandbox.running import RunningSandbox


def add_creator(
    ledger: Ledger,
    sandbox: RunningSandbox,
    name: str = "demo",
    *,
    creator: str = "demo",
    app: str | None = None,
    audited: bool = False,
) -> Account:
    """An account for direct posts, without a standing choice, that was never refreshed.

    Args:
        app: whose creator it is in the sandbox; the creator's own.
    """
    grant = sandbox.control.grant(creator, app=app)
    return accounts.add(
        ledger,
        name=name,
        api_url=sandbox.addresses.api,
        client_key=grant["client_key"],
        open_id=grant["open_id"],
        client_secret=grant["client_secret"],
        refresh_token=grant["refresh_token"],
        audited=audited,
        mode=Mode.DIRECT,
        privacy=None,
    )
