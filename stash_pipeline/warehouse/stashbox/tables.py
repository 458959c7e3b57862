"""The tables of schema ``stashbox``."""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from stash_pipeline.warehouse.metadata import METADATA, timestamp
from stash_pipeline.warehouse.ops import tables as ops_tables  # noqa: F401 - all tables refer to its endpoints


def _endpoint() -> Column[int]:
    return Column("endpoint_id", Integer, nullable=False, comment="ops.stashbox_endpoints.id")


def _of_endpoint(table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["endpoint_id"], ["ops.stashbox_endpoints.id"], ondelete="CASCADE", name=f"stashbox_{table}_endpoint_fkey"
    )


LOOKUPS: Final = Table(
    "lookups",
    METADATA,
    _endpoint(),
    Column("fingerprints", Uuid, nullable=False, comment="digest of the hashes that were asked about together"),
    Column("oshashes", ARRAY(BigInteger), nullable=False, comment="as signed 64-bit integers"),
    Column("phashes", ARRAY(BigInteger), nullable=False, comment="as signed 64-bit integers"),
    Column("scene_ids", ARRAY(Text), nullable=False, comment="the answer; empty if the box knows none of the hashes"),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False, comment="when the answer last changed"),
    Column("box_version", Text, comment="of the software: its answers depend on it"),
    PrimaryKeyConstraint("endpoint_id", "fingerprints", name="stashbox_lookups_pkey"),
    _of_endpoint("lookups"),
    Index("stashbox_lookups_scenes_idx", "scene_ids", postgresql_using="gin"),
    schema="stashbox",
    comment="The scenes that a box returned for the hashes of local scenes. An empty answer is an answer.",
)

STATUSES: Final = ("active", "merged", "deleted", "missing")

_TYPED: Final[dict[str, tuple[tuple[str, Any, str], ...]]] = {
    "scenes": (
        ("title", Text, ""),
        ("date_text", Text, "with the precision that is known"),
        ("duration", Integer, "seconds"),
        ("code", Text, ""),
        ("director", Text, ""),
        ("studio_id", Text, "→ stashbox.studios.id"),
    ),
    "performers": (
        ("name", Text, ""),
        ("disambiguation", Text, ""),
        ("gender", Text, ""),
        ("birthdate_text", Text, "with the precision that is known"),
    ),
    "studios": (("name", Text, ""), ("parent_id", Text, "→ stashbox.studios.id")),
    "tags": (("name", Text, ""), ("description", Text, "")),
}
"""The columns that an entity has besides those of all."""

ENTITIES: Final = tuple(_TYPED)


def typed_columns(entity: str) -> list[str]:
    """The names of the columns that are copied from the document."""
    return [name for name, _, _ in _TYPED[entity]]


def _documents(entity: str) -> Table:
    statuses = ", ".join(f"'{status}'" for status in STATUSES)
    return Table(
        entity,
        METADATA,
        _endpoint(),
        Column("id", Text, nullable=False, comment="the id of the box, in lower case"),
        *(Column(name, kind, comment=comment or None) for name, kind, comment in _TYPED[entity]),
        Column("status", Text, nullable=False, comment=", ".join(STATUSES)),
        Column("successor_id", Text, comment="into which it was merged"),
        Column("document", JSONB, comment="as the box returned it last while it was active; null: never seen"),
        Column("digest", Uuid, comment="of the document"),
        Column("updated_at", DateTime(timezone=True), comment="as the box says; merges do not change it"),
        timestamp("first_seen_at"),
        Column("fetched_at", DateTime(timezone=True), nullable=False, comment="when the box was last asked about it"),
        Column("changed_at", DateTime(timezone=True), nullable=False, comment="when something of this row changed"),
        Column(
            "misses",
            Integer,
            nullable=False,
            server_default=text("0"),
            comment="consecutive answers without it; after the second one it counts as missing",
        ),
        Column(
            "stale",
            Boolean,
            nullable=False,
            server_default=text("false"),
            comment="not fetched within ops.stashbox_endpoints.fresh_days, when a run last looked",
        ),
        PrimaryKeyConstraint("endpoint_id", "id", name=f"stashbox_{entity}_pkey"),
        Index(f"stashbox_{entity}_successor_idx", "endpoint_id", "successor_id"),
        _of_endpoint(entity),
        CheckConstraint(f"status IN ({statuses})", name=f"stashbox_{entity}_status_check"),
        Index(f"stashbox_{entity}_fetched_idx", "endpoint_id", "fetched_at"),
        schema="stashbox",
        comment=f"{entity.capitalize()} of the boxes that local objects are linked to, or may be.",
    )


