"""The first ledger: accounts, posts, submissions, events, deliveries and rate slots."""

import sqlalchemy as sa
from alembic import op

from airdate.ledger import schema

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("api_url", sa.String(length=300), nullable=False),
        sa.Column("client_key", sa.String(length=200), nullable=False),
        sa.Column("open_id", sa.String(length=200), nullable=False),
        sa.Column("client_secret", sa.LargeBinary(), nullable=False),
        sa.Column("refresh_token", sa.LargeBinary(), nullable=False),
        sa.Column("refresh_expires_at", schema.Instant(timezone=True), nullable=True),
        sa.Column("access_token", sa.LargeBinary(), nullable=True),
        sa.Column("access_issued_at", schema.Instant(timezone=True), nullable=True),
        sa.Column("access_expires_at", schema.Instant(timezone=True), nullable=True),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("token_version", sa.Integer(), nullable=False),
        sa.Column("audited", sa.Boolean(), nullable=False),
        sa.Column("mode", sa.String(length=20), nullable=False),
        sa.Column("privacy", sa.String(length=40), nullable=True),
        sa.Column("blocked", sa.JSON(), nullable=True),
        sa.Column("created_at", schema.Instant(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_accounts")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("source", sa.String(length=60), nullable=False),
        sa.Column("received_at", schema.Instant(timezone=True), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("post_id", sa.String(length=40), nullable=True),
        sa.Column("relayed_at", schema.Instant(timezone=True), nullable=True),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", "source", name=op.f("pk_deliveries")),
    )
    op.create_table(
        "posts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("target", sa.String(length=300), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("unconfirmed", sa.Boolean(), nullable=False),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("assets", sa.JSON(), nullable=False),
        sa.Column("locators", sa.LargeBinary(), nullable=False),
        sa.Column("consent", sa.JSON(), nullable=False),
        sa.Column("origin", sa.String(length=200), nullable=False),
        sa.Column("slot", schema.Instant(timezone=True), nullable=True),
        sa.Column("zone", sa.String(length=60), nullable=True),
        sa.Column("late_minutes", sa.Integer(), nullable=True),
        sa.Column("late_policy", sa.String(length=20), nullable=False),
        sa.Column("not_before", schema.Instant(timezone=True), nullable=True),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("run_turn", sa.Integer(), nullable=True),
        sa.Column("rendition", sa.JSON(), nullable=True),
        sa.Column("publish_id", sa.String(length=100), nullable=True),
        sa.Column("tiktok_post_ids", sa.JSON(), nullable=False),
        sa.Column("lease_owner", sa.String(length=200), nullable=True),
        sa.Column("lease_epoch", sa.Integer(), nullable=False),
        sa.Column("lease_until", schema.Instant(timezone=True), nullable=True),
        sa.Column("created_at", schema.Instant(timezone=True), nullable=False),
        sa.Column("updated_at", schema.Instant(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posts")),
        sa.UniqueConstraint("key", name=op.f("uq_posts_key")),
    )
    op.create_index(op.f("ix_posts_origin"), "posts", ["origin"], unique=False)
    op.create_index(op.f("ix_posts_state_slot"), "posts", ["state", "slot"], unique=False)
    op.create_table(
        "rate_slots",
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("call", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("free_at", schema.Instant(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject", "call", "number", name=op.f("pk_rate_slots")),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("post_id", sa.String(length=40), nullable=False),
        sa.Column("at", schema.Instant(timezone=True), nullable=False),
        sa.Column("who", sa.String(length=200), nullable=False),
        sa.Column("from_state", sa.String(length=20), nullable=True),
        sa.Column("to_state", sa.String(length=20), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_events_post_id_posts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_post_id"), "events", ["post_id"], unique=False)
    op.create_table(
        "submissions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("post_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("mode", sa.String(length=20), nullable=False),
        sa.Column("film_sha256", sa.String(length=64), nullable=False),
        sa.Column("film_size", sa.BigInteger(), nullable=False),
        sa.Column("chunk_size", sa.BigInteger(), nullable=False),
        sa.Column("chunk_count", sa.Integer(), nullable=False),
        sa.Column("asked_at", schema.Instant(timezone=True), nullable=True),
        sa.Column("publish_id", sa.String(length=100), nullable=True),
        sa.Column("upload_url", sa.LargeBinary(), nullable=True),
        sa.Column("url_expires_at", schema.Instant(timezone=True), nullable=True),
        sa.Column("acknowledged", sa.BigInteger(), nullable=False),
        sa.Column("fail_reason", sa.String(length=200), nullable=True),
        sa.Column("log_ids", sa.JSON(), nullable=False),
        sa.Column("created_at", schema.Instant(timezone=True), nullable=False),
        sa.Column("updated_at", schema.Instant(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_submissions_post_id_posts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submissions")),
    )
    op.create_index(op.f("ix_submissions_post_id"), "submissions", ["post_id"], unique=False)
    op.create_index(op.f("ix_submissions_publish_id"), "submissions", ["publish_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_submissions_publish_id"), table_name="submissions")
    op.drop_index(op.f("ix_submissions_post_id"), table_name="submissions")
    op.drop_table("submissions")
    op.drop_index(op.f("ix_events_post_id"), table_name="events")
    op.drop_table("events")
    op.drop_table("rate_slots")
    op.drop_index(op.f("ix_posts_state_slot"), table_name="posts")
    op.drop_index(op.f("ix_posts_origin"), table_name="posts")
    op.drop_table("posts")
    op.drop_table("deliveries")
    op.drop_table("accounts")
