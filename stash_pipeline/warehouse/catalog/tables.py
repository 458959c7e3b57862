"""The tables of schema ``catalog``: records and lists by the entity specification, and what else the layer keeps."""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.warehouse.catalog.shapes import ORDER, GoldenField, GoldenList, all_lists, golden_fields
from stash_pipeline.warehouse.tables import JOINS, METADATA, STASH


def _column(entity: str, field: GoldenField, name: str) -> Column[Any]:
    if field.target:
        return Column(name, Uuid, comment=f"→ catalog.{field.target}.id")
    source = STASH[entity].columns[name]
    kind: TypeEngine[Any] = source.type
    if field.rule.method == "sum" and isinstance(kind, Integer):
        kind = BigInteger()
    return Column(name, kind, comment=source.comment)


def _indexes(entity: str) -> list[Index]:
    """Those of the table in ``stash``, and one per reference."""
    indexes = [Index(f"{entity}_revision_idx", "revision")]
    for field, scalar in BY_NAME[entity].scalars:
        if scalar.index:
            expression = f"lower({field.name})" if scalar.index == "hash of lower" else field.name
            using = "btree" if scalar.index == "values" else "hash"
            indexes.append(Index(f"{entity}_{field.name}_idx", text(expression), postgresql_using=using))
    for golden in golden_fields(entity):
        if golden.target:
            indexes.append(Index(f"{entity}_{golden.value}_idx", golden.value))
    return indexes


def _record_table(entity: str) -> Table:
    return Table(
        entity,
        METADATA,
        Column("id", Uuid, nullable=False, comment="matches.clusters.id"),
        Column(
            "objects", Integer, nullable=False, comment="number of objects of all instances in it; see catalog.members"
        ),
        Column("instances", Integer, nullable=False, comment="number of instances with at least one of them"),
        *(_column(entity, field, name) for field in golden_fields(entity) for name in field.columns),
        Column(
            "revision",
            BigInteger,
            nullable=False,
            comment="of the object log, when the record, its members or one of its lists last changed",
        ),
        PrimaryKeyConstraint("id", name=f"{entity}_pkey"),
        *_indexes(entity),
        schema="catalog",
        comment=f"The {entity} of all instances, each once: one golden record per cluster.",
    )


_ELEMENTS: Final = {"urls": "URLs", "os": "o's", "stash_ids": "stash ids", "group_containing": "containing groups"}


def list_description(golden: GoldenList) -> str:
    """What the table of a list contains."""
    elements = golden.table.removeprefix(golden.owner.removesuffix("id"))
    named = _ELEMENTS.get(elements, elements.replace("_", " "))
    return f"The {named} of {golden.entity}: those of all members of a record, each once."


def _list_table(golden: GoldenList) -> Table:
    source = JOINS[golden.table]
    columns: list[Column[Any]] = []
    for name in golden.columns:
        nullable = name not in golden.primary_key
        if name == golden.owner:
            columns.append(Column(name, Uuid, nullable=False, comment=f"→ catalog.{golden.entity}.id"))
        elif golden.kind == "references" and name == golden.joined.target_column:
            columns.append(Column(name, Uuid, nullable=False, comment=f"→ catalog.{golden.joined.target}.id"))
        else:
            own = source.columns[name]
            columns.append(Column(name, own.type, nullable=nullable and own.nullable, comment=own.comment))
    indexes = []
    if golden.kind == "references":
        indexes.append(Index(f"{golden.table}_{golden.key[0]}_idx", golden.key[0], golden.owner))
    for column in golden.joined.columns:
        if column.index:
            expression = f"lower({column.name})" if column.index == "hash of lower" else column.name
            using = "btree" if column.index == "values" else "hash"
            indexes.append(Index(f"{golden.table}_{column.name}_idx", text(expression), postgresql_using=using))
    return Table(
        golden.table,
        METADATA,
        *columns,
        PrimaryKeyConstraint(*golden.primary_key, name=f"{golden.table}_pkey"),
        *indexes,
        schema="catalog",
        comment=list_description(golden),
    )


RECORDS: Final = {entity: _record_table(entity) for entity in ORDER}
LISTS: Final = {golden.table: _list_table(golden) for golden in all_lists()}

MEMBERS: Final = Table(
    "members",
    METADATA,
    Column("entity", Text, nullable=False),
    Column("instance_id", Integer, nullable=False, comment="ops.instances.id"),
    Column("id", BigInteger, nullable=False, comment="the server's id"),
    Column("canonical_id", Uuid, nullable=False, comment="the id of the record in the table of the entity"),
    PrimaryKeyConstraint("entity", "instance_id", "id", name="members_pkey"),
    Index("members_canonical_idx", "canonical_id"),
    schema="catalog",
    comment="The record of every object of the servers.",
)

SOURCES: Final = Table(
    "sources",
    METADATA,
    Column("id", Uuid, nullable=False, comment="a record of several objects, or one that is linked to a stash-box"),
    Column("entity", Text, nullable=False),
    Column("instance_ids", ARRAY(Integer), nullable=False, comment="by field, in the order of catalog.provenance"),
    Column("object_ids", ARRAY(BigInteger), nullable=False),
    Column("rules", ARRAY(Text), nullable=False, comment="the criterion or method that decided; null: no value"),
    Column("endpoint_ids", ARRAY(Integer), comment="ops.stashbox_endpoints.id of the boxes that took part; null: none"),
    Column("box_ids", ARRAY(Text), comment="the ids of their records, in the same order"),
    Column("box_numbers", ARRAY(Integer), comment="by field, the position of its box in endpoint_ids"),
    PrimaryKeyConstraint("id", name="sources_pkey"),
    schema="catalog",
    comment="Of which object the fields of a record are. Read it as catalog.provenance.",
)

VANISHED: Final = Table(
    "vanished",
    METADATA,
    Column("id", Uuid, nullable=False, comment="a record that no longer exists"),
    Column("entity", Text, nullable=False),
    Column("revision", BigInteger, nullable=False, comment="of the object log, when it vanished"),
    PrimaryKeyConstraint("id", name="vanished_pkey"),
    Index("vanished_revision_idx", "revision"),
    schema="catalog",
    comment="Records that no longer exist. catalog.changes has them with those that changed, and their successors.",
)

ROW_COUNTS: Final = Table(
    "row_counts",
    METADATA,
    Column("table_name", Text, primary_key=True),
    Column("rows", BigInteger, nullable=False),
    schema="catalog",
    comment="Rows per table of the catalog, kept because counting would grow with the library.",
)
