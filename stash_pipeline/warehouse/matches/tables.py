"""The tables of schema ``matches``."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from stash_pipeline.warehouse.tables import METADATA

KEYS = Table(
    "keys",
    METADATA,
    Column("entity", Text, nullable=False),
    Column("key", BigInteger, nullable=False, comment="64 bits of a hash of the method and the value"),
    Column("instance_id", Integer, nullable=False, comment="ops.instances.id"),
    Column("id", BigInteger, nullable=False, comment="the server's id"),
    PrimaryKeyConstraint("entity", "instance_id", "id", "key", name="match_keys_pkey"),
    Index("match_keys_key_idx", "entity", "key"),
    schema="matches",
    comment="Blocking keys: only objects with a key in common, or with near perceptual hashes, are compared.",
)

PHASHES = Table(
    "phashes",
    METADATA,
    Column("instance_id", Integer, nullable=False, comment="ops.instances.id"),
    Column("scene_id", BigInteger, nullable=False, comment="→ stash.scenes.id"),
    Column("file_id", BigInteger, nullable=False, comment="→ stash.files.id"),
    Column("duration", Integer, nullable=False, comment="milliseconds"),
    Column("phash", BigInteger, nullable=False, comment="as a signed 64-bit integer"),
    PrimaryKeyConstraint("instance_id", "scene_id", "file_id", name="match_phashes_pkey"),
    Index("match_phashes_duration_idx", "duration", postgresql_include=["phash", "instance_id", "scene_id", "file_id"]),
    schema="matches",
    comment="Perceptual hashes that can prove something: of videos long enough, and not of plain frames.",
)

LINKS = Table(
    "links",
    METADATA,
    Column("entity", Text, nullable=False),
    Column("left_instance_id", Integer, nullable=False),
    Column("left_id", BigInteger, nullable=False),
    Column("right_instance_id", Integer, nullable=False),
    Column("right_id", BigInteger, nullable=False),
    Column("action", Text, nullable=False, comment="merge; or propose, for a person"),
    Column("confidence", Double, nullable=False, comment="share of right pairs, as the rule states it"),
    Column("rule", Text, nullable=False, comment="id of the rule that decided"),
    Column("evidence", JSONB, nullable=False, comment="what agrees and contradicts"),
    Column("refused", JSONB, comment="why it did not join clusters: the reason, and the objects between which"),
    PrimaryKeyConstraint("entity", "left_instance_id", "left_id", "right_instance_id", "right_id", name="links_pkey"),
    Index("links_right_idx", "entity", "right_instance_id", "right_id"),
    Index(
        "links_possible_idx",
        "entity",
        "left_instance_id",
        postgresql_where=text("left_instance_id = right_instance_id AND (action = 'propose' OR refused IS NOT NULL)"),
    ),
    CheckConstraint("action IN ('merge', 'propose')", name="links_action_check"),
    CheckConstraint("(left_instance_id, left_id) < (right_instance_id, right_id)", name="links_order_check"),
    schema="matches",
    comment="Pairs of objects that are, or may be, the same thing.",
)

CLUSTERS = Table(
    "clusters",
    METADATA,
    Column("id", Uuid, primary_key=True, comment="stays with the larger part when the cluster is split"),
    Column("entity", Text, nullable=False),
    Column("number", BigInteger, Identity(always=True), nullable=False, comment="the smaller the older"),
    Column("size", Integer, nullable=False, comment="number of objects"),
    Column("instances", Integer, nullable=False, comment="number of instances with at least one of them"),
    Column("revision", BigInteger, nullable=False, comment="of the object log, when the cluster last changed"),
    Index("clusters_revision_idx", "revision"),
    Index("clusters_size_idx", "entity", "size", postgresql_where=text("size > 1")),
    schema="matches",
    comment="Sets of objects that are the same thing; an object without a partner is a cluster of one.",
)

MEMBERS = Table(
    "members",
    METADATA,
    Column("entity", Text, nullable=False),
    Column("instance_id", Integer, nullable=False, comment="ops.instances.id"),
    Column("id", BigInteger, nullable=False, comment="the server's id"),
    Column("cluster_id", Uuid, nullable=False),
    PrimaryKeyConstraint("entity", "instance_id", "id", name="members_pkey"),
    ForeignKeyConstraint(["cluster_id"], ["matches.clusters.id"], name="members_cluster_fkey"),
    Index("members_cluster_idx", "cluster_id"),
    schema="matches",
    comment="The cluster of every live object.",
)

REDIRECTS = Table(
    "redirects",
    METADATA,
    Column("id", Uuid, primary_key=True, comment="a cluster that no longer exists"),
    Column("cluster_id", Uuid, nullable=False, comment="into which it was merged"),
    Column("revision", BigInteger, nullable=False, comment="of the object log, when it was merged"),
    ForeignKeyConstraint(["cluster_id"], ["matches.clusters.id"], ondelete="CASCADE", name="redirects_cluster_fkey"),
    Index("redirects_cluster_idx", "cluster_id"),
    schema="matches",
    comment="Ids of clusters that were merged into older ones.",
)

DECISIONS = Table(
    "decisions",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("entity", Text, nullable=False),
    Column("verdict", Text, nullable=False, comment="same or different; or primary, of one object"),
    Column("left_instance", Uuid, nullable=False, comment="ops.instances.uuid"),
    Column("left_id", BigInteger, nullable=False),
    Column(
        "left_created_at",
        DateTime(timezone=True),
        comment="when the object was created, because its id may be used again",
    ),
    Column("left_content", ARRAY(Text), nullable=False, comment="keys by which it is recognised after a re-import"),
    Column("right_instance", Uuid, comment="null if the verdict is primary, or the other side is of a stash-box"),
    Column("right_id", BigInteger),
    Column("right_created_at", DateTime(timezone=True)),
    Column("right_content", ARRAY(Text)),
    Column(
        "stashbox_url", Text, comment="of the endpoint, in lower case, if the other side is a record of a stash-box"
    ),
    Column("stashbox_id", Text, comment="of that record; its successor is meant once the box merged it"),
    Column("field", Text, comment="of a primary object, the field that it is about; null: every field"),
    Column("note", Text),
    Column("decided_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("withdrawn_at", DateTime(timezone=True), comment="null: in force"),
    CheckConstraint("verdict IN ('same', 'different', 'primary')", name="decisions_verdict_check"),
    CheckConstraint(
        "num_nonnulls(right_id, stashbox_id) = CASE verdict WHEN 'primary' THEN 0 ELSE 1 END",
        name="decisions_right_check",
    ),
    CheckConstraint("(stashbox_url IS NULL) = (stashbox_id IS NULL)", name="decisions_stashbox_check"),
    Index("decisions_left_idx", "entity", "left_instance", "left_id"),
    Index("decisions_right_idx", "entity", "right_instance", "right_id"),
    Index("decisions_stashbox_idx", "stashbox_id", postgresql_where=text("stashbox_id IS NOT NULL")),
    schema="matches",
    comment="What people decided about objects; above every rule, for ever.",
)

RESOLVED_DECISIONS = Table(
    "resolved_decisions",
    METADATA,
    Column("decision_id", BigInteger, primary_key=True),
    Column("entity", Text, nullable=False),
    Column("left_instance_id", Integer, nullable=False, comment="ops.instances.id"),
    Column("left_id", BigInteger, nullable=False, comment="the server's id now"),
    Column("right_instance_id", Integer),
    Column("right_id", BigInteger),
    ForeignKeyConstraint(["decision_id"], ["matches.decisions.id"], ondelete="CASCADE", name="resolved_decision_fkey"),
    Index("resolved_left_idx", "entity", "left_instance_id", "left_id"),
    Index("resolved_right_idx", "entity", "right_instance_id", "right_id"),
    schema="matches",
    comment="The decisions whose objects are live, with their current ids.",
)

LINK_COUNTS = Table(
    "link_counts",
    METADATA,
    Column("day", Date, nullable=False),
    Column("rule", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("links", BigInteger, nullable=False, comment="at the last reconcile, sweep or rebuild of that day"),
    PrimaryKeyConstraint("day", "rule", "action", name="link_counts_pkey"),
    schema="matches",
    comment="How many links each rule made, by day; plotted in the metadata of matches.links.",
)

TOTALS = Table(
    "totals",
    METADATA,
    Column("name", Text, primary_key=True, comment="of a table, for its rows; or of a sum"),
    Column("value", BigInteger, nullable=False),
    schema="matches",
    comment="Rows of the tables and sums, kept because counting would grow with the library.",
)

STASHBOX_CANDIDATES = Table(
    "stashbox_candidates",
    METADATA,
    Column("endpoint_id", Integer, nullable=False, comment="ops.stashbox_endpoints.id"),
    Column("instance_id", Integer, nullable=False, comment="ops.instances.id"),
    Column("scene_id", BigInteger, nullable=False, comment="→ stash.scenes.id"),
    Column("box_scene_id", Text, nullable=False, comment="→ stashbox.scenes.id"),
    Column("action", Text, nullable=False, comment="automatic, review or reject; or what a person decided"),
    Column("confidence", Double, nullable=False, comment="share of right scenes, as the rule states it"),
    Column("rule", Text, comment="that decided; null if nothing agrees"),
    Column("evidence", JSONB, nullable=False, comment="what agrees and contradicts, and why it waits for a person"),
    PrimaryKeyConstraint("instance_id", "scene_id", "endpoint_id", "box_scene_id", name="stashbox_candidates_pkey"),
    Index("stashbox_candidates_box_idx", "endpoint_id", "box_scene_id"),
    Index("stashbox_candidates_action_idx", "action", "endpoint_id"),
    CheckConstraint(
        "action IN ('automatic', 'review', 'reject', 'accepted', 'rejected')", name="stashbox_candidates_action_check"
    ),
    schema="matches",
    comment="Scenes of stash-boxes that are, or may be, local scenes.",
)

STASHBOX_PROPOSALS = Table(
    "stashbox_proposals",
    METADATA,
    Column("entity", Text, nullable=False),
    Column("instance_id", Integer, nullable=False, comment="ops.instances.id"),
    Column("id", BigInteger, nullable=False, comment="the server's id"),
    Column("field", Text, nullable=False, comment="of the table in stash, or stash_id"),
    Column("endpoint_id", Integer, nullable=False, comment="ops.stashbox_endpoints.id"),
    Column("box_id", Text, nullable=False, comment="the record that has the value; the id to add if field is stash_id"),
    Column("value", Text, nullable=False),
    Column("replaces", Text, comment="the dead stash id that the server has instead"),
    PrimaryKeyConstraint("entity", "instance_id", "id", "field", "endpoint_id", "box_id", name="proposals_pkey"),
    schema="matches",
    comment="What servers lack and stash-boxes have: stash ids, and values of empty fields.",
)
