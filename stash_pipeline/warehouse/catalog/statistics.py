"""Numbers for the metadata of assets: rows per table, and the shares of instances and rules in the records."""

from collections.abc import Mapping

from stash_pipeline.warehouse.catalog.affected import AFFECTED
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import TableChange

# counted before they are taken apart, because most records are like many others, and before they are named
_SHARES = """
SELECT GROUPING(f.rule), GROUPING(f.instance), GROUPING(f.box), f.rule, f.instance, f.box, sum(f.fields)::bigint
FROM (
    SELECT c.rule, i.name AS instance, e.name AS box, c.fields
    FROM (
        SELECT CASE WHEN u.number IS NOT NULL AND u.rule <> 'agreed' THEN 'stash_box' ELSE u.rule END AS rule,
            u.instance_id, r.endpoint_ids[u.number] AS endpoint_id, sum(r.records) AS fields
        FROM (
            SELECT s.rules, s.instance_ids, s.box_numbers, s.endpoint_ids, count(*) AS records
            FROM {source} WHERE s.entity = '{entity}'
            GROUP BY s.rules, s.instance_ids, s.box_numbers, s.endpoint_ids
        ) AS r
        CROSS JOIN LATERAL unnest(r.rules, r.instance_ids, r.box_numbers) AS u (rule, instance_id, number)
        WHERE u.rule IS NOT NULL
        GROUP BY 1, 2, 3
    ) AS c
    LEFT JOIN ops.instances AS i ON i.id = c.instance_id
    LEFT JOIN ops.stashbox_endpoints AS e ON e.id = c.endpoint_id
) AS f
GROUP BY GROUPING SETS ((f.rule), (f.instance), (f.box))
"""

_COUNTED = """
INSERT INTO catalog.row_counts (table_name, rows)
SELECT * FROM unnest(%(names)s::text[], %(rows)s::bigint[])
ON CONFLICT (table_name) DO UPDATE SET rows = {rows}
RETURNING table_name, rows
"""


_OF_SOME = f"{AFFECTED} AS a JOIN catalog.sources AS s ON s.id = a.id"


def provenance_shares(connection: Connection, entity: str, *, everything: bool) -> dict[str, int]:
    """How many fields each rule decided, and each instance and stash-box provided, in the records with provenance: of
    several objects or linked to boxes; of all, or of the affected ones, which the names say then."""
    prefix = "" if everything else "of changed records, "
    source = "catalog.sources AS s" if everything else _OF_SOME
    shares = {}
    rows = connection.execute(_SHARES.format(entity=entity, source=source))
    for not_rule, not_instance, not_box, rule, instance, box, count in rows:
        for absent, kind, name in (
            (not_rule, "rule", rule),
            (not_instance, "instance", instance),
            (not_box, "stash-box", box),
        ):
            if not absent and name is not None:
                shares[f"{prefix}{kind}: {name}"] = count
    return shares


def update_row_counts(connection: Connection, changes: Mapping[str, TableChange], *, count: bool) -> None:
    """Stores the rows of the tables that changed, and puts them into the changes.

    Args:
        count: count them instead of adding what changed.
    """
    if count:
        rows = {name: _count(connection, name) for name in changes}
        kept = _COUNTED.format(rows="excluded.rows")
    else:
        rows = {name: change.inserted - change.removed for name, change in changes.items()}
        kept = _COUNTED.format(rows="row_counts.rows + excluded.rows")
    for name, number in connection.execute(kept, {"names": list(rows), "rows": list(rows.values())}).fetchall():
        changes[name].rows = number


def _count(connection: Connection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0])
