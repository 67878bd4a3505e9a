"""A ledger of an earlier version is brought up with what it holds; both databases end as the schema says."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from airdate.ledger import Ledger
from airdate.ledger.schema import metadata

MIGRATIONS = Path(__file__).resolve().parents[2] / "airdate/ledger/migrations"


def test_the_migrations_make_what_the_schema_says(ledger: Ledger) -> None:
    with ledger.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


@pytest.mark.parametrize("way", ["0001", "0002"])
def test_rows_of_an_earlier_version_stay(tmp_path: Path, way: str) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'ledger.db'}")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO accounts (name, api_url, client_key, open_id, client_secret, refresh_token, scopes,"
                " token_version, audited, mode, created_at) VALUES ('brand', 'https://x', 'k', 'o', x'00', x'00',"
                " '[]', 0, 0, 'direct', '2026-11-01 00:00:00')"
            )
        )
        command.upgrade(config, "head")
        command.downgrade(config, way)
        kept = connection.execute(text("SELECT name FROM accounts")).scalars().all()
    assert kept == ["brand"]
    assert inspect(engine).has_table("switches") is (way != "0001")
