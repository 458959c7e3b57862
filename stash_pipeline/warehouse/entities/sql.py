"""The SQL of entities and joins, per table, generated from the entity specification.

There are three set-based statements: :func:`bulk_insert` (fills an empty partition from all live documents),
:func:`apply_changes` (updates the rows of changed documents) and :func:`move_dangling` (moves references without a
target to ``ops.dangling_references``). ``transform.py`` runs them in order. ``{changed}`` is a table of (id, document,
gone).
"""

from collections.abc import Callable
from dataclasses import dataclass

from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.stash.fields import Entity, JoinTable
from stash_pipeline.warehouse.partition_names import partition
from stash_pipeline.warehouse.tables import partial_date_columns


@dataclass(frozen=True)
class Relation:
    """A column that refers to another entity, in the entity's own table or in one of its join tables."""

    owner: str
    table: str
    owner_column: str
    column: str
    target: str
    is_join: bool
    late: bool = False

    @property
    def name(self) -> str:
        """``table.column``, as in ``ops.dangling_references.relation``."""
        return f"{self.table}.{self.column}"


def _relations() -> tuple[Relation, ...]:
    result = []
    for entity in ENTITIES:
        for field, reference in entity.references:
            result.append(
                Relation(entity.name, entity.name, "id", f"{field.name}_id", reference.target, False, reference.late)
            )
        for _, joined in entity.joins:
            if joined.target and joined.target_column:
                owner_column = entity.owner_column(joined)
                result.append(
                    Relation(entity.name, joined.table, owner_column, joined.target_column, joined.target, True)
                )
    return tuple(result)


RELATIONS = _relations()


@dataclass(frozen=True)
class TableStatements:
    """The statements of one table of schema ``stash``, for one instance."""

    entity: Entity
    table: str
    columns: tuple[str, ...]
    select: str
    """Expressions and FROM over ``{documents}``, an alias ``c(id, document)``."""
    key: tuple[str, ...]
    owner_column: str


def _entity_statements(entity: Entity) -> TableStatements:
    record = [] if entity.single else ["id bigint"]
    columns, expressions = ["id"], ["c.id"]
    for field, scalar in entity.scalars:
        if scalar.type == "partial_date":
            record.append(f"{field.name} text")
            columns += partial_date_columns(field.name)
            expressions += [
                f"stash.partial_date(d.{field.name})",
                f"d.{field.name}",
                f"stash.date_precision(d.{field.name})",
            ]
        else:
            record.append(f"{field.name} {'text' if scalar.type == 'path' else scalar.type}")
            columns.append(field.name)
            expressions.append(f"d.{field.name}")
    for field, reference in entity.references:
        record.append(f"{field.name} bigint")
        columns.append(f"{field.name}_id")
        expressions.append("NULL::bigint" if reference.late else f"d.{field.name}")
    select = (
        f"SELECT {{instance_id}}, {', '.join(expressions)}\n"
        f"FROM {{documents}} AS c\nCROSS JOIN LATERAL jsonb_to_record(c.document) AS d({', '.join(record)})"
    )
    return TableStatements(entity, entity.name, tuple(columns), select, ("id",), "id")


def _join_statements(entity: Entity, field_name: str, joined: JoinTable) -> TableStatements:
    owner = entity.owner_column(joined)
    columns = [owner, *(column.name for column in joined.columns)]
    single = len(joined.columns) == 1 and joined.columns[0].key is None
    if single:
        column = joined.columns[0]
        expressions = ["c.id", "e.value" if column.type == "text" else f"e.value::{column.type}"]
        elements = f"jsonb_array_elements_text(c.document->'{field_name}')"
    else:
        expressions = ["c.id"]
        for column in joined.columns:
            value = f"e.value->>'{column.name}'"
            expressions.append(value if column.type == "text" else f"({value})::{column.type}")
        elements = f"jsonb_array_elements(c.document->'{field_name}')"
    if joined.ordinal:
        columns.append(joined.ordinal)
        expressions.append("(e.n - 1)::integer")
    if joined.primary_flag:
        columns.append(joined.primary_flag)
        expressions.append("e.n = 1")
    for derived in joined.derived:
        columns.append(derived.name)
        # the statement is formatted once more, so braces are escaped
        own = {column.name: f"(e.value->>'{column.name}')" for column in joined.columns}
        expressions.append(derived.sql.format_map(own).replace("{", "{{").replace("}", "}}"))
    select = (
        f"SELECT {{instance_id}}, {', '.join(expressions)}\n"
        f"FROM {{documents}} AS c\nCROSS JOIN LATERAL {elements} WITH ORDINALITY AS e(value, n)"
    )
    return TableStatements(entity, joined.table, tuple(columns), select, (owner, *joined.primary_key), owner)


TABLES: dict[str, TableStatements] = {}
for _entity in ENTITIES:
    TABLES[_entity.name] = _entity_statements(_entity)
for _entity in ENTITIES:
    for _field, _joined in _entity.joins:
        TABLES[_joined.table] = _join_statements(_entity, _field.name, _joined)


Leaves = Callable[[str], str]
"""Maps a table of schema ``stash`` to the qualified name of the relation with its rows."""


def _leaves(instance_id: int) -> Leaves:
    return lambda table: partition("stash." + table, instance_id)


def bulk_insert(table: str, instance_id: int, leaf: str | None = None) -> str:
    """Fills an empty partition without indexes, or a relation like it, from all live documents of its entity."""
    s = TABLES[table]
    leaf = leaf or partition("stash." + table, instance_id)
    live = f"(SELECT id, document FROM {partition('raw.' + s.entity.name, instance_id)} WHERE deleted_at IS NULL)"
    return f"INSERT INTO {leaf} (instance_id, {', '.join(s.columns)})\n" + s.select.format(
        instance_id=instance_id, documents=live
    )


