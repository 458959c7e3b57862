"""Every table of the warehouse, as SQLAlchemy metadata derived from the entity specification.

This is the only registry: COPY column order, the SQL of the layers, Dagster's column schema and lineage, and the
documentation use it; a test compares it with the migrations. The tables of an instance's data are partitioned by
instance (``LIST (instance_id)``). The partitions are in schema ``partitions`` as ``<schema>_<table>_<instance id>``:
loading one instance never locks another, and removing an instance drops tables instead of rows.
"""

from functools import cache
from typing import Any

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
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.stash.fields import Entity, JoinTable
from stash_pipeline.stash.fields import Index as IndexKind

SCHEMAS = ("ops", "raw", "stash", "matches", "partitions")

METADATA = MetaData()

_TYPES: dict[str, type[TypeEngine[Any]]] = {
    "text": Text,
    "path": Text,
    "integer": Integer,
    "bigint": BigInteger,
    "double precision": Double,
    "boolean": Boolean,
    "jsonb": JSONB,
}


def _type(name: str) -> TypeEngine[Any]:
    return DateTime(timezone=True) if name == "timestamptz" else _TYPES[name]()


def _instance_id() -> Column[int]:
    return Column("instance_id", Integer, nullable=False, comment="ops.instances.id")


def _now(name: str, nullable: bool = False) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=text("now()"))


# --- ops ------------------------------------------------------------------------------------------------

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
    _now("created_at"),
    _now("updated_at"),
    Column("utc_offset", Integer, comment="seconds; of the newest timestamp that the server has written"),
    Column("timezone", Text, comment="of its schedules; null: the zone of the machine that runs them"),
    Column("probe_query", Text, comment="the query that shows in one request whether anything changed"),
    Column("probe_response", JSONB, comment="the response to that query just before the last successful sync"),
    Column("lane", Text, nullable=False, server_default=text("'auto'"), comment="graphql, snapshot or auto"),
    Column("snapshot_bytes", BigInteger, comment="size of the last snapshot of its database"),
    Column("snapshot_seconds", Double, comment="that the server took to create it; it accepts no writes meanwhile"),
    Column("snapshot_error", Text, comment="why the last snapshot could not be downloaded or read"),
    Column(
        "header_names", ARRAY(Text), nullable=False, server_default=text("'{}'"), comment="headers sent to its proxy"
    ),
    Column("headers_encrypted", LargeBinary, comment="their values, encrypted with the key file in the project's home"),
    Column("basic_auth_env", Text, comment="name of the environment variable that holds user:password for its proxy"),
    Column("client_cert", Text, comment="PEM file of the certificate presented to its proxy"),
    Column("client_key", Text, comment="PEM file of the certificate's key; null if one file holds both"),
    CheckConstraint("name ~ '^[A-Za-z0-9][A-Za-z0-9-]*$'", name="instances_name_check"),
    CheckConstraint("lane IN ('graphql', 'snapshot', 'auto')", name="instances_lane_check"),
    schema="ops",
    comment="The Stash servers that are kept in sync.",
)

