"""Golden records, as SQL per entity.

A record of one object has the values of that object. For the others, and for records that a stash-box has too, every
object and box gets a sort key per field (``keys``), and the value with the smallest key survives.
"""

from typing import Final

from stash_pipeline.warehouse.catalog.affected import AFFECTED, MOVES
from stash_pipeline.warehouse.catalog.boxes import BOXES, box_rows, boxes_statement, collect_boxes
from stash_pipeline.warehouse.catalog.keys import PLACE_BITS, sort_key
from stash_pipeline.warehouse.catalog.shapes import GoldenField, golden_fields
from stash_pipeline.warehouse.catalog.tables import RECORDS
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import TableChange
from stash_pipeline.warehouse.stashbox.fields import BOX_FIELDS
from stash_pipeline.warehouse.tables import type_name

OBJECTS: Final = "pg_temp.catalog_objects"
"""The objects of affected records of one entity, with their order by each criterion."""

# --- the objects --------------------------------------------------------------------------------------------

# of several choices for one record and field, the newest counts
_CHOSEN: Final = """
    SELECT instance_id, id, bool_or(field IS NULL) AS chosen,
        array_agg(field) FILTER (WHERE field IS NOT NULL) AS chosen_fields
    FROM (
        SELECT DISTINCT ON (m.canonical_id, d.field) m.instance_id, m.id, d.field
        FROM matches.resolved_decisions AS r
        JOIN matches.decisions AS d ON d.id = r.decision_id AND d.verdict = 'primary'
        JOIN catalog.members AS m
            ON m.entity = r.entity AND m.instance_id = r.left_instance_id AND m.id = r.left_id
        WHERE r.entity = '{entity}'
        ORDER BY m.canonical_id, d.field, d.id DESC
    ) AS newest
    GROUP BY instance_id, id"""

_ORDER_OF_INSTANCES: Final = "i.enabled AND i.removed_at IS NULL DESC, i.priority"
"""Those that are not read any more are out of date."""

# most records have one object and no box, which needs no order
_OBJECTS: Final = f"""
CREATE TEMP TABLE catalog_objects ON COMMIT DROP AS
WITH objects AS MATERIALIZED (
    SELECT m.canonical_id, m.instance_id, m.id {{source}}
), counted AS MATERIALIZED (
    SELECT canonical_id, count(*) = 1{{unlinked}} AS alone FROM objects GROUP BY canonical_id
)
SELECT m.canonical_id, m.instance_id, m.id, true AS alone, false AS chosen, NULL::text[] AS chosen_fields,
    1 AS place, 1 AS by_priority, 1 AS by_newest, 1 AS by_played_last, 1 AS rank
FROM objects AS m JOIN counted AS n ON n.canonical_id = m.canonical_id AND n.alone
UNION ALL
SELECT m.canonical_id, m.instance_id, m.id, false, coalesce(h.chosen, false), h.chosen_fields,
    row_number() OVER (PARTITION BY m.canonical_id ORDER BY m.instance_id, m.id),
    dense_rank() OVER (PARTITION BY m.canonical_id ORDER BY {_ORDER_OF_INSTANCES}),
    dense_rank() OVER (PARTITION BY m.canonical_id ORDER BY o.updated_at DESC NULLS LAST),
    {{played}},
    row_number() OVER (
        PARTITION BY m.canonical_id ORDER BY coalesce(h.chosen, false) DESC, {_ORDER_OF_INSTANCES},
            o.updated_at DESC NULLS LAST, m.instance_id, m.id
    )
FROM objects AS m
JOIN counted AS n ON n.canonical_id = m.canonical_id AND NOT n.alone
JOIN stash.{{entity}} AS o ON o.instance_id = m.instance_id AND o.id = m.id
JOIN ops.instances AS i ON i.id = m.instance_id
LEFT JOIN ({_CHOSEN}
) AS h ON h.instance_id = m.instance_id AND h.id = m.id
"""

