"""Golden records and their sources, as SQL per entity.

A record of one object has the values of that object. For the others, every object gets a sort key per field: the
criteria of its rule as bits of one number, the first criterion highest, and the smallest key survives. The criterion
that decided is the first in which the smallest key differs from the smallest one of an object with another value.
"""

from typing import Final

from stash_pipeline.warehouse.catalog.affected import AFFECTED, MOVES
from stash_pipeline.warehouse.catalog.shapes import GoldenField, golden_fields
from stash_pipeline.warehouse.catalog.survivorship import Criterion
from stash_pipeline.warehouse.catalog.tables import RECORDS
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import TableChange
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

# most records have one object, which needs no order
_OBJECTS: Final = f"""
CREATE TEMP TABLE catalog_objects ON COMMIT DROP AS
WITH objects AS MATERIALIZED (
    SELECT m.canonical_id, m.instance_id, m.id {{source}}
), counted AS MATERIALIZED (
    SELECT canonical_id, count(*) AS objects FROM objects GROUP BY canonical_id
)
SELECT m.canonical_id, m.instance_id, m.id, 1 AS objects, false AS chosen, NULL::text[] AS chosen_fields,
    1 AS place, 1 AS by_priority, 1 AS by_newest, 1 AS by_played_last, 1 AS rank
FROM objects AS m JOIN counted AS n ON n.canonical_id = m.canonical_id AND n.objects = 1
UNION ALL
SELECT m.canonical_id, m.instance_id, m.id, n.objects, coalesce(h.chosen, false), h.chosen_fields,
    row_number() OVER (PARTITION BY m.canonical_id ORDER BY m.instance_id, m.id),
    dense_rank() OVER (PARTITION BY m.canonical_id ORDER BY {_ORDER_OF_INSTANCES}),
    dense_rank() OVER (PARTITION BY m.canonical_id ORDER BY o.updated_at DESC NULLS LAST),
    {{played}},
    row_number() OVER (
        PARTITION BY m.canonical_id ORDER BY coalesce(h.chosen, false) DESC, {_ORDER_OF_INSTANCES},
            o.updated_at DESC NULLS LAST, m.instance_id, m.id
    )
FROM objects AS m
JOIN counted AS n ON n.canonical_id = m.canonical_id AND n.objects > 1
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


def _objects(entity: str, *, everything: bool) -> str:
    played = _PLAYED if any(field.name == "last_played_at" for field in golden_fields(entity)) else "1"
    source = (_OF_ALL if everything else _OF_SOME).format(entity=entity)
    return _OBJECTS.format(entity=entity, played=played, source=source)


# --- keys ---------------------------------------------------------------------------------------------------

_PLACE_BITS: Final = 16
_BITS: Final[dict[Criterion, int]] = {
    "choice": 2, "own_picture": 1, "priority": 11, "played_last": 11, "precise": 2, "newest": 11, "longest": 20,
    "lowest": _PLACE_BITS,
}  # fmt: skip
"""Bits per criterion; those of one rule fit into 63. ``stash_box`` has no source yet."""

_LONGEST: Final = 2 ** _BITS["longest"] - 1


def _rank(column: str) -> str:
    return f"least(o.{column}, {2 ** _BITS['priority'] - 1})"


def _criterion(criterion: Criterion, field: GoldenField) -> str:
    """The number of an object by a criterion; the smallest is best."""
    value = f"o.{field.value}"
    return {
        "choice": f"CASE WHEN '{field.name}' = ANY (o.chosen_fields) THEN 0 WHEN o.chosen THEN 1 ELSE 2 END",
        "own_picture": f"CASE WHEN {value} LIKE '%default=true%' THEN 1 ELSE 0 END",
        "priority": _rank("by_priority"),
        "played_last": _rank("by_played_last"),
        "precise": f"CASE o.{field.name}_precision WHEN 'day' THEN 0 WHEN 'month' THEN 1 WHEN 'year' THEN 2 ELSE 3 END",
        "newest": _rank("by_newest"),
        "longest": f"{_LONGEST} - least(length({value}), {_LONGEST})",
        "lowest": "o.place",
    }[criterion]


def _criteria(field: GoldenField) -> tuple[Criterion, ...]:
    return tuple(one for one in field.rule.criteria if one in _BITS and (one != "longest" or field.type == "text"))


def _key(field: GoldenField) -> str:
    """The sort key of an object for a field; null if it has no value that can survive."""
    key = "0::bigint"
    for criterion in _criteria(field):
        key = f"(({key}) << {_BITS[criterion]}) + {_criterion(criterion, field)}"
    return (
        f"CASE WHEN o.{field.value} IS NOT NULL OR '{field.name}' = ANY (o.chosen_fields) THEN {key} END"
        f" AS key_{field.name}"
    )


def _decided(field: GoldenField) -> str:
    """The criterion that decided, by the best key and the best one of another value."""
    best = f"min(v.key_{field.name})"
    other = f"{best} FILTER (WHERE v.{field.value} IS DISTINCT FROM g.{field.value})"
    shift = sum(_BITS[one] for one in _criteria(field))
    cases = [
        f"WHEN {best} IS NULL THEN NULL",
        f"WHEN count(v.key_{field.name}) = 1 THEN 'only'",
        f"WHEN {other} IS NULL THEN 'agreed'",
    ]
    for criterion in _criteria(field)[:-1]:
        shift -= _BITS[criterion]
        cases.append(f"WHEN {best} >> {shift} <> {other} >> {shift} THEN '{criterion}'")
    return f"CASE {' '.join(cases)} ELSE 'lowest' END"


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


_INDENT: Final = ",\n    "


def _values(entity: str) -> str:
    """The values and keys of objects of records of several."""
    columns, joins = _source(entity)
    keys = [_key(field) for field in golden_fields(entity) if field.rule.method == "survivor"]
    inner = (
        "    SELECT m.canonical_id AS record_id, m.instance_id AS of_instance, m.id AS of_object, m.place, m.rank,\n"
        "    m.chosen, m.chosen_fields, m.by_priority, m.by_newest, m.by_played_last,\n    "
        f"{_INDENT.join(columns)}\n    FROM {OBJECTS} AS m\n"
        f"    JOIN stash.{entity} AS o ON o.instance_id = m.instance_id AND o.id = m.id{joins}\n    WHERE m.objects > 1"
    )
    return (
        "CREATE TEMP TABLE catalog_values ON COMMIT DROP AS\n"
        f"SELECT o.*,\n    {_INDENT.join(keys)}\nFROM (\n{inner}\n) AS o"
    )


_AGGREGATES: Final = {"least": "min({v})", "greatest": "max({v})", "any": "bool_or({v})"}


def _golden(entity: str) -> str:
    """The golden records of one object, and of several."""
    columns, joins = _source(entity)
    fields = golden_fields(entity)
    several, merged = [], ""
    for field in fields:
        value = f"v.{field.value}"
        match field.rule.method:
            case "survivor":
                several += [
                    f"(array_agg(v.{name}) FILTER (WHERE v.key_{field.name} = w.key_{field.name}))[1] AS {name}"
                    for name in field.columns
                ]
            case "sum":
                kind = type_name(RECORDS[entity].columns[field.value])
                # in a fixed order: sums of floating-point numbers depend on it
                several.append(f"sum({value} ORDER BY v.place)::{kind} AS {field.value}")
            case "merged":
                alias = f"merged_{field.name}"
                merged += f"\nLEFT JOIN ({_merged(field)}) AS {alias} ON {alias}.record_id = w.record_id"
                several.append(
                    f"CASE WHEN bool_or({value} IS NOT NULL) THEN coalesce((array_agg({alias}.keys))[1], '{{}}') END"
                    f" AS {field.value}"
                )
            case method:
                several.append(f"{_AGGREGATES[method].format(v=value)} AS {field.value}")
    best = [f"min(key_{field.name}) AS key_{field.name}" for field in fields if field.rule.method == "survivor"]
    return (
        "CREATE TEMP TABLE catalog_golden ON COMMIT DROP AS\n"
        f"SELECT m.canonical_id AS id, 1 AS objects, 1 AS instances,\n    {_INDENT.join(columns)}\n"
        f"FROM {OBJECTS} AS m\n"
        f"JOIN stash.{entity} AS o ON o.instance_id = m.instance_id AND o.id = m.id{joins}\nWHERE m.objects = 1\n"
        "UNION ALL\n"
        "SELECT w.record_id, count(*)::integer, count(DISTINCT v.of_instance)::integer,\n    "
        f"{_INDENT.join(several)}\n"
        f"FROM (\n    SELECT record_id, {', '.join(best)}\n    FROM pg_temp.catalog_values GROUP BY record_id\n) AS w\n"
        f"JOIN pg_temp.catalog_values AS v ON v.record_id = w.record_id{merged}\n"
        "GROUP BY w.record_id"
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


def _insert(entity: str) -> str:
    names, _, golden = _names(entity)
    return (
        f"INSERT INTO catalog.{entity} (id, {names}, revision)\n"
        f"SELECT g.id, {golden}, %(revision)s FROM pg_temp.catalog_golden AS g\n"
        f"WHERE NOT EXISTS (SELECT FROM catalog.{entity} AS c WHERE c.id = g.id)\nORDER BY g.id"
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


def collect_objects(connection: Connection, entity: str, *, everything: bool) -> None:
    """Creates :data:`OBJECTS`; also for the lists of the records."""
    connection.execute(_objects(entity, everything=everything))
    connection.execute(f"ANALYZE {OBJECTS}")


def write_records(connection: Connection, entity: str, revision: int, *, everything: bool) -> TableChange:
    """Makes the affected records of an entity, or all, and writes those that differ."""
    connection.execute(_values(entity))
    connection.execute("ANALYZE pg_temp.catalog_values (record_id)")
    connection.execute(_golden(entity))
    connection.execute("ANALYZE pg_temp.catalog_golden (id)")
    parameters = {"revision": revision}
    change = TableChange()
    change.updated = connection.execute(_update(entity), parameters).rowcount
    change.inserted = connection.execute(_insert(entity), parameters).rowcount
    gone = [row[0] for row in connection.execute(_delete(entity, everything=everything)).fetchall()]
    change.removed = len(gone)
    # records of the same values whose objects are others
    change.updated += connection.execute(_MOVED.format(entity=entity), parameters).rowcount
    connection.execute("DELETE FROM catalog.vanished AS v USING pg_temp.catalog_golden AS g WHERE v.id = g.id")
    if gone:
        connection.execute(_VANISH, {"entity": entity, "ids": gone, **parameters})
    return change


def forget_records(connection: Connection) -> None:
    """Drops the temporary tables of an entity."""
    connection.execute(f"DROP TABLE {OBJECTS}, pg_temp.catalog_values, pg_temp.catalog_golden")


def version_parts(entity: str) -> tuple[str, ...]:
    """The statements that determine the records of an entity."""
    return _objects(entity, everything=True), _values(entity), _golden(entity), _sources(entity)


# --- sources ------------------------------------------------------------------------------------------------


def _sources(entity: str) -> str:
    """The sources of affected records of several objects: (id, by field: instance, object, rule)."""
    instances, objects, rules = [], [], []
    for field in golden_fields(entity):
        if field.rule.method == "survivor":
            best = f"(min(v.key_{field.name}) & {2**_PLACE_BITS - 1})"
            instances.append(f"(array_agg(v.of_instance ORDER BY v.place))[{best}]")
            objects.append(f"(array_agg(v.of_object ORDER BY v.place))[{best}]")
            rules.append(_decided(field))
        else:
            instances.append("NULL")
            objects.append("NULL")
            rules.append(f"CASE WHEN count(v.{field.value}) > 0 THEN '{field.rule.method}' END")
    return (
        f"SELECT g.id, '{entity}' AS entity,\n    ARRAY[{', '.join(instances)}]::integer[] AS instance_ids,\n"
        f"    ARRAY[{', '.join(objects)}]::bigint[] AS object_ids,\n    ARRAY[{_INDENT.join(rules)}]::text[] AS rules\n"
        "FROM pg_temp.catalog_golden AS g JOIN pg_temp.catalog_values AS v ON v.record_id = g.id\nGROUP BY g.id"
    )


_WRITE_SOURCES: Final = """
WITH made AS MATERIALIZED (
{made}
), differing AS (
    SELECT m.*, s.id IS NULL AS new FROM made AS m LEFT JOIN catalog.sources AS s ON s.id = m.id
    WHERE s.id IS NULL
       OR ROW(s.instance_ids, s.object_ids, s.rules) IS DISTINCT FROM ROW(m.instance_ids, m.object_ids, m.rules)
), gone AS (
    DELETE FROM catalog.sources AS s
    WHERE {of_some} NOT EXISTS (SELECT FROM made AS m WHERE m.id = s.id)
    RETURNING s.id
), written AS (
    INSERT INTO catalog.sources (id, entity, instance_ids, object_ids, rules)
    SELECT id, entity, instance_ids, object_ids, rules FROM differing ORDER BY id
    ON CONFLICT (id) DO UPDATE
    SET instance_ids = excluded.instance_ids, object_ids = excluded.object_ids, rules = excluded.rules
)
SELECT (SELECT count(*) FROM differing WHERE new), (SELECT count(*) FROM differing WHERE NOT new),
    (SELECT count(*) FROM gone)
"""


def write_sources(connection: Connection, entity: str, *, everything: bool) -> TableChange:
    """Writes of which objects the fields of the affected records are, or of all, where that differs."""
    of_some = f"EXISTS (SELECT FROM {AFFECTED} AS a WHERE a.entity = '{entity}' AND a.id = s.id) AND"
    of_all = f"s.entity = '{entity}' AND"
    statement = _WRITE_SOURCES.format(made=_sources(entity), of_some=of_all if everything else of_some)
    row = connection.execute(statement).fetchone()
    assert row is not None
    return TableChange(inserted=row[0], updated=row[1], removed=row[2])
