"""One TikTok creator account, as a form; storing it writes it to the ledger, where the engine reads it."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import cast

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from airdate.engine import Engine
from airdate.errors import NeedsPerson
from airdate.ledger import accounts
from airdate.ledger.accounts import Account
from airdate.ledger.locks import locked
from airdate.post import Mode, Privacy
from airdate.redact import register
from blocks.tiktok_app import TikTokApp


class StandingPrivacy(StrEnum):
    """The account's standing choice of who may see its posts; `none` leaves it to each post."""

    NONE = "none"
    PUBLIC = Privacy.PUBLIC.value
    FRIENDS = Privacy.FRIENDS.value
    FOLLOWERS = Privacy.FOLLOWERS.value
    SELF_ONLY = Privacy.SELF_ONLY.value


class TikTokAccount(Block):
    """A TikTok creator account that authorised our app.

    The block is the form and the ledger is the store: TikTok changes the refresh token as it is used, so the one
    given here is only where the ledger's begins.

    Example:
        ```python
        from pydantic import SecretStr

        from airdate.engine import Engine
        from blocks import TikTokAccount, TikTokApp

        account = TikTokAccount(
            name="brand",
            app=TikTokApp(client_key="aw1example", client_secret=SecretStr("from the portal")),
            open_id="-000example",
            refresh_token=SecretStr("from the consent"),
        )
        account.save("brand", overwrite=True)
        account = TikTokAccount.load("BLOCK_NAME")
        with Engine.open() as engine:
            account.store(engine)
        ```
    """

    _block_type_name = "TikTok account"
    _block_type_slug = "tiktok-account"
    _documentation_url = "https://developers.tiktok.com/doc/oauth-user-access-token-management"  # type: ignore[assignment]

    name: str = Field(title="Account", description="The name that posts use for this account.", min_length=1)
    app: TikTokApp = Field(title="App", description="The app that the creator authorised.")
    open_id: str = Field(
        title="Open id", description="TikTok's id of the creator for this app, from the consent.", min_length=1
    )
    refresh_token: SecretStr = Field(
        title="Refresh token",
        description="The refresh token of the consent. TikTok changes it as it is used; the ledger keeps the newest.",
    )
    mode: Mode = Field(
        default=Mode.DIRECT,
        title="Mode",
        description="`direct` publishes; `inbox` leaves a draft that the creator finishes in TikTok's app.",
    )
    privacy: StandingPrivacy = Field(
        default=StandingPrivacy.NONE,
        title="Standing privacy",
        description="Who may see posts that do not say it themselves; `none` means that each post must.",
    )

    stored: str = Field(
        default="",
        title="Stored as",
        description="Set by Airdate: what of this block the ledger holds. Empty it to have the block written again.",
    )

    def store(self, engine: Engine) -> Account:
        """Write the account to the ledger if the block changed since it was last written; return the ledger's.

        A saved block remembers what was written, so that an old refresh token never replaces the one that TikTok
        gave out since.

        Raises:
            NeedsPerson: an account of this name belongs to another API origin.
        """
        known = next((held for held in accounts.listed(engine.ledger) if held.name == self.name), None)
        api_url = engine.settings.tiktok_api_url
        if known is not None and known.api_url != api_url:
            raise NeedsPerson(
                "account_of_other_origin",
                f"the account was added for {known.api_url}, and AIRDATE_TIKTOK_API_URL is {api_url}",
                item=self.name,
                rule="an account keeps the API origin it was added for",
                fix="give this one another name, or set the origin back",
            )
        if known is not None and self.stored == self.fingerprint():
            return known
        account = accounts.add(
            engine.ledger,
            name=self.name,
            api_url=api_url,
            client_key=self.app.client_key,
            open_id=self.open_id,
            client_secret=register(self.app.client_secret.get_secret_value()),
            refresh_token=register(self.refresh_token.get_secret_value()),
            audited=self.app.audited,
            mode=self.mode,
            privacy=None if self.privacy is StandingPrivacy.NONE else Privacy(self.privacy.value),
        )
        self.stored = self.fingerprint()
        if self._block_document_name is not None:
            self.save(self._block_document_name, overwrite=True, _sync=True)  # type: ignore[call-arg]
        return account

    def fingerprint(self) -> str:
        """A digest of all that the ledger takes from this block; it tells nothing of the secrets in it."""
        facts = (
            self.name,
            self.app.client_key,
            self.app.client_secret.get_secret_value(),
            str(self.app.audited),
            self.open_id,
            self.refresh_token.get_secret_value(),
            self.mode.value,
            self.privacy.value,
        )
        return hashlib.sha256("\0".join(facts).encode()).hexdigest()


def store_changed(engine: Engine, account: str) -> None:
    """Write the account's block to the ledger if somebody saved one under that name and it changed.

    Raises:
        NeedsPerson: as `TikTokAccount.store`.
    """
    with locked(engine.ledger, f"block {account}"):
        try:
            block = cast(TikTokAccount, TikTokAccount.load(account, _sync=True))  # type: ignore[call-arg]
        except ValueError:  # Prefect's answer for a block that nobody saved
            return
        block.store(engine)
