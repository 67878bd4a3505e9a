"""One account's calls to TikTok: each waits for its rate slot, has a fresh token, and is replayed once on a 401."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from airdate.errors import AirdateError, NeedsPerson
from airdate.ledger import Ledger, accounts, grants, rates
from airdate.ledger.accounts import Account
from airdate.settings import Settings
from airdate.tiktok import tokens
from airdate.tiktok.answers import CreatorInfo, OpenUpload, PublishStatus, VideoPage
from airdate.tiktok.chunks import ChunkPlan
from airdate.tiktok.client import PostInfo, TikTok, TokenRefused
from airdate.tiktok.photos import OpenPull
from airdate.tiktok.transport import open_http

Answer = TypeVar("Answer")


MOST_RENEWALS = 3
"""Tokens that one call may use up by waiting. One that TikTok refuses in its youth ends the matter at once."""


class Session:
    """TikTok as one account sees it; use it as a context manager.

    Every call raises `NeedsPerson` when the account is blocked or must consent again, and `Transient` when TikTok
    does not answer after the client's own retries.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        name: str,
        pause: Callable[[float], None],
        *,
        spare: int | None = None,
    ) -> None:
        """Open it.

        Args:
            spare: rate slots of each call that are left to others; with it a call raises `WaitUntil` instead of
                waiting for one.

        Raises:
            NeedsPerson: the account is unknown, blocked, or was added for another origin.
        """
        grants.take_up(ledger, name)
        self.account = accounts.get(ledger, name)
        check_origin(self.account, settings.tiktok_api_url)
        if self.account.blocked is not None:
            raise tokens.blocked_error(self.account)
        self._api_url = settings.tiktok_api_url
        self._ledger = ledger
        self._pause = pause
        self._spare = spare
        self._http = open_http()
        self._tiktok = TikTok(settings.tiktok_api_url, self._http, gate=self._slot, pause=pause)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def refresh_if_due(self) -> None:
        """Renew the access token now if it is due, and read the account again (its scopes come with a grant)."""
        self.token()
        self.account = accounts.get(self._ledger, self.account.name)

    def creator_info(self) -> CreatorInfo:
        """What the creator allows right now; films are planned by what was said last."""
        said = self._authorised(self._tiktok.creator_info)
        longest = {"max_video_post_duration_sec": said.max_video_post_duration_sec}
        accounts.remember_creator(self._ledger, self.account.name, longest)
        return said

    def init_video(self, info: PostInfo, plan: ChunkPlan, about_to_ask: Callable[[], None]) -> OpenUpload:
        """Open a direct post's upload. Safe to repeat: nothing goes live before the last chunk.

        Args:
            about_to_ask: called right before each attempt, after all waiting; what it raises ends the call.
        """
        return self._authorised(lambda token: self._tiktok.init_video(token, info, plan, about_to_ask))

    def init_inbox(self, plan: ChunkPlan) -> OpenUpload:
        """Open a draft's upload."""
        return self._authorised(lambda token: self._tiktok.init_inbox(token, plan))

    def token(self) -> str:
        """An access token that will live for the next call; every HTTP call it may take is over when this returns."""
        with self._naming_it():
            return tokens.fresh(self._ledger, self._tiktok, self.account.name, self._pause)

    def renew(self, refused: str) -> None:
        """Put another token in the place of one that TikTok refused."""
        with self._naming_it():
            tokens.replaced(self._ledger, self._tiktok, self.account.name, refused, self._pause)

    def block(self, refused: TokenRefused, token: str) -> None:
        """Stop the account: TikTok refuses its tokens, new ones too, of which `token` is the last."""
        held = accounts.secrets(self._ledger, self.account.name)
        if held.access_token == token:
            accounts.block(self._ledger, self.account.name, refused.as_dict(), version=held.version)

    def init_photos(self, token: str, body: dict[str, Any], about_to_ask: Callable[[], None]) -> OpenPull:
        """Have TikTok fetch and post pictures: one attempt, with no second one on a refused token either.

        It gets a connection of its own. One that is kept alive may be closed by TikTok in the very moment it is
        used again, and whether the request got through would not be known.
        """
        with self._naming_it(), open_http() as http:
            tiktok = TikTok(self._api_url, http, gate=self._slot, pause=self._pause)
            return tiktok.init_photos(token, body, about_to_ask)

    def cancel(self, publish_id: str) -> None:
        """Ask TikTok to stop fetching a photo post's pictures."""
        self._authorised(lambda token: self._tiktok.cancel(token, publish_id))

    def status(self, publish_id: str) -> PublishStatus:
        """Where TikTok says a submission stands."""
        return self._authorised(lambda token: self._tiktok.status(token, publish_id))

    def video_list(self, cursor: int | None = None) -> VideoPage:
        """One page of the creator's posts, newest first."""
        return self._authorised(lambda token: self._tiktok.video_list(token, cursor))

    def video_query(self, ids: Sequence[str]) -> VideoPage:
        """Those of at most 20 posts that are there still."""
        return self._authorised(lambda token: self._tiktok.video_query(token, ids))

    def wait_for_turn(self, call: str, longest_s: float) -> None:
        """Wait until the account has a free slot for `call`, without taking it; `WaitUntil` if that takes longer."""
        rates.wait(self._ledger, self.account.rate_subject, call, self._pause, longest_s=longest_s)

    def _slot(self, call: str) -> AbstractContextManager[None]:
        return rates.slot(self._ledger, self.account.rate_subject, call, self._pause, spare=self._spare)

    def _authorised(self, call: Callable[[str], Answer]) -> Answer:
        name = self.account.name
        with self._naming_it():
            token = tokens.fresh(self._ledger, self._tiktok, name, self._pause)
            for renewals in range(MOST_RENEWALS + 1):
                try:
                    return call(token)
                except TokenRefused as refused:
                    # A call may wait a minute for its rate, and a token that died of age meanwhile is no dead consent.
                    if renewals == MOST_RENEWALS or (renewals and not self._is_over()):
                        self.block(refused, token)
                        raise
                token = tokens.replaced(self._ledger, self._tiktok, name, token, self._pause)
        raise AssertionError("the last renewal returns or raises")

    @contextmanager
    def _naming_it(self) -> Iterator[None]:
        """Errors of TikTok's are about the account where they name nothing else."""
        try:
            yield
        except AirdateError as error:
            error.item = error.item or self.account.name
            raise

    def _is_over(self) -> bool:
        """Whether the life of the access token that the ledger holds is over."""
        until = accounts.get(self._ledger, self.account.name).access_expires_at
        return until is not None and until <= self._ledger.now()


def check_origin(account: Account, api_url: str) -> None:
    """See that the account is of the TikTok that the settings name.

    Raises:
        NeedsPerson: it was added for another.
    """
    if account.api_url != api_url:
        raise NeedsPerson(
            "origin_differs",
            f"the account was added for {account.api_url}, and AIRDATE_TIKTOK_API_URL now says {api_url}",
            item=account.name,
            rule="an account keeps the API origin it was added for",
            fix="set AIRDATE_TIKTOK_API_URL back, or take another account for the other origin",
        )
