"""Numbers for the metadata of assets: rows per table, and the shares of instances and rules in the records."""

from collections.abc import Mapping

from stash_pipeline.warehouse.catalog.affected import AFFECTED
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import TableChange

_SHARES = """
SELECT GROUPING(f.rule) = 0, f.rule, i.name, count(*)
FROM {source}
CROSS JOIN LATERAL unnest(s.rules, s.instance_ids) AS f (rule, instance_id)
LEFT JOIN ops.instances AS i ON i.id = f.instance_id
WHERE s.entity = '{entity}' AND f.rule IS NOT NULL
GROUP BY GROUPING SETS ((f.rule), (i.name))
"""

_COUNTED = """
INSERT INTO catalog.row_counts (table_name, rows)
SELECT * FROM unnest(%(names)s::text[], %(rows)s::bigint[])
ON CONFLICT (table_name) DO UPDATE SET rows = {rows}
RETURNING table_name, rows
"""


_OF_SOME = f"{AFFECTED} AS a JOIN catalog.sources AS s ON s.id = a.id"


def provenance_shares(connection: Connection, entity: str, *, everything: bool) -> dict[str, int]:
    """How many fields each rule decided and each instance provided, in affected records of several objects, or all."""
    source = "catalog.sources AS s" if everything else _OF_SOME
    shares = {}
    for is_rule, rule, instance, count in connection.execute(_SHARES.format(entity=entity, source=source)):
        if is_rule:
            shares[f"rule: {rule}"] = count
        elif instance is not None:
            shares[f"instance: {instance}"] = count
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
