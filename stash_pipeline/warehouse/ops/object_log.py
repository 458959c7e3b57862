"""The change feed of schema ``stash``: which objects changed, for the layers that are made of them.

``ops.object_log`` has one row per object whose typed row or any of whose join rows changed, vanished or got a
successor (``stash.merges``), with the revision of the log at which that was committed. The row is written in the
transaction of the change. A change is logged where it happens, in entities and joins: the documents of ``raw`` do not
tell, because a reference whose target arrives later adds rows of an owner that did not change.

The revision is one counter for all instances, in the single row of ``ops.object_log_head``. Who increments it holds
the lock of that row until the commit, so that revisions are committed in their order, and none appears behind a reader
that has passed it. It is therefore incremented last in a transaction.

Instances are in the log too, as kind ``instances``, written by triggers: added, removed, enabled, disabled, renamed, or
of another priority. Removing an instance removes the rows of its objects from the log; its own row remains.
"""

from collections.abc import Iterable
from typing import Any

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.tables import partition

INSTANCES = "instances"
"""The kind of an instance in the log; its id is that of the instance."""

CHANGED_OBJECTS = "pg_temp.changed_objects"
"""What :func:`collect_changes` makes: a table of (instance_id, kind, id)."""

_NEXT = "UPDATE ops.object_log_head SET revision = revision + 1 RETURNING revision"

_CHANGED = """
WITH head AS (
    UPDATE ops.object_log_head SET revision = revision + 1 RETURNING revision
), logged AS (
    INSERT INTO ops.object_log (instance_id, kind, id, revision)
    SELECT %(i)s, o.kind, o.id, head.revision FROM head, unnest(%(kinds)s::text[], %(ids)s::bigint[]) AS o(kind, id)
    ON CONFLICT (instance_id, kind, id) DO UPDATE SET revision = excluded.revision
)
SELECT revision FROM head
"""
"""One statement, because a small change costs no more than a few round trips."""

_CHANGED_TOO = """
INSERT INTO ops.object_log (instance_id, kind, id, revision)
SELECT %(i)s, o.kind, o.id, %(r)s FROM unnest(%(kinds)s::text[], %(ids)s::bigint[]) AS o(kind, id)
ON CONFLICT (instance_id, kind, id) DO UPDATE SET revision = excluded.revision
"""

_KIND = "UPDATE ops.object_log SET revision = %(r)s WHERE instance_id = %(i)s AND kind = %(kind)s"

_NEW = """
INSERT INTO ops.object_log (instance_id, kind, id, revision)
SELECT %(i)s, %(kind)s, t.id, %(r)s FROM {leaf} AS t{missing} ORDER BY t.id
"""

_MISSING = """
WHERE NOT EXISTS (SELECT FROM ops.object_log AS l WHERE l.instance_id = %(i)s AND l.kind = %(kind)s AND l.id = t.id)"""


class Touched:
    """The objects that one transaction has changed so far, for :func:`publish`.

    Attributes:
        ids: per kind. kinds: of which every object counts as changed, those that have vanished from its tables too.
    """

    def __init__(self) -> None:
        self.ids: dict[str, set[int]] = {}
        self.kinds: set[str] = set()

    def add(self, kind: str, ids: Iterable[int]) -> None:
        """Some objects of a kind."""
        self.ids.setdefault(kind, set()).update(ids)

    def add_all(self, kinds: Iterable[str]) -> None:
        """All objects of some kinds: their tables were dropped, or filled."""
        self.kinds.update(kinds)


def publish(connection: Connection, instance_id: int, touched: Touched) -> int | None:
    """Logs what changed. To be the last statements of their transaction.

    Returns:
        the revision of the log; None where nothing changed.
    """
    some = {kind: ids for kind, ids in touched.ids.items() if ids and kind not in touched.kinds}
    if not some and not touched.kinds:
        return None
    parameters: dict[str, Any] = {
        "i": instance_id,
        # in the order of the key: transactions that log the same objects wait for each other, and do not deadlock
        "kinds": [kind for kind in sorted(some) for _ in some[kind]],
        "ids": [identifier for kind in sorted(some) for identifier in sorted(some[kind])],
    }
    row = connection.execute(_NEXT if touched.kinds else _CHANGED, parameters).fetchone()
    assert row is not None
    if touched.kinds and some:
        connection.execute(_CHANGED_TOO, {**parameters, "r": row[0]})
    for kind in sorted(touched.kinds):
        parameters = {"i": instance_id, "kind": kind, "r": row[0]}
        known = connection.execute(_KIND, parameters).rowcount
        leaf = partition("stash." + kind, instance_id)
        if _exists(connection, leaf):
            # of an instance that is new, nothing is there to be compared with
            connection.execute(_NEW.format(leaf=leaf, missing=_MISSING if known else ""), parameters)
    return int(row[0])


def _exists(connection: Connection, table: str) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [table]).fetchone()
    return bool(row and row[0])


def newest_revision(connection: Connection) -> int:
    """The revision up to which the log is complete."""
    row = connection.execute("SELECT revision FROM ops.object_log_head").fetchone()
    assert row is not None
    return int(row[0])


def collect_changes(connection: Connection, since: int) -> int:
    """Makes the temporary table :data:`CHANGED_OBJECTS` of what changed after a revision, until the transaction ends.

    Args:
        connection: in a transaction. What it reads of ``stash`` afterwards may be newer than the log that it has read;
            the log will then name those objects again.
        since: the revision returned the last time; 0 for all that was ever logged.

    Returns:
        the revision to continue from, once what was collected has been applied.
    """
    # first: what is committed after this statement has a greater revision
    newest = newest_revision(connection)
    connection.execute(
        "CREATE TEMP TABLE changed_objects (\n"
        "    instance_id integer, kind text, id bigint, PRIMARY KEY (instance_id, kind, id)\n"
        ") ON COMMIT DROP"
    )
    connection.execute(
        f"INSERT INTO {CHANGED_OBJECTS} SELECT instance_id, kind, id FROM ops.object_log WHERE revision > %s", [since]
    )
    return newest
