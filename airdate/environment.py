"""What the processes of `airdate up` find in their environment: our settings as they were read, and Prefect's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from pydantic import SecretStr

from airdate.ledger.vault import KEY_FILE, Vault
from airdate.settings import Settings

WEBHOOK_SECRET_FILE = "webhook.secret"  # noqa: S105 (a file name)

HEARTBEAT_S = 30
"""How often a Prefect run says it lives; Prefect's own default, 180 s, shows a dead run as running for 9 minutes."""


def settings_environment(settings: Settings) -> dict[str, str]:
    """The settings that differ from their defaults, as variables.

    The processes work in the home, so a `.env` beside the operator reaches them only through this.
    """
    found = {"AIRDATE_HOME": str(settings.home)}
    for name in settings.model_fields_set - {"home"}:
        value = getattr(settings, name)
        if value is not None:
            parts = value if isinstance(value, tuple) else (value,)
            found[f"AIRDATE_{name.upper()}"] = ",".join(_plain(part) for part in parts)
    return found


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def prefect_environment(settings: Settings, api_url: str) -> dict[str, str]:
    """Prefect's settings for one machine: its state in our home, nothing sent away, its blocks under our key.

    Args:
        api_url: where the API is, with `/api`.
    """
    return {
        "DO_NOT_TRACK": "1",
        "PREFECT_API_URL": api_url,
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
        "PREFECT_HOME": str(settings.home / "prefect"),
        # What the engine logs during a run is shown in the run; elsewhere there is no run to show it in.
        "PREFECT_LOGGING_EXTRA_LOGGERS": "airdate",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        # Pickled results would let whoever writes to result storage run code in our workers.
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # Without it the key of the encrypted blocks lies in the same database, in clear text.
        "PREFECT_SERVER_ENCRYPTION_KEY": _block_key(settings),
        # Prefect plans an hour of the clock's runs ahead. After an hour off, marking them all late at once locks its
        # SQLite so thoroughly that for a minute nothing is answered. A run that waits its turn is not late yet.
        "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "PT1M",
        "PREFECT_SERVER_SERVICES_SCHEDULER_MAX_RUNS": "4",
        "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_RUNS": "2",
        "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": "PT2M",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # Relative, for the browser may reach this machine under another name than we do.
        "PREFECT_UI_API_URL": "/api",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }


def base_environment() -> dict[str, str]:
    """Our own environment, without what would turn our processes to another Prefect: a profile, a cloud key, a run."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in ("PREFECT_PROFILE", "PREFECT_PROFILES_PATH", "PREFECT_API_KEY")
        and not name.startswith("PREFECT__")
    }


def webhook_secret(home: Path) -> str:
    """The secret of this home's rehearsals, made once (mode 0600)."""
    path = home / WEBHOOK_SECRET_FILE
    if not path.exists():
        draft = path.with_suffix(f".{secrets.token_hex(8)}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123
            file.write("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())
        draft.replace(path)
    return path.read_text().strip()


def _block_key(settings: Settings) -> str:
    """A Fernet key for Prefect's blocks, drawn from the ledger's, so that a home has one key to guard."""
    Vault.open(settings)
    if settings.secret_key is not None:
        key = settings.secret_key.get_secret_value()
    else:
        key = (settings.home / KEY_FILE).read_text().strip()
    return base64.urlsafe_b64encode(hmac.digest(key.encode(), b"airdate: prefect blocks", hashlib.sha256)).decode()