_OF_ALL: Final = "FROM catalog.members AS m WHERE m.entity = '{entity}'"
_OF_SOME: Final = (
    f"FROM {AFFECTED} AS a JOIN catalog.members AS m ON m.canonical_id = a.id WHERE a.entity = '{{entity}}'"
)
_PLAYED: Final = "dense_rank() OVER (PARTITION BY m.canonical_id ORDER BY o.last_played_at DESC NULLS LAST)"


def _source_of(entity: str, *, everything: bool) -> str:
    return (_OF_ALL if everything else _OF_SOME).format(entity=entity)


_UNLINKED: Final = f" AND NOT EXISTS (SELECT FROM {BOXES} AS b WHERE b.canonical_id = objects.canonical_id)"


def _objects(entity: str, *, everything: bool, boxes: bool) -> str:
    played = _PLAYED if any(field.name == "last_played_at" for field in golden_fields(entity)) else "1"
    source = _source_of(entity, everything=everything)
    return _OBJECTS.format(entity=entity, played=played, source=source, unlinked=_UNLINKED if boxes else "")


# --- values -------------------------------------------------------------------------------------------------


def _source(entity: str) -> tuple[list[str], str]:
    """(expressions of the columns, joins) over an object ``o`` and its entry ``m``; empty texts are null."""
    columns, joins = [], ""
    for field in golden_fields(entity):
        if field.target:
            alias = f"r_{field.name}"
            joins += (
                f"\nLEFT JOIN catalog.members AS {alias} ON {alias}.entity = '{field.target}'"
                f" AND {alias}.instance_id = o.instance_id AND {alias}.id = o.{field.value}"
            )
            # objects that are one are not above each other
            own = f"nullif({alias}.canonical_id, m.canonical_id)" if field.target == entity else f"{alias}.canonical_id"
            columns.append(f"{own} AS {field.value}")
        else:
            for name in field.columns:
                is_text = type_name(RECORDS[entity].columns[name]) == "text"
                columns.append(f"nullif(o.{name}, '') AS {name}" if is_text else f"o.{name}")
    return columns, joins


INDENT: Final = ",\n    "


_OF_BOX: Final = (
    "b.canonical_id AS record_id, NULL AS of_instance, NULL AS of_object, b.endpoint_id AS of_endpoint,"
    " b.box_id AS of_box, b.number AS box_number, n.objects + b.number AS place, n.objects + b.number AS rank,\n"
    # after all instances
    "    false AS chosen, NULL AS chosen_fields, n.objects + b.number AS by_priority, 1 AS by_newest,"
    " 1 AS by_played_last"
)


def _values(entity: str, *, boxes: bool) -> str:
    """The values and keys of the objects and boxes of records that have several."""
    columns, joins = _source(entity)
    keys = [sort_key(field, boxes=boxes) for field in golden_fields(entity) if field.rule.method == "survivor"]
    inner = (
        "    SELECT m.canonical_id AS record_id, m.instance_id AS of_instance, m.id AS of_object,\n"
        "    NULL::integer AS of_endpoint, NULL::text AS of_box, NULL::integer AS box_number, m.place, m.rank,\n"
        "    m.chosen, m.chosen_fields, m.by_priority, m.by_newest, m.by_played_last,\n    "
        f"{INDENT.join(columns)}\n    FROM {OBJECTS} AS m\n"
        f"    JOIN stash.{entity} AS o ON o.instance_id = m.instance_id AND o.id = m.id{joins}\n    WHERE NOT m.alone"
    )
    if boxes:
        inner += f"\n    UNION ALL\n{box_rows(entity, OBJECTS, _OF_BOX)}"
    return (
        "CREATE TEMP TABLE catalog_values ON COMMIT DROP AS\n"
        f"SELECT o.*,\n    {INDENT.join(keys)}\nFROM (\n{inner}\n) AS o"
    )


_AGGREGATES: Final = {"least": "min({v})", "greatest": "max({v})", "any": "bool_or({v})"}


