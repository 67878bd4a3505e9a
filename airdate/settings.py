"""Settings from the environment or `.env`, prefix `AIRDATE_`; the contract's table, typed.

Prefect's own settings (`PREFECT_…`) are not ours and are not read here.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from airdate.errors import NeedsPerson

TIKTOK_API_URL = "https://open.tiktokapis.com"
TIKTOK_AUTH_URL = "https://www.tiktok.com/v2/auth/authorize/"
MAX_TIKTOK_BYTES = 4_000_000_000
"""TikTok takes at most 4 GB, read as decimal (TikTok, Media Transfer Guide)."""

STORE_BYTES = 50_000_000_000
"""Six films of the largest size TikTok takes, original and rendition, or some thousand usual ones."""

AUTO, SOFTWARE = "auto", "software"

ENV_FILE = Path(".env")
"""Of the working directory."""


class Settings(BaseSettings):
    """All that an operator can set. Every field has a default; lists are comma-separated."""

    model_config = SettingsConfigDict(env_prefix="AIRDATE_", env_file=ENV_FILE, extra="ignore", frozen=True)

    home: Path = Field(Path("~/.airdate"), description="State, store and locks.")
    database_url: str | None = Field(None, repr=False, description="The ledger; `ledger.db` in the home when unset.")
    secret_key: SecretStr | None = Field(
        None, description="Fernet key of the encrypted columns; made once in the home when unset."
    )
    tiktok_api_url: str = Field(TIKTOK_API_URL, description="Origin of TikTok's API.")
    tiktok_auth_url: str = Field(TIKTOK_AUTH_URL, description="Full URL of TikTok's consent page.")
    tiktok_upload_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="`host` or `host:port` that an upload URL may name, besides TikTok's own."
    )
    tiktok_client_secret: SecretStr | None = Field(None, description="Read by `account add` and `connect`.")
    tiktok_refresh_token: SecretStr | None = Field(None, description="Read by `account add`.")
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins from which assets may come by plain http or from private addresses."
    )
    ffmpeg: Path | None = Field(None, description="An ffmpeg to use instead of the embedded one.")
    ffprobe: Path | None = Field(None, description="An ffprobe to use beside the embedded reader.")
    encoder: Literal[
        "auto", "software", "h264_nvenc", "h264_qsv", "h264_videotoolbox", "h264_vaapi", "h264_v4l2m2m"
    ] = Field("auto", description="Who encodes films: hardware whose trial works, else x264.")
    profile: str = Field("standard", description="How films are made: `standard`, `fast`, `quality`, or a TOML file.")
    poll_seconds: float = Field(4.0, ge=0.1, description="Wait before the first status poll.")
    poll_budget_seconds: float = Field(120.0, ge=0, description="How long a command watches a post.")
    lease_seconds: float = Field(30.0, ge=1, description="How long a worker's claim on a post lives unrenewed.")
    log_level: str = Field("INFO", description="`DEBUG`, `INFO`, `WARNING`, `ERROR`: what goes to standard error.")
    webhook_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="`whsec_…`, several while rotating."
    )
    calendar: Path | None = Field(None, description="A calendar file that the tick applies first.")
    pull_dir: Path | None = Field(None, description="Where fitted photos are put for TikTok to pull.")
    pull_url: str | None = Field(None, description="The verified address under which `pull_dir` is served.")
    max_source_bytes: int = Field(MAX_TIKTOK_BYTES, ge=1, description="Limit of one download.")
    store_max_bytes: int = Field(
        STORE_BYTES, ge=1, description="Of originals and renditions in the home; beyond it the longest unused go."
    )
    shelf: Path | None = Field(None, description="A folder that all hosts see, which lends what a store lacks.")

    @field_validator("home", "calendar", "pull_dir", "shelf", "ffmpeg", "ffprobe")
    @classmethod
    def _expand(cls, value: Path | None) -> Path | None:
        return expanded(value) if value is not None else None

    @field_validator("profile")
    @classmethod
    def _expand_file(cls, value: str) -> str:
        return str(expanded(Path(value))) if value.endswith(".toml") else value

    @field_validator("tiktok_upload_hosts", "allowed_origins", "webhook_secrets", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("tiktok_api_url")
    @classmethod
    def _strip_slash(cls, value: str) -> str:
        origin_of(value)
        return value.rstrip("/")

    @field_validator("tiktok_auth_url")
    @classmethod
    def _address(cls, value: str) -> str:
        origin_of(value)
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(origin_of(url) for url in value)

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.upper() not in logging.getLevelNamesMapping():
            raise ValueError("it is no level such as DEBUG, INFO or WARNING")
        return value.upper()

    @property
    def ledger_url(self) -> str:
        """The SQLAlchemy URL of the ledger."""
        if self.database_url is None:
            return f"sqlite:///{self.home / 'ledger.db'}"
        for short in ("postgresql://", "postgres://"):
            if self.database_url.startswith(short):
                return "postgresql+psycopg://" + self.database_url.removeprefix(short)
        return self.database_url

    @property
    def store(self) -> Path:
        """Originals and renditions, addressed by content."""
        return self.home / "store"


def expanded(path: Path) -> Path:
    """The absolute path, `~` replaced by the home it stands for.

    Raises:
        ValueError: nobody knows that home, or the working directory is gone.
    """
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise ValueError("`~` stands for a home that is not known here; write the whole path") from None
    except FileNotFoundError:
        raise ValueError("the working directory is gone; write the whole path") from None


def origin_of(url: str) -> str:
    """`scheme://host[:port]` of a URL, lower case, default ports left out."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it begins with no origin: write scheme://host[:port]")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    port = "" if parts.port in (None, default) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def load_settings() -> Settings:
    """Read the settings, or raise `NeedsPerson` naming each wrong one (never its value)."""
    try:
        if ENV_FILE.is_fifo():  # whoever opens one waits until somebody writes, perhaps for ever
            raise _wrong(f"{ENV_FILE}: it is a pipe, not a file")
        return Settings()  # pyright: ignore[reportCallIssue]  (every field has a default)
    except ValidationError as failed:
        raise _wrong(
            "; ".join(
                f"AIRDATE_{str(error['loc'][0]).upper()}: {error['msg'].removeprefix('Value error, ')}"
                for error in failed.errors(include_input=False)
            )
        ) from None
    except UnicodeDecodeError:
        raise _wrong(f"{ENV_FILE}: it is not UTF-8") from None
    except OSError as failed:
        raise _wrong(f"{ENV_FILE}: it cannot be read: {failed.strerror}") from None


def _wrong(what: str) -> NeedsPerson:
    return NeedsPerson("setting_invalid", f"a setting is wrong: {what}", fix="correct the environment or .env")
