"""The change feed of schema ``stash``: which objects changed, for the layers that are made of them.

``ops.object_log`` has one row per object whose typed row or join rows changed, that vanished, or that got a successor
(``stash.merges``), with the revision of the log at which the change was committed. The row is written in the
transaction of the change. Changes are logged in entities and joins, not in ``raw``: a reference whose target arrives
later adds rows to an owner whose document did not change.

The revision is one counter for all instances, in the single row of ``ops.object_log_head``. A transaction that
increments it holds the lock of that row until the commit. Revisions are therefore committed in order, and no revision
appears behind a reader that has already passed it. Increment it last in a transaction: all others that log something
wait meanwhile. Whoever must lock the row before it reads uses :func:`begin_publishing`. The order of locks is: the row
of a stash-box, partitions, the row of an instance, this row.

Triggers log instances too, as entity ``instances``: when they are added, removed, enabled, disabled or renamed, or get
another priority. Removing an instance removes the rows of its objects from the log; its own row remains.
"""

from collections.abc import Iterable
from typing import Any

from stash_pipeline.warehouse.connect import Connection, share_partitions
from stash_pipeline.warehouse.partition_names import partition

INSTANCES = "instances"
"""The entity under which instances are logged; the id is ``ops.instances.id``."""

CHANGED_OBJECTS = "pg_temp.changed_objects"
"""The table that :func:`collect_changes` creates: (instance_id, entity, id)."""

_NEXT = "UPDATE ops.object_log_head SET revision = revision + 1 RETURNING revision"

_CHANGED = """
WITH head AS (
    UPDATE ops.object_log_head SET revision = revision + 1 RETURNING revision
), logged AS (
    INSERT INTO ops.object_log (instance_id, entity, id, revision)
    SELECT %(i)s, o.entity, o.id, head.revision
    FROM head, unnest(%(entities)s::text[], %(ids)s::bigint[]) AS o(entity, id)
    ON CONFLICT (instance_id, entity, id) DO UPDATE SET revision = excluded.revision
)
SELECT revision FROM head
"""
"""One statement, because round trips dominate the cost of a small change."""

_CHANGED_TOO = """
INSERT INTO ops.object_log (instance_id, entity, id, revision)
SELECT %(i)s, o.entity, o.id, %(r)s FROM unnest(%(entities)s::text[], %(ids)s::bigint[]) AS o(entity, id)
ON CONFLICT (instance_id, entity, id) DO UPDATE SET revision = excluded.revision
"""

_ENTITY = "UPDATE ops.object_log SET revision = %(r)s WHERE instance_id = %(i)s AND entity = %(entity)s"

_NEW = """
INSERT INTO ops.object_log (instance_id, entity, id, revision)
SELECT %(i)s, %(entity)s, t.id, %(r)s FROM {leaf} AS t{missing} ORDER BY t.id
"""

_MISSING = """
WHERE NOT EXISTS (
    SELECT FROM ops.object_log AS l WHERE l.instance_id = %(i)s AND l.entity = %(entity)s AND l.id = t.id
)"""


class Touched:
    """The objects that one transaction has changed so far, for :func:`publish`.

    Attributes:
        ids: changed objects, per entity.
        entities: entities all of whose objects count as changed, including those that vanished from their tables.
    """

    def __init__(self) -> None:
        self.ids: dict[str, set[int]] = {}
        self.entities: set[str] = set()

    def add(self, entity: str, ids: Iterable[int]) -> None:
        """Adds objects of one entity."""
        self.ids.setdefault(entity, set()).update(ids)

    def add_all(self, entities: Iterable[str]) -> None:
        """Adds all objects of these entities: their tables were dropped or filled."""
        self.entities.update(entities)


def publish(connection: Connection, instance_id: int, touched: Touched) -> int | None:
    """Logs the changed objects. Must be the last statements of the transaction.

    Returns:
        the revision of the log; None if nothing changed.
    """
    some = {entity: ids for entity, ids in touched.ids.items() if ids and entity not in touched.entities}
    if not some and not touched.entities:
        return None
    parameters: dict[str, Any] = {
        "i": instance_id,
        # in the order of the key: transactions that log the same objects wait for each other, and do not deadlock
        "entities": [entity for entity in sorted(some) for _ in some[entity]],
        "ids": [identifier for entity in sorted(some) for identifier in sorted(some[entity])],
    }
    row = connection.execute(_NEXT if touched.entities else _CHANGED, parameters).fetchone()
    assert row is not None
    if touched.entities and some:
        connection.execute(_CHANGED_TOO, {**parameters, "r": row[0]})
    for entity in sorted(touched.entities):
        parameters = {"i": instance_id, "entity": entity, "r": row[0]}
        logged = connection.execute(_ENTITY, parameters).rowcount
        leaf = partition("stash." + entity, instance_id)
        if _exists(connection, leaf):
            # a new instance has no rows in the log to compare with
            connection.execute(_NEW.format(leaf=leaf, missing=_MISSING if logged else ""), parameters)
    return int(row[0])


def begin_publishing(connection: Connection) -> None:
    """Lets no other transaction log objects until the end of this one.

    Whoever logs objects that depend on what this transaction has written selects them after this: an object that is
    not there yet is logged later than these, and its layers see what was written. A rebuild of partitions, which
    ends by logging, is waited for before the lock.
    """
    share_partitions(connection)
    connection.execute("SELECT FROM ops.object_log_head FOR UPDATE")


def _exists(connection: Connection, table: str) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [table]).fetchone()
    return bool(row and row[0])


def newest_revision(connection: Connection) -> int:
    """The revision up to which the log is complete."""
    row = connection.execute("SELECT revision FROM ops.object_log_head").fetchone()
    assert row is not None
    return int(row[0])


def has_objects(connection: Connection) -> bool:
    """Whether an object of any instance was ever mirrored; the log also names the instances themselves."""
    row = connection.execute("SELECT EXISTS (SELECT FROM ops.object_log WHERE entity <> 'instances')").fetchone()
    assert row is not None
    return bool(row[0])


def collect_changes(connection: Connection, since: int) -> int:
    """Creates the temporary table :data:`CHANGED_OBJECTS` of the objects that changed after a revision.

    Args:
        connection: in a transaction; the table is dropped at its end. Later reads of ``stash`` may see changes newer
            than the log read here; the log will name those objects again.
        since: the revision returned by the previous call; 0 for everything ever logged.

    Returns:
        the revision to continue from once the collected changes are applied.
    """
    # first: whatever is committed after this statement has a greater revision
    newest = newest_revision(connection)
    connection.execute(
        "CREATE TEMP TABLE changed_objects (\n"
        "    instance_id integer, entity text, id bigint, PRIMARY KEY (instance_id, entity, id)\n"
        ") ON COMMIT DROP"
    )
    connection.execute(
        f"INSERT INTO {CHANGED_OBJECTS} SELECT instance_id, entity, id FROM ops.object_log WHERE revision > %s", [since]
    )
    return newest
