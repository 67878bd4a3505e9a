from __future__ import annotations

from dataclasses import fields
from urllib.parse import urlsplit

import pytest
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites.blocks import BlockStandardTestSuite
from pydantic import SecretStr, ValidationError

import blocks
from airdate.engine import Engine
from airdate.errors import NeedsPerson
from airdate.ledger import accounts
from airdate.media.profile import BOUNDS, Framing, Profile
from airdate.post import Mode, Privacy
from airdate.settings import Settings
from blocks import RenditionProfile, TikTokAccount, TikTokApp
from blocks.tiktok_account import StandingPrivacy

ALL = [value for value in vars(blocks).values() if isinstance(value, type) and issubclass(value, Block)]


class TestBlocks(BlockStandardTestSuite):
    @pytest.fixture(params=ALL, ids=lambda block: block.__name__)
    def block(self, request: pytest.FixtureRequest) -> type[Block]:
        return request.param

    def test_has_a_valid_image(self, block: type[Block]) -> None:
        """A logo is fetched by the browser from elsewhere, and without a network only it would be broken."""
        assert block._logo_url is None

    def test_every_field_has_a_title(self, block: type[Block]) -> None:
        assert [name for name, field in block.model_fields.items() if not field.title] == []

    def test_the_documentation_is_a_page(self, block: type[Block]) -> None:
        assert urlsplit(str(block._documentation_url)).scheme == "https"

    def test_secrets_are_masked_in_what_prefect_stores_openly(self, block: type[Block]) -> None:
        secret = [name for name in block.model_fields if name in ("client_secret", "refresh_token")]
        assert set(secret) <= set(block.model_json_schema()["secret_fields"])


def _account(**changed: object) -> TikTokAccount:
    facts: dict[str, object] = {
        "name": "brand",
        "app": TikTokApp(client_key="aw1", client_secret=SecretStr("CANARY-SECRET")),
        "open_id": "-000open",
        "refresh_token": SecretStr("CANARY-REFRESH"),
        "privacy": StandingPrivacy.FOLLOWERS,
    }
    return TikTokAccount(**(facts | changed))


def test_storing_writes_the_account_to_the_ledger(engine: Engine) -> None:
    stored = _account(mode=Mode.INBOX).store(engine)
    assert (stored.name, stored.client_key, stored.open_id) == ("brand", "aw1", "-000open")
    assert (stored.mode, stored.privacy, stored.audited) == (Mode.INBOX, Privacy.FOLLOWERS, False)
    kept = accounts.secrets(engine.ledger, "brand")
    assert (kept.client_secret, kept.refresh_token) == ("CANARY-SECRET", "CANARY-REFRESH")


def test_no_standing_privacy_is_none_in_the_ledger(engine: Engine) -> None:
    assert _account(privacy=StandingPrivacy.NONE).store(engine).privacy is None


def test_a_block_that_was_stored_never_brings_an_old_token_back(engine: Engine) -> None:
    block = _account()
    block.store(engine)
    grant = accounts.Grant("act.1", 86400, "ROTATED", None, ("video.publish",), engine.ledger.now())
    accounts.store_grant(engine.ledger, "brand", accounts.secrets(engine.ledger, "brand").version, grant)
    block.store(engine)
    assert accounts.secrets(engine.ledger, "brand").refresh_token == "ROTATED"


def test_a_changed_block_is_written_again(engine: Engine) -> None:
    block = _account()
    block.store(engine)
    block.refresh_token = SecretStr("NEW-CONSENT")
    block.store(engine)
    assert accounts.secrets(engine.ledger, "brand").refresh_token == "NEW-CONSENT"


def test_an_account_stays_with_its_origin(engine: Engine, settings: Settings) -> None:
    block = _account()
    block.store(engine)
    elsewhere = Engine(
        settings.model_copy(update={"tiktok_api_url": "http://127.0.0.1:1"}), engine.ledger, engine.store, engine.pause
    )
    with pytest.raises(NeedsPerson, match="was added for"):
        block.store(elsewhere)


def test_what_is_shown_of_a_block_holds_no_secret() -> None:
    block = _account()
    block.stored = block.fingerprint()
    assert "CANARY" not in repr(block) + block.model_dump_json() + block.stored


def test_a_profile_that_nobody_changed_is_airdates_own() -> None:
    assert RenditionProfile().profile() == Profile()


def test_the_form_has_each_field_of_a_profile_with_its_bounds() -> None:
    schema = RenditionProfile.model_json_schema()["properties"]
    assert list(schema) == [field.name for field in fields(Profile) if field.name != "name"]
    for name, (least, most) in BOUNDS.items():
        told = next(kind for kind in [*schema[name].get("anyOf", []), schema[name]] if "minimum" in kind)
        assert (told["minimum"], told["maximum"]) == (least, most)


def test_wishes_that_exclude_each_other_are_told_when_the_form_is_saved() -> None:
    with pytest.raises(ValidationError, match="fills the whole frame"):
        RenditionProfile(safe_zones=True, framing=Framing.CROP)


def test_what_an_operator_fills_in_reaches_the_engine() -> None:
    profile = RenditionProfile(framing=Framing.BLUR, crf=18, seconds_per_photo=2.0, salvage=True).profile()
    assert (profile.framing, profile.crf, profile.seconds_per_photo, profile.salvage) == (Framing.BLUR, 18, 2.0, True)
