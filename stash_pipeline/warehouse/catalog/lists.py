"""The lists of golden records, as SQL per table: elements of all members, each once, references as golden records."""

from stash_pipeline.warehouse.catalog.affected import AFFECTED
from stash_pipeline.warehouse.catalog.records import OBJECTS
from stash_pipeline.warehouse.catalog.shapes import GoldenList
from stash_pipeline.warehouse.catalog.tables import LISTS
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import TableChange
from stash_pipeline.warehouse.tables import JOINS, type_name


def _from(golden: GoldenList) -> str:
    joined = golden.joined
    text = (
        f"FROM {OBJECTS} AS m\n"
        f"JOIN stash.{golden.table} AS x ON x.instance_id = m.instance_id AND x.{golden.owner} = m.id"
    )
    if golden.kind == "references":
        text += (
            f"\nJOIN catalog.members AS t ON t.entity = '{joined.target}' AND t.instance_id = x.instance_id"
            f" AND t.id = x.{joined.target_column}"
        )
        if joined.target == golden.entity:
            # objects that are one do not contain each other
            text += " AND t.canonical_id <> m.canonical_id"
    return text


def _attribute(golden: GoldenList, name: str) -> str:
    """A column that is not of the key: the first value by the order of the objects; the newest time."""
    kind = type_name(JOINS[golden.table].columns[name])
    if kind == "boolean":
        return f"bool_or(x.{name}) AS {name}"
    if kind.startswith("timestamp"):
        return f"max(x.{name}) AS {name}"
    # two elements of one object can be the same golden record
    order = ", ".join(["m.rank", "m.id", *(f"x.{key}" for key in golden.key)])
    return f"(array_agg(x.{name} ORDER BY {order}) FILTER (WHERE x.{name} IS NOT NULL))[1] AS {name}"


def _elements(golden: GoldenList) -> str:
    """The elements that the affected records have now, in the order of the columns."""
    first = f"m.canonical_id AS {golden.owner}"
    if golden.kind == "times":
        return _times(golden)
    if golden.kind == "of_instances":
        keys = ["x.instance_id", *(f"x.{name}" for name in golden.key)]
    elif golden.kind == "references":
        keys = [f"t.canonical_id AS {golden.key[0]}"]
    elif golden.kind == "ordered":
        keys = []
    else:
        keys = [f"x.{name}" for name in golden.key]
    group = ["m.canonical_id", *(key.split(" AS ")[0] for key in keys)]
    if golden.kind == "ordered":
        (column,) = golden.joined.columns
        group.append(f"x.{column.name}")
        return (
            f"SELECT {first}, {_position(golden, group[-1])} AS {golden.ordinal}, x.{column.name}\n{_from(golden)}\n"
            f"GROUP BY {', '.join(group)}"
        )
    columns = [first, *keys, *(_attribute(golden, name) for name in golden.attributes)]
    if golden.ordinal:
        columns.append(f"{_position(golden, group[-1])} AS {golden.ordinal}")
    return f"SELECT {', '.join(columns)}\n{_from(golden)}\nGROUP BY {', '.join(group)}"


def _position(golden: GoldenList, element: str) -> str:
    """The position of an element: those of the first object in their order, then what only others have."""
    best = f"min(ARRAY[m.rank::integer, x.{golden.ordinal}])"
    return f"(row_number() OVER (PARTITION BY m.canonical_id ORDER BY {best}, {element}) - 1)::integer"


def _times(golden: GoldenList) -> str:
    """All moments in order. One that several objects have is the same; one that an object has twice is two."""
    (column,) = golden.joined.columns
    name = column.name
    return f"""
SELECT e.record_id AS {golden.owner},
    (row_number() OVER (PARTITION BY e.record_id ORDER BY e.{name}, e.occurrence) - 1)::integer AS {golden.ordinal},
    e.{name}
FROM (
    SELECT DISTINCT o.record_id, o.{name}, o.occurrence
    FROM (
        SELECT m.canonical_id AS record_id, x.{name},
            row_number() OVER (PARTITION BY m.canonical_id, m.instance_id, m.id, x.{name}) AS occurrence
        {_from(golden)}
    ) AS o
) AS e"""


def elements_statement(golden: GoldenList) -> str:
    """The elements of a list that the affected records have, in no order."""
    return _elements(golden)


def _differences(golden: GoldenList, *, everything: bool) -> str:
    """Writes the elements that differ, and marks their records; returns (inserted, updated, removed, marked)."""
    table, key = f"catalog.{golden.table}", golden.primary_key
    others = [name for name in golden.columns if name not in key]
    columns = ", ".join(column.name for column in LISTS[golden.table].columns)
    same = " AND ".join(f"c.{name} = e.{name}" for name in key)
    differs = f"c.{golden.owner} IS NULL"
    conflict = "DO NOTHING"
    if others:
        row = ", ".join(f"c.{name}" for name in others), ", ".join(f"e.{name}" for name in others)
        differs += f" OR ROW({row[0]}) IS DISTINCT FROM ROW({row[1]})"
        conflict = f"DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in others)}"
    of_some = f"EXISTS (SELECT FROM {AFFECTED} AS a WHERE a.entity = '{golden.entity}' AND a.id = c.{golden.owner}) AND"
    return f"""
WITH elements AS MATERIALIZED (
{_elements(golden)}
), differing AS MATERIALIZED (
    SELECT e.*, c.{golden.owner} IS NULL AS is_new FROM elements AS e LEFT JOIN {table} AS c ON {same}
    WHERE {differs}
), gone AS (
    DELETE FROM {table} AS c
    WHERE {"" if everything else of_some} NOT EXISTS (SELECT FROM elements AS e WHERE {same})
    RETURNING c.{golden.owner}
), written AS (
    INSERT INTO {table} ({columns}) SELECT {columns} FROM differing ORDER BY {", ".join(key)}
    ON CONFLICT ({", ".join(key)}) {conflict}
), marked AS (
    -- an array: they are few, and the planner expects many
    UPDATE catalog.{golden.entity} AS r SET revision = %(revision)s
    WHERE r.id = ANY (ARRAY(SELECT {golden.owner} FROM differing UNION SELECT {golden.owner} FROM gone))
      AND r.revision <> %(revision)s
    RETURNING r.id
)
SELECT (SELECT count(*) FROM differing WHERE is_new), (SELECT count(*) FROM differing WHERE NOT is_new),
    (SELECT count(*) FROM gone), (SELECT count(*) FROM marked)
"""


def write_list(
    connection: Connection, golden: GoldenList, revision: int, *, everything: bool, first: bool
) -> tuple[TableChange, int]:
    """Writes one list of the affected records, or of all; returns also how many records it marked as changed.

    Args:
        first: the list was empty, and all records are new.
    """
    if first:
        columns = ", ".join(column.name for column in LISTS[golden.table].columns)
        # in the order of the key, which makes its index several times as fast
        statement = (
            f"INSERT INTO catalog.{golden.table} ({columns})\n"
            f"SELECT {columns} FROM (\n{_elements(golden)}\n) AS e ORDER BY {', '.join(golden.primary_key)}"
        )
        return TableChange(inserted=connection.execute(statement).rowcount), 0
    row = connection.execute(_differences(golden, everything=everything), {"revision": revision}).fetchone()
    assert row is not None
    return TableChange(inserted=row[0], updated=row[1], removed=row[2]), row[3]
