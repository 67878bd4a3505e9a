"""The sandbox's page in the documentation against its source."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from airdate.sandbox import api, webhooks
from airdate.sandbox.control import PATH, routes
from airdate.sandbox.faults import (
    KINDS,
    AnswerFault,
    CallName,
    Faults,
    Order,
    PostIds,
    ProcessingFault,
    UploadFault,
    WebhookFault,
)
from airdate.sandbox.rules import Profile
from airdate.sandbox.seed import SEEDS
from airdate.sandbox.settings import Creator, Rules
from airdate.sandbox.state import State

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "sandbox.md").read_text()
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^#{2,3} ", PAGE, flags=re.MULTILINE)}
ORDERS = re.findall(r"\| `(\{\"call\".*\})` \|$", PAGE, re.MULTILINE)


def unnamed(names: object, section: str) -> list[str]:
    return [
        str(name) for name in names if not re.search(rf"`[^`]*(?<!\w){re.escape(str(name))}(?!\w)", SECTIONS[section])
    ]


@pytest.mark.parametrize("fields", [Rules.model_fields, Creator.model_fields, Profile])
def test_every_setting_is_there(fields: object) -> None:
    assert unnamed(fields, "Settings") == []


@pytest.mark.parametrize("kind", [AnswerFault, UploadFault, ProcessingFault, WebhookFault])
def test_every_fault_is_there(kind: type[AnswerFault]) -> None:
    assert unnamed(kind.model_fields, "Faults") == []


def test_every_call_and_form_is_there() -> None:
    assert unnamed(CallName, "TikTok's side") == []
    assert unnamed([door.path for door in api.DOORS], "TikTok's side") == []
    assert unnamed(PostIds, "Faults") == []
    assert unnamed([seed.client_key for seed in SEEDS], "Creators and apps") == []
    assert unnamed([v for k, v in vars(webhooks).items() if k.isupper() and isinstance(v, str)], "Webhooks") == []


def test_every_control_route_is_there(tmp_path: Path) -> None:
    state = State(tmp_path, lambda: 0.0)
    paths = {route.path for route in routes(state, "127.0.0.1").routes}  # type: ignore[attr-defined]
    state.close()
    assert len(paths) > 10
    said = SECTIONS["The control API"].replace("` · `/bytes/{index}", f"` `{PATH}/posts/{{publish_id}}/bytes/{{index}}")
    assert [path for path in sorted(paths) if not re.search(rf"`[^`]*{re.escape(path)}`", said)] == []


def test_every_broken_rule_is_there() -> None:
    source = "".join(path.read_text() for path in (ROOT / "airdate" / "sandbox").glob("*.py"))
    names = set(re.findall(r"broke\(\s*(?:\w[\w.]*, )?(?:\d+, |rules\.\w+, )?\"(\w+)\"", source))
    assert len(names) > 15
    assert unnamed(names, "Broken rules") == []


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_that_is_shown_can_be_given(order: str) -> None:
    faults = Faults()
    faults.order(Order.model_validate(json.loads(order)))
    assert faults.listed()[0]["fault"], "a fault that does nothing is none"


def test_all_kinds_of_bad_days_are_shown() -> None:
    assert len(ORDERS) >= 29
    assert {json.loads(order)["call"] for order in ORDERS} >= {call.value for call in KINDS}
