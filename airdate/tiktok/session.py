"""One account's calls to TikTok: each waits for its rate slot, has a fresh token, and is replayed once on a 401."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

import httpx

from airdate.errors import NeedsPerson
from airdate.ledger import Ledger, accounts, rates
from airdate.settings import Settings
from airdate.tiktok import tokens
from airdate.tiktok.answers import CreatorInfo, OpenUpload, PublishStatus
from airdate.tiktok.chunks import ChunkPlan
from airdate.tiktok.client import PostInfo, TikTok, TokenRefused

Answer = TypeVar("Answer")

TIMEOUT = httpx.Timeout(30, connect=10)
"""Seconds for a JSON call (fact sheet, section 23)."""


class Session:
    """TikTok as one account sees it; use it as a context manager.

    Every call raises `NeedsPerson` when the account is blocked or must consent again, and `Transient` when TikTok
    does not answer after the client's own retries.
    """

    def __init__(self, settings: Settings, ledger: Ledger, name: str, pause: Callable[[float], None]) -> None:
        """Open it.

        Raises:
            NeedsPerson: the account is unknown, blocked, or was added for another origin.
        """
        self.account = accounts.get(ledger, name)
        if self.account.api_url != settings.tiktok_api_url:
            raise NeedsPerson(
                "origin_differs",
                f"the account was added for {self.account.api_url}, and AIRDATE_TIKTOK_API_URL now says "
                f"{settings.tiktok_api_url}",
                item=name,
                rule="an account keeps the API origin it was added for",
                fix="set AIRDATE_TIKTOK_API_URL back, or add an account for the other origin",
            )
        if self.account.blocked is not None:
            raise tokens.blocked_error(self.account)
        self._ledger = ledger
        self._pause = pause
        # Proxies and .netrc of the environment are left out: they would see, or replace, the bearer token.
        self._http = httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False)
        self._tiktok = TikTok(settings.tiktok_api_url, self._http, gate=self._slot, pause=pause)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def refresh_if_due(self) -> None:
        """Renew the access token now if it is due, and read the account again (its scopes come with a grant)."""
        tokens.fresh(self._ledger, self._tiktok, self.account.name)
        self.account = accounts.get(self._ledger, self.account.name)

    def creator_info(self) -> CreatorInfo:
        """What the creator allows right now."""
        return self._authorised(self._tiktok.creator_info)

    def init_video(self, info: PostInfo, plan: ChunkPlan) -> OpenUpload:
        """Open a direct post's upload. Safe to repeat: nothing goes live before the last chunk."""
        return self._authorised(lambda token: self._tiktok.init_video(token, info, plan))

    def init_inbox(self, plan: ChunkPlan) -> OpenUpload:
        """Open a draft's upload."""
        return self._authorised(lambda token: self._tiktok.init_inbox(token, plan))

    def status(self, publish_id: str) -> PublishStatus:
        """Where TikTok says a submission stands."""
        return self._authorised(lambda token: self._tiktok.status(token, publish_id))

    def wait_for_turn(self, call: str) -> None:
        """Wait until the account has a free slot for `call`, without taking it."""
        rates.wait(self._ledger, self.account.rate_subject, call, self._pause)

    def _slot(self, call: str) -> AbstractContextManager[None]:
        return rates.slot(self._ledger, self.account.rate_subject, call, self._pause)

    def _authorised(self, call: Callable[[str], Answer]) -> Answer:
        name = self.account.name
        token = tokens.fresh(self._ledger, self._tiktok, name)
        try:
            return call(token)
        except TokenRefused:
            token = tokens.replaced(self._ledger, self._tiktok, name, token)
        try:
            return call(token)
        except TokenRefused as refused:
            accounts.block(self._ledger, name, refused.as_dict())
            raise