def fill_late(relation: Relation, instance_id: int, leaves: Leaves | None = None) -> str:
    """Sets a late reference of a table that was just filled.

    Args:
        leaves: the relations with the rows; None: the instance's partitions.
    """
    leaves = leaves or _leaves(instance_id)
    key = relation.column.removesuffix("_id")
    return (
        f"UPDATE {leaves(relation.table)} AS t\n"
        f"SET {relation.column} = (r.document->>'{key}')::bigint\n"
        f"FROM {partition('raw.' + relation.owner, instance_id)} AS r\n"
        f"WHERE r.instance_id = t.instance_id AND r.id = t.id AND r.deleted_at IS NULL AND r.document ? '{key}'"
    )


def apply_changes(table: str, instance_id: int, changed: str) -> str:
    """Updates the rows of changed objects.

    The statement returns one row: rows inserted, updated, removed; ids of the objects that they belong to.

    Args:
        changed: table of (id, document, gone).
    """
    s = TABLES[table]
    leaf = partition("stash." + table, instance_id)
    live = f"(SELECT id, document FROM {changed} WHERE NOT gone)"
    columns = ", ".join(s.columns)
    values = [c for c in s.columns if c not in s.key]
    conflict = f"ON CONFLICT (instance_id, {', '.join(s.key)}) "
    if values:
        conflict += (
            f"DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in values)}\n"
            f"    WHERE ({', '.join(f't.{c}' for c in values)})\n"
            f"          IS DISTINCT FROM ({', '.join(f'excluded.{c}' for c in values)})"
        )
    else:
        conflict += "DO NOTHING"
    select = s.select
    for field, reference in s.entity.references:
        if table == s.entity.name and reference.late:
            select = select.replace("NULL::bigint", f"d.{field.name}")
    same_key = " AND ".join(f"n.{c} = t.{c}" for c in s.key)
    return (
        f"WITH new_rows(instance_id, {columns}) AS MATERIALIZED (\n"
        f"{select.format(instance_id=instance_id, documents=live)}\n),\n"
        f"removed AS (\n"
        f"    DELETE FROM {leaf} AS t USING {changed} AS c\n"
        f"    WHERE t.instance_id = {instance_id} AND t.{s.owner_column} = c.id\n"
        f"      AND NOT EXISTS (SELECT FROM new_rows AS n WHERE {same_key})\n"
        f"    RETURNING t.{s.owner_column} AS id\n),\n"
        f"written AS (\n"
        f"    INSERT INTO {leaf} AS t (instance_id, {columns})\n"
        f"    SELECT instance_id, {columns} FROM new_rows\n"
        f"    {conflict}\n"
        f"    RETURNING (xmax = 0) AS inserted, t.{s.owner_column} AS id\n)"
        "\nSELECT count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted),\n"
        "       (SELECT count(*) FROM removed),\n"
        "       ARRAY(SELECT id FROM removed UNION SELECT id FROM written)\nFROM written"
    )


def move_dangling(
    relation: Relation,
    instance_id: int,
    condition: str | None,
    leaves: Leaves | None = None,
    dangling: str = "ops.dangling_references",
) -> str:
    """Moves references without a target to ``ops.dangling_references``.

    The statement returns one row: how many; ids of the objects that had them.

    Args:
        condition: SQL over ``t``, the referring row, that selects the rows to examine; None: all rows.
        leaves: the relations with the rows; None: the instance's partitions.
        dangling: the table for the references.
    """
    leaves = leaves or _leaves(instance_id)
    leaf = leaves(relation.table)
    target = leaves(relation.target)
    if condition is None:
        rows = leaf
        head = ""
    else:
        # materialized, or the planner may look up the targets of all rows first; keys start with the instance
        rows = "referring"
        head = (
            f"referring AS MATERIALIZED (\n"
            f"    SELECT t.ctid, t.{relation.owner_column}, t.{relation.column} FROM {leaf} AS t\n"
            f"    WHERE t.instance_id = {instance_id} AND t.{relation.column} IS NOT NULL AND {condition}\n),\n"
        )
    missing = (
        f"SELECT t.ctid, t.{relation.owner_column} AS owner_id, t.{relation.column} AS target_id FROM {rows} AS t\n"
        f"    WHERE t.{relation.column} IS NOT NULL\n"
        f"      AND NOT EXISTS (SELECT FROM {target} AS o WHERE o.id = t.{relation.column})"
    )
    change = (
        f"DELETE FROM {leaf} AS u USING missing AS m"
        if relation.is_join
        else (f"UPDATE {leaf} AS u SET {relation.column} = NULL FROM missing AS m")
    )
    return (
        f"WITH {head}missing AS (\n    {missing}\n),\n"
        f"lost AS (\n    {change}\n    WHERE u.ctid = m.ctid RETURNING m.owner_id, m.target_id\n),\n"
        f"kept AS (\n"
        f"    INSERT INTO {dangling} (instance_id, relation, owner, owner_id, target, target_id)\n"
        f"    SELECT {instance_id}, '{relation.name}', '{relation.owner}', owner_id, '{relation.target}', target_id\n"
        f"    FROM lost ON CONFLICT DO NOTHING\n)\n"
        f"SELECT count(*), ARRAY(SELECT DISTINCT owner_id FROM lost) FROM lost"
    )
