"""Which records must be made again, and the record of every object.

:data:`AFFECTED` gets the records of objects that changed, of clusters that changed, and of instances that got another
priority; then ``catalog.members`` follows ``matches.members``; then the owners of references to objects that are
another record now are added.
"""

from typing import Final

from stash_pipeline.warehouse.catalog.shapes import ORDER
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.entities.sql import RELATIONS
from stash_pipeline.warehouse.layers.layer import TableChange
from stash_pipeline.warehouse.ops.object_log import CHANGED_OBJECTS, INSTANCES

AFFECTED: Final = "pg_temp.catalog_affected"
"""(entity, id of the record); also of records that are no more, and that are not yet."""

MOVES: Final = "pg_temp.catalog_moves"
"""Objects, and the records that they belonged to and belong to: (entity, instance_id, id, old_id, new_id)."""

_MANY: Final = 1_000
"""Members that changed, from which on the statistics of the table are renewed."""

_TABLES: Final = """
CREATE TEMP TABLE catalog_affected (entity text, id uuid, PRIMARY KEY (entity, id)) ON COMMIT DROP;
CREATE TEMP TABLE catalog_moves (entity text, instance_id integer, id bigint, old_id uuid, new_id uuid) ON COMMIT DROP;
CREATE TEMP TABLE catalog_seen (
    entity text, instance_id integer, id bigint, PRIMARY KEY (entity, instance_id, id)
) ON COMMIT DROP
"""

_DROPPED: Final = "DROP TABLE pg_temp.catalog_affected, pg_temp.catalog_moves, pg_temp.catalog_seen"

_SEEN: Final = f"""
INSERT INTO pg_temp.catalog_seen
SELECT c.entity, c.instance_id, c.id FROM {CHANGED_OBJECTS} AS c WHERE c.entity = ANY(%(entities)s)
UNION
SELECT m.entity, m.instance_id, m.id
FROM matches.clusters AS c JOIN matches.members AS m ON m.cluster_id = c.id
WHERE c.revision > coalesce((SELECT l.revision FROM ops.shared_layers AS l WHERE l.layer = 'catalog'), 0)
UNION
-- of an instance that was removed, the log has one row
SELECT m.entity, m.instance_id, m.id
FROM (
    SELECT c.id FROM {CHANGED_OBJECTS} AS c
    WHERE c.entity = '{INSTANCES}' AND NOT EXISTS (SELECT FROM ops.instances AS i WHERE i.id = c.id)
) AS removed
JOIN catalog.members AS m ON m.instance_id = removed.id
"""

# an object without a row in stash is gone, whatever matches has
_MOVES: Final = """
INSERT INTO pg_temp.catalog_moves
SELECT s.entity, s.instance_id, s.id, c.canonical_id, CASE WHEN o.id IS NOT NULL THEN m.cluster_id END
FROM pg_temp.catalog_seen AS s
LEFT JOIN catalog.members AS c ON c.entity = s.entity AND c.instance_id = s.instance_id AND c.id = s.id
LEFT JOIN matches.members AS m ON m.entity = s.entity AND m.instance_id = s.instance_id AND m.id = s.id
LEFT JOIN stash.{entity} AS o ON o.instance_id = s.instance_id AND o.id = s.id
WHERE s.entity = '{entity}'
"""

_MOVES_OF_ALL: Final = """
INSERT INTO pg_temp.catalog_moves
SELECT '{entity}', instance_id, id, c.canonical_id, m.cluster_id
FROM (
    SELECT o.instance_id, o.id, m.cluster_id
    FROM stash.{entity} AS o
    JOIN matches.members AS m ON m.entity = '{entity}' AND m.instance_id = o.instance_id AND m.id = o.id
) AS m
FULL JOIN (SELECT instance_id, id, canonical_id FROM catalog.members WHERE entity = '{entity}') AS c
    USING (instance_id, id)
WHERE c.canonical_id IS DISTINCT FROM m.cluster_id
"""

_FIRST: Final = """
INSERT INTO catalog.members (entity, instance_id, id, canonical_id)
SELECT m.entity, m.instance_id, m.id, m.cluster_id
FROM matches.members AS m JOIN stash.{entity} AS o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE m.entity = '{entity}'
ORDER BY m.instance_id, m.id
"""

_RECORDS: Final = f"""
INSERT INTO {AFFECTED}
SELECT entity, old_id FROM {MOVES} WHERE old_id IS NOT NULL
UNION
SELECT entity, new_id FROM {MOVES} WHERE new_id IS NOT NULL
"""

