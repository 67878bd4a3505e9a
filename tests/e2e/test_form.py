"""What a person sees in a real browser: Prefect's form for a post, its run, and the sandbox's page of posts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browsing import PATIENCE_MS, new_page
from playwright.sync_api import Page, expect
from up_driving import Up, eventually

from airdate.sandbox.running import Control

pytestmark = pytest.mark.e2e

PLAYS = """caption => {
    const card = [...document.querySelectorAll("article")].find(card => card.textContent.includes(caption));
    const video = card?.querySelector("video");
    if (!video) return false;
    video.muted = true;
    video.play().catch(() => {});
    return video.videoWidth > 0 && video.currentTime > 0.2;
}"""
"""Begins the film and tells whether it plays; without sound that needs no person's click. It looks for the film each
time, as the page loads itself anew while a post of any other test is on its way."""


@pytest.fixture
def page(tmp_path: Path, require: Callable[[str, str], None]) -> Iterator[Page]:
    """A page of a browser that has never run before."""
    with new_page(tmp_path / "browser", require) as page:
        yield page


def _open_form(page: Page, up: Up) -> None:
    """As a person gets there: from Prefect's first page, by clicks alone."""
    page.goto(up.addresses["prefect"])
    page.get_by_role("link", name="Deployments", exact=True).click()
    # The flow has the same name, and its link stands beside.
    page.locator("a[href*='/deployments/deployment/']", has_text="publish-post").click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Custom run").click()


def _fill_form(page: Page, film: Path, key: str) -> None:
    form = page.locator("form")
    form.get_by_role("button", name="Add item").click()
    # An item of a list has no name of its own; it stands between the run's name and the account.
    form.get_by_role("textbox").nth(1).fill(str(film))
    form.get_by_label("account", exact=True).fill("demo")
    form.get_by_role("button", name="Select privacy").click()
    page.get_by_role("option", name="SELF_ONLY", exact=True).click()
    form.get_by_label("caption").fill(f"{key} by hand")
    # Of all that may be left empty, only the key is a text.
    form.get_by_role("tab", name="str", exact=True).click()
    form.get_by_role("tabpanel", name="str", exact=True).get_by_role("textbox").fill(key)


def _run(up: Up, key: str) -> str | None:
    """The run that the form made."""
    wanted = {"deployments": {"name": {"any_": ["publish-post"]}}, "sort": "EXPECTED_START_TIME_DESC"}
    runs = up.prefect("POST", "/flow_runs/filter", wanted)
    return next((run["id"] for run in runs if run["parameters"].get("key") == key), None)


def _is_published(up: Up, key: str) -> bool:
    return any(known["key"] == key and known["state"] == "published" for known in up.posts())


def test_the_form_ends_as_one_post_that_plays(up: Up, page: Page, demo_film: Path, key: str) -> None:
    _open_form(page, up)
    _fill_form(page, demo_film, key)
    page.locator("form").get_by_role("button", name="Submit").click()
    # Not by the link that is shown for a few seconds: on a busy machine it is gone before it can be clicked.
    eventually(lambda: _run(up, key) is not None, within_s=PATIENCE_MS / 1000, what="the form made a run")
    page.goto(f"{up.addresses['prefect']}/runs/flow-run/{_run(up, key)}")

    eventually(lambda: _is_published(up, key), within_s=PATIENCE_MS / 1000, what="the form's post is published")
    expect(page.get_by_text("Completed", exact=True).first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text(f"demo · {key} by hand").first).to_be_visible(timeout=PATIENCE_MS)

    (post,) = [known for known in up.posts() if known["key"] == key]
    assert (post["state"], post["target"]) == ("published", "sandbox")
    control = Control(up.addresses["sandbox"]["control"])
    try:
        assert json.dumps(control.posts()).count(json.dumps(f"{key} by hand")) == 1
    finally:
        control.close()

    page.goto(up.addresses["sandbox"]["page"])
    card = page.get_by_role("article").filter(has_text=f"{key} by hand")
    expect(card).to_have_count(1, timeout=PATIENCE_MS)
    expect(card).to_contain_text("Posted")
    expect(card).to_contain_text("Only me")
    page.wait_for_function(PLAYS, arg=f"{key} by hand")
