"""Of which objects and boxes the fields of golden records are, as SQL per entity."""

from typing import Final

from stash_pipeline.warehouse.catalog.affected import AFFECTED
from stash_pipeline.warehouse.catalog.keys import PLACE_BITS, decided
from stash_pipeline.warehouse.catalog.records import INDENT
from stash_pipeline.warehouse.catalog.shapes import golden_fields
from stash_pipeline.warehouse.catalog.tables import SOURCES
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import TableChange


def sources_statement(entity: str, *, boxes: bool, records: str = "pg_temp.catalog_golden") -> str:
    """The sources of affected records of several objects and boxes: (id, by field: instance, object, rule; boxes).

    Args:
        boxes: whether some of the records are linked to stash-boxes.
        records: the table of the records.
    """
    instances, objects, rules, numbers = [], [], [], []
    for field in golden_fields(entity):
        numbers.append("NULL")
        if field.rule.method == "survivor":
            best = f"(min(v.key_{field.name}) & {2**PLACE_BITS - 1})"
            if field.on_boxes:
                numbers[-1] = f"(array_agg(v.box_number ORDER BY v.place))[{best}]"
            instances.append(f"(array_agg(v.of_instance ORDER BY v.place))[{best}]")
            objects.append(f"(array_agg(v.of_object ORDER BY v.place))[{best}]")
            rules.append(decided(field, boxes=boxes))
        else:
            instances.append("NULL")
            objects.append("NULL")
            rules.append(f"CASE WHEN count(v.{field.value}) > 0 THEN '{field.rule.method}' END")
    taking_part = "FILTER (WHERE v.box_number IS NOT NULL)"
    of_boxes = (
        f"array_agg(v.of_endpoint ORDER BY v.place) {taking_part} AS endpoint_ids,\n"
        f"    array_agg(v.of_box ORDER BY v.place) {taking_part} AS box_ids,\n"
        f"    CASE WHEN count(v.box_number) > 0 THEN ARRAY[{', '.join(numbers)}]::integer[] END AS box_numbers\n"
        if boxes
        else "NULL::integer[] AS endpoint_ids, NULL::text[] AS box_ids, NULL::integer[] AS box_numbers\n"
    )
    return (
        f"SELECT g.id, '{entity}' AS entity,\n    ARRAY[{', '.join(instances)}]::integer[] AS instance_ids,\n"
        f"    ARRAY[{', '.join(objects)}]::bigint[] AS object_ids,\n    ARRAY[{INDENT.join(rules)}]::text[] AS rules,\n"
        f"    {of_boxes}"
        f"FROM {records} AS g JOIN pg_temp.catalog_values AS v ON v.record_id = g.id\nGROUP BY g.id"
    )


_COLUMNS: Final = tuple(column.name for column in SOURCES.columns if column.name not in ("id", "entity"))


def _columns_of(alias: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in _COLUMNS)


_WRITE_SOURCES: Final = """
WITH made AS MATERIALIZED (
{made}
), differing AS (
    SELECT m.*, s.id IS NULL AS new FROM made AS m LEFT JOIN catalog.sources AS s ON s.id = m.id
    WHERE s.id IS NULL
       OR ROW({stored}) IS DISTINCT FROM ROW({new})
), gone AS (
    DELETE FROM catalog.sources AS s
    WHERE {of_some} NOT EXISTS (SELECT FROM made AS m WHERE m.id = s.id)
    RETURNING s.id
), written AS (
    INSERT INTO catalog.sources (id, entity, {columns})
    SELECT id, entity, {columns} FROM differing ORDER BY id
    ON CONFLICT (id) DO UPDATE
    SET ({columns}) = ROW({excluded})
)
SELECT (SELECT count(*) FROM differing WHERE new), (SELECT count(*) FROM differing WHERE NOT new),
    (SELECT count(*) FROM gone)
"""


def write_sources(connection: Connection, entity: str, *, everything: bool, boxes: bool, first: bool) -> TableChange:
    """Writes of which objects the fields of the affected records are, or of all, where that differs.

    Args:
        first: of all records of the entity, none are stored.
    """
    if first:
        made = sources_statement(entity, boxes=boxes, records=f"catalog.{entity}")
        columns = f"id, entity, {', '.join(_COLUMNS)}"
        statement = f"INSERT INTO catalog.sources ({columns})\nSELECT {columns} FROM (\n{made}\n) AS m ORDER BY id"
        return TableChange(inserted=connection.execute(statement).rowcount)
    of_some = f"EXISTS (SELECT FROM {AFFECTED} AS a WHERE a.entity = '{entity}' AND a.id = s.id) AND"
    of_all = f"s.entity = '{entity}' AND"
    statement = _WRITE_SOURCES.format(
        made=sources_statement(entity, boxes=boxes),
        of_some=of_all if everything else of_some,
        columns=", ".join(_COLUMNS),
        stored=_columns_of("s"),
        new=_columns_of("m"),
        excluded=_columns_of("excluded"),
    )
    row = connection.execute(statement).fetchone()
    assert row is not None
    return TableChange(inserted=row[0], updated=row[1], removed=row[2])