DOCUMENTS: Final = {entity: _documents(entity) for entity in ENTITIES}

SCENE_FINGERPRINTS: Final = Table(
    "scene_fingerprints",
    METADATA,
    _endpoint(),
    Column("scene_id", Text, nullable=False, comment="→ stashbox.scenes.id"),
    Column("algorithm", Text, nullable=False, comment="OSHASH or PHASH"),
    Column("hash", BigInteger, nullable=False, comment="as a signed 64-bit integer"),
    Column("duration", Integer, comment="seconds, of the submitted files"),
    Column("submissions", Integer, nullable=False, comment="people who vouch for it"),
    Column("reports", Integer, nullable=False, comment="people who call it wrong"),
    PrimaryKeyConstraint("endpoint_id", "scene_id", "algorithm", "hash", name="stashbox_scene_fingerprints_pkey"),
    ForeignKeyConstraint(
        ["endpoint_id", "scene_id"],
        ["stashbox.scenes.endpoint_id", "stashbox.scenes.id"],
        ondelete="CASCADE",
        name="stashbox_scene_fingerprints_scene_fkey",
    ),
    Index("stashbox_scene_fingerprints_hash_idx", "hash"),
    schema="stashbox",
    comment="The hashes that people submitted to scenes of a box.",
)

LISTED_ENTITIES: Final = ("performers", "studios")

LISTINGS: Final = Table(
    "listings",
    METADATA,
    _endpoint(),
    Column("entity", Text, nullable=False, comment="performers or studios"),
    Column("id", Text, nullable=False, comment="the box's id of a favorite of the catalog"),
    Column("next_page", Integer, nullable=False, server_default=text("1"), comment="where a reading continues"),
    Column("scenes", Integer, comment="number of scenes that the box counted when the reading began"),
    Column("started_at", DateTime(timezone=True), comment="when the reading of its first page began"),
    Column("completed_at", DateTime(timezone=True), comment="when all pages were read last; null: never"),
    Column("failed_at", DateTime(timezone=True), comment="of the last reading that failed; null after a success"),
    Column("error", Text, comment="why it failed"),
    PrimaryKeyConstraint("endpoint_id", "entity", "id", name="stashbox_listings_pkey"),
    _of_endpoint("listings"),
    CheckConstraint("entity IN ('performers', 'studios')", name="stashbox_listings_entity_check"),
    schema="stashbox",
    comment="The favorite performers and studios whose scenes are listed, and how far each list was read.",
)

LISTED_SCENES: Final = Table(
    "listed_scenes",
    METADATA,
    _endpoint(),
    Column("entity", Text, nullable=False, comment="performers or studios"),
    Column("owner_id", Text, nullable=False, comment="→ stashbox.listings.id"),
    Column("scene_id", Text, nullable=False, comment="the id of the box, in lower case"),
    Column("title", Text),
    Column("date_text", Text, comment="with the precision that is known"),
    Column("duration", Integer, comment="seconds"),
    Column("code", Text),
    Column("studio_id", Text, comment="of the box"),
    Column("studio", Text, comment="its name"),
    Column("performers", ARRAY(Text), nullable=False, comment="their names"),
    Column("seen_at", DateTime(timezone=True), nullable=False, comment="when it was in the list last"),
    Column(
        "misses",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="consecutive complete lists without it; after the second one the row is removed",
    ),
    PrimaryKeyConstraint("endpoint_id", "entity", "owner_id", "scene_id", name="stashbox_listed_scenes_pkey"),
    ForeignKeyConstraint(
        ["endpoint_id", "entity", "owner_id"],
        ["stashbox.listings.endpoint_id", "stashbox.listings.entity", "stashbox.listings.id"],
        ondelete="CASCADE",
        name="stashbox_listed_scenes_listing_fkey",
    ),
    schema="stashbox",
    comment="What a box lists for favorite performers and studios. Those that no instance owns are in the view "
    "stashbox.missing.",
)

TABLES: Final = (LOOKUPS, *DOCUMENTS.values(), SCENE_FINGERPRINTS, LISTINGS, LISTED_SCENES)