def _golden(entity: str) -> str:
    """Selects the golden records of one object, and of several."""
    columns, joins = _source(entity)
    several, merged = [], ""
    for field in golden_fields(entity):
        value = f"v.{field.value}"
        match field.rule.method:
            case "survivor":
                # the lowest bits of the smallest key are the place of its object
                best = f"min(v.key_{field.name}) & {2**PLACE_BITS - 1}"
                several += [f"(array_agg(v.{name} ORDER BY v.place))[{best}] AS {name}" for name in field.columns]
            case "sum":
                kind = type_name(RECORDS[entity].columns[field.value])
                # in a fixed order: sums of floating-point numbers depend on it
                # numbers that a server invents can be too large to be added
                bounded = value
                if kind == "double precision":
                    bounded = f"CASE WHEN {value} BETWEEN -1e300 AND 1e300 THEN {value} END"
                several.append(f"sum({bounded} ORDER BY v.place)::{kind} AS {field.value}")
            case "merged":
                alias = f"merged_{field.name}"
                merged += f"\nLEFT JOIN ({_merged(field)}) AS {alias} ON {alias}.record_id = v.record_id"
                several.append(
                    f"CASE WHEN bool_or({value} IS NOT NULL) THEN coalesce((array_agg({alias}.keys))[1], '{{}}') END"
                    f" AS {field.value}"
                )
            case method:
                several.append(f"{_AGGREGATES[method].format(v=value)} AS {field.value}")
    return (
        f"SELECT m.canonical_id AS id, 1 AS objects, 1 AS instances,\n    {INDENT.join(columns)}\n"
        f"FROM {OBJECTS} AS m\n"
        f"JOIN stash.{entity} AS o ON o.instance_id = m.instance_id AND o.id = m.id{joins}\nWHERE m.alone\n"
        "UNION ALL\n"
        "SELECT v.record_id, count(v.of_object)::integer, count(DISTINCT v.of_instance)::integer,\n    "
        f"{INDENT.join(several)}\n"
        f"FROM pg_temp.catalog_values AS v{merged}\n"
        "GROUP BY v.record_id"
    )


def _merged(field: GoldenField) -> str:
    """All keys of the JSON objects of a record's members; of equal keys, the last one stays."""
    value = f"j.{field.value}"
    return (
        "\n    SELECT j.record_id, jsonb_object_agg(e.key, e.value ORDER BY j.rank DESC) AS keys\n"
        "    FROM pg_temp.catalog_values AS j CROSS JOIN LATERAL\n"
        f"        jsonb_each(CASE WHEN jsonb_typeof({value}) = 'object' THEN {value} ELSE '{{}}' END) AS e\n"
        f"    WHERE {value} IS NOT NULL GROUP BY j.record_id\n"
    )


# --- writing ------------------------------------------------------------------------------------------------


_CREATE_GOLDEN: Final = "CREATE TEMP TABLE catalog_golden ON COMMIT DROP AS\n"

_VANISH: Final = """
INSERT INTO catalog.vanished (id, entity, revision)
SELECT id, %(entity)s, %(revision)s FROM unnest(%(ids)s::uuid[]) AS gone(id)
ON CONFLICT (id) DO UPDATE SET entity = excluded.entity, revision = excluded.revision
"""

_MOVED: Final = f"""
UPDATE catalog.{{entity}} AS c SET revision = %(revision)s
FROM (
    SELECT old_id AS id FROM {MOVES} WHERE entity = '{{entity}}' AND old_id IS DISTINCT FROM new_id
    UNION
    SELECT new_id FROM {MOVES} WHERE entity = '{{entity}}' AND old_id IS DISTINCT FROM new_id
) AS moved
WHERE c.id = moved.id AND c.revision <> %(revision)s
"""


def _update(entity: str) -> str:
    names, row, golden = _names(entity)
    return (
        f"UPDATE catalog.{entity} AS c\nSET ({names}, revision) = ROW({golden}, %(revision)s)\n"
        f"FROM pg_temp.catalog_golden AS g\nWHERE c.id = g.id AND ROW({row}) IS DISTINCT FROM ROW({golden})"
    )


