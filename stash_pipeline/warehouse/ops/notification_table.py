"""``ops.notifications``: the causes that were or are to be notified of, so that each is sent once."""

from typing import Final

from sqlalchemy import CheckConstraint, Column, DateTime, Index, Integer, PrimaryKeyConstraint, Table, Text, text

from stash_pipeline.warehouse.metadata import METADATA, timestamp

NOTIFICATIONS: Final = Table(
    "notifications",
    METADATA,
    Column("cause", Text, nullable=False, comment="what it is about, like stale:home; once until it is resolved"),
    Column("kind", Text, nullable=False, comment="imported, failure, guard, stale, unreachable or layer"),
    Column("subject", Text, nullable=False, comment="the instance or layer"),
    Column("title", Text, nullable=False, comment="first line of the message"),
    Column("body", Text, nullable=False, comment="the rest of the message"),
    timestamp("raised_at"),
    Column("sent_at", DateTime(timezone=True), comment="null: not sent yet, or given up"),
    Column("resolved_at", DateTime(timezone=True), comment="when the cause vanished; null as long as it lasts"),
    Column("attempts", Integer, nullable=False, server_default=text("0"), comment="failed attempts to send it"),
    Column(
        "next_attempt_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=text("now()"),
        comment="not before; later after each failed attempt",
    ),
    Column("error", Text, comment="of the last attempt, without addresses"),
    PrimaryKeyConstraint("cause", name="notifications_pkey"),
    CheckConstraint(
        "kind IN ('imported', 'failure', 'guard', 'stale', 'unreachable', 'layer')", name="notifications_kind_check"
    ),
    Index("notifications_kind_idx", "kind", postgresql_where=text("resolved_at IS NULL")),
    schema="ops",
    comment="Causes that people are notified of, once each, see docs/notifications.md.",
)
