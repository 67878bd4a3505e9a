"""The ledger's tables, as SQLAlchemy Core. Alembic's migrations in `migrations/` create them."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)


class Instant(TypeDecorator[datetime]):
    """An aware instant, stored in UTC. SQLite drops zones, so it is put back on reading; a naive one is a bug."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Refuse naive values; SQLite compares text, so all must be in one zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("the ledger takes aware instants only")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Always aware, always UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

accounts = Table(
    "accounts",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("api_url", String(300), nullable=False),
    Column("client_key", String(200), nullable=False),
    Column("open_id", String(200), nullable=False),
    Column("client_secret", LargeBinary, nullable=False),  # encrypted
    Column("refresh_token", LargeBinary, nullable=False),  # encrypted
    Column("refresh_expires_at", Instant),
    Column("access_token", LargeBinary),  # encrypted
    Column("access_issued_at", Instant),
    Column("access_expires_at", Instant),
    Column("scopes", JSON, nullable=False),
    Column("token_version", Integer, nullable=False, default=0),
    Column("audited", Boolean, nullable=False),
    Column("mode", String(20), nullable=False),
    Column("privacy", String(40)),
    Column("blocked", JSON),
    Column("creator", JSON),  # what creator_info last said
    Column("warned_at", Instant),
    Column("created_at", Instant, nullable=False),
)

posts = Table(
    "posts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("key", String(300), nullable=False, unique=True),
    Column("account", String(100), nullable=False),
    Column("target", String(300)),
    Column("state", String(20), nullable=False),
    Column("unconfirmed", Boolean, nullable=False, default=False),
    Column("error", JSON),
    Column("options", JSON, nullable=False),
    Column("assets", JSON, nullable=False),
    Column("locators", LargeBinary, nullable=False),  # encrypted: a signed URL is a secret
    Column("consent", JSON, nullable=False),
    Column("origin", String(200), nullable=False),
    Column("slot", Instant),
    Column("zone", String(60)),
    Column("late_minutes", Integer),
    Column("late_policy", String(20), nullable=False),
    Column("not_before", Instant),
    Column("turn", Integer, nullable=False, default=1),
    Column("run_turn", Integer),
    Column("rendition", JSON),
    Column("publish_id", String(100)),
    Column("tiktok_post_ids", JSON, nullable=False),
    Column("lease_owner", String(200)),
    Column("lease_epoch", Integer, nullable=False, default=0),
    Column("lease_until", Instant),
    Column("look_at", Instant),  # when the sweep asks TikTok about it next
    Column("watched_until", Instant),  # a published post is looked at until then: its public id, a take-down
    Column("missing_since", Instant),  # a look found it gone; only the next look is believed
    Column("taken_down_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index(None, "state", "slot"),
    Index(None, "look_at"),
    Index(None, "origin"),
)

submissions = Table(
    "submissions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("post_id", String(40), ForeignKey("posts.id"), nullable=False, index=True),
    Column("state", String(20), nullable=False),
    Column("mode", String(20), nullable=False),
    Column("transfer", String(20), nullable=False, server_default="upload"),  # or "pull"
    Column("film_sha256", String(64), nullable=False),
    Column("film_size", BigInteger, nullable=False),
    Column("chunk_size", BigInteger, nullable=False),
    Column("chunk_count", Integer, nullable=False),
    Column("asked_at", Instant),
    Column("publish_id", String(100), index=True),
    Column("upload_url", LargeBinary),  # encrypted
    Column("url_expires_at", Instant),
    Column("acknowledged", BigInteger, nullable=False, default=0),
    Column("fail_reason", String(200)),
    Column("log_ids", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("post_id", String(40), ForeignKey("posts.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("who", String(200), nullable=False),
    Column("from_state", String(20)),
    Column("to_state", String(20), nullable=False),
    Column("why", Text, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("source", String(60), primary_key=True),
    Column("received_at", Instant, nullable=False),
    Column("body", LargeBinary, nullable=False),  # encrypted: it may hold signed URLs
    Column("post_id", String(40)),
    Column("relayed_at", Instant),
    Column("error", JSON),
)

rate_slots = Table(
    "rate_slots",
    metadata,
    Column("subject", String(300), primary_key=True),
    Column("call", String(40), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("free_at", Instant, nullable=False),
)

switches = Table(
    "switches",
    metadata,
    Column("name", String(200), primary_key=True),  # "freeze", or "incident:" and TikTok's code
    Column("since", Instant, nullable=False),
    Column("until", Instant),  # None: until a person lifts it
    Column("who", String(200), nullable=False),
    Column("why", Text, nullable=False),
    Column("facts", JSON, nullable=False),
)

faults = Table(
    "faults",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Instant, nullable=False, index=True),
    Column("account", String(100), nullable=False),
    Column("code", String(200), nullable=False),
    Column("log_id", String(100)),
)

caps = Table(
    "caps",
    metadata,
    Column("subject", String(300), primary_key=True),  # a creator under an app, or an app
    Column("cap", String(40), primary_key=True),  # "posts", "drafts" or "creators"
    Column("size", Integer),  # what TikTok's answers taught; None until then
    Column("learned_at", Instant),
    Column("full_until", Instant),
)

pulls = Table(
    "pulls",
    metadata,
    Column("name", String(100), primary_key=True),  # random, in AIRDATE_PULL_DIR
    Column("post_id", String(40), ForeignKey("posts.id"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("removed_at", Instant),
)
