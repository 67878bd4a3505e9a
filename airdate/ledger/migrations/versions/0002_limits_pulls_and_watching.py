"""Limits that are planned, pictures that TikTok pulls, and posts that are watched after they went live."""

import sqlalchemy as sa
from alembic import op

from airdate.ledger import schema

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("accounts") as accounts:
        accounts.add_column(sa.Column("creator", sa.JSON(), nullable=True))
        accounts.add_column(sa.Column("warned_at", schema.Instant(timezone=True), nullable=True))
    with op.batch_alter_table("posts") as posts:
        posts.add_column(sa.Column("look_at", schema.Instant(timezone=True), nullable=True))
        posts.add_column(sa.Column("watched_until", schema.Instant(timezone=True), nullable=True))
        posts.add_column(sa.Column("missing_since", schema.Instant(timezone=True), nullable=True))
        posts.add_column(sa.Column("taken_down_at", schema.Instant(timezone=True), nullable=True))
        posts.create_index(op.f("ix_posts_look_at"), ["look_at"])
    with op.batch_alter_table("submissions") as submissions:
        submissions.add_column(
            sa.Column("transfer", sa.String(length=20), nullable=False, server_default="upload"),
        )
    op.create_table(
        "switches",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("since", schema.Instant(timezone=True), nullable=False),
        sa.Column("until", schema.Instant(timezone=True), nullable=True),
        sa.Column("who", sa.String(length=200), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_switches")),
    )
    op.create_table(
        "faults",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", schema.Instant(timezone=True), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("code", sa.String(length=200), nullable=False),
        sa.Column("log_id", sa.String(length=100), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_faults")),
    )
    op.create_index(op.f("ix_faults_at"), "faults", ["at"])
    op.create_table(
        "caps",
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("cap", sa.String(length=40), nullable=False),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("learned_at", schema.Instant(timezone=True), nullable=True),
        sa.Column("full_until", schema.Instant(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("subject", "cap", name=op.f("pk_caps")),
    )
    op.create_table(
        "pulls",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("post_id", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("made_at", schema.Instant(timezone=True), nullable=False),
        sa.Column("removed_at", schema.Instant(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_pulls_post_id_posts")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_pulls")),
    )
    op.create_index(op.f("ix_pulls_post_id"), "pulls", ["post_id"])


def downgrade() -> None:
    for table in ("pulls", "caps", "faults", "switches"):
        op.drop_table(table)
    with op.batch_alter_table("submissions") as submissions:
        submissions.drop_column("transfer")
    with op.batch_alter_table("posts") as posts:
        posts.drop_index(op.f("ix_posts_look_at"))
        for column in ("taken_down_at", "missing_since", "watched_until", "look_at"):
            posts.drop_column(column)
    with op.batch_alter_table("accounts") as accounts:
        accounts.drop_column("warned_at")
        accounts.drop_column("creator")