# the order of instances counts for records of several objects only
_OF_INSTANCES: Final = f"""
INSERT INTO {AFFECTED}
SELECT DISTINCT m.entity, m.canonical_id
FROM {CHANGED_OBJECTS} AS c
JOIN catalog.members AS m ON m.instance_id = c.id
JOIN matches.clusters AS k ON k.id = m.canonical_id AND k.size > 1
WHERE c.entity = '{INSTANCES}'
ON CONFLICT DO NOTHING
"""

_OWNERS: Final = f"""
INSERT INTO {AFFECTED}
SELECT DISTINCT '{{owner}}', m.canonical_id
FROM {MOVES} AS v
JOIN stash.{{table}} AS x ON x.instance_id = v.instance_id AND x.{{column}} = v.id
JOIN catalog.members AS m
    ON m.entity = '{{owner}}' AND m.instance_id = x.instance_id AND m.id = x.{{owner_column}}
WHERE v.entity = '{{target}}' AND v.old_id IS DISTINCT FROM v.new_id
ON CONFLICT DO NOTHING
"""

_REMOVE: Final = f"""
DELETE FROM catalog.members AS c USING {MOVES} AS v
WHERE v.new_id IS NULL AND v.old_id IS NOT NULL
  AND c.entity = v.entity AND c.instance_id = v.instance_id AND c.id = v.id
"""

_MOVE: Final = f"""
UPDATE catalog.members AS c SET canonical_id = v.new_id FROM {MOVES} AS v
WHERE v.old_id <> v.new_id AND c.entity = v.entity AND c.instance_id = v.instance_id AND c.id = v.id
"""

_ADD: Final = f"""
INSERT INTO catalog.members (entity, instance_id, id, canonical_id)
SELECT entity, instance_id, id, new_id FROM {MOVES} WHERE old_id IS NULL AND new_id IS NOT NULL
ORDER BY entity, instance_id, id
"""


def follow_members(connection: Connection, *, everything: bool, first: bool) -> TableChange:
    """Brings ``catalog.members`` to the state of ``matches``.

    Args:
        everything: examine all objects. Otherwise only those that changed, and :data:`AFFECTED` gets the records to
            make again.
        first: it is empty.
    """
    connection.execute(_TABLES)
    if first:
        # entities in the order of the key, whose index is made of rows in order in less time
        added = (connection.execute(_FIRST.format(entity=entity)).rowcount for entity in sorted(ORDER))
        change = TableChange(inserted=sum(added))
        connection.execute("ANALYZE catalog.members")
        return change
    if everything:
        for entity in ORDER:
            connection.execute(_MOVES_OF_ALL.format(entity=entity))
    else:
        connection.execute(_SEEN, {"entities": list(ORDER)})
        connection.execute("ANALYZE pg_temp.catalog_seen")
        for (entity,) in connection.execute("SELECT DISTINCT entity FROM pg_temp.catalog_seen").fetchall():
            connection.execute(_MOVES.format(entity=entity))
    connection.execute(f"ANALYZE {MOVES}")
    change = TableChange(
        removed=connection.execute(_REMOVE).rowcount,
        updated=connection.execute(_MOVE).rowcount,
        inserted=connection.execute(_ADD).rowcount,
    )
    if change.inserted + change.updated + change.removed > _MANY:
        # before its first analyze, the planner expects no objects of a new instance
        connection.execute("ANALYZE catalog.members")
    if not everything:
        connection.execute(_RECORDS)
        connection.execute(_OF_INSTANCES)
        _add_owners(connection)
        connection.execute(f"ANALYZE {AFFECTED}")
    return change


def _add_owners(connection: Connection) -> None:
    moved = {
        row[0]
        for row in connection.execute(f"SELECT DISTINCT entity FROM {MOVES} WHERE old_id IS DISTINCT FROM new_id")
    }
    for relation in RELATIONS:
        if relation.owner in ORDER and relation.target in moved:
            connection.execute(
                _OWNERS.format(
                    owner=relation.owner,
                    table=relation.table,
                    column=relation.column,
                    owner_column=relation.owner_column,
                    target=relation.target,
                )
            )


def affected_entities(connection: Connection) -> tuple[str, ...]:
    """The entities of which records are affected, in their order."""
    entities = {row[0] for row in connection.execute(f"SELECT DISTINCT entity FROM {AFFECTED}")}
    return tuple(entity for entity in ORDER if entity in entities)


def forget(connection: Connection) -> None:
    """Drops what :func:`follow_members` collected."""
    connection.execute(_DROPPED)
