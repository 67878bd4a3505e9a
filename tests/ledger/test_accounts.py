"""Credentials at rest, and the one write that makes a new token pair count."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from ledger_making import add_account

from airdate.errors import NeedsPerson
from airdate.ledger import Ledger, accounts
from airdate.ledger.vault import KEY_FILE, Vault
from airdate.settings import Settings


def grant(ledger: Ledger, seen: accounts.Secrets, access: str) -> bool:
    given = accounts.Grant(access, 7200, "rft.next", 15552000, ("video.publish",), ledger.now())
    return accounts.store_grant(ledger, "demo", seen.version, given)


def test_nothing_secret_is_in_the_database_in_clear(ledger: Ledger) -> None:
    add_account(ledger)
    assert grant(ledger, accounts.secrets(ledger, "demo"), "CANARY-ACCESS")
    with ledger.read() as connection:
        raw = repr(connection.exec_driver_sql("SELECT * FROM accounts").all())
    assert "CANARY" not in raw
    assert accounts.secrets(ledger, "demo").access_token == "CANARY-ACCESS"
    assert "CANARY" not in repr(accounts.secrets(ledger, "demo"))


def test_of_two_grants_only_the_first_is_stored(ledger: Ledger) -> None:
    add_account(ledger)
    seen = accounts.secrets(ledger, "demo")
    assert grant(ledger, seen, "act.first-one")
    assert not grant(ledger, seen, "act.second-one")
    assert accounts.secrets(ledger, "demo").access_token == "act.first-one"


def test_lifetimes_come_from_the_answer(ledger: Ledger) -> None:
    add_account(ledger)
    grant(ledger, accounts.secrets(ledger, "demo"), "act.first-one")
    account = accounts.get(ledger, "demo")
    assert account.access_expires_at is not None
    assert account.access_issued_at is not None
    assert account.access_expires_at - account.access_issued_at == timedelta(hours=2)


def test_an_unknown_account_names_the_known_ones(ledger: Ledger) -> None:
    add_account(ledger, "brand-a")
    with pytest.raises(NeedsPerson, match="brand-a") as caught:
        accounts.get(ledger, "brand-b")
    assert caught.value.code == "account_unknown"
    assert caught.value.fix


def test_the_key_file_is_private_and_made_once(settings: Settings) -> None:
    sealed = Vault.open(settings).seal("x" * 20)
    path = settings.home / KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert Vault.open(settings).unseal(sealed) == "x" * 20


def test_what_a_process_that_died_left_beside_the_key_stops_nobody(settings: Settings) -> None:
    settings.home.mkdir(parents=True, exist_ok=True)
    (settings.home / KEY_FILE).with_suffix(f".{os.getpid()}").touch()
    with ThreadPoolExecutor(8) as pool:
        vaults = list(pool.map(Vault.open, [settings] * 8))
    assert {vault.unseal(vaults[0].seal("x" * 20)) for vault in vaults} == {"x" * 20}


def test_another_key_says_so() -> None:
    sealed = Vault(Fernet.generate_key().decode()).seal("secret")
    with pytest.raises(NeedsPerson, match="another key"):
        Vault(Fernet.generate_key().decode()).unseal(sealed)


def test_a_shared_ledger_needs_its_key_set(settings: Settings) -> None:
    shared = settings.model_copy(update={"database_url": "postgresql://db.example/airdate", "secret_key": None})
    with pytest.raises(NeedsPerson, match="hosts share"):
        Vault.open(shared)


def test_an_old_refusal_does_not_stop_a_newer_consent(ledger: Ledger) -> None:
    add_account(ledger)
    seen = accounts.secrets(ledger, "demo").version
    add_account(ledger)
    accounts.block(ledger, "demo", {"code": "invalid_grant"}, version=seen)
    assert accounts.get(ledger, "demo").blocked is None
    accounts.block(ledger, "demo", {"code": "invalid_grant"}, version=accounts.secrets(ledger, "demo").version)
    assert accounts.get(ledger, "demo").blocked == {"code": "invalid_grant"}