SYNC_RUNS = Table(
    "sync_runs",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _instance_id(),
    Column("dagster_run_id", Text),
    Column("mode", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("status", Text, nullable=False, comment="running, succeeded or failed"),
    _now("started_at"),
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

LAYER_WATERMARKS = Table(
    "layer_watermarks",
    METADATA,
    _instance_id(),
    Column("layer", Text, nullable=False),
    Column("revision", BigInteger, nullable=False, comment="the newest revision of raw that the layer holds"),
    _now("updated_at"),
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
    _now("updated_at"),
    Column("error", Text, comment="why its last attempt failed; null if it succeeded"),
    Column("failed_at", DateTime(timezone=True)),
    schema="ops",
    comment="How far each layer made of all instances has followed the object log.",
)

DANGLING_REFERENCES = Table(
    "dangling_references",
    METADATA,
    _instance_id(),
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
    _instance_id(),
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
    _instance_id(),
    Column("entity", Text, nullable=False),
    Column("run_id", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False, comment="of the instance when the read was complete"),
    Column(
        "form",
        LargeBinary,
        nullable=False,
        comment="digest of the query, the release and the code that made the documents",
    ),
    _now("finished_at"),
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
    _instance_id(),
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

# --- raw ------------------------------------------------------------------------------------------------

PAGES = Table(
    "pages",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _instance_id(),
    Column("entity", Text, nullable=False),
    Column("run_id", BigInteger, nullable=False),
    Column("lane", Text, nullable=False),
    Column("request", JSONB, nullable=False, comment="variables of the request"),
    Column("objects", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False, comment="size of the response, decompressed"),
    Column("milliseconds", Integer, nullable=False, comment="from the request to the last byte"),
    Column("hash", LargeBinary, nullable=False, comment="BLAKE2b, 16 bytes, of the response"),
    Column(
        "unchanged",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="equal to a page of the previous complete read, and not decoded again",
    ),
    Column("first_id", BigInteger, comment="the page has all objects of its entity from here to last_id"),
    Column("last_id", BigInteger),
    Column(
        "unreadable",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="objects with a value that its column cannot hold",
    ),
    _now("fetched_at"),
    ForeignKeyConstraint(["instance_id"], ["ops.instances.id"], ondelete="CASCADE", name="pages_instance_fkey"),
    ForeignKeyConstraint(["run_id"], ["ops.sync_runs.id"], ondelete="CASCADE", name="pages_run_fkey"),
    Index("pages_run_idx", "run_id"),
    Index("pages_instance_idx", "instance_id", "entity", "id"),
    schema="raw",
    comment="The ledger of responses in which the documents arrived.",
)


HISTORY = Table(
    "history",
    METADATA,
    _instance_id(),
    Column("entity", Text, nullable=False),
    Column("id", BigInteger, nullable=False, comment="the server's id"),
    Column("revision", BigInteger, nullable=False, comment="of the instance when the document was replaced"),
    Column("change", Text, nullable=False, comment="changed, removed, or returned (after a removal)"),
    Column("document", JSONB, nullable=False, comment="the document until then"),
    Column("run_id", BigInteger, nullable=False, comment="ops.sync_runs.id of the run that found the change"),
    _now("recorded_at"),
    PrimaryKeyConstraint("instance_id", "entity", "id", "revision", name="raw_history_pkey"),
    CheckConstraint("change IN ('changed', 'removed', 'returned')", name="raw_history_change_check"),
    Index("raw_history_recorded_idx", "instance_id", "recorded_at"),
    schema="raw",
    postgresql_partition_by="LIST (instance_id)",
    comment="Every document as it was before it changed or vanished.",
)


def _raw_table(entity: Entity) -> Table:
    return Table(
        entity.name,
        METADATA,
        _instance_id(),
        Column("id", BigInteger, nullable=False, comment="the server's id"),
        Column("document", JSONB, nullable=False, comment="canonical form, see stash/documents.py"),
        Column("hash", LargeBinary, nullable=False, comment="BLAKE2b, 16 bytes, of the document"),
        Column("server_created_at", DateTime(timezone=True)),
        Column("server_updated_at", DateTime(timezone=True)),
        Column("revision", BigInteger, nullable=False, comment="of the instance when the document last changed"),
        Column("run_id", BigInteger, nullable=False, comment="ops.sync_runs.id of the run that last changed it"),
        _now("fetched_at"),
        Column("deleted_at", DateTime(timezone=True), comment="when a complete listing no longer had the object"),
        PrimaryKeyConstraint("instance_id", "id", name=f"raw_{entity.name}_pkey"),
        Index(f"raw_{entity.name}_revision_idx", "instance_id", "revision"),
        schema="raw",
        postgresql_partition_by="LIST (instance_id)",
        comment=f"Documents of {entity.name} as the servers returned them, with tombstones.",
    )


# --- stash: entities and joins --------------------------------------------------------------------------


def partial_date_columns(name: str) -> tuple[str, str, str]:
    """The three columns of a partial date: first day of the period, the server's text, precision."""
    return name, f"{name}_text", f"{name}_precision"


def _foreign_key(table: str, column: str, target: str) -> ForeignKeyConstraint:
    # deferred: tables of one load refer to each other in cycles (files, folders, galleries, images)
    return ForeignKeyConstraint(
        ["instance_id", column],
        [f"stash.{target}.instance_id", f"stash.{target}.id"],
        name=f"{table}_{column}_fkey",
        deferrable=True,
        initially="DEFERRED",
    )


def _index(table: str, column: str, kind: IndexKind) -> list[Index]:
    if not kind:
        return []
    expression = f"lower({column})" if kind == "hash of lower" else column
    using = "btree" if kind == "values" else "hash"
    return [Index(f"{table}_{column}_idx", text(expression), postgresql_using=using)]


def _indexes_of_several(table: str, indexes: tuple[tuple[str, ...], ...]) -> list[Index]:
    return [
        Index(f"{table}_{'_'.join(columns)}_idx", *map(text, columns), postgresql_using="btree") for columns in indexes
    ]


def _entity_table(entity: Entity) -> Table:
    columns: list[Column[Any]] = []
    constraints: list[SchemaItem] = [PrimaryKeyConstraint("instance_id", "id", name=f"{entity.name}_pkey")]
    for field, scalar in entity.scalars:
        comment = field.description or None
        constraints += _index(entity.name, field.name, scalar.index)
        if scalar.type == "partial_date":
            value, spelled, precision = partial_date_columns(field.name)
            columns += [
                Column(value, Date, comment="first day of the period that the server gives"),
                Column(spelled, Text, comment="as the server spells it"),
                Column(precision, Text, comment="day, month or year; null if it is not a date"),
            ]
        else:
            columns.append(Column(field.name, _type(scalar.type), comment=comment))
    for field, reference in entity.references:
        column = f"{field.name}_id"
        columns.append(Column(column, BigInteger, comment=field.description or f"stash.{reference.target}.id"))
        constraints.append(_foreign_key(entity.name, column, reference.target))
        constraints.append(Index(f"{entity.name}_{column}_idx", "instance_id", column))
    return Table(
        entity.name,
        METADATA,
        _instance_id(),
        Column("id", BigInteger, nullable=False, comment="the server's id"),
        *columns,
        *constraints,
        *_indexes_of_several(entity.name, entity.indexes),
        schema="stash",
        postgresql_partition_by="LIST (instance_id)",
        comment=entity.description,
    )


def _join_table(entity: Entity, joined: JoinTable) -> Table:
    owner = entity.owner_column(joined)
    columns: list[Column[Any]] = [
        Column(
            c.name,
            _type(c.type),
            nullable=c.name not in joined.primary_key,
            comment=f"stash.{joined.target}.id" if c.name == joined.target_column else None,
        )
        for c in joined.columns
    ]
    if joined.ordinal:
        columns.append(Column(joined.ordinal, Integer, nullable=False, comment="from 0"))
    if joined.primary_flag:
        columns.append(Column(joined.primary_flag, Boolean, nullable=False, comment="the first of the server's list"))
    columns += [Column(derived.name, _type(derived.type), comment=derived.comment) for derived in joined.derived]
    constraints: list[SchemaItem] = [
        PrimaryKeyConstraint("instance_id", owner, *joined.primary_key, name=f"{joined.table}_pkey"),
        _foreign_key(joined.table, owner, entity.name),
    ]
    if joined.target and joined.target_column:
        constraints.append(_foreign_key(joined.table, joined.target_column, joined.target))
        constraints.append(
            Index(f"{joined.table}_{joined.target_column}_idx", "instance_id", joined.target_column, owner)
        )
    for own in joined.columns:
        constraints += _index(joined.table, own.name, own.index)
    for derived in joined.derived:
        constraints += _index(joined.table, derived.name, derived.index)
    return Table(
        joined.table,
        METADATA,
        _instance_id(),
        Column(owner, BigInteger, nullable=False, comment=f"stash.{entity.name}.id"),
        *columns,
        *constraints,
        *_indexes_of_several(joined.table, joined.indexes),
        schema="stash",
        postgresql_partition_by="LIST (instance_id)",
        comment=f"{joined.table.replace('_', ' ').capitalize()}, one row per element of {entity.name}.",
    )


MERGES = Table(
    "merges",
    METADATA,
    _instance_id(),
    Column("entity", Text, nullable=False, comment="entity of both objects"),
    Column("id", BigInteger, nullable=False, comment="of the object that vanished"),
    Column(
        "successor_id",
        BigInteger,
        nullable=False,
        comment="of the object that took over; it may have vanished since, with a successor of its own",
    ),
    Column("revision", BigInteger, nullable=False, comment="of the instance when the object was found missing"),
    PrimaryKeyConstraint("instance_id", "entity", "id"),
    ForeignKeyConstraint(["instance_id"], ["ops.instances.id"], ondelete="CASCADE", name="merges_instance_fkey"),
    Index("merges_successor_idx", "instance_id", "entity", "successor_id"),
    schema="stash",
    comment="Objects that vanished and whose files, stash ids or names another object has. Recorded when they vanish, "
    "and kept by a rebuild.",
)

RAW: dict[str, Table] = {entity.name: _raw_table(entity) for entity in ENTITIES}
STASH: dict[str, Table] = {entity.name: _entity_table(entity) for entity in ENTITIES}
JOINS: dict[str, Table] = {
    joined.table: _join_table(entity, joined) for entity in ENTITIES for _, joined in entity.joins
}


RAW_PARTITIONED = (*RAW, HISTORY.name)
"""The partitioned tables of schema ``raw``."""


def type_name(column: Column[Any]) -> str:
    """The type of a column in Postgres' spelling."""
    return str(column.type.compile(dialect=postgresql.dialect())).lower()


@cache
def partition(table: str, instance_id: int) -> str:
    """Qualified name of one instance's partition of ``schema.table``."""
    return f"partitions.{table.replace('.', '_', 1)}_{instance_id}"
