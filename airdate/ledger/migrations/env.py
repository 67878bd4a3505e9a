"""Alembic's entry: it runs inside the transaction that `airdate.ledger.database` opens."""

from alembic import context

from airdate.ledger.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
