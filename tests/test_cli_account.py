"""`airdate account connect`, `show`, `refresh`, `revoke` against the real sandbox, with a script for a browser."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from ledger_making import plan_post
from sqlalchemy import update

from airdate import cli, connecting
from airdate.console import run
from airdate.engine import Engine
from airdate.errors import Transient
from airdate.ledger import accounts
from airdate.ledger.schema import accounts as table
from airdate.sandbox.running import RunningSandbox
from airdate.sandbox.seed import DEMO, PUBLIC

Command = Callable[..., tuple[int, dict[str, Any], str]]

pytestmark = pytest.mark.e2e

BROWSER = """
import sys, httpx
with open({log!r}, "a") as log:
    log.write(sys.argv[1] + "\\n")
if {goes}:
    httpx.get(sys.argv[1], follow_redirects=True, trust_env=False)
"""

CONNECT = ("account", "connect", "demo", "--client-key", DEMO.client_key)


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    with RunningSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> RunningSandbox:
    running.control.reset()
    monkeypatch.setenv("AIRDATE_TIKTOK_API_URL", running.addresses.api)
    monkeypatch.setenv("AIRDATE_TIKTOK_AUTH_URL", running.addresses.auth)
    monkeypatch.setenv("AIRDATE_TIKTOK_CLIENT_SECRET", DEMO.client_secret)
    return running


@pytest.fixture
def airdate(sandbox: RunningSandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    def command(*arguments: str, given: str = "") -> tuple[int, dict[str, Any], str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(given))
        status = run(cli.app, [*arguments, "--json"], cli.SHAPES)
        out, err = capsys.readouterr()
        assert DEMO.client_secret not in out + err
        assert "act." not in out + err
        assert "rft." not in out + err
        return status, json.loads(out), err

    return command


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """`browser(goes=…)` makes what $BROWSER names, and gives the file that lists what it was to open."""

    def make(*, goes: bool = True) -> Path:
        log, script, start = tmp_path / "opened", tmp_path / "browser.py", tmp_path / "browser"
        log.touch()
        script.write_text(BROWSER.format(log=str(log), goes=goes))
        start.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$1"\n')
        start.chmod(0o755)
        monkeypatch.setenv("BROWSER", f"{start} %s")
        return log

    return make


def stored() -> list[str]:
    with Engine.open() as engine:
        return [account.name for account in accounts.listed(engine.ledger)]


def connected(airdate: Command, browser: Callable[..., Path], *options: str) -> dict[str, Any]:
    browser()
    status, document, err = airdate(*CONNECT, *options)
    assert status == 0, err
    return document


def test_a_desktop_app_is_connected(airdate: Command, browser: Callable[..., Path], sandbox: RunningSandbox) -> None:
    opened = browser()
    status, account, err = airdate(*CONNECT, "--scope", "video.list", "--privacy", "SELF_ONLY")
    assert status == 0, err
    assert list(account) == list(cli.SHAPES["account connect"])
    assert (account["open_id"], account["kind"], account["privacy"]) == (DEMO.open_id, "direct unaudited", "SELF_ONLY")
    assert account["scopes"] == ["user.info.basic", "video.publish", "video.list"]
    assert account["open_id"].startswith("-")
    (url,) = opened.read_text().splitlines()
    assert url in err
    assert url.startswith(sandbox.addresses.auth)
    with Engine.open() as engine:
        found = accounts.get(engine.ledger, "demo")
    assert found.refresh_expires_at is not None
    assert found.access_issued_at is not None
    assert (found.refresh_expires_at - found.access_issued_at).total_seconds() == 15552000


def test_the_secret_may_come_from_standard_input(
    airdate: Command, browser: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRDATE_TIKTOK_CLIENT_SECRET")
    browser()
    assert airdate(*CONNECT, "--client-secret", "-", given=f"{DEMO.client_secret}\n")[0] == 0
    assert airdate(*CONNECT, "--client-secret", "here")[1]["error"]["code"] == "secret_in_argument"


def test_an_inbox_account_asks_for_drafts_only(airdate: Command, browser: Callable[..., Path]) -> None:
    account = connected(airdate, browser, "--mode", "inbox")
    assert (account["kind"], account["scopes"]) == ("inbox", ["user.info.basic", "video.upload"])


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"consent": "refuses"}, "access_denied"),
        ({"creators": {"demo": {"target": False}}}, "non_sandbox_target"),
        ({"creators": {"demo": {"web": True}}}, None),
    ],
)
def test_without_consent_nothing_is_stored(
    airdate: Command,
    browser: Callable[..., Path],
    sandbox: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    code: str | None,
) -> None:
    sandbox.control.settings(**settings)
    if code is None:
        code = "consent_timeout"
        monkeypatch.setattr(connecting.connect, "__kwdefaults__", {"limit_s": 2.0})
    browser()
    status, document, _ = airdate(*CONNECT)
    assert (status, document["error"]["code"], document["error"]["item"]) == (4, code, "demo")
    assert document["error"]["fix"]
    assert stored() == []


def test_a_scope_that_was_unticked_is_named_and_nothing_is_stored(
    airdate: Command, browser: Callable[..., Path], sandbox: RunningSandbox, tmp_path: Path
) -> None:
    sandbox.control.settings(consent="page")
    opened = browser(goes=False)
    (tmp_path / "browser.py").write_text(
        "import sys, httpx\n"
        "form = {'creator': 'demo', 'scope': 'user.info.basic', 'answer': 'allow'}\n"
        "httpx.post(sys.argv[1], data=form, follow_redirects=True, trust_env=False)\n"
    )
    status, document, _ = airdate(*CONNECT)
    assert (status, document["error"]["code"]) == (4, "scope_missing")
    assert "video.publish" in document["error"]["message"]
    assert opened.read_text() == ""
    assert stored() == []


def test_a_stranger_with_another_state_ends_it(airdate: Command, browser: Callable[..., Path], tmp_path: Path) -> None:
    browser(goes=False)
    (tmp_path / "browser.py").write_text(
        "import sys, httpx\n"
        "from urllib.parse import parse_qs, urlsplit\n"
        "to = parse_qs(urlsplit(sys.argv[1]).query)['redirect_uri'][0]\n"
        "root = to.removesuffix('callback/')\n"
        "assert httpx.get(root + 'favicon.ico', trust_env=False).status_code == 404\n"
        "assert httpx.get(to, trust_env=False).status_code == 404\n"
        "httpx.get(to, params={'code': 'stolen', 'state': 'guessed'}, trust_env=False)\n"
    )
    status, document, _ = airdate(*CONNECT)
    assert (status, document["error"]["code"]) == (4, "consent_state_wrong")
    assert stored() == []


def test_a_web_app_takes_the_address_from_standard_input(sandbox: RunningSandbox, home: Path) -> None:
    sandbox.control.settings(creators={"demo": {"web": True}})
    command = [*CONNECT, "--web", "--redirect-uri", "https://brand.example/airdate/", "--client-secret", "-", "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "airdate", *command],
        env={**os.environ, "BROWSER": "true"},
        cwd=home,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stderr
        process.stdin.write(f"{DEMO.client_secret}\n")
        process.stdin.flush()
        url = next(line.strip() for line in process.stderr if line.startswith(sandbox.addresses.auth))
        location = httpx.get(url, trust_env=False).headers["location"]
        assert urlsplit(location).netloc == "brand.example"
        process.stdin.write(f"{location}\n")
        process.stdin.close()
        out = process.stdout.read() if process.stdout else ""
        process.stderr.read()
    assert process.returncode == 0, out
    assert json.loads(out)["open_id"] == DEMO.open_id


def test_a_web_app_whose_address_nobody_pastes(sandbox: RunningSandbox, home: Path) -> None:
    command = [*CONNECT, "--web", "--redirect-uri", "https://brand.example/airdate/", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "airdate", *command],
        env={**os.environ, "BROWSER": "true"},
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (4, "consent_address_wrong")


def test_a_web_app_needs_its_address(airdate: Command) -> None:
    status, document, _ = airdate(*CONNECT, "--web")
    assert (status, document["error"]["code"]) == (2, "redirect_uri_missing")
    status, document, _ = airdate(*CONNECT, "--web", "--redirect-uri", "http://brand.example/")
    assert (status, document["error"]["code"]) == (2, "redirect_uri_invalid")


def test_a_port_that_is_taken_says_so(airdate: Command, sandbox: RunningSandbox) -> None:
    taken = f"{sandbox.addresses.api}/callback/"
    status, document, _ = airdate(*CONNECT, "--redirect-uri", taken)
    assert (status, document["error"]["code"]) == (4, "port_taken")


def test_a_login_that_is_away_tells_to_connect_again(
    airdate: Command, browser: Callable[..., Path], sandbox: RunningSandbox
) -> None:
    sandbox.control.fault("token", omit=["open_id"])
    browser()
    status, document, _ = airdate(*CONNECT)
    error = document["error"]
    assert (status, error["item"], error["who"]) == (5, "demo", "operator")
    assert "account connect" in error["fix"]


def test_a_wrong_secret_is_a_persons_matter(
    airdate: Command, browser: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRDATE_TIKTOK_CLIENT_SECRET", "not the secret")
    browser()
    status, document, _ = airdate(*CONNECT)
    assert (status, document["error"]["code"]) == (4, "invalid_client")
    assert stored() == []


def test_connecting_again_keeps_the_account_and_another_creator_is_refused(
    airdate: Command, browser: Callable[..., Path], sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected(airdate, browser)
    with Engine.open() as engine:
        post = plan_post(engine.ledger)
    assert connected(airdate, browser, "--audited")["kind"] == "direct audited"
    monkeypatch.setenv("AIRDATE_TIKTOK_CLIENT_SECRET", PUBLIC.client_secret)
    other = ("account", "connect", "demo", "--client-key", PUBLIC.client_key)
    status, document, _ = airdate(*other)
    assert (status, document["error"]["code"]) == (4, "account_of_other_creator")
    assert post.id in document["error"]["message"]
    with Engine.open() as engine:
        assert accounts.get(engine.ledger, "demo").open_id == DEMO.open_id
        assert not list((engine.settings.home / "grants").glob("*"))


def test_an_account_keeps_its_origin(
    airdate: Command, browser: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    connected(airdate, browser)
    monkeypatch.setenv("AIRDATE_TIKTOK_API_URL", "https://open.tiktokapis.com")
    for command in (CONNECT, ("account", "refresh", "demo"), ("account", "revoke", "demo")):
        status, document, _ = airdate(*command)
        assert (status, document["error"]["code"]) == (4, "origin_differs")


def test_show_and_list_tell_how_it_stands(airdate: Command, browser: Callable[..., Path]) -> None:
    connected(airdate, browser)
    status, account, err = airdate("account", "show", "demo")
    assert status == 0
    assert account["day"] == {"posts": 0, "posts_cap": 15, "full_until": None, "drafts": 0, "drafts_cap": 5}
    assert "direct unaudited" in err
    assert "179 days" in err
    assert "0 of 15 posts" in err
    _, listed, table = airdate("account", "list")
    assert listed["accounts"] == [{name: value for name, value in account.items() if name != "error"}]
    assert "179 days" in table
    assert airdate("account", "show", "nobody")[1]["error"]["code"] == "account_unknown"


def test_refresh_calls_only_when_it_is_due(
    airdate: Command, browser: Callable[..., Path], sandbox: RunningSandbox
) -> None:
    connected(airdate, browser)
    calls = len(sandbox.control.calls())
    assert airdate("account", "refresh", "demo")[0] == 0
    assert len(sandbox.control.calls()) == calls
    _expire()
    assert airdate("account", "refresh", "demo")[0] == 0
    assert len(sandbox.control.calls("token")) == 2


def test_refresh_says_who_must_act(airdate: Command, browser: Callable[..., Path], sandbox: RunningSandbox) -> None:
    connected(airdate, browser)
    _expire()
    sandbox.control.disconnect("demo")
    status, document, _ = airdate("account", "refresh", "demo")
    assert (status, document["error"]["code"], document["error"]["who"]) == (4, "invalid_grant", "creator")
    assert "account connect" in document["error"]["fix"]
    assert document["error"]["item"] == "demo"
    assert airdate("account", "refresh", "demo")[0] == 4
    assert airdate("account", "list")[1]["accounts"][0]["blocked"]["code"] == "invalid_grant"
    connected(airdate, browser)
    assert airdate("account", "show", "demo")[1]["blocked"] is None


def test_refresh_of_a_tiktok_that_is_away_is_temporary(
    airdate: Command, browser: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    connected(airdate, browser)
    _never_wait(monkeypatch)
    _expire(api_url="http://127.0.0.1:9")
    monkeypatch.setenv("AIRDATE_TIKTOK_API_URL", "http://127.0.0.1:9")
    status, document, _ = airdate("account", "refresh", "demo")
    assert (status, document["error"]["code"]) == (5, "tiktok_unreachable")


def test_revoke_ends_the_consent_and_names_what_waits(
    airdate: Command, browser: Callable[..., Path], sandbox: RunningSandbox
) -> None:
    connected(airdate, browser)
    with Engine.open() as engine:
        post = plan_post(engine.ledger)
    status, account, err = airdate("account", "revoke", "demo")
    assert status == 0, err
    assert list(account) == list(cli.SHAPES["account revoke"])
    assert (account["blocked"]["code"], account["unfinished"]) == ("revoked", [post.id])
    assert len(sandbox.control.calls("revoke")) == 1
    with Engine.open() as engine:
        held = accounts.secrets(engine.ledger, "demo")
    assert (held.access_token, held.refresh_token) == (None, "")
    assert airdate("account", "revoke", "demo")[0] == 0
    assert len(sandbox.control.calls("revoke")) == 1
    assert airdate("account", "refresh", "demo")[1]["error"]["code"] == "revoked"
    assert connected(airdate, browser)["blocked"] is None


def test_revoke_changes_nothing_when_tiktok_is_away(
    airdate: Command, browser: Callable[..., Path], sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected(airdate, browser)
    _never_wait(monkeypatch)
    sandbox.control.fault("revoke", times=None, status=503, body="away")
    status, document, _ = airdate("account", "revoke", "demo")
    assert (status, document["error"]["who"]) == (5, "nobody")
    assert airdate("account", "show", "demo")[1]["blocked"] is None
    sandbox.control.reset()
    assert airdate("account", "refresh", "demo")[0] == 0


def test_revoke_of_a_consent_that_the_creator_ended(
    airdate: Command, browser: Callable[..., Path], sandbox: RunningSandbox
) -> None:
    connected(airdate, browser)
    _expire()
    sandbox.control.disconnect("demo")
    status, account, _ = airdate("account", "revoke", "demo")
    assert (status, account["blocked"]["code"]) == (0, "revoked")


def test_revoke_is_finished_by_a_second_try_when_the_first_died_after_tiktoks_answer(
    airdate: Command, browser: Callable[..., Path], sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected(airdate, browser)

    def away(*_: object) -> None:
        raise Transient("ledger_unreachable", "the ledger is away")

    with monkeypatch.context() as patched:
        patched.setattr(accounts, "erase", away)
        assert airdate("account", "revoke", "demo")[0] == 5
    assert len(sandbox.control.calls("revoke")) == 1
    status, account, err = airdate("account", "revoke", "demo")
    assert (status, account["blocked"]["code"]) == (0, "revoked"), err


def _never_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands try again at once."""
    really = Engine.open
    monkeypatch.setattr(Engine, "open", lambda *settings: replace(really(*settings), pause=lambda _seconds: None))


def _expire(**values: object) -> None:
    """Let the stored access token be over."""
    with Engine.open() as engine:
        now = engine.ledger.now()
        with engine.ledger.write() as connection:
            connection.execute(update(table).values(access_expires_at=now, **values))
