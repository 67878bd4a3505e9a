"""A creator consents in a real browser: the printed address, the consent page, the loopback listener, the account."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from browsing import PATIENCE_MS, new_page
from playwright.sync_api import Page, expect
from up_driving import environment_of

from airdate.sandbox.running import RunningSandbox
from airdate.sandbox.seed import DEMO

pytestmark = pytest.mark.e2e


@dataclass
class Asking:
    """An `airdate account connect` that waits for the creator."""

    process: subprocess.Popen[str]
    url: str

    def answer(self) -> tuple[int, dict[str, object]]:
        out, _ = self.process.communicate(timeout=PATIENCE_MS / 1000)
        return self.process.returncode, json.loads(out)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        running.control.settings(consent="page")
        yield running


@pytest.fixture
def page(tmp_path: Path, require: Callable[[str, str], None]) -> Iterator[Page]:
    with new_page(tmp_path / "browser", require) as page:
        yield page


@contextmanager
def connecting(sandbox: RunningSandbox, home: Path) -> Iterator[Asking]:
    environment = environment_of(
        home,
        AIRDATE_TIKTOK_API_URL=sandbox.addresses.api,
        AIRDATE_TIKTOK_AUTH_URL=sandbox.addresses.auth,
        AIRDATE_TIKTOK_CLIENT_SECRET=DEMO.client_secret,
        BROWSER="true",
    )
    command = ["account", "connect", "studio", "--client-key", DEMO.client_key, "--scope", "video.upload", "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "airdate", *command],
        env=environment,
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        try:
            yield Asking(process, next(line.strip() for line in process.stderr if line.startswith("http")))
        finally:
            process.kill()


def test_a_creator_allows_it(sandbox: RunningSandbox, home: Path, page: Page) -> None:
    with connecting(sandbox, home) as asking:
        page.goto(asking.url)
        expect(page.get_by_role("checkbox")).to_have_count(3)
        page.locator("button[value=allow]").click()
        expect(page.get_by_role("heading")).to_contain_text("You can close this window")
        status, account = asking.answer()
    assert status == 0
    assert account["open_id"] == DEMO.open_id
    assert account["scopes"] == ["user.info.basic", "video.publish", "video.upload"]


def test_a_creator_unticks_what_is_needed(sandbox: RunningSandbox, home: Path, page: Page) -> None:
    with connecting(sandbox, home) as asking:
        page.goto(asking.url)
        page.locator("input[name=scope][value='video.publish']").uncheck()
        page.locator("button[value=allow]").click()
        expect(page.get_by_role("heading")).to_contain_text("You can close this window")
        status, document = asking.answer()
    assert status == 4
    error = document["error"]
    assert isinstance(error, dict)
    assert (error["code"], error["who"]) == ("scope_missing", "creator")


def test_a_creator_says_no(sandbox: RunningSandbox, home: Path, page: Page) -> None:
    with connecting(sandbox, home) as asking:
        page.goto(asking.url)
        page.locator("button[value=cancel]").click()
        expect(page.get_by_role("heading")).to_contain_text("You can close this window")
        status, document = asking.answer()
    assert (status, document["error"]["code"]) == (4, "access_denied")  # type: ignore[index]
