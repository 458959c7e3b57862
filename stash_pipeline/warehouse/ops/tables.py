"""The tables of schema ``ops``."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from stash_pipeline.warehouse.metadata import METADATA, instance_id, timestamp

INSTANCES = Table(
    "instances",
    METADATA,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("uuid", Uuid, nullable=False, server_default=text("gen_random_uuid()"), unique=True),
    Column("name", Text, nullable=False, unique=True, comment="also the key of the Dagster partition"),
    Column("url", Text, nullable=False),
    Column("api_key_encrypted", LargeBinary, comment="with the key file in the project's home"),
    Column("api_key_env", Text, comment="name of the environment variable that holds the key"),
    Column("ca_file", Text, comment="PEM file of the authority that signed the server's certificate"),
    Column("priority", Integer, nullable=False, server_default=text("0"), comment="the smaller number wins a conflict"),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("release", Text, comment="as last reported by the server"),
    Column("database_schema", Integer, comment="as last reported by the server"),
    Column("revision", BigInteger, nullable=False, server_default=text("0"), comment="newest revision in raw"),
    Column("removed_at", DateTime(timezone=True), comment="when the instance was removed with its rows kept"),
    timestamp("created_at"),
    timestamp("updated_at"),
    Column("utc_offset", Integer, comment="seconds; of the newest timestamp that the server has written"),
    Column("timezone", Text, comment="of its schedules; null: the zone of the machine that runs them"),
    Column("probe_query", Text, comment="the query that shows in one request whether anything changed"),
    Column("probe_response", JSONB, comment="the response to that query just before the last successful sync"),
    Column("lane", Text, nullable=False, server_default=text("'auto'"), comment="graphql, snapshot or auto"),
    Column("snapshot_bytes", BigInteger, comment="size of the last snapshot of its database"),
    Column("snapshot_seconds", Double, comment="how long the server took to create it; it accepts no writes meanwhile"),
    Column("snapshot_error", Text, comment="why the last snapshot could not be downloaded or read"),
    Column(
        "header_names", ARRAY(Text), nullable=False, server_default=text("'{}'"), comment="headers sent to its proxy"
    ),
    Column("headers_encrypted", LargeBinary, comment="their values, encrypted with the key file in the project's home"),
    Column("basic_auth_env", Text, comment="name of the environment variable that holds user:password for its proxy"),
    Column("client_cert", Text, comment="PEM file of the certificate presented to its proxy"),
    Column("client_key", Text, comment="PEM file of the certificate's key; null if one file holds both"),
    Column(
        "use_stash_boxes",
        Boolean,
        nullable=False,
        server_default=text("true"),
        comment="whether values of stash-boxes are added to its objects in catalog, and proposed for them",
    ),
    CheckConstraint("name ~ '^[A-Za-z0-9][A-Za-z0-9-]*$'", name="instances_name_check"),
    CheckConstraint("lane IN ('graphql', 'snapshot', 'auto')", name="instances_lane_check"),
    schema="ops",
    comment="The Stash servers that are kept in sync.",
)

STASHBOX_ENDPOINTS = Table(
    "stashbox_endpoints",
    METADATA,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("url", Text, nullable=False, unique=True, comment="normalised; its lower case equals the keys in stash_ids"),
    Column("dialect", Text, nullable=False, comment="stash-box or theporndb"),
    Column("api_key_encrypted", LargeBinary, comment="with the key file in the project's home"),
    Column("api_key_env", Text, comment="name of the environment variable that holds the key"),
    Column("ca_file", Text, comment="PEM file of the authority that signed the box's certificate"),
    Column("requests_per_minute", Integer, nullable=False, server_default=text("120")),
    Column("requests_per_day", Integer, server_default=text("10000"), comment="null: not limited"),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column(
        "feed_catalog", Boolean, nullable=False, server_default=text("true"), comment="whether its values enter catalog"
    ),
    Column(
        "fresh_days",
        Integer,
        nullable=False,
        server_default=text("90"),
        comment="after how many days without an answer about it a record is stale",
    ),
    Column(
        "list_missing",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="whether the scenes of favorite performers and studios are listed, see stashbox.missing",
    ),
    Column("next_slot", DateTime(timezone=True), comment="when the next request may be sent, by any process"),
    Column("requests_day", Date, comment="the day, in UTC, of requests_used"),
    Column("requests_used", Integer, nullable=False, server_default=text("0"), comment="requests on that day"),
    Column("paused_until", DateTime(timezone=True), comment="until when the box asked for no requests"),
    Column("version", Text, comment="as last reported by the box"),
    Column("last_error", Text, comment="of the last request that failed; null after a successful test or run"),
    timestamp("created_at"),
    timestamp("updated_at"),
    CheckConstraint("name ~ '^[A-Za-z0-9][A-Za-z0-9-]*$'", name="stashbox_endpoints_name_check"),
    CheckConstraint("dialect IN ('stash-box', 'theporndb')", name="stashbox_endpoints_dialect_check"),
    CheckConstraint("requests_per_minute BETWEEN 1 AND 240", name="stashbox_endpoints_requests_per_minute_check"),
    CheckConstraint("fresh_days > 0", name="stashbox_endpoints_fresh_days_check"),
    CheckConstraint("requests_per_day > 0", name="stashbox_endpoints_requests_per_day_check"),
    schema="ops",
    comment="The stash-boxes that may be asked, and how many requests each has had.",
)

SYNC_RUNS = Table(
    "sync_runs",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    instance_id(),
    Column("dagster_run_id", Text),
    Column("mode", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("status", Text, nullable=False, comment="running, succeeded or failed"),
    timestamp("started_at"),
    Column("finished_at", DateTime(timezone=True)),
    Column("release", Text),
    Column("missing_fields", ARRAY(Text), comment="fields of the specification that the server does not have"),
    Column("unmapped_fields", ARRAY(Text), comment="fields of the server that the specification does not have"),
    Column("entities", JSONB, comment="per entity: expected, fetched, inserted, updated, unchanged, removed, ..."),
    Column("error", Text),
    Column("seconds", Double, comment="from the first request to the last commit in raw"),
    Column("requests", Integer, comment="requests sent to the server, including retries"),
    Column("bytes", BigInteger, comment="of the responses, decompressed"),
    Column("lane_reason", Text, comment="why the run used that lane"),
    ForeignKeyConstraint(["instance_id"], ["ops.instances.id"], ondelete="CASCADE", name="sync_runs_instance_fkey"),
    CheckConstraint("status IN ('running', 'succeeded', 'failed')", name="sync_runs_status_check"),
    Index("sync_runs_instance_started_idx", "instance_id", text("started_at DESC")),
    schema="ops",
    comment="One row per sync of an instance.",
)

CADENCE = Table(
    "cadence",
    METADATA,
    Column("instance_id", Integer, primary_key=True, autoincrement=False, comment="ops.instances.id"),
    Column("asked_every", Double, comment="seconds between two requests for the counts of its server"),
    Column("asked_reason", Text, comment="why that interval"),
    Column("compared_at", DateTime(timezone=True), comment="when the last comparison without a run ended"),
    Column("outcome", Text, comment="of that comparison: equal, differs, failed (may pass by itself) or stopped"),
    Column("detail", Text, comment="what differs, or why the comparison failed or stopped"),
    Column("lane", Text, comment="graphql or snapshot"),
    Column("seconds", Double, comment="how long a comparison takes that finds no difference"),
    Column("last_seconds", Double, comment="how long the last comparison took"),
    Column(
        "blocked_seconds",
        Double,
        comment="how long the server created a snapshot for the last comparison; it wrote nothing meanwhile",
    ),
    Column("balance", Double, comment="seconds that reconciles might still take at compared_at"),
    Column("failures", Integer, nullable=False, server_default=text("0"), comment="comparisons that failed in a row"),
    Column("equal_at", DateTime(timezone=True), comment="when a comparison last found nothing"),
    Column("equal_revision", BigInteger, comment="of the instance at that comparison"),
    Column("equal_form", LargeBinary, comment="digest of the snapshot that was found equal; null in lane graphql"),
    CheckConstraint("outcome IN ('equal', 'differs', 'failed', 'stopped')", name="cadence_outcome_check"),
    ForeignKeyConstraint(["instance_id"], ["ops.instances.id"], ondelete="CASCADE", name="cadence_instance_fkey"),
    schema="ops",
    comment="How often each server is asked and compared, and what that cost; see docs/cadence.md.",
)

LAYER_WATERMARKS = Table(
    "layer_watermarks",
    METADATA,
    instance_id(),
    Column("layer", Text, nullable=False),
    Column("revision", BigInteger, nullable=False, comment="the newest revision of raw that the layer holds"),
    timestamp("updated_at"),
    Column("version", Text, comment="of the code that made its rows; rows of another version are rebuilt"),
    PrimaryKeyConstraint("instance_id", "layer"),
    ForeignKeyConstraint(
        ["instance_id"], ["ops.instances.id"], ondelete="CASCADE", name="layer_watermarks_instance_fkey"
    ),
    schema="ops",
    comment="How far each layer has followed raw. Written in the transaction that changes the layer.",
)

OBJECT_LOG_HEAD = Table(
    "object_log_head",
    METADATA,
    Column("singleton", Boolean, nullable=False, server_default=text("true"), primary_key=True),
    Column("revision", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("singleton", name="object_log_head_check"),
    schema="ops",
    comment="The newest revision of ops.object_log. Its row is locked until a change is committed.",
)

OBJECT_LOG = Table(
    "object_log",
    METADATA,
    Column(
        "instance_id",
        Integer,
        nullable=False,
        comment="ops.instances.id; one row with entity instances remains of a removed instance",
    ),
    Column("entity", Text, nullable=False, comment="name of the object's table in stash, or instances"),
    Column("id", BigInteger, nullable=False, comment="the server's id; ops.instances.id if entity is instances"),
    Column(
        "revision",
        BigInteger,
        nullable=False,
        comment="revision of the log at which its row or one of its join rows last changed, or the object vanished",
    ),
    PrimaryKeyConstraint("instance_id", "entity", "id"),
    Index("object_log_revision_idx", "revision"),
    schema="ops",
    comment="The objects of schema stash that changed, in the order of commits. Read what is newer than the revision "
    "seen last.",
)

SHARED_LAYERS = Table(
    "shared_layers",
    METADATA,
    Column("layer", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False, comment="of the object log that the layer has reached"),
    Column(
        "version", Text, nullable=False, comment="of the code that made its rows; rows of another version are rebuilt"
    ),
    timestamp("updated_at"),
    Column("error", Text, comment="why its last attempt failed; null if it succeeded"),
    Column("failed_at", DateTime(timezone=True)),
    schema="ops",
    comment="How far each layer made of all instances has followed the object log.",
)

DANGLING_REFERENCES = Table(
    "dangling_references",
    METADATA,
    instance_id(),
    Column("relation", Text, nullable=False, comment="table.column that would hold the reference"),
    Column("owner", Text, nullable=False, comment="entity of the object that refers"),
    Column("owner_id", BigInteger, nullable=False),
    Column("target", Text, nullable=False, comment="entity of the object that is missing"),
    Column("target_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("instance_id", "relation", "owner_id", "target_id"),
    ForeignKeyConstraint(
        ["instance_id"], ["ops.instances.id"], ondelete="CASCADE", name="dangling_references_instance_fkey"
    ),
    Index("dangling_references_target_idx", "instance_id", "target", "target_id"),
    schema="ops",
    comment="References to objects that the warehouse does not have (yet, or any more); resolved when those arrive.",
)

ROW_COUNTS = Table(
    "row_counts",
    METADATA,
    instance_id(),
    Column("table_name", Text, nullable=False, comment="schema.table"),
    Column("rows", BigInteger, nullable=False),
    PrimaryKeyConstraint("instance_id", "table_name"),
    ForeignKeyConstraint(["instance_id"], ["ops.instances.id"], ondelete="CASCADE", name="row_counts_instance_fkey"),
    schema="ops",
    comment="Live rows per table, updated by the transactions that change them: counting would grow with the library.",
)

COMPLETE_READS = Table(
    "complete_reads",
    METADATA,
    instance_id(),
    Column("entity", Text, nullable=False),
    Column("run_id", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False, comment="of the instance when the read was complete"),
    Column(
        "form",
        LargeBinary,
        nullable=False,
        comment="digest of the query, the release and the code that made the documents",
    ),
    timestamp("finished_at"),
    Column(
        "purpose", Text, nullable=False, server_default=text("'documents'"), comment="documents, listing, or snapshot"
    ),
    PrimaryKeyConstraint("instance_id", "entity", "purpose"),
    ForeignKeyConstraint(
        ["instance_id"], ["ops.instances.id"], ondelete="CASCADE", name="complete_reads_instance_fkey"
    ),
    ForeignKeyConstraint(["run_id"], ["ops.sync_runs.id"], ondelete="CASCADE", name="complete_reads_run_fkey"),
    schema="ops",
    comment="The last complete read of each entity. Its pages are not decoded again while their objects are unchanged.",
)

READ_WATERMARKS = Table(
    "read_watermarks",
    METADATA,
    instance_id(),
    Column("entity", Text, nullable=False),
    Column(
        "read_at",
        DateTime(timezone=True),
        nullable=False,
        comment="the server's clock when the last successful read of the entity began",
    ),
    Column(
        "missing",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="objects that the server counted and could not send in the last complete read",
    ),
    PrimaryKeyConstraint("instance_id", "entity"),
    ForeignKeyConstraint(
        ["instance_id"], ["ops.instances.id"], ondelete="CASCADE", name="read_watermarks_instance_fkey"
    ),
    schema="ops",
    comment="The time up to which each entity matches its server. The next sync asks for later timestamps.",
)

PROTECTED = Table(
    "protected",
    METADATA,
    instance_id(),
    Column("kind", Text, nullable=False, comment="path or tag"),
    Column(
        "value", Text, nullable=False, comment="a folder or file, with all below it; the name of a tag, in any case"
    ),
    PrimaryKeyConstraint("instance_id", "kind", "value", name="protected_pkey"),
    ForeignKeyConstraint(["instance_id"], ["ops.instances.id"], ondelete="CASCADE", name="protected_instance_fkey"),
    CheckConstraint("kind IN ('path', 'tag')", name="protected_kind_check"),
    schema="ops",
    comment="Folders and tags that people protect: duplicates among them are suggested to be kept.",
)
