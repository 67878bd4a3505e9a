from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from prefect.settings import Settings as PrefectSettings
from pydantic import SecretStr

from airdate.environment import (
    WEBHOOK_SECRET_FILE,
    base_environment,
    prefect_environment,
    settings_environment,
    webhook_secret,
)
from airdate.settings import Settings, load_settings


def test_settings_reach_a_process_in_another_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(
        home=home,
        calendar=home / "plan.csv",
        webhook_secrets=(SecretStr("whsec_a"), SecretStr("whsec_b")),
        tiktok_upload_hosts=("a:1", "b:2"),
        lease_seconds=3.5,
    )
    for name, value in settings_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings


def test_what_was_not_set_stays_unset(home: Path) -> None:
    assert settings_environment(Settings(home=home)) == {"AIRDATE_HOME": str(home)}


def test_prefect_understands_its_settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in prefect_environment(settings, "http://127.0.0.1:4200/api").items():
        monkeypatch.setenv(name, value)
    read = PrefectSettings()
    assert read.api.url == "http://127.0.0.1:4200/api"
    assert read.home == settings.home / "prefect"
    assert read.server.analytics_enabled is False
    assert read.server.ui.show_promotional_content is False
    assert read.server.ephemeral.enabled is False
    assert read.results.default_serializer == "json"
    assert read.worker.query_seconds == 1
    assert read.server.services.scheduler.min_scheduled_time.total_seconds() == 120
    assert read.server.services.late_runs.after_seconds.total_seconds() == 60
    assert read.flows.heartbeat_frequency == 30


def test_the_key_of_prefects_blocks_is_steady_and_not_the_ledgers(settings: Settings) -> None:
    key = prefect_environment(settings, "x")["PREFECT_SERVER_ENCRYPTION_KEY"]
    Fernet(key)
    assert key == prefect_environment(settings, "y")["PREFECT_SERVER_ENCRYPTION_KEY"]
    assert key != (settings.home / "secret.key").read_text().strip()


def test_another_prefect_of_the_operator_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PREFECT_PROFILE", "PREFECT_API_KEY", "PREFECT__FLOW_RUN_ID"):
        monkeypatch.setenv(name, "theirs")
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "ours")
    kept = base_environment()
    assert "theirs" not in kept.values()
    assert kept["PREFECT_SERVER_API_AUTH_STRING"] == "ours"


def test_the_rehearsals_secret_is_made_once_and_private(home: Path) -> None:
    first = webhook_secret(home)
    assert first.startswith("whsec_")
    assert webhook_secret(home) == first
    assert (home / WEBHOOK_SECRET_FILE).stat().st_mode & 0o777 == 0o600
