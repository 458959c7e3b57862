"""The checks of layer ``catalog``: it has what ``matches`` and ``stash`` have, and refers to what is there."""

from collections.abc import Iterator
from typing import Final

from stash_pipeline.warehouse.catalog.shapes import ORDER, all_lists, golden_fields
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import CheckOutcome, LayerCheck

_CLUSTERS: Final = """
SELECT count(*) FILTER (WHERE c.id IS NULL), count(*) FILTER (WHERE r.id IS NULL),
    count(*) FILTER (WHERE c.id = r.id AND (c.objects, c.instances) IS DISTINCT FROM (r.objects, r.instances))
FROM catalog.{entity} AS r
FULL JOIN (
    SELECT m.cluster_id AS id, count(*) AS objects, count(DISTINCT m.instance_id) AS instances
    FROM matches.members AS m JOIN stash.{entity} AS o USING (instance_id, id)
    WHERE m.entity = '{entity}' GROUP BY 1
) AS c ON c.id = r.id
"""

_MEMBERS: Final = """
SELECT count(*) FILTER (WHERE o.id IS NULL), count(*) FILTER (WHERE m.id IS NULL)
FROM stash.{entity} AS o
FULL JOIN (
    SELECT m.instance_id, m.id FROM catalog.members AS m JOIN catalog.{entity} AS r ON r.id = m.canonical_id
    WHERE m.entity = '{entity}'
) AS m USING (instance_id, id)
"""

_MISSING: Final = """
SELECT count(*) FROM catalog.{table} AS x
WHERE x.{column} IS NOT NULL AND NOT EXISTS (SELECT FROM catalog.{target} AS t WHERE t.id = x.{column})
"""

_COMPLETE: Final = frozenset({"reconcile", "sweep", "rebuild"})


def _references() -> Iterator[tuple[str, str, str]]:
    """(table, column, entity) of every column that refers to a record."""
    for entity in ORDER:
        for field in golden_fields(entity):
            if field.target:
                yield entity, field.value, field.target
    for golden in all_lists():
        yield golden.table, golden.owner, golden.entity
        if golden.kind == "references" and golden.joined.target:
            yield golden.table, golden.key[0], golden.joined.target


def _equals_clusters(connection: Connection) -> CheckOutcome:
    wrong = {}
    for entity in ORDER:
        row = connection.execute(_CLUSTERS.format(entity=entity)).fetchone()
        if row and any(row):
            wrong[entity] = f"{row[1]:,} clusters without a record, {row[0]:,} records without a cluster, " + (
                f"{row[2]:,} of other objects"
            )
    return CheckOutcome(not wrong, wrong)


def _every_object_is_reachable(connection: Connection) -> CheckOutcome:
    wrong = {}
    for entity in ORDER:
        row = connection.execute(_MEMBERS.format(entity=entity)).fetchone()
        if row and any(row):
            wrong[entity] = f"{row[1]:,} objects without a record, {row[0]:,} members that are gone"
    return CheckOutcome(not wrong, wrong)


def _references_have_targets(connection: Connection) -> CheckOutcome:
    wrong = {}
    for table, column, target in _references():
        row = connection.execute(_MISSING.format(table=table, column=column, target=target)).fetchone()
        if row and row[0]:
            wrong[f"{table}.{column}"] = row[0]
    return CheckOutcome(not wrong, wrong)


CHECKS: Final = (
    LayerCheck(
        "records_equal_clusters",
        "catalog.members",
        "Every cluster of objects that exist has one record, and no other record exists.",
        _equals_clusters,
        modes=_COMPLETE,
        only_in_modes=True,
    ),
    LayerCheck(
        "every_object_is_reachable",
        "catalog.members",
        "Every object of stash leads to a record.",
        _every_object_is_reachable,
        modes=_COMPLETE,
        only_in_modes=True,
    ),
    LayerCheck(
        "references_have_targets",
        "catalog.members",
        "Every reference between records, and every row of a list, has its record.",
        _references_have_targets,
        modes=_COMPLETE,
        only_in_modes=True,
    ),
)
