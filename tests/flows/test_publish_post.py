from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from prefect.client.schemas.objects import StateType

from airdate.engine import Engine
from airdate.errors import NeedsPerson, Refused, Transient
from airdate.ledger.posts import Post
from airdate.outcome import error_record
from airdate.post import Consent, Mode, Options, PostRequest, PostState
from flows.publish_post import STANDING, _Asked, _intake, ended, publish_post

CONTRACT = [
    "source",
    "account",
    "privacy",
    "caption",
    "mode",
    "slot",
    "key",
    "allow_comment",
    "allow_duet",
    "allow_stitch",
    "own_brand",
    "branded_content",
    "ai_generated",
    "cover_ms",
]
OF_PHOTOS = ["photos_as", "title", "auto_music", "cover_photo"]
LATER = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)


def _post(state: PostState, error: Exception | None = None, **facts: object) -> Post:
    stored = error_record(error) if error is not None else None
    post = Post(
        id="p_1",
        key="k",
        account="demo",
        target="sandbox",
        state=state,
        unconfirmed=False,
        error=stored,
        options=Options(),
        assets=(),
        consent=Consent("form", "x", LATER),
        origin="form",
        slot=None,
        zone=None,
        late_minutes=None,
        late_policy=PostRequest.__dataclass_fields__["late_policy"].default,
        not_before=None,
        turn=1,
        run_turn=None,
        rendition=None,
        publish_id="v_pub~1",
        tiktok_post_ids=("7",),
        created_at=LATER,
        updated_at=LATER,
    )
    return replace(post, **facts)


@pytest.mark.parametrize(
    ("state", "type_", "name"),
    [
        (PostState.PUBLISHED, StateType.COMPLETED, "Completed"),
        (PostState.DELIVERED, StateType.COMPLETED, "Completed"),
        (PostState.PROCESSING, StateType.COMPLETED, "Processing"),
        (PostState.FAILED, StateType.FAILED, "Failed"),
        (PostState.HELD, StateType.FAILED, "Held"),
        (PostState.MISSED, StateType.FAILED, "Missed"),
        (PostState.CANCELLED, StateType.CANCELLED, "Cancelled"),
        (PostState.READY, StateType.COMPLETED, "Waiting"),
    ],
)
def test_prefect_says_what_the_ledger_says(state: PostState, type_: StateType, name: str) -> None:
    shown = ended(_post(state))
    assert (shown.type, shown.name) == (type_, name)
    assert shown.message


def test_a_failed_run_says_why_and_what_to_do() -> None:
    message = ended(_post(PostState.FAILED, Refused("caption_too_long", "too long", fix="shorten it"))).message
    assert message == "caption_too_long: too long shorten it"


def test_a_run_that_waits_says_until_when() -> None:
    post = _post(PostState.READY, Transient("rate_limit_exceeded", "TikTok asks to wait"), not_before=LATER)
    assert ended(post).message == "goes on by itself at 2026-11-24 17:00 UTC: TikTok asks to wait"


def test_no_secret_reaches_a_state() -> None:
    error = NeedsPerson("x", "GET https://cdn.example/a.mp4?signature=CANARY answered 403", fix="ask rft.CANARY123")
    assert "CANARY" not in ended(_post(PostState.HELD, error)).message


def test_the_form_has_the_fields_of_the_contract_and_help_for_each() -> None:
    fields = publish_post.parameters.properties
    assert list(fields) == [*CONTRACT, *OF_PHOTOS, "turn"]
    assert [name for name, field in fields.items() if not field.get("description")] == []
    assert publish_post.parameters.required == ["source", "account"]


def test_what_a_form_leaves_open_is_the_accounts_choice(engine: Engine) -> None:
    from airdate.ledger import accounts

    accounts.add(
        engine.ledger,
        name="brand",
        api_url="http://127.0.0.1:1",
        client_key="ck",
        open_id="o",
        client_secret="s",
        refresh_token="r",
        audited=True,
        mode=Mode.INBOX,
        privacy=None,
    )
    options = {name: Options.__dataclass_fields__[name].default for name in ("caption", "allow_comment", "cover_ms")}
    asked = _Asked(("https://cdn.example/a.mp4",), "brand", None, None, None, None, options)
    request = _intake(engine, asked, "a run").request
    assert request.options.mode is Mode.INBOX
    assert (request.consent.kind, request.consent.who, request.origin) == ("form", "a run", "form")
    assert publish_post.parameters.properties["mode"]["default"] == STANDING
