"""First contact, rehearsed: what the sandbox can be told to do either way is told apart, and no secret is written."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from consenting import add_creator

from airdate.commands.doctor import meet
from airdate.engine import Engine
from airdate.errors import NeedsPerson, WrongUsage
from airdate.first_contact import RECORD, first_contact
from airdate.ledger import Ledger, accounts, posts
from airdate.sandbox.running import RunningSandbox
from airdate.settings import Settings
from airdate.store import Store

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    with RunningSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: RunningSandbox) -> RunningSandbox:
    running.control.reset()
    running.control.settings(processing_seconds=0)
    return running


@pytest.fixture
def engine(settings: Settings, sandbox: RunningSandbox) -> Iterator[Engine]:
    pointed = settings.model_copy(
        update={
            "tiktok_api_url": sandbox.addresses.api,
            "tiktok_upload_hosts": (sandbox.addresses.upload.partition("://")[2].strip("/"),),
            "poll_seconds": 0.1,
        }
    )
    opened = Engine(pointed, Ledger.open(pointed), Store(pointed.store), lambda _seconds: None)
    add_creator(opened.ledger, sandbox)
    yield opened
    opened.close()


@pytest.mark.parametrize(("header", "reput", "old_token"), [("count", "416", "lives"), ("last", "206", "dies")])
def test_what_the_documents_leave_open_is_told_apart(
    engine: Engine, sandbox: RunningSandbox, header: str, reput: str, old_token: str
) -> None:
    sandbox.control.settings(progress_header=header, old_access_token=old_token, repeated_range=int(reput))
    record = first_contact(engine, "demo", lambda _words: None)
    facts = record["facts"]
    assert facts["content_range_means"] == {"count": "count", "last": "last index"}[header]
    assert facts["old_access_token_after_refresh"] == old_token
    assert (facts["access_token_seconds"], facts["refresh_token_seconds"]) == (7200, 15552000)
    assert facts["answer_to_an_unknown_id"] == "invalid_publish_id"
    assert facts["statuses_of_chunks"][0] == 201
    assert facts["statuses_of_chunks"][1:-1] == [206] * (len(facts["statuses_of_chunks"]) - 2)
    assert [str(each["status"]) for each in facts["same_chunk_again"] if each["when"].startswith("before")] == [reput]
    assert {each["when"] for each in facts["same_chunk_again"]} == {"before the last chunk", "after the last chunk"}
    assert [[asked["status"] for asked in each["asked"]] for each in record["ids"]] == [["PUBLISH_COMPLETE"]] * 2
    assert any(answer["call"] == "PUT" for answer in record["answers"])

    written = (engine.settings.home / RECORD).read_text()
    assert json.loads(written) == record
    held = accounts.secrets(engine.ledger, "demo")
    for secret in (held.access_token, held.refresh_token, held.client_secret, "act.", "rft.", "upload_token"):
        assert str(secret) not in written
    assert {post.options.privacy for post in posts.listed(engine.ledger)} == {"SELF_ONLY"}


def test_started_again_it_posts_nothing_and_asks_for_the_ids(engine: Engine, sandbox: RunningSandbox) -> None:
    first_contact(engine, "demo", lambda _words: None)
    record = first_contact(engine, "demo", lambda _words: None)
    assert len(sandbox.control.posts()) == 2
    assert [len(each["asked"]) for each in record["ids"]] == [2, 2]


def test_a_public_account_is_refused(engine: Engine, sandbox: RunningSandbox) -> None:
    sandbox.control.settings(creators={"demo": {"private": False}})
    with pytest.raises(NeedsPerson, match="not private"):
        first_contact(engine, "demo", lambda _words: None)
    assert sandbox.control.posts() == []
    assert not (engine.settings.home / RECORD).exists()


def test_nobody_is_posted_to_without_a_persons_word(engine: Engine) -> None:
    with pytest.raises(WrongUsage, match="agree"):
        meet("demo", is_agreed=False, say=lambda _words: None)
