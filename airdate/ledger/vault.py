"""Encryption of the ledger's secret columns (Fernet: AES-128-CBC with HMAC-SHA256)."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from airdate.errors import NeedsPerson
from airdate.redact import register
from airdate.settings import Settings

KEY_FILE = "secret.key"


class Vault:
    """Seals and opens secrets with one key; every secret that is opened is registered for redaction."""

    def __init__(self, key: str) -> None:
        try:
            self._fernet = Fernet(key)
        except ValueError:
            raise NeedsPerson(
                "secret_key_invalid",
                "AIRDATE_SECRET_KEY is not a Fernet key",
                item="AIRDATE_SECRET_KEY",
                rule="32 bytes, url-safe base64",
                fix="use the key that this ledger was begun with",
            ) from None

    @classmethod
    def open(cls, settings: Settings) -> Vault:
        """The vault of the settings' key, or of the home's key file, which is made once.

        Raises:
            NeedsPerson: no key is set for a ledger that hosts share, or the key is malformed.
        """
        if settings.secret_key is not None:
            return cls(register(settings.secret_key.get_secret_value()))
        if settings.database_url is not None and not settings.ledger_url.startswith("sqlite"):
            raise NeedsPerson(
                "secret_key_missing",
                "hosts share this ledger, so its key cannot be made up by one of them",
                item="AIRDATE_SECRET_KEY",
                rule="required when AIRDATE_DATABASE_URL names a server",
                fix="set AIRDATE_SECRET_KEY to one Fernet key on every host",
            )
        return cls(register(_key_of(settings.home)))

    def seal(self, secret: str) -> bytes:
        """The encrypted form, for a column."""
        return self._fernet.encrypt(secret.encode())

    def unseal(self, sealed: bytes) -> str:
        """The secret again, registered for redaction.

        Raises:
            NeedsPerson: it was sealed with another key.
        """
        return register(self.read(sealed))

    def read(self, sealed: bytes) -> str:
        """A text that was sealed because secrets are in it; as a whole it is none, and would only slow redaction down.

        Raises:
            NeedsPerson: it was sealed with another key.
        """
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise NeedsPerson(
                "secret_key_wrong",
                "a secret in the ledger was sealed with another key",
                item="AIRDATE_SECRET_KEY",
                fix="set the key that this ledger was begun with, or add the account again",
            ) from None


def _key_of(home: Path) -> str:
    """Read the key file, making it first if there is none; two processes that begin together get the same key."""
    path = home / KEY_FILE
    home.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        # A container's processes have the same few numbers at each start; one that died here must stop none of them.
        draft = path.with_suffix(f".{secrets.token_hex(8)}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
            file.write(Fernet.generate_key())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