def _insert(entity: str, *, first: bool) -> str:
    names, _, golden = _names(entity)
    source, new = f"(\n{_golden(entity)}\n)", ""
    if not first:
        source = "pg_temp.catalog_golden"
        new = f"WHERE NOT EXISTS (SELECT FROM catalog.{entity} AS c WHERE c.id = g.id)\n"
    return (
        f"INSERT INTO catalog.{entity} (id, {names}, revision)\n"
        f"SELECT g.id, {golden}, %(revision)s FROM {source} AS g\n{new}ORDER BY g.id"
    )


def _delete(entity: str, *, everything: bool) -> str:
    of_some = f"EXISTS (SELECT FROM {AFFECTED} AS a WHERE a.entity = '{entity}' AND a.id = c.id) AND"
    return (
        f"DELETE FROM catalog.{entity} AS c WHERE {'' if everything else of_some}\n"
        "  NOT EXISTS (SELECT FROM pg_temp.catalog_golden AS g WHERE g.id = c.id)\nRETURNING c.id"
    )


def _names(entity: str) -> tuple[str, str, str]:
    """The columns that are compared; of the record that is there, and of the new one."""
    names = [column.name for column in RECORDS[entity].columns if column.name not in ("id", "revision")]
    return ", ".join(names), ", ".join(f"c.{name}" for name in names), ", ".join(f"g.{name}" for name in names)


def collect_objects(connection: Connection, entity: str, *, everything: bool) -> bool:
    """Creates :data:`OBJECTS`, also for the lists of the records; returns whether some are linked to stash-boxes."""
    boxes = collect_boxes(connection, entity, _source_of(entity, everything=everything))
    connection.execute(_objects(entity, everything=everything, boxes=boxes))
    connection.execute(f"ANALYZE {OBJECTS} (canonical_id, instance_id, id, alone)")
    return boxes


def write_records(
    connection: Connection, entity: str, revision: int, *, everything: bool, boxes: bool, first: bool
) -> TableChange:
    """Makes the affected records of an entity, or all, and writes those that differ.

    Args:
        first: there are no records yet.
    """
    connection.execute(_values(entity, boxes=boxes))
    connection.execute("ANALYZE pg_temp.catalog_values (record_id)")
    parameters = {"revision": revision}
    if first:
        # each is written once: what is made is what is stored
        change = TableChange(inserted=connection.execute(_insert(entity, first=True), parameters).rowcount)
        connection.execute(f"DELETE FROM catalog.vanished AS v USING catalog.{entity} AS g WHERE v.id = g.id")
        return change
    connection.execute(_CREATE_GOLDEN + _golden(entity))
    connection.execute("ANALYZE pg_temp.catalog_golden (id)")
    change = TableChange()
    change.updated = connection.execute(_update(entity), parameters).rowcount
    change.inserted = connection.execute(_insert(entity, first=False), parameters).rowcount
    connection.execute("DELETE FROM catalog.vanished AS v USING pg_temp.catalog_golden AS g WHERE v.id = g.id")
    gone = [row[0] for row in connection.execute(_delete(entity, everything=everything)).fetchall()]
    change.removed = len(gone)
    # records of the same values whose objects are others
    change.updated += connection.execute(_MOVED.format(entity=entity), parameters).rowcount
    if gone:
        connection.execute(_VANISH, {"entity": entity, "ids": gone, **parameters})
    return change


def forget_records(connection: Connection) -> None:
    """Drops the temporary tables of an entity."""
    connection.execute(f"DROP TABLE IF EXISTS {OBJECTS}, pg_temp.catalog_values, pg_temp.catalog_golden, {BOXES}")


def version_parts(entity: str) -> tuple[str, ...]:
    """The statements that determine the records of an entity."""
    boxes = entity in BOX_FIELDS
    linked = (boxes_statement(entity, _source_of(entity, everything=True)),) if boxes else ()
    return (
        *linked,
        _objects(entity, everything=True, boxes=boxes),
        _values(entity, boxes=boxes),
        _CREATE_GOLDEN + _golden(entity),
    )
