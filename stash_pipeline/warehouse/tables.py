"""Every table of the warehouse, as SQLAlchemy metadata derived from the entity specification.

This is the one registry: COPY column order, the SQL of the layers, Dagster's column schema and lineage, and the
documentation read it; a test compares it with what the migrations make. The tables of an instance's data are
partitioned by instance (``LIST (instance_id)``); the partitions live in schema ``partitions`` as
``<schema>_<table>_<instance id>``, so that one instance's load never locks another's and removing an instance
drops tables instead of rows.
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

SCHEMAS = ("ops", "raw", "stash", "partitions")

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
    Column("api_key_encrypted", LargeBinary, comment="by the key file in the project's home"),
    Column("api_key_env", Text, comment="name of the environment variable that holds the key"),
    Column("ca_file", Text, comment="PEM file of the authority that signed the server's certificate"),
    Column("priority", Integer, nullable=False, server_default=text("0"), comment="smaller wins a conflict"),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("release", Text, comment="as the server last said"),
    Column("database_schema", Integer, comment="as the server last said"),
    Column("revision", BigInteger, nullable=False, server_default=text("0"), comment="newest revision in raw"),
    Column("removed_at", DateTime(timezone=True), comment="removed on this day, and its rows kept"),
    _now("created_at"),
    _now("updated_at"),
    Column("utc_offset", Integer, comment="seconds; of the newest timestamp that the server was seen to write"),
    Column("timezone", Text, comment="of its schedules; null is the zone of the machine that runs them"),
    Column("probe", Text, comment="the query that tells in one request whether anything changed"),
    Column("probed", JSONB, comment="what that query said just before the last good refresh"),
    Column("lane", Text, nullable=False, server_default=text("'auto'"), comment="graphql, snapshot or auto"),
    Column("snapshot_bytes", BigInteger, comment="size of the last copy of its database"),
    Column("snapshot_seconds", Double, comment="that the server took to make it, and did not write meanwhile"),
    Column("snapshot_trouble", Text, comment="why the last copy could not be had, or not be read"),
    Column("header_names", ARRAY(Text), nullable=False, server_default=text("'{}'"), comment="sent to its proxy"),
    Column("headers_encrypted", LargeBinary, comment="their values, by the key file in the project's home"),
    Column("basic_auth_env", Text, comment="name of the environment variable that holds user:password for its proxy"),
    Column("client_cert", Text, comment="PEM file of the certificate that is shown to it"),
    Column("client_key", Text, comment="PEM file of the certificate's key; null where one file holds both"),
    CheckConstraint("name ~ '^[A-Za-z0-9][A-Za-z0-9-]*$'", name="instances_name_check"),
    CheckConstraint("lane IN ('graphql', 'snapshot', 'auto')", name="instances_lane_check"),
    schema="ops",
    comment="The Stash servers that are mirrored.",
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
    Column("lacking", ARRAY(Text), comment="fields of the specification that the server does not have"),
    Column("unknown", ARRAY(Text), comment="fields of the server that no specification knows"),
    Column("entities", JSONB, comment="per entity: expected, fetched, inserted, updated, unchanged, removed, ..."),
    Column("error", Text),
    Column("seconds", Double, comment="from the first request to the last commit in raw"),
    Column("requests", Integer, comment="sent to the server, retries included"),
    Column("bytes", BigInteger, comment="of its answers, decompressed"),
    Column("lane_reason", Text, comment="why it took that lane"),
    ForeignKeyConstraint(["instance_id"], ["ops.instances.id"], ondelete="CASCADE", name="sync_runs_instance_fkey"),
    CheckConstraint("status IN ('running', 'succeeded', 'failed')", name="sync_runs_status_check"),
    Index("sync_runs_instance_started_idx", "instance_id", text("started_at DESC")),
    schema="ops",
    comment="One row per reading of a server.",
)

LAYER_WATERMARKS = Table(
    "layer_watermarks",
    METADATA,
    _instance_id(),
    Column("layer", Text, nullable=False),
    Column("revision", BigInteger, nullable=False, comment="the newest revision of raw that the layer holds"),
    _now("updated_at"),
    Column("version", Text, comment="of the code that made its rows; rows of another version are made anew"),
    PrimaryKeyConstraint("instance_id", "layer"),
    ForeignKeyConstraint(
        ["instance_id"], ["ops.instances.id"], ondelete="CASCADE", name="layer_watermarks_instance_fkey"
    ),
    schema="ops",
    comment="How far each layer has followed raw, written in the transaction that followed it.",
)

OBJECT_LOG_HEAD = Table(
    "object_log_head",
    METADATA,
    Column("singleton", Boolean, nullable=False, server_default=text("true"), primary_key=True),
    Column("revision", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("singleton", name="object_log_head_check"),
    schema="ops",
    comment="The newest revision of ops.object_log; its row is locked until a change is committed.",
)

OBJECT_LOG = Table(
    "object_log",
    METADATA,
    Column(
        "instance_id",
        Integer,
        nullable=False,
        comment="ops.instances.id; of a removed instance, one row of kind instances remains",
    ),
    Column("kind", Text, nullable=False, comment="kind of the object, as its table in stash is named; or instances"),
    Column("id", BigInteger, nullable=False, comment="the server's id; of kind instances, ops.instances.id"),
    Column(
        "revision",
        BigInteger,
        nullable=False,
        comment="of the log, when its row or a join row of it last changed, or it vanished",
    ),
    PrimaryKeyConstraint("instance_id", "kind", "id"),
    Index("object_log_revision_idx", "revision"),
    schema="ops",
    comment="Which objects of schema stash changed, in the order of commits: read what is newer than the revision "
    "seen last.",
)

SHARED_LAYERS = Table(
    "shared_layers",
    METADATA,
    Column("layer", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False, comment="of the object log, up to which the layer has followed it"),
    Column(
        "version", Text, nullable=False, comment="of the code that made its rows; rows of another version are made anew"
    ),
    _now("updated_at"),
    Column("error", Text, comment="why its last attempt failed; null if it did not"),
    Column("failed_at", DateTime(timezone=True)),
    schema="ops",
    comment="How far each layer that is made of all instances has followed the object log.",
)

DANGLING_REFERENCES = Table(
    "dangling_references",
    METADATA,
    _instance_id(),
    Column("relation", Text, nullable=False, comment="table.column that would hold the reference"),
    Column("owner", Text, nullable=False, comment="kind of the object that refers"),
    Column("owner_id", BigInteger, nullable=False),
    Column("target", Text, nullable=False, comment="kind of the object that is not there"),
    Column("target_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("instance_id", "relation", "owner_id", "target_id"),
    ForeignKeyConstraint(
        ["instance_id"], ["ops.instances.id"], ondelete="CASCADE", name="dangling_references_instance_fkey"
    ),
    Index("dangling_references_target_idx", "instance_id", "target", "target_id"),
    schema="ops",
    comment="References to objects that the mirror does not have (yet, or any more); made good when they come.",
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
    comment="Live rows per table, kept by the transactions that change them: counting would grow with the library.",
)

READINGS = Table(
    "readings",
    METADATA,
    _instance_id(),
    Column("entity", Text, nullable=False),
    Column("run_id", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False, comment="of the instance, when the reading had ended"),
    Column("form", LargeBinary, nullable=False, comment="of the query, the release and the code that made documents"),
    _now("finished_at"),
    Column(
        "purpose", Text, nullable=False, server_default=text("'documents'"), comment="documents, listing, or snapshot"
    ),
    PrimaryKeyConstraint("instance_id", "entity", "purpose"),
    ForeignKeyConstraint(["instance_id"], ["ops.instances.id"], ondelete="CASCADE", name="readings_instance_fkey"),
    ForeignKeyConstraint(["run_id"], ["ops.sync_runs.id"], ondelete="CASCADE", name="readings_run_fkey"),
    schema="ops",
    comment="The last complete reading of each kind: its pages are known again while their objects stand unchanged.",
)

CLOCKS = Table(
    "clocks",
    METADATA,
    _instance_id(),
    Column("entity", Text, nullable=False),
    Column(
        "read_at",
        DateTime(timezone=True),
        nullable=False,
        comment="the server's own clock when the last good reading of the kind began",
    ),
    Column(
        "missing",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="objects that the server counts and could not send when all were read",
    ),
    PrimaryKeyConstraint("instance_id", "entity"),
    ForeignKeyConstraint(["instance_id"], ["ops.instances.id"], ondelete="CASCADE", name="clocks_instance_fkey"),
    schema="ops",
    comment="Up to when each kind is known to be as the server has it: from there its timestamps are asked for.",
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
    Column("bytes", BigInteger, nullable=False, comment="size of the answer, decompressed"),
    Column("milliseconds", Integer, nullable=False, comment="from request to last byte"),
    Column("hash", LargeBinary, nullable=False, comment="BLAKE2b, 16 bytes, of the answer"),
    Column(
        "known",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="equal to a page of the reading before, and not decoded again",
    ),
    Column("first_id", BigInteger, comment="it held all objects of its kind from here to last_id"),
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
    comment="The ledger of the answers that the documents came in.",
)


HISTORY = Table(
    "history",
    METADATA,
    _instance_id(),
    Column("entity", Text, nullable=False),
    Column("id", BigInteger, nullable=False, comment="the server's id"),
    Column("revision", BigInteger, nullable=False, comment="of the instance, when the document was replaced"),
    Column("change", Text, nullable=False, comment="changed, removed, or returned (it had been removed)"),
    Column("document", JSONB, nullable=False, comment="as it was until then"),
    Column("run_id", BigInteger, nullable=False, comment="ops.sync_runs, which found the change"),
    _now("noted_at"),
    PrimaryKeyConstraint("instance_id", "entity", "id", "revision", name="raw_history_pkey"),
    CheckConstraint("change IN ('changed', 'removed', 'returned')", name="raw_history_change_check"),
    Index("raw_history_noted_idx", "instance_id", "noted_at"),
    schema="raw",
    postgresql_partition_by="LIST (instance_id)",
    comment="What every document was before it changed or vanished.",
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
        Column("revision", BigInteger, nullable=False, comment="of the instance, when it last changed"),
        Column("run_id", BigInteger, nullable=False, comment="ops.sync_runs, when it last changed"),
        _now("fetched_at"),
        Column("deleted_at", DateTime(timezone=True), comment="set when a complete listing no longer had it"),
        PrimaryKeyConstraint("instance_id", "id", name=f"raw_{entity.name}_pkey"),
        Index(f"raw_{entity.name}_revision_idx", "instance_id", "revision"),
        schema="raw",
        postgresql_partition_by="LIST (instance_id)",
        comment=f"Documents of {entity.name}, as the servers returned them, with tombstones.",
    )


# --- stash: entities and joins --------------------------------------------------------------------------


def partial_date_columns(name: str) -> tuple[str, str, str]:
    """The three columns of a partial date: first day of the period, text as the server has it, precision."""
    return name, f"{name}_text", f"{name}_precision"


def _foreign_key(table: str, column: str, target: str) -> ForeignKeyConstraint:
    # deferred: tables of one load may refer to each other in circles (files, folders, galleries, images)
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
                Column(value, Date, comment="first day of what the server says"),
                Column(spelled, Text, comment="as the server says it"),
                Column(precision, Text, comment="day, month or year; null if it is no date"),
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
    Column("kind", Text, nullable=False, comment="of both objects"),
    Column("id", BigInteger, nullable=False, comment="of the object that is gone"),
    Column(
        "successor_id",
        BigInteger,
        nullable=False,
        comment="of the object that has what was its own; it may be gone by now, and have a successor itself",
    ),
    Column("revision", BigInteger, nullable=False, comment="of the instance, when the object was missed"),
    PrimaryKeyConstraint("instance_id", "kind", "id"),
    ForeignKeyConstraint(["instance_id"], ["ops.instances.id"], ondelete="CASCADE", name="merges_instance_fkey"),
    Index("merges_successor_idx", "instance_id", "kind", "successor_id"),
    schema="stash",
    comment="Objects that are gone and whose files, stash ids or names another object has. Noted when they vanish; a "
    "rebuild keeps them.",
)

RAW: dict[str, Table] = {entity.name: _raw_table(entity) for entity in ENTITIES}
STASH: dict[str, Table] = {entity.name: _entity_table(entity) for entity in ENTITIES}
JOINS: dict[str, Table] = {
    joined.table: _join_table(entity, joined) for entity in ENTITIES for _, joined in entity.joins
}


RAW_PARTITIONED = (*RAW, HISTORY.name)
"""The tables of schema ``raw`` that have a partition per instance."""


def type_name(column: Column[Any]) -> str:
    """The type of a column, as Postgres spells it."""
    return str(column.type.compile(dialect=postgresql.dialect())).lower()


@cache
def partition(table: str, instance_id: int) -> str:
    """Qualified name of one instance's partition of ``schema.table``."""
    return f"partitions.{table.replace('.', '_', 1)}_{instance_id}"
