"""What `airdate up` does by itself; with its processes it is driven in tests/e2e."""

from __future__ import annotations

import fcntl
import json
import socket
from pathlib import Path

import httpx
import pytest

from airdate.errors import NeedsPerson
from airdate.ledger import Ledger, accounts
from airdate.post import Mode
from airdate.sandbox.running import RunningSandbox
from airdate.settings import Settings
from airdate.up import Addresses, Ports, _Machine, _Stop, add_demo_account, check_packages, joined, running

ADDRESSES = Addresses("http://127.0.0.1:4200", None, None)


def _account(settings: Settings, api_url: str) -> None:
    ledger = Ledger.open(settings)
    accounts.add(
        ledger,
        name="demo",
        api_url=api_url,
        client_key="aw1",
        open_id="o",
        client_secret="CANARY-SECRET",
        refresh_token="CANARY-REFRESH",
        audited=True,
        mode=Mode.DIRECT,
        privacy=None,
    )
    ledger.close()


def test_the_account_demo_is_the_sandboxs(settings: Settings) -> None:
    with RunningSandbox() as sandbox:
        there = settings.model_copy(update={"tiktok_api_url": sandbox.addresses.api})
        _account(settings, "http://127.0.0.1:1")  # an earlier sandbox, on another port
        add_demo_account(there, sandbox.addresses.control)
    ledger = Ledger.open(settings)
    account = accounts.get(ledger, "demo")
    assert account.api_url == sandbox.addresses.api
    assert accounts.secrets(ledger, "demo").refresh_token.startswith("rft.")
    ledger.close()


def test_a_real_account_named_demo_is_never_replaced(settings: Settings) -> None:
    _account(settings, "https://open.tiktokapis.com")
    with pytest.raises(NeedsPerson, match="cannot be the sandbox's") as refused:
        add_demo_account(settings, "http://127.0.0.1:1")
    assert refused.value.fix
    ledger = Ledger.open(settings)
    assert accounts.secrets(ledger, "demo").refresh_token == "CANARY-REFRESH"
    ledger.close()


def test_a_command_beside_a_sandboxed_up_asks_its_sandbox(
    settings: Settings, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"api": "http://127.0.0.1:7", "upload": "http://127.0.0.1:8", "auth": "http://127.0.0.1:7/consent"}
    there = Addresses("http://127.0.0.1:4200", None, places)
    (home / "up.json").write_text(json.dumps(there.as_dict()))
    assert joined(settings) == settings
    with (home / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        turned = joined(settings)
        assert (turned.tiktok_api_url, turned.tiktok_upload_hosts) == ("http://127.0.0.1:7", ("127.0.0.1:8",))
        assert turned.tiktok_auth_url == "http://127.0.0.1:7/consent"
        monkeypatch.setenv("AIRDATE_TIKTOK_API_URL", "https://open.tiktokapis.com")
        assert joined(Settings(home=home)).tiktok_api_url == "https://open.tiktokapis.com"
        monkeypatch.delenv("AIRDATE_TIKTOK_API_URL")
        (home / "up.json").write_text(json.dumps(ADDRESSES.as_dict()))
        assert joined(settings) == settings


def test_only_a_living_up_counts_as_running(home: Path) -> None:
    assert running(home) is None
    (home / "up.json").write_text(json.dumps(ADDRESSES.as_dict()))
    assert running(home) is None
    with (home / "up.lock").open("w") as lock:
        assert running(home) is None
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert running(home) == ADDRESSES
    assert running(home) is None


def test_our_packages_are_ours() -> None:
    check_packages()


@pytest.mark.e2e
def test_a_sandbox_whose_port_is_taken_while_it_starts_takes_another(settings: Settings) -> None:
    settings.home.mkdir(parents=True, exist_ok=True)
    with (
        socket.create_server(("127.0.0.1", 0)) as thief,  # it came after the look for a free port
        _Machine.taken_down(settings, "127.0.0.1", Ports(), _Stop()) as machine,
    ):
        there = machine._bring_sandbox(thief.getsockname()[1])
        assert there["api"] != f"http://127.0.0.1:{thief.getsockname()[1]}"
        assert [child.name for child in machine.children] == ["sandbox"]
        assert httpx.get(there["page"], trust_env=False).is_success
