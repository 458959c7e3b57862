"""The tables of schemas ``raw`` and ``stash``, as SQLAlchemy metadata derived from the entity specification.

With those of ``ops`` and of the layers they are the only registry: COPY column order, the SQL of the layers, Dagster's
column schema and lineage, and the documentation use it; a test compares it with the migrations. The tables of an
instance's data are partitioned by instance (``LIST (instance_id)``). The partitions are in schema ``partitions`` as
``<schema>_<table>_<instance id>``: loading one instance never locks another, and removing an instance drops tables
instead of rows.
"""

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
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.stash.fields import Entity, JoinTable
from stash_pipeline.stash.fields import Index as IndexKind
from stash_pipeline.warehouse.metadata import METADATA, instance_id, timestamp
from stash_pipeline.warehouse.ops import notification_table  # noqa: F401 - part of the registry
from stash_pipeline.warehouse.ops import tables as ops_tables  # noqa: F401 - all tables refer to ops.instances
from stash_pipeline.warehouse.stashbox import tables as stashbox_tables  # noqa: F401 - part of the registry

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


# --- raw ------------------------------------------------------------------------------------------------

PAGES = Table(
    "pages",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    instance_id(),
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
    timestamp("fetched_at"),
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
    instance_id(),
    Column("entity", Text, nullable=False),
    Column("id", BigInteger, nullable=False, comment="the server's id"),
    Column("revision", BigInteger, nullable=False, comment="of the instance when the document was replaced"),
    Column("change", Text, nullable=False, comment="changed, removed, or returned (after a removal)"),
    Column("document", JSONB, nullable=False, comment="the document until then"),
    Column("run_id", BigInteger, nullable=False, comment="ops.sync_runs.id of the run that found the change"),
    timestamp("recorded_at"),
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
        instance_id(),
        Column("id", BigInteger, nullable=False, comment="the server's id"),
        Column("document", JSONB, nullable=False, comment="canonical form, see stash/documents.py"),
        Column("hash", LargeBinary, nullable=False, comment="BLAKE2b, 16 bytes, of the document"),
        Column("server_created_at", DateTime(timezone=True)),
        Column("server_updated_at", DateTime(timezone=True)),
        Column("revision", BigInteger, nullable=False, comment="of the instance when the document last changed"),
        Column("run_id", BigInteger, nullable=False, comment="ops.sync_runs.id of the run that last changed it"),
        timestamp("fetched_at"),
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
        instance_id(),
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
        instance_id(),
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
    instance_id(),
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
